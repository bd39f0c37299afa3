#!/usr/bin/env bash
# Real builds: the services of the example by the real build-and-signal, on dockerd 28 with containerd's image store and on dockerd
# 20.10 with the classic one, pushed to docker-registries on loopback. GitHub is simulated. Not asked, as their images cannot be
# had without a network: a builder of the docker-container driver, and an SBOM. Needs apt, as root; the daemons are unpacked, not
# installed. With E2E_IMAGE the action runs as a container of that image. Arguments go to the test program.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tests/e2e/docker-registry.sh
source "$root/tests/e2e/docker-registry.sh"
# shellcheck source=tests/e2e/newer-debian.sh
source "$root/tests/e2e/newer-debian.sh"
# shellcheck source=tests/e2e/dockerd.sh
source "$root/tests/e2e/dockerd.sh"

install_missing docker-registry:docker-registry skopeo:skopeo htpasswd:apache2-utils
if [[ -z ${DOCKER_HOST:-} ]]; then
    start_dockerd
fi
start_classic_dockerd
start_accounts
cd "$root"
export E2E_DOCKER_HOST=$DOCKER_HOST E2E_PATH=$PATH
if [[ -z ${1:-} ]]; then
    cargo test --package release-pipelines --test shapes -- --ignored buildx # as buildx reads bake files
fi
cargo test --package tests -- --ignored "e2e::builds::${1:-}"
