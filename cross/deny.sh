#!/usr/bin/env bash
# Holds what is linked to deny.toml. Says what it could not look at.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"

deny_version=0.20.2
PATH=$cross/tools/bin:$PATH
if ! have cargo-deny; then
    say "installing cargo-deny $deny_version into $cross/tools: some minutes, once"
    cargo install --quiet --locked --root "$cross/tools" --target-dir "$cross/tools/target" "cargo-deny@$deny_version"
fi
cd "$root"
cargo-deny --all-features check bans licenses sources
database=${CARGO_HOME:-$HOME/.cargo}/advisory-dbs
if [ -d "$database" ]; then
    cargo-deny --all-features check --disable-fetch advisories
else
    say "SKIPPED advisories: no database in $database; with network: cargo deny fetch"
fi
