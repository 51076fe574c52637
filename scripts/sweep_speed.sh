#!/usr/bin/env bash
# Time of `edgevae sweep` over 5 configurations and 5 seeds, against the same 25 trainings one after another.
#
#   scripts/sweep_speed.sh [REPETITIONS]      EDGEVAE_BIN: a binary that is there already
#
# The other side twice: `edgevae train` 25 times, as without the command, and the sweep's own 25 runs with `--jobs 1`, which
# draws no reports. Each side is run in turn, so that what else the machine does meets all of them.
set -euo pipefail
# EPOCHREALTIME and awk write and read decimals with a point.
export LC_ALL=C
cd "$(dirname "$0")/.."
[ -n "${EDGEVAE_BIN:-}" ] || cargo build --release --locked --package edgevae-cli
EDGEVAE=$(realpath "${EDGEVAE_BIN:-target/release/edgevae}")
BETAS="0 0.5 1 2 4"
OUT=$(mktemp -d)
trap 'rm -rf "$OUT"' EXIT

sweep() { "$EDGEVAE" sweep --beta "${BETAS// /,}" --seeds 0..4 --quiet --out "$OUT/sweep-$1" "${@:2}"; }

trains() {
  local beta seed
  for beta in $BETAS; do
    for seed in 0 1 2 3 4; do
      "$EDGEVAE" train --beta "$beta" --seed "$seed" --quiet --out "$OUT/train-$1-$beta-$seed"
    done
  done
}

seconds() { # COMMAND...: its wall time
  local start=$EPOCHREALTIME
  "$@" >/dev/null
  awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.2f", b - a }'
}

printf '%-12s %12s %12s %12s   ratios\n' repetition sweep 'train, train' '--jobs 1'
for repetition in $(seq "${1:-3}"); do
  a=$(seconds sweep "$repetition")
  b=$(seconds trains "$repetition")
  c=$(seconds sweep "$repetition-one" --jobs 1)
  awk -v n="$repetition" -v a="$a" -v b="$b" -v c="$c" \
    'BEGIN { printf "%-12s %10.2f s %10.2f s %10.2f s   %.2f and %.2f\n", n, a, b, c, b / a, c / a }'
done
