# shellcheck shell=bash
# For other scripts to source, after dockerd.sh: the actions' images from the Dockerfile, where no container registry can be
# reached. A Debian tree with this machine's own Rust stands in for the Rust image; nothing else differs.

# rust_tree: makes the tree that stands in, once, and prints its folder.
rust_tree() {
    local top tree sysroot
    top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
    tree=$top/target/debian/rust-image
    if [[ ! -e $tree.complete ]]; then
        install_missing debootstrap:debootstrap
        rm -rf "$tree"
        debootstrap --variant=minbase --include=gcc,libc6-dev,ca-certificates bookworm "$tree" "$(debian_mirror)" >/dev/null
        # The machine may trust more than Debian does, such as a proxy's certificate.
        cp --dereference --remove-destination /etc/ssl/certs/ca-certificates.crt "$tree/etc/ssl/certs/"
        sysroot=$(rustc --print sysroot)
        (cd "$sysroot" && cp --recursive --parents bin/cargo bin/rustc lib/*.so* lib/rustlib/*-linux-* "$tree/usr/local/")
        rm -rf "${tree:?}"/{dev,proc,sys} "$tree"/var/cache/apt/archives/*.deb "$tree"/var/lib/apt/lists/*
        touch "$tree.complete"
    fi
    printf '%s\n' "$tree"
}

# build_image TARGET [ARGUMENT...]: builds that stage of the Dockerfile. The build uses the host's network, as dockerd has none.
build_image() {
    local target=$1 top tree
    shift
    top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
    tree=$(rust_tree)
    buildx build --quiet --network host --allow network.host --build-context "rust:1.95-bookworm=$tree" --target "$target" "$@" "$top"
}
