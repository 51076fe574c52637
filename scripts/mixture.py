#!/usr/bin/env python3
"""What a mixture of Gaussians, the very form of the reference data, reaches on the splits of `edgevae train`.

    python3 -m pip install numpy scikit-learn
    scripts/mixture.py target/release/edgevae [--synth shift=2,variance=1]

For each of five seeds: the rows of `edgevae synth`, the split of `edgevae train`; three Gaussians with one covariance fitted
to all training rows, anomalies among them, no labels; the negative log-likelihood of the test rows is the score.
"""
import csv
import subprocess
import sys
import tempfile

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.mixture import GaussianMixture

edgevae, recipe = sys.argv[1], sys.argv[3] if sys.argv[2:3] == ["--synth"] else ""
flags = [f"--{name}={value}" for name, value in (pair.split("=") for pair in recipe.split(",") if pair)]
results = []
for seed in range(5):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([edgevae, "synth", "--seed", str(seed), "--out", "rows.csv", *flags], cwd=folder, check=True, capture_output=True)
        train = [edgevae, "train", "--data", "rows.csv", "--label", "label", "--seed", str(seed), "--epochs", "1", "--quiet", "--out", "run"]
        subprocess.run(train, cwd=folder, check=True, capture_output=True)
        table = np.loadtxt(f"{folder}/rows.csv", delimiter=",", skiprows=1)
        with open(f"{folder}/run/scores.csv") as scores:
            test = np.array([int(row["row"]) - 1 for row in csv.DictReader(scores)])
    x, y = table[:, :-1], table[:, -1]
    fitted = np.setdiff1d(np.arange(len(x)), test)
    mixture = GaussianMixture(3, covariance_type="tied", n_init=5, random_state=seed).fit(x[fitted])
    score = -mixture.score_samples(x[test])
    results.append((roc_auc_score(y[test], score), average_precision_score(y[test], score)))
    print(f"seed {seed}: ROC-AUC {results[-1][0]:.4f}, average precision {results[-1][1]:.4f}")
mean, deviation = np.mean(results, axis=0), np.std(results, axis=0, ddof=1)
print(f"mean: ROC-AUC {mean[0]:.4f} ± {deviation[0]:.4f}, average precision {mean[1]:.4f} ± {deviation[1]:.4f}")
