#!/bin/sh
# Installs this folder on a system with systemd and without dpkg. As root:
#   ./install.sh [ROOT]
# Again with a newer folder it upgrades. It never touches /etc/forehearth/*.toml
# nor /var/lib/forehearth.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=${1:-}

copy() { install -D -m "$1" "$here/$2" "$root/$2.new" && mv -f "$root/$2.new" "$root/$2"; }

(cd "$here" && find usr lib etc -type f) | while read -r file; do
    case $file in
    usr/bin/*) copy 755 "$file" ;;
    # What was edited stays.
    etc/*) [ -e "$root/$file" ] || copy 644 "$file" ;;
    *) copy 644 "$file" ;;
    esac
done

[ -z "$root" ] || { echo "installed into $root; account and folders come at its first boot"; exit 0; }
systemd-sysusers forehearth.conf
systemd-tmpfiles --create forehearth.conf
systemctl daemon-reload
systemctl enable forehearth.service
systemctl try-restart forehearth.service
echo "next: forehearth init && systemctl start forehearth"
