#!/usr/bin/env bash
# What a fallback route does while its first provider is dead, in each of eight ways, plain and streamed: a table of
# success, attempts, delay and probes, with "ok" or "MISSED" by the goals. Then a long tail with and without a hedge, and
# how exact a weighted split is over three nodes.
#   tests/outage.sh [SECONDS]
# Builds the release gateway and a provider simulator, and talks to 127.0.0.1 only. 60 seconds for each line unless told.
set -euo pipefail

seconds=${1:-60}
root=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")
release=${CARGO_TARGET_DIR:-$root/target}/release
cargo build --locked --release -p gateway -p tollgate-tests --bins --manifest-path "$root/Cargo.toml"
export TOLLGATE_BIN_DIR=$release
rc=0
"$release/route-figures" outage --seconds "$seconds" || rc=$?
"$release/route-figures" tail || rc=$?
"$release/route-figures" split || rc=$?
exit "$rc"
