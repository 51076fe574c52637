#!/usr/bin/env bash
# Builds the firmware of every real board, or of those that are named, for its own target; and sees that it refuses models
# of the kinds that its samples are not for.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
toolchain=$("$here/setup.sh" --toolchain)
boards=("$@")
[ ${#boards[@]} != 0 ] || boards=(stm32f4-discovery nrf52840-dk raspberry-pi-pico esp32-c3)
said=$(mktemp)
trap 'rm -f "$said"' EXIT
# The reference nets are what is embedded here.
unset EDGEVAE_MODEL
[ ! -e "$here/model.evae" ] || { echo "hardware.sh: firmware-example/model.evae is in the way of the reference nets; move it" >&2; exit 2; }

build() { # BOARD, from its own folder: there lies the configuration that names its target and its link scripts
  (cd "$here/boards/$1" && cargo ${toolchain:+"$toolchain"} rustc --quiet --locked --release --target-dir "${CARGO_TARGET_DIR:-$here/target}" -- -D warnings)
}
for board in "${boards[@]}"; do
  while IFS=, read -r numbers refusal; do
    if EDGEVAE_NUMBERS=$numbers build "$board" 2>"$said" || ! grep -q "this board takes float models of numbers; .* $refusal" "$said"; then
      cat "$said" >&2
      echo "hardware.sh: $board: a model of the kind $numbers is not refused by name" >&2
      exit 1
    fi
  done <<<"int8,is an int8 model
raw,takes raw rows"
  build "$board"
  echo "$board: builds, and refuses int8 models and raw rows"
done
