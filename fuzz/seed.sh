#!/usr/bin/env bash
# Fills fuzz/corpus with real files: models that `edgevae` trained and the golden ones, their data, their configs.
#
#   fuzz/seed.sh            builds `edgevae` first; EDGEVAE names a binary that is already there
set -euo pipefail
cd "$(dirname "$0")"
if [ -z "${EDGEVAE:-}" ]; then
  cargo build --quiet --locked --manifest-path ../Cargo.toml -p edgevae-cli
  EDGEVAE=../target/debug/edgevae
fi
EDGEVAE=$(realpath "$EDGEVAE")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p corpus/{loader,scorer,slots,csv,config}

number=0
train() { # small models of every kind of layer table, score, missing policy and calibration
  number=$((number + 1))
  "$EDGEVAE" train --quiet --epochs 2 --beta-warmup 1 --threads 1 --out "$work/$number" "$@" 2> "$work/log" || { cat "$work/log" >&2; exit 1; }
}
"$EDGEVAE" synth --rows 120 --features 3 --out "$work/rows.csv"
sed '5s/^[^,]*//' "$work/rows.csv" > "$work/holes.csv"
train --synth rows=120 --hidden 2 --latent 1
train --synth rows=120 --hidden 4,3 --latent 2
train --data "$work/rows.csv" --label label --hidden 3 --latent 1 --train-on normal
train --data "$work/rows.csv" --ignore label --hidden 3 --latent 2 --calibrate-on holdout
train --data "$work/holes.csv" --label label --missing mean --hidden 2 --latent 1
train --data "$work/holes.csv" --label label --missing drop --hidden 2,2,2 --latent 1 --patience 1
for score in nll elbo mahalanobis reconstruction-probability combined; do
  train --synth rows=120 --hidden 3 --latent 2 --score "$score"
  train --synth rows=120 --hidden 3 --latent 1 --score "$score" --likelihood gaussian
done
for score in joint-mahalanobis neighbours histogram isolation density; do
  train --data "$work/rows.csv" --label label --hidden 3 --latent 1 --clip 8 --score "$score"
done
"$EDGEVAE" calibrate --quiet --model "$work/3/model.evae" --data "$work/rows.csv" --threshold 3 --out "$work/by-hand.evae"

for score in mse mahalanobis; do
  train --synth rows=200 --hidden 3 --latent 2 --score "$score" --quantize
done

# Raw rows: a category, a missing cell that is told to the network, windows of both kinds.
awk -F, -v OFS=, 'NR == 1 { print "mode", $0; next } { print (NR % 3 ? "run" : "idle"), $0 }' "$work/holes.csv" > "$work/raw.csv"
for window in "" "--window 3 --window-features lags" "--window 4 --stride 2 --window-features summary"; do
  train --data "$work/raw.csv" --label label --missing indicator --hidden 3 --latent 1 --clip 8 $window
done

little_endian() { # NUMBER BYTES
  local number=$1 byte
  for ((byte = 0; byte < $2; byte++)); do printf "\\x$(printf %02x $((number >> 8 * byte & 255)))"; done
}
record() { # SEQUENCE MODEL_LEN: the record of a file that begins at byte 32, with its checksum, and the gap behind it
  { printf EVSL; little_endian "$1" 4; little_endian 32 4; little_endian "$2" 4; } > "$work/record"
  cat "$work/record"
  # The checksum in the trailer of a gzip file is the same CRC-32.
  gzip -c "$work/record" | tail -c 8 | head -c 4
  printf '\377%.0s' {1..12}
}

models=("$work"/*/model*.evae "$work/by-hand.evae" ../crates/edgevae-core/tests/data/*.evae)
for model in "${models[@]}"; do
  name=$(sha1sum < "$model" | cut -c1-16)
  cp "$model" "corpus/loader/$name"
  # A sample behind the file: 1.0, -0.0, the largest f32, a subnormal, NaN.
  { cat "$model"; printf '\0\0\200?\0\0\0\200\377\377\177\177\1\0\0\0\0\0\300\177'; } > "corpus/scorer/$name"
  cp "$model" "corpus/scorer/$name-zero"
  # The file in one of two slots, the other erased; and in both, where the input has room for it.
  size=$(stat -c %s "$model")
  { little_endian $((32 + size)) 2; record 7 "$size"; cat "$model"; printf '\377%.0s' {1..64}; } > "corpus/slots/$name-first"
  { little_endian 64 2; printf '\377%.0s' {1..64}; record 7 "$size"; cat "$model"; } > "corpus/slots/$name-second"
  { little_endian $((32 + size)) 2; for sequence in 7 8; do record $sequence "$size"; cat "$model"; done; } > "corpus/slots/$name-both"
done
for data in "$work"/*.csv "$work"/*/history.csv "$work"/*/scores.csv; do
  for choice in 0 4 64 196 36 49; do
    { printf "\\$(printf %o "$choice")"; head -n 6 "$data"; } > "corpus/csv/$(basename "$(dirname "$data")")-$(basename "$data")-$choice"
  done
done
printf '\0\357\273\277"a b";c;"d""e"\r\n1e3;-0.0;"5"\r\n\r\n;NaN;inf\r\n' > corpus/csv/quoted
for run in "$work"/[0-9]*; do cp "$run/config.toml" "corpus/config/$(basename "$run")"; done
printf 'synth = "rows=20,shift=2"\nhidden = [8, 4]\nbeta-schedule = "cyclical"\n' > corpus/config/synth
for target in loader scorer slots csv config; do echo "$(ls "corpus/$target" | wc -l) seeds for $target"; done
