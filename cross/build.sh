#!/usr/bin/env bash
# Builds the gateway for TARGET on a plain Debian machine,
# without Docker, and holds the result to limits.toml.
#
#   cross/build.sh arm64|armhf|amd64 (or the Rust name) [--without-opcua]
#
# The program is then in $FOREHEARTH_CROSS_DIR/out/TARGET, by default
# target/cross/out/TARGET. It needs glibc 2.28 or newer and nothing else.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"

target=$(target_of "${1:?usage: build.sh TARGET [--without-opcua]}")
[ -n "$target" ] || fail "$1 is no target; known are: $(tr '\n' ' ' <<<"$targets")"
case ${2:-} in
    '') variant=full features=() out=$(programs_of "$target") ;;
    --without-opcua) variant=small features=(--no-default-features) out=$(programs_of "$target")-small ;;
    *) fail "usage: build.sh TARGET [--without-opcua]" ;;
esac

# zig and cargo-zigbuild, in a Python environment of their own.
install_zigbuild() {
    local wanted="cargo-zigbuild==$zigbuild_version ziglang==$zig_version" venv=$cross/zig
    [ "$(cat "$venv/installed" 2>/dev/null)" = "$wanted" ] && return
    have python3 || fail "python3 with venv is needed to install cargo-zigbuild"
    say "installing $wanted from PyPI"
    python3 -m venv "$venv"
    # shellcheck disable=SC2086 # two words
    "$venv/bin/pip" install --quiet --disable-pip-version-check $wanted
    echo "$wanted" >"$venv/installed"
}

# A number of limits.toml.
limit() { sed -n "s/^$1 *= *\([0-9]*\).*/\1/p" "$root/cross/limits.toml"; }

check_size() {
    local program=$1 most size
    most=$(limit "$variant"_bytes)
    size=$(stat --format %s "$program")
    say "$(basename "$program") for $target, $variant: $size of at most $most bytes"
    [ "$size" -le "$most" ] || fail "too big; limits.toml tells what the limit is for"
}

# No symbol of a newer glibc than the floor.
check_libraries() {
    local program=$1 newest
    have readelf || return 0
    newest=$(readelf --version-info --wide "$program" | grep -o 'GLIBC_[0-9.]*' | sort -Vu | tail -n 1)
    say "needs ${newest:-no glibc} and$(readelf --dynamic --wide "$program" | sed -n 's/.*NEEDED.*\[\(.*\)\]/ \1/p' | tr -d '\n')"
    [ "$(printf '%s\n' "${newest#GLIBC_}" "$glibc" | sort -V | tail -n 1)" = "$glibc" ] \
        || fail "$program needs $newest, newer than $glibc"
}

mkdir -p "$cross"
toolchain=$("$root/cross/toolchain.sh" "$target")
install_zigbuild

# The build's own folders must not be in the programs: two machines, same bytes.
cargo_home=${CARGO_HOME:-$HOME/.cargo}
remap="--remap-path-prefix=$root=/forehearth --remap-path-prefix=$cargo_home=/cargo --remap-path-prefix=$cross=/cross"
export PATH=$toolchain/bin:$cross/zig/bin:$PATH RUSTC=$toolchain/bin/rustc CARGO=$toolchain/bin/cargo
export RUSTFLAGS=$remap CFLAGS="-ffile-prefix-map=$cargo_home=/cargo -ffile-prefix-map=$cross=/cross"
export CARGO_TARGET_DIR=$cross/target CARGO_ZIGBUILD_CACHE_DIR=$cross/zig/cache

# A box for which OPC UA is too big has little flash: there size goes before speed.
[ "$variant" = full ] || export CARGO_PROFILE_RELEASE_OPT_LEVEL=s CARGO_PROFILE_RELEASE_LTO=fat

started=$SECONDS
(cd "$root" && nice -n 15 cargo-zigbuild zigbuild --release --locked --target "$target.$glibc" \
    --package forehearth "${features[@]}")
mkdir -p "$out"
install -m 755 "$cross/target/$target/release/forehearth" "$out/"
say "$target took $((SECONDS - started)) s; the program is in $out"
check_size "$out/forehearth"
check_libraries "$out/forehearth"
