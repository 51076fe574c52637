#!/usr/bin/env bash
# Shows for every target, and for every core that int8 models have a kernel of its own for, that no panic is reachable from
# loading and scoring, of float and int8 models and of raw rows: `footprint`, whose panic handler calls a function that does
# not exist, links; and with a panic that is reachable it does not (the control).
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
unset EDGEVAE_MODEL
[ ! -e "$here/model.evae" ] || { echo "panic_free.sh: firmware-example/model.evae is in the way of the reference nets; move it" >&2; exit 2; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT
while IFS=, read -r board core target _; do
  for numbers in int8 raw float32; do EDGEVAE_NUMBERS=$numbers "$here/tools/build.sh" "$board" footprint >/dev/null; done
  if "$here/tools/build.sh" "$board" footprint --features reachable-panic >/dev/null 2>"$log"; then
    echo "panic_free.sh: $board: an image with a reachable panic links, so the check shows nothing" >&2
    exit 1
  fi
  grep -q 'undefined symbol: edgevae_a_panic_is_reachable' "$log" || { cat "$log" >&2; exit 1; }
  echo "$target ($core): no panic is reachable"
done < <(sed 1d "$here/boards/qemu/boards.csv" | sort -t, -k3,3 -k9,9 -u)
