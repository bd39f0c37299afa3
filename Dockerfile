# One file for both actions. Each final stage is static binaries on nothing: no shell, no package, no user database.

# Cross-compiled, never emulated: the build stage runs on the machine that builds, whatever it builds for.
FROM --platform=$BUILDPLATFORM rust:1.95-bookworm AS build
ARG TARGETARCH
WORKDIR /src
COPY --chmod=755 <<'SH' /cargo-build
#!/bin/sh
set -eu
case $TARGETARCH in
amd64) target=x86_64-unknown-linux-gnu ;;
arm64) target=aarch64-unknown-linux-gnu ;;
*) echo "no build for $TARGETARCH: amd64 and arm64" >&2; exit 1 ;;
esac
host=$(rustc --print host-tuple)
if [ "$target" != "$host" ]; then
    apt-get update -qq
    case $TARGETARCH in
    amd64) cc=x86_64-linux-gnu-gcc package="gcc-x86-64-linux-gnu libc6-dev-amd64-cross" ;;
    arm64) cc=aarch64-linux-gnu-gcc package="gcc-aarch64-linux-gnu libc6-dev-arm64-cross" ;;
    esac
    apt-get install -qq --no-install-recommends --yes $package
    rustup target add "$target"
    name=$(echo "$target" | tr a-z- A-Z_)
    export "CARGO_TARGET_${name}_LINKER=$cc" "CC_$(echo "$target" | tr - _)=$cc"
fi
# The C library goes into the binary. Without --target the flag would reach build scripts and macros, which cannot have it.
RUSTFLAGS="-C target-feature=+crt-static" cargo build --release --locked --target "$target" "$@"
mkdir -p /out
cp "target/$target/release/wait-and-release" "target/$target/release/build-and-signal" /out/
SH
COPY Cargo.toml Cargo.lock clippy.toml ./
COPY crates crates
COPY tests/Cargo.toml tests/main.rs tests/
# The caches keep the crates and what was built of them: after a change of ours only ours is built.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target,id=target-$TARGETARCH \
    TARGETARCH=$TARGETARCH /cargo-build --package wait-and-release --package build-and-signal

# WORKDIR makes /tmp, which scratch does not have. No USER: the runner's files belong to another user.
FROM scratch AS wait-and-release
WORKDIR /tmp
COPY --from=build /out/wait-and-release /wait-and-release
ENTRYPOINT ["/wait-and-release"]

FROM scratch AS build-and-signal
WORKDIR /tmp
COPY --from=build /out/build-and-signal /build-and-signal
ENTRYPOINT ["/build-and-signal"]

# The last stage is what `uses: ./actions/…` builds: the action's `entrypoint` chooses.
FROM scratch AS both
WORKDIR /tmp
COPY --from=build /out/wait-and-release /out/build-and-signal /
