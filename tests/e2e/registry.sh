#!/usr/bin/env bash
# The end-to-end tests on real input: starts two docker-registries on loopback, one with an account and one without, runs
# the tests that are ignored otherwise, and stops what it started. Installs Debian's packages where they are missing
# (as root), and oras of a newer suite beside them. Arguments go to the test program: `tests/e2e/registry.sh stories`.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tests/e2e/docker-registry.sh
source "$root/tests/e2e/docker-registry.sh"
# shellcheck source=tests/e2e/newer-debian.sh
source "$root/tests/e2e/newer-debian.sh"

install_missing docker-registry:docker-registry skopeo:skopeo htpasswd:apache2-utils curl:curl
if ! command -v oras >/dev/null; then
    PATH=$(newer_debian trixie oras)/usr/bin:$PATH
fi

start_accounts

cd "$root"
# The builds need daemons, which build.sh starts.
cargo test --package tests -- --ignored "e2e::${1:-}" --skip e2e::builds::
