#!/usr/bin/env bash
# Float against int8 on every data set of a folder, as the table of docs/QUANTIZATION.md.
#
#   scripts/quantize_table.sh DATA_FOLDER [TRAIN FLAG...]
#
# DATA_FOLDER holds CSV files with a column `label`. Each is trained on with the preset reference (and the flags given), quantized
# with its normal rows, and scored as a whole by both models. Where rounding alone loses more than 0.002 of the ROC-AUC, or makes
# a score error above 5 %, it is quantized again with --qat 10, and a second table says what that brings. EDGEVAE is the binary
# (default: target/release/edgevae, built first).
#
# Exit code 1 where rounding alone costs more than it may: a loss of ROC-AUC of 0.002 in the mean or of 0.01 in one data set, or
# less than 99.5 % of equal verdicts in one.
set -euo pipefail

data=${1:?usage: scripts/quantize_table.sh DATA_FOLDER [TRAIN FLAG...]}
shift
here=$(cd "$(dirname "$0")/.." && pwd)
if [ -z "${EDGEVAE:-}" ]; then
  cargo build --quiet --release --locked --manifest-path "$here/Cargo.toml" --package edgevae-cli
  EDGEVAE=${CARGO_TARGET_DIR:-$here/target}/release/edgevae
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

for file in "$data"/*.csv; do
  name=$(basename "$file" .csv)
  sed -n 1p "$file" | tr -d '\r' | tr ',' '\n' | grep -qx label || continue
  "$EDGEVAE" train --data "$file" --label label --preset reference --out "$scratch/$name" --quiet "$@" 2>/dev/null
  quantize=("$EDGEVAE" quantize --model "$scratch/$name/model.evae" --data "$file" --label label --quiet)
  "${quantize[@]}" --out "$scratch/$name.evae" --report "$scratch/$name.json" 2>"$scratch/said"
  if grep -q -- --qat "$scratch/said"; then
    "${quantize[@]}" --qat 10 --out "$scratch/$name-qat.evae" --report "$scratch/$name-qat.json" 2>/dev/null
  fi
  echo "$name" >>"$scratch/names"
done

python3 - "$scratch" <<'PYTHON'
import json, pathlib, sys

folder = pathlib.Path(sys.argv[1])
names = (folder / "names").read_text().split()
print("| Data set | Rows | ROC-AUC float | int8 | AP float | int8 | Same verdict | Rank correlation | Tail kept |")
print("|---|---|---|---|---|---|---|---|---|")
number = lambda value, digits=4: "not measured" if value is None else f"{value:.{digits}f}"
losses = {"roc_auc": [], "average_precision": []}
agreement = []
for name in names:
    report = json.loads((folder / f"{name}.json").read_text())
    float_, int8 = report["float"], report["int8"]
    for key, values in losses.items():
        if float_[key] is not None and int8[key] is not None:
            values.append((float_[key] - int8[key], name))
    agreement.append((report["agreement"], name))
    print(f"| {name} | {report['rows']} | {number(float_['roc_auc'])} | {number(int8['roc_auc'])} "
          f"| {number(float_['average_precision'])} | {number(int8['average_precision'])} "
          f"| {100 * report['agreement']:.2f} % | {number(report['rank_correlation'])} | {100 * report['tail']['kept']:.1f} % |")
print()
mean = lambda values: sum(value for value, _ in values) / len(values)
for title, key in [("ROC-AUC", "roc_auc"), ("average precision", "average_precision")]:
    worst, name = max(losses[key])
    print(f"Loss of {title}: mean {mean(losses[key]):.4f}, worst {worst:.4f} ({name}).")
tuned = [(name, folder / f"{name}-qat.json") for name in names]
tuned = [(name, json.loads(path.read_text())) for name, path in tuned if path.exists()]
least, name = min(agreement)
print(f"Same verdict: mean {100 * mean(agreement):.2f} % of the rows, least {100 * least:.2f} % ({name}).")
auc = losses["roc_auc"]
broken = [f"mean loss of ROC-AUC {mean(auc):.4f}, expected 0.002 at most"] if mean(auc) > 0.002 else []
broken += [f"{name}: loss of ROC-AUC {loss:.4f}, expected 0.01 at most" for loss, name in auc if loss > 0.01]
broken += [f"{name}: same verdict {100 * share:.2f} %, expected 99.5 % at least" for share, name in agreement if share < 0.995]
if tuned:
    print("\n| Data set | ROC-AUC float | rounded | --qat 10 | AP float | rounded | --qat 10 | Score error rounded | --qat 10 |")
    print("|---|---|---|---|---|---|---|---|---|")
for name, report in tuned:
    plain = json.loads((folder / f"{name}.json").read_text())
    cells = [number(side[key]) for key in losses for side in (report["float"], plain["int8"], report["int8"])]
    errors = [100 * report["tuned"][key] for key in ("score_error_before", "score_error")]
    print(f"| {name} | {' | '.join(cells)} | {errors[0]:.2f} % | {errors[1]:.2f} % |")
if broken:
    sys.exit("\n".join(["quantize_table.sh: rounding costs more than it may:", *broken]))
PYTHON
