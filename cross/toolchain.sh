#!/usr/bin/env bash
# Finds or makes a Rust toolchain that knows TARGET, and prints its folder.
#
# Three ways, the first that works: the target is installed in the toolchain
# that rust-toolchain.toml names; the private toolchain of an earlier run has
# it; the standard library is built from Debian's source package of the same
# version into a private copy. Nothing here calls rustup or changes a toolchain
# that others use.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"

target=$(target_of "${1:?usage: toolchain.sh TARGET}")
# A processor without an operating system: its library is core and alloc.
case $1 in *-none-*) target=$1 ;; esac
private=$cross/toolchain
source=$cross/rust-src
debian_source=$rust_version+dfsg1-2~bpo13+1

[ -n "$target" ] || fail "$1 is no target; known are: $(tr '\n' ' ' <<<"$targets")"

case $target in *-none-*) library=core crates=core,alloc ;; *) library=std crates=std,panic_abort,panic_unwind,proc_macro,test ;; esac
has_std() { compgen -G "$1/lib/rustlib/$target/lib/lib$library-*.rlib" >/dev/null; }

how_else() {
    fail "$1
cross: there is another way, with network and rustup: rustup target add $target"
}

# The library's source of exactly this compiler, through an apt state of its
# own: the machine's package sources stay as they are.
fetch_source() {
    [ -e "$source/library/std/Cargo.toml" ] && return
    have apt-get || how_else "this is no Debian: the standard library's source can't be fetched"
    local apt=$cross/apt mirror
    mirror=$(sed -n 's/^URIs: //p' /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -n 1)
    mkdir -p "$apt"/lists/partial "$apt"/cache/archives/partial "$source"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ${mirror:-http://deb.debian.org/debian} trixie-backports main" \
        >"$apt/sources.list"
    local options=(-qq -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=/nonexistent
        -o Dir::State::Lists="$apt/lists" -o Dir::Cache="$apt/cache" -o APT::Architectures=amd64
        -o APT::Sandbox::User=root)
    say "fetching rust-src $debian_source"
    apt-get "${options[@]}" update >&2 || how_else "apt-get update failed"
    (cd "$apt" && apt-get "${options[@]}" download "rust-src=$debian_source" >&2) \
        || how_else "Debian has no rust-src $debian_source any more"
    dpkg-deb --fsys-tarfile "$apt"/rust-src_*.deb \
        | tar --extract --directory "$source" --strip-components 4 "./usr/src/rustc-$rust_version/library"
}

copy_toolchain() {
    [ -x "$private/bin/rustc" ] && return
    local system
    system=$(cd "$root" && rustc --print sysroot)
    say "copying $system to $private"
    rm -rf "$private.part"
    # -L: a toolchain's name may be a link, and a copied link would write through.
    cp --archive --dereference "$system" "$private.part"
    rm -rf "$private.part/share/doc" "$private.part/lib/rustlib/src"
    mkdir -p "$private.part/lib/rustlib/src/rust"
    ln -s "$source/library" "$private.part/lib/rustlib/src/rust/library"
    mv "$private.part" "$private"
}

# Builds std once, so that afterwards a plain `cargo build --target` works.
build_std() {
    local work=$cross/std started=$SECONDS commit
    commit=$("$private/bin/rustc" -vV | sed -n 's/^commit-hash: //p')
    mkdir -p "$work/src"
    printf '[package]\nname = "probe"\nversion = "0.0.0"\nedition = "2024"\n[workspace]\n' >"$work/Cargo.toml"
    echo '#![no_std]' >"$work/src/lib.rs"
    # panic_abort built with unwinding is refused by profiles with panic = "abort".
    cat >"$work/rustc" <<'X'
#!/bin/bash
rustc=$1; shift
case " $* " in *" --crate-name panic_abort "*) exec "$rustc" "$@" -C panic=abort ;; esac
exec "$rustc" "$@"
X
    chmod +x "$work/rustc"
    say "building the standard library for $target"
    # Bitcode: cargo leaves it out, and then builds with LTO fail.
    (cd "$work" && PATH=$private/bin:$PATH RUSTC=$private/bin/rustc RUSTC_BOOTSTRAP=1 RUSTC_WRAPPER=$work/rustc \
        RUSTFLAGS="-Cembed-bitcode=yes -Cforce-unwind-tables=yes --remap-path-prefix=$source/library=/rustc/$commit/library --remap-path-prefix=$private/lib/rustlib/src/rust/library=/rustc/$commit/library --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo" \
        "$private/bin/cargo" build --quiet --release -Zbuild-std=$crates \
        --target "$target" --target-dir "$work/target" >&2)
    local libraries=$private/lib/rustlib/$target/lib
    rm -rf "$libraries.part" && mkdir -p "$libraries.part"
    cp "$work/target/$target"/release/deps/*.rlib "$libraries.part/"
    rm -f "$libraries.part"/libprobe*
    rm -rf "$libraries" && mv "$libraries.part" "$libraries"
    rm -rf "$work/target/$target"
    say "the standard library for $target took $((SECONDS - started)) s"
}

system=$(cd "$root" && rustc --print sysroot)
if has_std "$system"; then
    echo "$system"
    exit
fi
mkdir -p "$cross"
# One at a time: two builds must not copy into each other.
exec 9>"$cross/toolchain.lock"
flock 9
if ! { [ -x "$private/bin/rustc" ] && has_std "$private"; }; then
    say "$target is not installed. With network and rustup: rustup target add $target"
    say "going on without: the library is built from source, a few minutes, once"
    fetch_source
    copy_toolchain
    build_std
fi
echo "$private"
