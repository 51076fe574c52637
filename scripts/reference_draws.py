#!/usr/bin/env python3
"""How much of the reference result is the luck of the draw: the construction of `edgevae synth` drawn by NumPy instead.

    python3 -m venv runs/venv && runs/venv/bin/pip install numpy
    runs/venv/bin/python scripts/reference_draws.py target/release/edgevae [SEEDS]

Each seed draws 10,000 rows as docs/EXPERIMENTS.md describes them; `edgevae train --preset reference` does the rest.
"""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

edgevae, seeds = Path(sys.argv[1]).resolve(), int(sys.argv[2]) if sys.argv[2:] else 30


def draw(seed):
    rng = np.random.default_rng(seed)

    def unit():
        direction = rng.normal(size=10)
        return direction / np.linalg.norm(direction)

    means = 2.5 * np.stack([unit() for _ in range(3)])
    normal = means[rng.integers(0, 3, 9800)] + np.sqrt(0.5) * rng.normal(size=(9800, 10))
    anomalous = means.mean(0) + 3 * unit() + np.sqrt(2) * rng.normal(size=(200, 10))
    table = np.c_[np.vstack([normal, anomalous]), np.r_[np.zeros(9800), np.ones(200)]]
    return table[rng.permutation(len(table))]


aucs = []
for seed in range(seeds):
    with tempfile.TemporaryDirectory() as folder:
        header = ",".join([f"f{i}" for i in range(10)] + ["label"])
        np.savetxt(f"{folder}/rows.csv", draw(seed), delimiter=",", header=header, comments="", fmt="%.6g")
        both = []
        for train_on in ("all", "normal"):
            flags = ["--preset", "reference", "--data", "rows.csv", "--label", "label", "--seed", str(seed), "--train-on", train_on, "--out", train_on]
            subprocess.run([edgevae, "train", *flags, "--quiet"], cwd=folder, check=True)
            with open(f"{folder}/{train_on}/metrics.json") as metrics:
                both.append(json.load(metrics)["roc_auc"])
        aucs.append(both)
for name, chosen in (("seeds 0 to 4", aucs[:5]), (f"seeds 0 to {seeds - 1}", aucs)):
    mean, deviation = np.mean(chosen, axis=0), np.std(chosen, axis=0, ddof=1)
    print(f"{name}: all rows {mean[0]:.4f} ± {deviation[0]:.4f}, normal rows {mean[1]:.4f} ± {deviation[1]:.4f}")
