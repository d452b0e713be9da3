#!/usr/bin/env bash
# Installs what building (`build`) and testing (`test`) need and this machine
# lacks, saying what and why. Does nothing when everything is there.
set -euo pipefail

wanted=${1:?usage: install.sh build|test}
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
venv=$root/.venv
requirements=$root/tests/setup/requirements.txt

say() { printf 'setup: %s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# mosquitto lives in /usr/sbin, which is not on everybody's PATH.
PATH=$PATH:/usr/sbin:/sbin

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif have sudo; then
        sudo "$@"
    else
        fail "need root for: $*
setup: run it as root, or install sudo, then run make again"
    fi
}

packages=()
need() { # package, reason
    say "$1 is missing: $2"
    packages+=("$1")
}

need_packages() {
    have cc || need gcc "a C compiler builds SQLite and is the linker of Rust"
    # A compiler without the C library's headers can't build SQLite.
    [ -e /usr/include/stdio.h ] || need libc6-dev "headers of the C library, for SQLite"
    [ "$wanted" = test ] || return 0
    have c++ || need g++ "builds the runtime of the fuzz targets"
    [ -e /usr/include/modbus/modbus.h ] \
        || need libmodbus-dev "a Modbus server that somebody else wrote, built by the tests"
    have mosquitto || need mosquitto "the broker the tests publish to"
    have psql && compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null \
        || need postgresql "where the ingest example lands batches"
    have python3 || need python3 "runs the Modbus device and Sparkplug consumer of the tests"
    have systemd-analyze || need systemd "systemd-analyze scores the service's sandbox"
    have python3 && python3 -c 'import ensurepip, venv' 2>/dev/null \
        || need python3-venv "keeps the tests' Python packages apart from the system's"
}

install_packages() {
    [ "${#packages[@]}" -gt 0 ] || return 0
    have apt-get || fail "this is no Debian or Ubuntu; install by hand: ${packages[*]}"
    say "installing ${packages[*]}"
    local had_mosquitto=no
    if have mosquitto; then had_mosquitto=yes; fi
    # Debian would make a cluster of it and start that; the tests make their own.
    if [[ " ${packages[*]} " == *" postgresql "* ]] && [ ! -e /etc/postgresql-common ]; then
        as_root mkdir -p /etc/postgresql-common
        echo 'create_main_cluster = false' | as_root tee /etc/postgresql-common/createcluster.conf >/dev/null
    fi
    as_root apt-get -qq update
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq install --no-install-recommends "${packages[@]}" >/dev/null
    # Debian starts it on port 1883. The tests start their own on free ports.
    if [ "$had_mosquitto" = no ] && have mosquitto && [ -d /run/systemd/system ]; then
        as_root systemctl disable --now --quiet mosquitto || true
    fi
}

check_rust() {
    have cargo || fail "cargo is missing: install rustup first, https://rustup.rs"
    (cd "$root" && cargo --version >/dev/null) || fail "cargo can't run, see above"
    [ "$wanted" = test ] || return 0
    local component
    for component in rustfmt clippy; do
        (cd "$root" && "cargo-${component/rust/}" --version >/dev/null 2>&1) && continue
        have rustup || fail "$component is missing and there is no rustup to add it"
        say "adding $component: part of the tests"
        (cd "$root" && rustup component add "$component")
    done
}

install_peers() {
    [ "$wanted" = test ] || return 0
    if [ ! -x "$venv/bin/python" ]; then
        say "creating .venv: the peers of the tests (pymodbus, paho-mqtt) live there"
        python3 -m venv "$venv"
    fi
    if ! cmp -s "$requirements" "$venv/requirements.txt"; then
        say "installing the packages of tests/setup/requirements.txt into .venv"
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements"
        cp "$requirements" "$venv/requirements.txt"
    fi
}

case $wanted in build | test) ;; *) fail "usage: install.sh build|test" ;; esac
check_rust
need_packages
install_packages
install_peers
