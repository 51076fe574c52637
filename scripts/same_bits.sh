#!/usr/bin/env bash
# Trains under three emulated x86-64 processors and compares the model files: without AVX, with AVX2 and FMA, and with all
# that the emulator has.
#
#   scripts/same_bits.sh [EDGEVAE]     a built binary; default: target/release/edgevae, else target/debug/edgevae
#
# Needs qemu-x86_64 (Debian: apt-get install qemu-user), or QEMU_X86_64 with its path. Exit code 3: not run.
set -euo pipefail
cd "$(dirname "$0")/.."
qemu=${QEMU_X86_64:-qemu-x86_64}
if [ "$(uname -m)" != x86_64 ] || ! command -v "$qemu" > /dev/null; then
  echo "NOT RUN: same_bits needs qemu-x86_64 on x86-64 (apt-get install qemu-user, or QEMU_X86_64=PATH)" >&2
  exit 3
fi
binary=${1:-target/release/edgevae}
[ -x "$binary" ] || binary=target/debug/edgevae
[ -x "$binary" ] || { echo "same_bits: no binary; build one: cargo build --release" >&2; exit 2; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
"$binary" synth --rows 300 --features 6 --seed 3 --out "$dir/narrow.csv" > /dev/null
"$binary" synth --rows 120 --features 40 --seed 4 --out "$dir/wide.csv" > /dev/null

small=(--threads 1 --quiet --force --label label)
train() { # NAME FLAG...
  local name=$1 processor
  shift
  for processor in Nehalem Haswell max; do
    "$qemu" -cpu $processor "$binary" train "${small[@]}" "$@" --out "$dir/$processor" 2> "$dir/stderr" \
      || { cat "$dir/stderr" >&2; return 1; }
  done
  for processor in Haswell max; do
    cmp "$dir/Nehalem/model.evae" "$dir/$processor/model.evae" || { echo "$name: Nehalem and $processor differ" >&2; return 1; }
  done
  echo "$name: $(stat -c %s "$dir/max/model.evae") bytes, equal on Nehalem, Haswell and max"
}
train auto --data "$dir/narrow.csv" --preset auto --epochs 6
train reference --data "$dir/narrow.csv" --preset reference --epochs 3
wide=(--data "$dir/wide.csv" --hidden 12 --latent 4 --epochs 2)
for score in mse nll elbo mahalanobis reconstruction-probability joint-mahalanobis neighbours histogram isolation combined density; do
  train "wide, $score" "${wide[@]}" --likelihood gaussian --score $score
done
train "wide, early stopping" "${wide[@]}" --epochs 12 --patience 1 --calibrate-on holdout
