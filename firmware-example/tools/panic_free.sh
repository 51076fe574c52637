#!/usr/bin/env bash
# Shows for every target, and for every core that int8 models have a kernel of its own for, that no panic is reachable from
# loading and scoring, of float and int8 models and of raw rows: `footprint`, whose panic handler calls a function that does
# not exist, links; and with a panic that is reachable it does not (the control).
#
# And for every target without a floating-point unit that int8 models are scored with integers alone: no routine that stands
# in for one is in the images of `footprint` (readings are `f32`) and `integers` (`i16` and `i32`); in that of a float model
# there are some (the control).
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
unset EDGEVAE_MODEL
[ ! -e "$here/model.evae" ] || { echo "panic_free.sh: firmware-example/model.evae is in the way of the reference nets; move it" >&2; exit 2; }
command -v readelf >/dev/null || { echo "panic_free.sh: no readelf; run: sudo apt-get install binutils" >&2; exit 2; }
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# Routines of an image that do the work of a floating-point unit: by the names of the Arm ABI, of GCC, of the compiler's own.
soft_float() { # ELF
  readelf -sW "$1" | awk '
    $8 ~ /^__aeabi_(c?[fd]|u?[il]2[fd])/ || $8 ~ /^__[a-z]+[sd]f[a-z0-9]*$/ || $8 ~ /compiler_builtins.*float|libm.*sqrt|edgevae_core.*soft/ { print $8 }'
}
integers_alone() { # BOARD
  local image found
  for image in $(EDGEVAE_NUMBERS=int8 "$here/tools/build.sh" "$1" footprint,integers --no-default-features); do
    found=$(soft_float "$image" | xargs)
    [ -z "$found" ] || { echo "panic_free.sh: $1: the int8 image ${image##*/} has floating-point routines: $found" >&2; exit 1; }
  done
  [ -n "$(soft_float "$("$here/tools/build.sh" "$1" footprint --no-default-features)")" ] ||
    { echo "panic_free.sh: $1: no floating-point routine is found in a float model's image either, so the check shows nothing" >&2; exit 1; }
}
while IFS=, read -r board core target _; do
  for numbers in int8 raw float32; do EDGEVAE_NUMBERS=$numbers "$here/tools/build.sh" "$board" footprint >/dev/null; done
  if "$here/tools/build.sh" "$board" footprint --features reachable-panic >/dev/null 2>"$log"; then
    echo "panic_free.sh: $board: an image with a reachable panic links, so the check shows nothing" >&2
    exit 1
  fi
  grep -q 'undefined symbol: edgevae_a_panic_is_reachable' "$log" || { cat "$log" >&2; exit 1; }
  echo "$target ($core): no panic is reachable"
  case $target in
    *eabihf) ;;
    *)
      integers_alone "$board"
      echo "$target ($core): an int8 model is scored with integers alone"
      ;;
  esac
done < <(sed 1d "$here/boards/qemu/boards.csv" | sort -t, -k3,3 -k9,9 -u)
