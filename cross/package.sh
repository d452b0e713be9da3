#!/usr/bin/env bash
# Makes the packages of one architecture from a program that is built: a .deb
# and a tarball for systems without dpkg, with SBOM and licences.
#
#   cross/package.sh arm64|armhf|amd64
#
# They are then in $FOREHEARTH_CROSS_DIR/packages. The same commit gives the
# same bytes: every file carries the time of the commit, names are sorted, and
# compression runs on one thread.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"

arch=$(arch_of "${1:?usage: package.sh arm64|armhf|amd64}")
target=$(target_of "${1}")
[ -n "$target" ] || fail "$1 is no target; known are: $(tr '\n' ' ' <<<"$targets")"
program=${FOREHEARTH_PROGRAM:-$(programs_of "$target")/forehearth}
[ -x "$program" ] || fail "no $program: run cross/build.sh $arch first"
out=$cross/packages
files=$root/cross/packages
tree=$cross/tree-$arch
rm -rf "$tree" && mkdir -p "$tree" "$out"

# Manual pages and completions are the same for all: any program that runs here
# can print them.
speaks() { [ -x "$1" ] && "$1" --version >/dev/null 2>&1; }
speaker() {
    local candidate
    for candidate in "$program" "$cross"/out/*/forehearth "$root"/target/{release,debug}/forehearth; do
        if speaks "$candidate"; then echo "$candidate"; return; fi
    done
    fail "no forehearth that runs on this machine, to print the manual: run cargo build --package forehearth"
}

put() { install -D --mode "$1" "$2" "$tree/$3"; } # mode, from, to

documents() { # into this folder
    local doc=$1
    "$speaker" --version >/dev/null
    put 644 "$files/debian/copyright" "$doc/copyright"
    local document
    for document in install.md install.zh.md field-guide.md field-guide.zh.md map-reference.md; do
        put 644 "$root/docs/$document" "$doc/$document"
    done
    put 644 "$root/CHANGELOG.md" "$doc/changelog.md"
    (cd "$root" && find config/examples config/profiles -name '*.toml') | sort | while read -r example; do
        put 644 "$root/$example" "$doc/${example#config/}"
    done
    python3 "$root/cross/sbom.py" "$target" "$version" "$rust_version" "$SOURCE_DATE_EPOCH" >"$tree/$doc/sbom.cdx.json"
    python3 "$root/cross/licences.py" "$target" | gzip --no-name --best >"$tree/$doc/THIRD-PARTY.txt.gz"
    gzip --no-name --best <"$root/CHANGELOG.md" >"$tree/$doc/changelog.gz"
    rm "$tree/$doc/changelog.md"
}

manual() {
    local man=$cross/man-$arch page
    rm -rf "$man" && "$speaker" man --out "$man"
    for page in "$man"/*.1; do
        mkdir -p "$tree/$1"
        gzip --no-name --best <"$page" >"$tree/$1/$(basename "$page").gz"
    done
    rm -rf "$man"
}

completions() { # into these files
    mkdir -p "$tree/$(dirname "$1")" "$tree/$(dirname "$2")" "$tree/$(dirname "$3")"
    "$speaker" completions bash >"$tree/$1"
    "$speaker" completions zsh >"$tree/$2"
    "$speaker" completions fish >"$tree/$3"
}

same_times() { find "$1" -exec touch --no-dereference --date "@$SOURCE_DATE_EPOCH" {} +; }

speaker=$(speaker)
put 755 "$program" usr/bin/forehearth
put 644 "$files/forehearth.service" lib/systemd/system/forehearth.service
put 644 "$files/forehearth.sysusers" usr/lib/sysusers.d/forehearth.conf
put 644 "$files/forehearth.tmpfiles" usr/lib/tmpfiles.d/forehearth.conf
put 644 "$files/60-forehearth.rules" lib/udev/rules.d/60-forehearth.rules
put 644 "$files/default" etc/default/forehearth
documents usr/share/doc/forehearth
manual usr/share/man/man1
completions usr/share/bash-completion/completions/forehearth \
    usr/share/zsh/vendor-completions/_forehearth usr/share/fish/vendor_completions.d/forehearth.fish
find "$tree" -type d -exec chmod 755 {} +

# The tarball holds the same tree; its notes say where the files go.
tarball=forehearth-$version-linux-$arch
rm -rf "$cross/$tarball" && cp -a "$tree" "$cross/$tarball"
install -m 644 "$files/INSTALL" "$cross/$tarball/INSTALL"
install -m 755 "$files/install.sh" "$cross/$tarball/install.sh"
same_times "$cross/$tarball"
tar --create --directory "$cross" --sort name --owner 0 --group 0 --numeric-owner --format gnu "$tarball" \
    | gzip --no-name --best >"$out/$tarball.tar.gz"
rm -rf "${cross:?}/$tarball"

if have dpkg-deb; then
    mkdir -p "$tree/DEBIAN"
    sed -e "s/@VERSION@/$version/" -e "s/@ARCH@/$arch/" \
        -e "s/@SIZE@/$(du --apparent-size --block-size 1024 --summarize "$tree" | cut -f 1)/" \
        "$files/debian/control.in" >"$tree/DEBIAN/control"
    install -m 644 "$files/debian/conffiles" "$tree/DEBIAN/conffiles"
    install -m 755 "$files"/debian/{postinst,prerm,postrm} "$tree/DEBIAN/"
    (cd "$tree" && find usr lib etc -type f -not -path etc/default/forehearth | sort | xargs md5sum) >"$tree/DEBIAN/md5sums"
    same_times "$tree"
    dpkg-deb --root-owner-group -Zxz --threads-max=1 --build "$tree" "$out/forehearth_${version}_$arch.deb" >/dev/null
fi
install -m 644 "$tree/usr/share/doc/forehearth/sbom.cdx.json" "$out/forehearth-$version-$arch.cdx.json"
rm -rf "$tree"
(cd "$out" && find . -maxdepth 1 -type f -name "forehearth*" -printf '%f\n' | sort | xargs sha256sum) >"$out/SHA256SUMS"
say "packages of $arch are in $out"
