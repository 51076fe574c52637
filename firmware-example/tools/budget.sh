#!/usr/bin/env bash
# What scoring costs on every emulated board, measured, against the table that is checked in.
#
#   budget.sh              measures, and fails where a figure has grown by more than 2 %
#   budget.sh --update     measures, and writes the table
#
# The net is 10-64-32-8-32-64-10 (embed/src/reference_net.rs). Columns of crates/edgevae-trainer/src/budget.csv; each that
# ends in `_all` is its neighbour with every head compiled in instead of `mse` alone, each that ends in `_int8` that of the
# net in integers:
#   base_flash         bytes of an image without edgevae: vectors and runtime
#   code_flash         bytes that edgevae adds to it, weights not counted
#   static_ram         bytes of .data and .bss that edgevae adds: none, the detector lies where you put it
#   load_stack         bytes of stack that Model::from_bytes reaches below its caller
#   score_stack        the same for Detector::score
#   model_ram          bytes of a Model
#   load_instructions  of one Model::from_bytes, all checks of the file (24,572 bytes; int8 7,632)
#   score_instructions of one Detector::score, mean of eight samples
# Instructions are counted one by one by a plugin of QEMU (icount.c): the same run gives the same number.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
table=$here/../crates/edgevae-trainer/src/budget.csv
update=${1:-}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
command -v gcc >/dev/null && command -v readelf >/dev/null || { echo "budget.sh: no gcc; run: sudo apt-get install gcc" >&2; exit 2; }
gcc -shared -fPIC -O2 -Wall -Wextra "$here/tools/icount.c" -o "$scratch/libicount.so"
unset EDGEVAE_MODEL
[ ! -e "$here/model.evae" ] || { echo "budget.sh: firmware-example/model.evae is in the way of the reference net; move it" >&2; exit 2; }

sizes() { # ELF: bytes in flash, bytes of .data and .bss
  readelf -SW "$1" | awk '
    function hex(text,   value, at) { value = 0; for (at = 1; at <= length(text); at++) value = value * 16 + index("0123456789abcdef", substr(text, at, 1)) - 1; return value }
    { sub(/^ *\[ *[0-9]+\] */, "") }
    $7 ~ /A/ { if ($2 != "NOBITS") flash += hex($5); if ($7 ~ /W/) ram += hex($5) }
    END { print flash + 0, ram + 0 }'
}
count() { # BOARD ELF LOADS SCORES
  EDGEVAE_PLUGIN="$scratch/libicount.so,out=$scratch/$1" "$here/tools/emulate.sh" "$1" "$2" "$3" "$4" >&2
  awk '$1 == "TOTAL" { print $2 }' "$scratch/$1"
}
# One board with one choice of heads: base_flash code_flash static_ram load_stack score_stack model_ram load score
figures() { # BOARD [CARGO FLAG...]
  local board=$1 images empty footprint program base_flash base_ram flash ram none loads scores name bytes
  shift
  images=$("$here/tools/build.sh" "$board" empty,footprint,measure "$@")
  { read -r empty; read -r footprint; read -r program; } <<<"$images"
  read -r base_flash base_ram < <(sizes "$empty")
  read -r flash ram < <(sizes "$footprint")
  declare -A told=()
  while read -r name bytes; do told[$name]=$bytes; done < <("$here/tools/emulate.sh" "$board" "$program" stack)
  none=$(count "$board" "$program" 0 0) loads=$(count "$board" "$program" 1 0) scores=$(count "$board" "$program" 0 8)
  echo "$base_flash $((flash - base_flash - told[model_bytes])) $((ram - base_ram)) ${told[load_stack]}" \
    "${told[score_stack]} ${told[model_ram]} $((loads - none)) $(((scores - none) / 8))"
}
measure() { # BOARD CORE
  local mse all int8
  read -ra mse < <(figures "$1" --no-default-features)
  read -ra all < <(figures "$1")
  read -ra int8 < <(EDGEVAE_NUMBERS=int8 figures "$1" --no-default-features)
  echo "$1,$2,${mse[0]},${mse[1]},${all[1]},${mse[2]},${mse[3]},${mse[4]},${all[4]},${mse[5]},${mse[6]},${mse[7]},${all[7]}" \
    "${int8[1]} ${int8[3]} ${int8[4]} ${int8[5]} ${int8[6]} ${int8[7]}" | tr ' ' ,
}

{
  echo board,core,base_flash,code_flash,code_flash_all,static_ram,load_stack,score_stack,score_stack_all,model_ram,load_instructions,score_instructions,score_instructions_all,code_flash_int8,load_stack_int8,score_stack_int8,model_ram_int8,load_instructions_int8,score_instructions_int8
  while IFS=, read -r board core _; do measure "$board" "$core"; done < <(sed 1d "$here/boards/qemu/boards.csv")
} >"$scratch/measured.csv"
if command -v column >/dev/null; then column -s, -t "$scratch/measured.csv"; else cat "$scratch/measured.csv"; fi
if [ "$update" = --update ]; then
  cp "$scratch/measured.csv" "$table"
  exit
fi
awk -F, '
  FNR == 1 { split($0, names); next }
  NR == FNR { for (at = 3; at <= NF; at++) limit[$1, at] = $at; known[$1]; next }
  !($1 in known) { print "budget.sh: " $1 " is not in the table"; bad = 1; next }
  { for (at = 3; at <= NF; at++) if ($at > 1.02 * limit[$1, at]) {
      printf "budget.sh: %s: %s is %d, the table says %d\n", $1, names[at], $at, limit[$1, at]; bad = 1 } }
  END { if (bad) print "budget.sh: make it smaller, or run: firmware-example/tools/budget.sh --update (the table is of rustc 1.96)"; exit bad }
' "$table" "$scratch/measured.csv" >&2
