#!/usr/bin/env bash
# Fuzzes each target for so many seconds, on the project's own toolchain: the
# coverage hooks of LLVM are flags of stable rustc. An input that fails is left
# in artifacts/ (give it to the target's program to see it fail again), inputs
# that reach new code in found/. What is worth keeping goes into corpus/:
#   target/HOST/release/TARGET -merge=1 corpus/TARGET found/TARGET
#
#   run.sh SECONDS [TARGET …]
set -euo pipefail

seconds=${1:?usage: run.sh SECONDS [TARGET …]}
shift
targets=("${@}")
[ "${#targets[@]}" -gt 0 ] || targets=(mbap rtu ascii decode)
cd "$(dirname "${BASH_SOURCE[0]}")"

host=$(rustc -vV | sed -n 's/^host: //p')
# As cargo-fuzz does, without the sanitizer of memory: there is no unsafe code.
export RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Ccodegen-units=1"
# With a target named, build scripts are built without these flags.
cargo build --release --locked --target "$host"

for target in "${targets[@]}"; do
    mkdir -p "found/$target" "artifacts/$target"
    "target/$host/release/$target" "found/$target" "corpus/$target" -max_total_time="$seconds" -max_len=600 \
        -timeout=5 -artifact_prefix="artifacts/$target/" -print_final_stats=1
done
