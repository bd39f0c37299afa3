#!/usr/bin/env bash
# Fuzzes every target for as many seconds, or those that are named: fuzz/run.sh SECONDS [TARGET…]. Needs a nightly toolchain.
# What is found to be worth keeping goes to target/fuzz/corpus, what fails to target/fuzz/artifacts.
set -euo pipefail
seconds=${1:?usage: fuzz/run.sh SECONDS [TARGET…]}
shift
cd "$(dirname "${BASH_SOURCE[0]}")"
target=${CARGO_TARGET_DIR:-$PWD/../target}/fuzz
export CARGO_TARGET_DIR=$target PATH=$target/tools/bin:$PATH
command -v cargo-fuzz >/dev/null || cargo install --locked --root "$target/tools" cargo-fuzz
# All code of ours is safe Rust: without a sanitizer twice as much is tried.
cargo +nightly fuzz build --sanitizer none

[ $# -gt 0 ] || set -- $(basename -s .rs src/bin/*.rs)
failed=0
for name; do
    mkdir -p "$target/corpus/$name" "$target/artifacts/$name"
    dictionary=()
    [ ! -f "dict/$name.dict" ] || dictionary=("-dict=dict/$name.dict")
    # libFuzzer writes what it finds to the first folder and only reads the others.
    "$target"/*/release/"$name" "$target/corpus/$name" "corpus/$name" "${dictionary[@]}" -max_total_time="$seconds" \
        -timeout=10 -artifact_prefix="$target/artifacts/$name/" -print_final_stats=1 >"$target/$name.log" 2>&1 || {
        failed=1
        printf '%s: FAILED, see %s\n' "$name" "$target/$name.log"
    }
    printf '%s: %s runs\n' "$name" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$target/$name.log")"
done
exit $failed
