#!/usr/bin/env bash
# Fuzzes every target for as many seconds, or those that are named: fuzz/run.sh SECONDS [TARGET…]. Needs a nightly toolchain.
# Inputs that reach new code are kept under target/fuzz/corpus, those that fail under fuzz/artifacts.
set -euo pipefail
seconds=${1:?usage: fuzz/run.sh SECONDS [TARGET…]}
shift
cd "$(dirname "${BASH_SOURCE[0]}")"
target=${CARGO_TARGET_DIR:-$PWD/../target}/fuzz
export CARGO_TARGET_DIR=$target PATH=$target/tools/bin:$PATH
command -v cargo-fuzz >/dev/null || cargo install --locked --root "$target/tools" cargo-fuzz
# All code of ours is safe Rust: without a sanitizer twice as much is tried.
cargo +nightly fuzz build --sanitizer none

[ $# -gt 0 ] || set -- src/bin/*.rs
failed=0
for name; do
    name=$(basename "$name" .rs)
    mkdir -p "$target/corpus/$name"
    end=ok
    # libFuzzer writes to the first folder and only reads the second.
    cargo +nightly fuzz run --sanitizer none "$name" "$target/corpus/$name" "corpus/$name" -- \
        -dict="dict/$name.dict" -max_total_time="$seconds" -timeout=10 -print_final_stats=1 >"$target/$name.log" 2>&1 ||
        { end="FAILED, see $target/$name.log" && failed=1; }
    printf '%s: %s runs, %s\n' "$name" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$target/$name.log")" "$end"
done
exit $failed
