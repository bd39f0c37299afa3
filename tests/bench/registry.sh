#!/usr/bin/env bash
# The benchmark: polls and proves a thousand images on a docker-registry on loopback, beside curl, and prints a table in
# Markdown. Installs Debian's packages where they are missing (as root). Measure on a quiet machine.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tests/e2e/docker-registry.sh
source "$root/tests/e2e/docker-registry.sh"

install_missing docker-registry:docker-registry curl:curl /usr/bin/time:time

start_registry images
BENCH_REGISTRY=$address
# The same store, by a registry that writes down what it is asked.
access_log=true
start_registry images
BENCH_LOGGED_REGISTRY=$address
export BENCH_REGISTRY BENCH_LOGGED_REGISTRY BENCH_ACCESS_LOG=$log

cd "$root"
cargo build --quiet --release --package wait-and-release
cargo run --quiet --release --package tests --example bench
