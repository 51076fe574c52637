#!/usr/bin/env bash
# Builds the firmware of every real board, or of those that are named, for its own target.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
toolchain=$("$here/setup.sh" --toolchain)
boards=("$@")
[ ${#boards[@]} != 0 ] || boards=(stm32f4-discovery nrf52840-dk raspberry-pi-pico esp32-c3)
for board in "${boards[@]}"; do
  # From its own folder: there lies the configuration that names its target and its link scripts.
  (cd "$here/boards/$board" && cargo ${toolchain:+"$toolchain"} build --quiet --locked --release --target-dir "${CARGO_TARGET_DIR:-$here/target}")
  echo "$board: builds"
done
