# syntax=docker/dockerfile:1
# One file for both actions. Each final stage is one static binary on nothing: no shell, no package, no user database.

FROM --platform=$BUILDPLATFORM rust:1.95-alpine AS build
RUN apk add --no-cache musl-dev
WORKDIR /src
COPY Cargo.toml Cargo.lock clippy.toml ./
COPY crates crates
COPY tests/Cargo.toml tests/main.rs tests/
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --package wait-and-release --package build-and-signal \
 && mkdir /out \
 && cp target/release/wait-and-release target/release/build-and-signal /out/

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
