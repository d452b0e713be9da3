#!/usr/bin/env bash
# Boots a Debian with the .deb installed, systemd as process 1, in a virtual
# machine, and looks: READY=1 came; kill -9 is followed by a restart with the
# buffer intact; a stopped process is ended by the watchdog; a reload is taken.
#
#   cross/boot.sh FILE.deb      (amd64 only, as root; emulated: some minutes)
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"

deb=$(realpath "${1:?usage: boot.sh FILE.deb}")
[ "$(dpkg-deb --field "$deb" Architecture)" = amd64 ] || fail "only amd64 so far"
for tool in mmdebstrap qemu-system-x86_64 cpio; do
    have "$tool" || fail "to boot: apt-get install --no-install-recommends mmdebstrap qemu-system-x86 cpio"
done
work=$cross/boot
mkdir -p "$work"
base=$work/base.tar
if [ ! -e "$base" ]; then
    say "making a Debian root"
    mmdebstrap --quiet --variant=minbase --include=systemd-sysv,udev,linux-image-cloud-amd64 \
        --aptopt='APT::Install-Recommends "false"' bookworm "$base.part" >&2
    mv "$base.part" "$base"
fi
root_dir=$work/root
rm -rf "$root_dir" && mkdir "$root_dir"
tar --extract --directory "$root_dir" --file "$base" --exclude './dev/*'
cp "$root_dir"/boot/vmlinuz-* "$work/kernel"
rm -rf "$root_dir"/boot/* "$root_dir"/usr/share/doc/* "$root_dir"/var/cache/apt/* "$root_dir"/var/lib/apt/lists/*
cp "$deb" "$root_dir/forehearth.deb"
chroot "$root_dir" dpkg --install /forehearth.deb >/dev/null
rm "$root_dir/forehearth.deb"
chroot "$root_dir" forehearth init --id boot --path p/q --broker mqtt://127.0.0.1:1 --device tcp://127.0.0.1:1 >/dev/null
# A watchdog that a test can wait for.
mkdir -p "$root_dir/etc/systemd/system/forehearth.service.d"
printf '[Service]\nWatchdogSec=5s\n' >"$root_dir/etc/systemd/system/forehearth.service.d/boot.conf"

cat >"$root_dir/story" <<'STORY'
#!/bin/bash
exec >/dev/ttyS0 2>&1
finish() { echo "STORY $1"; systemctl poweroff --force --force; sleep 9; }
step() { echo "STEP $*"; }
wait_for() { # text, command
    local what=$1 i; shift
    for ((i = 0; i < 400; i++)); do
        if "$@" >/dev/null 2>&1; then step "$what"; return; fi
        sleep 0.1
    done
    systemctl status forehearth --no-pager -l; journalctl -u forehearth --no-pager -n 40
    finish "FAILED: $what"
}
pid() { systemctl show forehearth --property MainPID --value; }
another_than() { [ "$(pid)" != "$1" ] && [ "$(pid)" != 0 ] && systemctl is-active --quiet forehearth; }
stored() { forehearth buffer stat --json | sed -n 's/.*"readings": *\([0-9]*\).*/\1/p' | head -n 1; }
some_stored() { [ "$(stored)" -gt 0 ]; }
result_was_watchdog() { journalctl -u forehearth --no-pager | grep -q 'Failed with result .watchdog'; }

wait_for "READY=1: the unit is active" systemctl is-active --quiet forehearth
[ "$(systemctl show forehearth --property Type --value)" = notify ] || finish "FAILED: type"
wait_for "readings are in the buffer" some_stored
first=$(pid) before=$(stored)
kill -9 "$first"
wait_for "after kill -9 it runs again" another_than "$first"
[ "$(stored)" -ge "$before" ] || finish "FAILED: buffer had $before, has $(stored)"
step "the buffer had $before readings, has $(stored)"
second=$(pid)
printf '\n# changed\n' >>/etc/forehearth/gateway.toml
systemctl reload forehearth || finish "FAILED: reload refused"
wait_for "reload: the same process is active" systemctl is-active --quiet forehearth
[ "$(pid)" = "$second" ] || finish "FAILED: reload restarted it"
kill -STOP "$second"
wait_for "the watchdog ended a stalled process" result_was_watchdog
wait_for "after the watchdog it runs again" another_than "$second"
[ "$(stored)" -ge "$before" ] || finish "FAILED: buffer had $before, has $(stored)"
journalctl -u forehearth --no-pager | grep -iE 'permission denied|operation not permitted|seccomp|SIGSYS' && finish "FAILED: the sandbox is in the way"
finish PASSED
STORY
chmod +x "$root_dir/story"
cat >"$root_dir/etc/systemd/system/story.service" <<'UNIT'
[Unit]
After=multi-user.target
[Service]
ExecStart=/story
UNIT
ln -sf ../story.service "$root_dir/etc/systemd/system/multi-user.target.wants/story.service"
sed -i 's/^After=.*/After=basic.target/' "$root_dir/etc/systemd/system/story.service"
ln -sf /lib/systemd/systemd "$root_dir/init"
# A login on this line would hang up on whoever tells the story.
ln -sf /dev/null "$root_dir/etc/systemd/system/serial-getty@ttyS0.service"
(cd "$root_dir" && find . -print0 | cpio --null --create --format newc --quiet | gzip -1) >"$work/root.cpio.gz"
rm -rf "$root_dir"
# Not KVM: what is inside a virtual machine already may have one that can't run
# every instruction. ACCEL=kvm takes it.
accel=(-accel "${ACCEL:-tcg}" -cpu max)
timeout 240 qemu-system-x86_64 "${accel[@]}" -m 1500 -smp 2 -nodefaults -no-reboot -display none \
    -serial "file:$work/console" -kernel "$work/kernel" -initrd "$work/root.cpio.gz" \
    -append "console=ttyS0 quiet systemd.unit=multi-user.target" || true
grep -aE '^(STEP|STORY)' "$work/console" | tr -d '\r' >&2
grep -aq '^STORY PASSED' "$work/console" || { tail -n 40 "$work/console" >&2; fail "see $work/console"; }
