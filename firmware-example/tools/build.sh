#!/usr/bin/env bash
# Builds programs of boards/qemu for one emulated board and prints the paths of their images.
#
#   build.sh BOARD PROGRAM[,PROGRAM...] [CARGO FLAG...]
#
# EDGEVAE_MODEL is the model to embed (default: firmware-example/model.evae, else the reference net, in integers where
# EDGEVAE_NUMBERS is int8, for raw rows where it is raw). An int8 model is built for the very core, so that its kernel may
# use DSP extension or Helium.
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
board=${1:?usage: build.sh BOARD PROGRAM} programs=${2:?usage: build.sh BOARD PROGRAM}
shift 2
IFS=, read -r _ _ target _ _ _ _ _ cpu < <(grep "^$board," "$here/boards/qemu/boards.csv") ||
  { echo "build.sh: no board '$board'; boards: $(sed '1d;s/,.*//' "$here/boards/qemu/boards.csv" | xargs)" >&2; exit 2; }

toolchain=$("$here/setup.sh" --toolchain)
export EDGEVAE_BOARD=$board
[ -z "${EDGEVAE_MODEL:-}" ] || EDGEVAE_MODEL=$(realpath "$EDGEVAE_MODEL")
model=${EDGEVAE_MODEL:-$here/model.evae} numbers=${EDGEVAE_NUMBERS:-float32}
# The first byte of a model's header is 1 for integers; a shorter file is no model, and od's word on it helps nobody.
[ ! -r "$model" ] || [ "$(od -An -tu1 -j9 -N1 "$model" 2>/dev/null | tr -d ' ')" != 1 ] || numbers=int8
if [ "$numbers" = int8 ] && [ -n "$cpu" ]; then export RUSTFLAGS="${RUSTFLAGS:-} -C target-cpu=$cpu"; fi
folder=${CARGO_TARGET_DIR:-$here/target}
mkdir -p "$folder/images/$board"
# One build at a time, and a copy before the next: boards with the same target differ only in what is linked, so they
# share a folder and everything that is compiled below them.
exec 9>"$folder/images/lock"
flock 9
cargo ${toolchain:+"$toolchain"} build --quiet --locked --release --manifest-path "$here/Cargo.toml" --package qemu \
  $(printf -- '--bin %s ' ${programs//,/ }) --target "$target" --target-dir "$folder" "$@" >&2
for program in ${programs//,/ }; do
  cp "$folder/$target/release/$program" "$folder/images/$board/$program"
  echo "$folder/images/$board/$program"
done
