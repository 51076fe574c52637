#!/usr/bin/env python3
"""What a mixture of Gaussians, the very form of the reference data, reaches on the splits of `edgevae train`.

    python3 -m venv runs/venv && runs/venv/bin/pip install numpy scikit-learn
    runs/venv/bin/python scripts/mixture.py target/release/edgevae [--synth shift=2,variance=1] [--seeds 0..4]

For each seed: the rows of `edgevae synth`, the split of `edgevae train`; three Gaussians with one covariance, fitted
to all training rows (anomalies among them, no labels) and to the normal ones alone; the negative log-likelihood of the test
rows is the score.
"""
import argparse
import csv
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.mixture import GaussianMixture

parser = argparse.ArgumentParser()
parser.add_argument("edgevae")
parser.add_argument("--synth", default="", metavar="NAME=VALUE,...")
parser.add_argument("--seeds", default="0..4", metavar="FIRST..LAST")
options = parser.parse_args()
edgevae = Path(options.edgevae).resolve()
first, last = map(int, options.seeds.split(".."))
flags = [f"--{name}={value}" for name, value in (pair.split("=") for pair in options.synth.split(",") if pair)]
results = {"all rows": [], "normal rows": []}
for seed in range(first, last + 1):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([edgevae, "synth", "--seed", str(seed), "--out", "rows.csv", *flags], cwd=folder, check=True, capture_output=True)
        train = [edgevae, "train", "--data", "rows.csv", "--label", "label", "--seed", str(seed), "--epochs", "1", "--quiet", "--out", "run"]
        subprocess.run(train, cwd=folder, check=True, capture_output=True)
        table = np.loadtxt(f"{folder}/rows.csv", delimiter=",", skiprows=1)
        with open(f"{folder}/run/scores.csv") as scores:
            test = np.array([int(row["row"]) - 1 for row in csv.DictReader(scores)])
    x, y = table[:, :-1], table[:, -1]
    training = np.setdiff1d(np.arange(len(x)), test)
    for name, fitted in (("all rows", training), ("normal rows", training[y[training] == 0])):
        mixture = GaussianMixture(3, covariance_type="tied", n_init=5, random_state=seed).fit(x[fitted])
        score = -mixture.score_samples(x[test])
        results[name].append((roc_auc_score(y[test], score), average_precision_score(y[test], score)))
for name, pairs in results.items():
    mean, deviation = np.mean(pairs, axis=0), np.std(pairs, axis=0, ddof=1)
    print(f"{name}: ROC-AUC {mean[0]:.4f} ± {deviation[0]:.4f}, average precision {mean[1]:.4f} ± {deviation[1]:.4f}")
