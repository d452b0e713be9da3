#!/usr/bin/env bash
# Runs the end-to-end tests against a program of another processor, under
# qemu-user: Modbus → buffer → broker, ten kill -9 with the network coming and
# going, a clean stop, two gateways on one state.
#
#   cross/try.sh arm64|armhf|amd64
#
# The tests, the devices and the broker are this machine's own; only the gateway
# is the other one. It is what cross/build.sh made.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"

arch=$(arch_of "${1:?usage: try.sh arm64|armhf|amd64}")
target=$(target_of "$1")
program=$(programs_of "$target")/forehearth
[ -x "$program" ] || fail "no $program: run cross/build.sh $arch first"

# What runs it: nothing on the same processor.
case $arch-$(uname -m) in
    arm64-aarch64 | armhf-armv7l | amd64-x86_64) runner=() needs=() ;;
    arm64-*) runner=(qemu-aarch64-static -L /usr/aarch64-linux-gnu) needs=(qemu-user-static libc6-arm64-cross) ;;
    armhf-*) runner=(qemu-arm-static -L /usr/arm-linux-gnueabihf) needs=(qemu-user-static libc6-armhf-cross) ;;
    *) fail "no way is known to run $arch on $(uname -m)" ;;
esac
if [ "${#runner[@]}" -gt 0 ] && ! { have "${runner[0]}" && [ -d "${runner[2]}" ]; }; then
    fail "to run $arch here: apt-get install --no-install-recommends ${needs[*]}"
fi

# qemu once got stuck in making a thread; it must not hang whoever waits.
timeout 20 "${runner[@]}" "$program" --version || fail "$program does not start"

# The tests take the programs of the folder above their own.
stage=$cross/stage-$arch/debug
rm -rf "$stage" && mkdir -p "$stage/deps"
printf '#!/bin/sh\nexec %s "$@"\n' "${runner[*]} $program" >"$stage/forehearth"
chmod +x "$stage/forehearth"
cd "$root"
cargo build --quiet --locked --package forehearth-sim
cp target/debug/forehearth-sim "$stage/"
cargo test --no-run --locked --package forehearth-tests --test kills --message-format json-render-diagnostics \
    | python3 -c 'import json, sys
for line in sys.stdin:
    if (made := json.loads(line)).get("executable"):
        print(made["executable"])' \
    | while read -r test; do cp "$test" "$stage/deps/kills"; done
cd tests
timeout 300 "$stage/deps/kills" --test-threads 1
