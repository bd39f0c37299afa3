#!/usr/bin/env bash
# The benchmark: asks a docker-registry with token authentication on loopback for up to a thousand images, beside curl and
# the tools that others use, and prints tables in Markdown. Installs Debian's packages where they are missing (as root), and
# newer ones beside them; a tool that cannot be had is told as such. Measure on a quiet machine.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck source=tests/e2e/docker-registry.sh
source "$root/tests/e2e/docker-registry.sh"
# shellcheck source=tests/e2e/newer-debian.sh
source "$root/tests/e2e/newer-debian.sh"

install_missing docker-registry:docker-registry curl:curl skopeo:skopeo /usr/bin/time:time
for tool in trixie:oras sid:crane sid:docker-cli; do
    if tree=$(newer_debian "${tool%%:*}" "${tool#*:}" 2>/dev/null); then
        PATH=$tree/usr/bin:$PATH
    fi
done

cd "$root"
cargo build --quiet --release --package wait-and-release
cargo build --quiet --release --package tests --example bench
bench=${CARGO_TARGET_DIR:-$root/target}/release/examples/bench

mkdir "$folder/tokens"
"$bench" tokens "$folder/tokens" &
started+=("$!")
until [[ -e $folder/tokens/address ]]; do sleep 0.05; done
read -r BENCH_TOKENS far_tokens <"$folder/tokens/address"

# start_guarded TOKENS: a registry that sends for a token to that address; the store is the same for all.
start_guarded() {
    start_registry images "auth:
  token:
    realm: http://$1/token
    service: bench
    issuer: bench
    rootcertbundle: $folder/tokens/certificate.pem"
}
start_guarded "$BENCH_TOKENS"
BENCH_REGISTRY=$address
start_guarded "$far_tokens"
BENCH_FAR_REGISTRY=$address
access_log=true
start_guarded "$BENCH_TOKENS"
BENCH_LOGGED_REGISTRY=$address
export BENCH_TOKENS BENCH_REGISTRY BENCH_FAR_REGISTRY BENCH_LOGGED_REGISTRY BENCH_ACCESS_LOG=$log BENCH_TOKEN_LOG=$folder/tokens/log

"$bench"
