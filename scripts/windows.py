#!/usr/bin/env python3
"""What windows find on sensors in time, beside rows alone, into docs/QUALITY.md.

    python3 -m pip install numpy
    scripts/windows.py

`train --split chronological --test-fraction 0.5`: the first half of each file trains, without its anomalies and told so
(`--contamination 0`), the second half is scored. A window's score belongs to its last row and is held against the label
of that row; every variant is measured on the rows that all of them score. The data sets are those of scripts/quality.py.
"""
import argparse
import csv
import pathlib
import re
import subprocess
import tempfile

import numpy as np

from quality import DATA, ROOT, SENSORS, average_precision, load, roc_auc

VARIANTS = {
    "rows": [],
    "lags of 5": ["--window", "5", "--window-features", "lags"],
    "summary of 10": ["--window", "10", "--window-features", "summary"],
    "summary of 30": ["--window", "30", "--window-features", "summary"],
}


def scores(binary, name, options, seed, folder):
    """Scores of the test rows by their number in the file."""
    fixed = f"--label label --train-on normal --contamination 0 --split chronological --test-fraction 0.5 --seed {seed} --quiet --force"
    command = [binary, "train", "--data", str(DATA / f"{name}.csv"), "--out", folder, *fixed.split(), *options]
    subprocess.run(command, check=True)
    with open(f"{folder}/scores.csv") as file:
        return {int(row["row"]): float(row["score"]) for row in csv.DictReader(file)}


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--binary", default=str(ROOT / "target/release/edgevae"))
    words.add_argument("--seeds", default="0,1,2", type=lambda text: [int(seed) for seed in text.split(",")])
    arguments = words.parse_args()
    lines = ["| | " + " | ".join(VARIANTS) + " |", "|---" * (len(VARIANTS) + 1) + "|"]
    table = []
    for name in sorted(path.stem for path in DATA.glob("*.csv") if path.stem.startswith(SENSORS)):
        labels = load(name)[2]
        found = np.zeros((len(arguments.seeds), len(VARIANTS), 2))
        for at, seed in enumerate(arguments.seeds):
            with tempfile.TemporaryDirectory() as folder:
                by_row = [scores(arguments.binary, name, options, seed, folder) for options in VARIANTS.values()]
            rows = sorted(set.intersection(*map(set, by_row)))
            truth = labels[np.array(rows) - 1]
            for variant, by in enumerate(by_row):
                values = np.array([by[row] for row in rows])
                found[at, variant] = 100 * roc_auc(truth, values), 100 * average_precision(truth, values)
        table.append(found.mean(0))
        lines.append(f"| {name} | " + " | ".join(f"{area:.2f} / {precision:.2f}" for area, precision in table[-1]) + " |")
        print(lines[-1], flush=True)
    lines.append("| mean | " + " | ".join(f"{area:.2f} / {precision:.2f}" for area, precision in np.mean(table, 0)) + " |")
    print(lines[-1])
    document = ROOT / "docs/QUALITY.md"
    made = "\n".join(lines)
    pattern = r"(<!-- table windows -->\n).*?(<!-- end -->)"
    document.write_text(re.sub(pattern, lambda match: f"{match[1]}\n{made}\n\n{match[2]}", document.read_text(), flags=re.S))


if __name__ == "__main__":
    main()
