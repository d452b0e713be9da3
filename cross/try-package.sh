#!/usr/bin/env bash
# Installs, upgrades, downgrades, removes and purges a .deb of this machine's
# architecture in a throw-away copy of this system, and looks at what is kept.
#
#   cross/try-package.sh FILE.deb     (as root; nothing outside the copy changes)
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"

deb=$(realpath "${1:?usage: try-package.sh FILE.deb}")
[ "$(id -u)" -eq 0 ] || fail "needs root: the copy is an overlay in a mount namespace"
work=$(mktemp --directory)
trap 'rm -rf "$work"' EXIT

# The same package as the next version.
dpkg-deb --raw-extract "$deb" "$work/next"
sed -i 's/^Version: .*/&+next/' "$work/next/DEBIAN/control"
echo "# of the next version" >>"$work/next/etc/default/forehearth"
dpkg-deb --root-owner-group -Znone --build "$work/next" "$work/next.deb" >/dev/null
rm -rf "$work/next"
cp "$deb" "$work/this.deb"

cat >"$work/story" <<'STORY'
set -eu
expect() { [ "$1" = "$2" ] || { echo "expected $2, found $1: $3" >&2; exit 1; }; }
install() { DEBIAN_FRONTEND=noninteractive dpkg --force-confold --install "$1" >/dev/null; }
state_of() { stat --format '%U:%G %a' "$1"; }

install /try/this.deb
expect "$(state_of /etc/forehearth)" "root:forehearth 750" "the map's folder"
expect "$(state_of /etc/forehearth/secrets)" "root:forehearth 750" "the secrets' folder"
expect "$(state_of /var/lib/forehearth)" "forehearth:forehearth 750" "the buffer's folder"
id -nG forehearth | grep -qw dialout
[ -L /etc/systemd/system/multi-user.target.wants/forehearth.service ]
forehearth init --id a --path p/q --broker mqtt://127.0.0.1:1 --device tcp://127.0.0.1:1 >/dev/null
expect "$(state_of /etc/forehearth/gateway.toml)" "root:forehearth 640" "a map made by root"
setpriv --reuid forehearth --regid forehearth --clear-groups forehearth check >/dev/null

# A real buffer with readings: every poll of a device that isn't there is one.
setpriv --reuid forehearth --regid forehearth --clear-groups \
    timeout --signal TERM 6 forehearth run --log error || true
before=$(forehearth buffer stat --json | sha256sum)
stored=$(forehearth buffer stat --json | sed -n 's/.*"readings": *\([0-9]*\).*/\1/p' | head -n 1)
[ "$stored" -gt 0 ] || { echo "nothing was stored" >&2; exit 1; }
echo "# mine" >>/etc/default/forehearth
map=$(sha256sum /etc/forehearth/gateway.toml /etc/forehearth/devices/first.toml)
kept() {
    expect "$(forehearth buffer stat --json | sha256sum)" "$before" "the buffer after $1"
    expect "$(sha256sum /etc/forehearth/gateway.toml /etc/forehearth/devices/first.toml)" "$map" "the map after $1"
    grep -q '^# mine' /etc/default/forehearth || { echo "edited options are gone after $1" >&2; exit 1; }
}
install /try/next.deb && kept "an upgrade"
install /try/this.deb && kept "a downgrade"
cp /usr/bin/forehearth /try/forehearth
dpkg --remove forehearth >/dev/null
[ ! -e /usr/bin/forehearth ] && [ -e /etc/forehearth/gateway.toml ] && [ -e /etc/default/forehearth ]
dpkg --purge forehearth >/dev/null
[ ! -e /etc/default/forehearth ] && [ -e /etc/forehearth/gateway.toml ]
expect "$(/try/forehearth buffer stat --json | sha256sum)" "$before" "the buffer after a purge"
echo "$stored readings, map and options outlived upgrade, downgrade, removal and purge"
STORY

unshare --mount --propagation private bash -euc '
    work=$1
    mkdir "$work/layer"
    mount -t tmpfs -o size=2G tmpfs "$work/layer"
    mkdir "$work"/layer/{upper,tmp,root}
    mount -t overlay -o "lowerdir=/,upperdir=$work/layer/upper,workdir=$work/layer/tmp" overlay "$work/layer/root"
    root=$work/layer/root
    mkdir -p "$root/try"
    cp "$work"/{this.deb,next.deb,story} "$root/try/"
    mount -t proc proc "$root/proc"
    mount --bind /dev "$root/dev"
    rm -rf "$root"/etc/forehearth "$root"/var/lib/forehearth
    chroot "$root" sh /try/story
' -- "$work"
