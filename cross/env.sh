# What the scripts of this folder share: places, pinned versions and names of
# the targets. Sourced, not run.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# Everything the cross build makes or fetches is in here and nowhere else.
cross=${FOREHEARTH_CROSS_DIR:-$root/target/cross}

rust_version=$(sed -n 's/^channel = "\(.*\)"/\1/p' "$root/rust-toolchain.toml")
version=$(sed -n '/^\[workspace.package\]/,/^\[/s/^version = "\(.*\)"/\1/p' "$root/Cargo.toml")

# zig is the C compiler and linker: it carries the stubs of every glibc, so that
# a binary made on any machine starts on a box with glibc 2.28 (Debian 10,
# RHEL 8, Yocto of 2018). Both come from PyPI as ready programs.
zigbuild_version=0.24.0
zig_version=0.17.1
glibc=2.28

# name of Debian's architecture | Rust target
targets='arm64 aarch64-unknown-linux-gnu
armhf armv7-unknown-linux-gnueabihf
amd64 x86_64-unknown-linux-gnu'

say() { printf 'cross: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# Either name of a target gives the other: `arch_of armv7-…`, `target_of armhf`.
arch_of() { awk -v t="$1" '$1 == t || $2 == t { print $1 }' <<<"$targets"; }
target_of() { awk -v t="$1" '$1 == t || $2 == t { print $2 }' <<<"$targets"; }

# Where a target's finished programs are.
programs_of() { printf '%s/out/%s\n' "$cross" "$1"; }

# The time every file of a package carries: of the last commit, so that two
# builds of one commit give the same bytes.
export SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct 2>/dev/null || echo 1767225600)}
export LC_ALL=C TZ=UTC
umask 022
