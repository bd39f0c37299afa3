#!/usr/bin/env bash
# The stories of registry.sh once more, and the cancel of build.sh, with the actions as the runner has them: containers of the image
# that the Dockerfile makes, FROM scratch, with nothing but what is mounted. Needs apt, as root; dockerd and buildx are unpacked, not installed.
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

start_dockerd
# What `uses: ./actions/…` builds: the last stage.
export E2E_IMAGE=localhost/release-actions:e2e
build_image both --tag "$E2E_IMAGE" --load
bash "$root/tests/e2e/registry.sh" stories
# The runner cancels a container action by signals to `docker run`.
bash "$root/tests/e2e/build.sh" a_cancelled_build
