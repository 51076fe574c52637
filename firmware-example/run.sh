#!/usr/bin/env bash
# Scores a CSV file on an emulated board, and prints what `edgevae score` prints.
#
#   run.sh --board BOARD --model MODEL [--data FILE.csv] [--out FILE.csv]
#
# Without --data: rows of the reference data set. Boards are listed in boards/qemu/boards.csv. Needed targets and emulators
# are set up first (setup.sh). The run ends after EDGEVAE_TIME_LIMIT seconds (default 120) at the latest.
# Exit code 1 where a row has no score; the other rows are written all the same.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
usage() { sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2; }
board= model= data= out=-
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || usage
  case $1 in
    --board) board=$2 ;;
    --model) model=$2 ;;
    --data) data=$2 ;;
    --out) out=$2 ;;
    *) usage ;;
  esac
  shift 2
done
[ -n "$board" ] && [ -n "$model" ] || usage
[ -r "$model" ] || { echo "run.sh: cannot read the model $model" >&2; exit 2; }

# EDGEVAE_BIN: an `edgevae` that is built already.
edgevae=${EDGEVAE_BIN:-}
if [ -z "$edgevae" ] && [ ! -e "$here/../crates/edgevae-cli/Cargo.toml" ]; then
  echo "run.sh: the sources of edgevae are not beside this folder, from which it would be built; run: EDGEVAE_BIN=edgevae $0 ..." >&2
  exit 2
fi
"$here/setup.sh"
if [ -z "$edgevae" ]; then
  cargo build --quiet --release --locked --manifest-path "$here/../Cargo.toml" --package edgevae-cli
  edgevae=${CARGO_TARGET_DIR:-$here/../target}/release/edgevae
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
if [ -z "$data" ]; then
  data=$scratch/reference.csv
  "$edgevae" synth --rows 1000 --out "$data" >&2
fi
"$edgevae" samples --model "$model" --data "$data" --out "$scratch/samples.bin" --quiet
elf=$(EDGEVAE_MODEL=$model "$here/tools/build.sh" "$board" score)
code=0
(cd "$scratch" && "$here/tools/emulate.sh" "$board" "$elf") >&2 || code=$?
# 3: rows without a score, which the firmware has counted on standard error.
case $code in
  0 | 3) ;;
  *) exit "$code" ;;
esac
if [ "$out" = - ]; then cat "$scratch/scores.csv"; else cp "$scratch/scores.csv" "$out"; fi
[ "$code" = 0 ] || exit 1
