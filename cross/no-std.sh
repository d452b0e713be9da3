#!/usr/bin/env bash
# Checks firmware-shims for processors without an operating system, and builds
# the board example, on a machine where no such target is installed.
#
#   cross/no-std.sh check     Cortex-M0+, Cortex-M4F and RISC-V, no heap, no atomics needed
#   cross/no-std.sh board     the program for the RP2040, with the flash and RAM it takes
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"

board=$root/firmware-shims/boards/rp2040
targets_without_os="thumbv6m-none-eabi thumbv7em-none-eabihf riscv32imc-unknown-none-elf"

use() {
    local toolchain
    toolchain=$("$root/cross/toolchain.sh" "$1")
    export PATH=$toolchain/bin:$PATH RUSTC=$toolchain/bin/rustc CARGO=$toolchain/bin/cargo
    # Cargo must not find the rustup proxies, which would want the target.
    unset RUSTUP_TOOLCHAIN
}

check() {
    local target
    for target in $targets_without_os; do
        use "$target"
        (cd "$root" && CARGO_TARGET_DIR=$cross/target nice -n 15 \
            "$CARGO" check --quiet --locked --package forehearth-shims --target "$target")
        say "forehearth-shims compiles for $target"
    done
}

# Bytes of the sections whose name matches.
bytes() { size -A -d "$1" | awk -v s="$2" '$1 ~ "^\\.(" s ")$" { n += $2 } END { print n + 0 }'; }

build_board() {
    use thumbv6m-none-eabi
    (cd "$board" && CARGO_TARGET_DIR=$cross/target nice -n 15 "$CARGO" build --quiet --release --locked)
    local program=$cross/target/thumbv6m-none-eabi/release/forehearth-node-rp2040
    have size || { say "no \`size\` (binutils) to tell flash and RAM"; return; }
    say "RP2040 node: flash $(bytes "$program" 'boot2|vector_table|text|rodata|data') bytes," \
        "RAM $(bytes "$program" 'data|bss|uninit') bytes and the stack; $program"
}

case ${1:-} in
    check) check ;;
    board) build_board ;;
    *) fail "usage: no-std.sh check|board" ;;
esac
