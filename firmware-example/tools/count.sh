#!/usr/bin/env bash
# Instructions that any model takes on an emulated board, counted one by one: of loading it, and of one score (mean of eight
# samples).
#
#   count.sh BOARD MODEL [CARGO FLAG...]     as in: count.sh an386 runs/mine/model-int8.evae --no-default-features
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
board=${1:?usage: count.sh BOARD MODEL} model=${2:?usage: count.sh BOARD MODEL}
shift 2
[ -r "$model" ] || { echo "count.sh: $model cannot be read; expected a model file" >&2; exit 2; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
command -v gcc >/dev/null || { echo "count.sh: no gcc; run: sudo apt-get install gcc" >&2; exit 2; }
gcc -shared -fPIC -O2 -Wall -Wextra "$here/tools/icount.c" -o "$scratch/libicount.so"
program=$(EDGEVAE_MODEL=$model "$here/tools/build.sh" "$board" measure "$@")
total() { # LOADS SCORES
  EDGEVAE_PLUGIN="$scratch/libicount.so,out=$scratch/count" "$here/tools/emulate.sh" "$board" "$program" "$1" "$2" >&2
  awk '$1 == "TOTAL" { print $2 }' "$scratch/count"
}
none=$(total 0 0) loads=$(total 1 0) scores=$(total 0 8)
echo "load_instructions $((loads - none))"
echo "score_instructions $(((scores - none) / 8))"
