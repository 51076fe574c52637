#!/usr/bin/env bash
# Builds programs of boards/qemu for one emulated board and prints the paths of their images.
#
#   build.sh BOARD PROGRAM[,PROGRAM...] [CARGO FLAG...]
#
# EDGEVAE_MODEL is the model to embed (default: firmware-example/model.evae, else the reference net).
set -euo pipefail

here=$(cd "$(dirname "$0")/.." && pwd)
board=${1:?usage: build.sh BOARD PROGRAM} programs=${2:?usage: build.sh BOARD PROGRAM}
shift 2
IFS=, read -r _ _ target _ < <(grep "^$board," "$here/boards/qemu/boards.csv") ||
  { echo "build.sh: no board '$board'; boards: $(sed '1d;s/,.*//' "$here/boards/qemu/boards.csv" | xargs)" >&2; exit 2; }

toolchain=$("$here/setup.sh" --toolchain)
export EDGEVAE_BOARD=$board
[ -z "${EDGEVAE_MODEL:-}" ] || EDGEVAE_MODEL=$(realpath "$EDGEVAE_MODEL")
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
