#!/usr/bin/env bash
# What scoring costs on every emulated board, measured, against the table that is checked in.
#
#   budget.sh              measures, and fails where a figure has grown by more than 2 %
#   budget.sh --update     measures, and writes the table
#
# The net is 10-64-32-8-32-64-10 (embed/src/reference_net.rs). Columns of crates/edgevae-trainer/src/inspect/budget.csv; each that
# ends in `_all` is its neighbour with every head compiled in instead of `mse` alone, each that ends in `_int8` that of the
# net in integers, each that ends in `_raw` that of the net behind an encoder and a window:
#   base_flash               bytes of an image without edgevae: vectors and runtime
#   code_flash               bytes that edgevae adds to it, weights not counted
#   static_ram               bytes of .data and .bss that edgevae adds: none, the detector lies where you put it
#   load_stack               bytes of stack that Model::from_bytes reaches below its caller
#   score_stack              the same for Detector::score
#   model_ram                bytes of a Model
#   load_instructions        of one Model::from_bytes, all checks of the file (24,588 bytes; int8 7,648)
#   score_instructions       of one Detector::score, mean of eight samples
#   score_instructions_most  the same of the net whose products and sums are nearly all subnormal numbers
# A figure that the project promises has a limit of its own below, whatever the table says.
# Instructions are counted one by one by a plugin of QEMU (icount.c): the same run gives the same number.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
table=$here/../crates/edgevae-trainer/src/inspect/budget.csv
update=${1:-}
case $#:$update in
  0: | 1:--update) ;;
  *) echo "usage: budget.sh [--update]; found: $*" >&2; exit 2 ;;
esac
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
# Reads into `is` the memory that one board needs with one choice of heads, the names as in the table and a suffix behind
# each; `program` is then the image that counts instructions.
memory() { # BOARD SUFFIX [CARGO FLAG...]
  local board=$1 suffix=$2 images empty footprint base_flash base_ram flash ram name bytes
  shift 2
  images=$("$here/tools/build.sh" "$board" empty,footprint,measure "$@")
  { read -r empty; read -r footprint; read -r program; } <<<"$images"
  read -r base_flash base_ram < <(sizes "$empty")
  read -r flash ram < <(sizes "$footprint")
  while read -r name bytes; do is[$name$suffix]=$bytes; done < <("$here/tools/emulate.sh" "$board" "$program" stack)
  is[base_flash$suffix]=$base_flash
  is[code_flash$suffix]=$((flash - base_flash - is[model_bytes$suffix]))
  is[static_ram$suffix]=$((ram - base_ram))
}
# The same for instructions, of the image `program`.
instructions() { # BOARD SUFFIX
  local none loads scores
  none=$(count "$1" "$program" 0 0) loads=$(count "$1" "$program" 1 0) scores=$(count "$1" "$program" 0 8)
  is[load_instructions$2]=$((loads - none))
  is[score_instructions$2]=$(((scores - none) / 8))
}
measure() { # BOARD CORE
  local -A is=()
  local program column line=$1,$2
  memory "$1" "" --no-default-features
  instructions "$1" ""
  memory "$1" _all
  instructions "$1" _all
  EDGEVAE_NUMBERS=int8 memory "$1" _int8 --no-default-features
  instructions "$1" _int8
  EDGEVAE_NUMBERS=raw memory "$1" _raw --no-default-features --features encoding
  EDGEVAE_NUMBERS=raw memory "$1" _raw_all
  program=$(EDGEVAE_NUMBERS=subnormal "$here/tools/build.sh" "$1" measure --no-default-features)
  instructions "$1" _most
  for column in "${COLUMNS_MEASURED[@]}"; do line+=,${is[$column]}; done
  echo "$line"
}
COLUMNS_MEASURED=(base_flash code_flash code_flash_all static_ram load_stack load_stack_all score_stack score_stack_all model_ram
  load_instructions score_instructions score_instructions_all score_instructions_most
  code_flash_int8 load_stack_int8 score_stack_int8 model_ram_int8 load_instructions_int8 score_instructions_int8
  code_flash_raw code_flash_raw_all load_stack_raw load_stack_raw_all score_stack_raw score_stack_raw_all model_ram_raw)
# What the project promises: board, column, the most that it may be.
LIMITS="an386,code_flash,8192
an386,load_stack,512
an386,score_instructions,17000
microbit,score_instructions,960000
virt,score_instructions,560000
an386,code_flash_int8,6200
an386,score_instructions_int8,11500
microbit,score_instructions_int8,42000
virt,score_instructions_int8,28000
an547,score_instructions_int8,7000"

{
  echo "board,core,${COLUMNS_MEASURED[*]}" | tr ' ' ,
  while IFS=, read -r board core _; do measure "$board" "$core"; done < <(sed 1d "$here/boards/qemu/boards.csv")
} >"$scratch/measured.csv"
if command -v column >/dev/null; then column -s, -t "$scratch/measured.csv"; else cat "$scratch/measured.csv"; fi
awk -F, '
  NR == FNR { limit[$1, $2] = $3; next }
  FNR == 1 { split($0, names); next }
  { for (at = 3; at <= NF; at++) if (($1, names[at]) in limit) {
      held[$1, names[at]]
      if ($at > limit[$1, names[at]]) {
        printf "budget.sh: %s: %s is %d; the limit is %d\n", $1, names[at], $at, limit[$1, names[at]]; bad = 1 } } }
  END {
    for (promise in limit) if (!(promise in held)) {
      split(promise, parts, SUBSEP)
      printf "budget.sh: there is a limit for %s of %s, and no such figure\n", parts[2], parts[1]; bad = 1 }
    exit bad }
' <(echo "$LIMITS") "$scratch/measured.csv" >&2
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
