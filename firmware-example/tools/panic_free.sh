#!/usr/bin/env bash
# Shows for every target that no panic is reachable from loading and scoring, of float and of int8 models: `footprint`,
# whose panic handler calls a function that does not exist, links; and with a panic that is reachable it does not (the
# control).
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
log=$(mktemp)
trap 'rm -f "$log"' EXIT
while IFS=, read -r board _ target _; do
  EDGEVAE_NUMBERS=int8 "$here/tools/build.sh" "$board" footprint >/dev/null
  "$here/tools/build.sh" "$board" footprint >/dev/null
  if "$here/tools/build.sh" "$board" footprint --features reachable-panic >/dev/null 2>"$log"; then
    echo "panic_free.sh: $board: an image with a reachable panic links, so the check shows nothing" >&2
    exit 1
  fi
  grep -q 'undefined symbol: edgevae_a_panic_is_reachable' "$log" || { cat "$log" >&2; exit 1; }
  echo "$target: no panic is reachable"
done < <(sed 1d "$here/boards/qemu/boards.csv" | sort -t, -k3,3 -u)
