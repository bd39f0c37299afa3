# One file for both actions and the tool beside them. Each final stage is static binaries on nothing: no shell, no package, no user database.
# `--build-context rust=DIR` and `buildx=DIR` replace the first two stages where no container registry can be reached.

FROM --platform=$BUILDPLATFORM rust:1.95-bookworm@sha256:6258907abe69656e41cd992e0b705cdcfabcbbe3db374f92ed2d47121282d4a1 AS rust

FROM docker/buildx-bin:0.37.1@sha256:0ef4e936b9057e45a8c6595c01a8116353acd102b6a5720af7c3bcb50346e2ca AS buildx

# Cross-compiled, never emulated: the build stage runs on the machine that builds, whatever it builds for.
FROM --platform=$BUILDPLATFORM rust AS source
ARG TARGETARCH
ENV CARGO_HOME=/usr/local/cargo
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
    [ -d "$(rustc --print target-libdir --target "$target")" ] || rustup target add "$target"
    name=$(echo "$target" | tr a-z- A-Z_)
    export "CARGO_TARGET_${name}_LINKER=$cc" "CC_$(echo "$target" | tr - _)=$cc"
fi
# The C library goes into the binary. Without --target the flag would reach build scripts and macros, which cannot have it.
# No path of the build goes into it, so that the same source gives the same bytes wherever it lies.
export RUSTFLAGS="-C target-feature=+crt-static --remap-path-prefix=$PWD=. --remap-path-prefix=$CARGO_HOME=/cargo"
cargo build --release --locked --target "$target" $(printf ' --package %s' "$@")
for program in "$@"; do
    mkdir -p "/out/$program"
    cp "target/$target/release/$program" "/out/$program/"
done
SH
COPY Cargo.toml Cargo.lock clippy.toml ./
COPY crates crates
COPY tests/Cargo.toml tests/main.rs tests/

# The caches keep the crates and what was built of them: after a change of ours only ours is built.
FROM source AS build
ARG TARGETARCH
# The post step's entrypoint is one word without arguments: the program goes by its name.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target,id=target-$TARGETARCH \
    TARGETARCH=$TARGETARCH /cargo-build wait-and-release build-and-signal \
    && ln -s build-and-signal /out/build-and-signal/build-and-signal-post

# Built only when it is asked for: no action needs it.
FROM source AS build-tool
ARG TARGETARCH
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target,id=target-$TARGETARCH \
    TARGETARCH=$TARGETARCH /cargo-build release-pipelines

# WORKDIR makes /tmp, which scratch does not have. No USER: the runner's files belong to another user.
FROM scratch AS wait-and-release
LABEL org.opencontainers.image.title="wait-and-release" \
      org.opencontainers.image.description="Waits until every image of a tag is proven, then publishes one GitHub release" \
      org.opencontainers.image.source="https://github.com/org/release-actions" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
WORKDIR /tmp
COPY --from=build /out/wait-and-release/ /
ENTRYPOINT ["/wait-and-release"]

FROM scratch AS build-and-signal
LABEL org.opencontainers.image.title="build-and-signal" \
      org.opencontainers.image.description="Builds and pushes one service's image, proves that it is there, and signals" \
      org.opencontainers.image.source="https://github.com/org/release-actions" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
WORKDIR /tmp
# buildx has no roots of its own, and asks registries for tokens itself.
COPY --from=rust /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
# Where the program looks for it: beside itself.
COPY --from=buildx /buildx /buildx
COPY --from=build /out/build-and-signal/ /
ENTRYPOINT ["/build-and-signal"]

# Run it with the checkout at /repo: docker run --rm -it --user "$(id -u):$(id -g)" -v "$PWD:/repo" …
FROM scratch AS release-pipelines
LABEL org.opencontainers.image.title="release-pipelines" \
      org.opencontainers.image.description="Turns one big release workflow into one for each service, and keeps them in step" \
      org.opencontainers.image.source="https://github.com/org/release-actions" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
WORKDIR /repo
COPY --from=build-tool /out/release-pipelines/ /
ENTRYPOINT ["/release-pipelines"]

# The last stage is what `uses: ./actions/…` builds: the action's `entrypoint` chooses.
FROM build-and-signal AS both
COPY --from=build /out/wait-and-release/ /
ENTRYPOINT []
