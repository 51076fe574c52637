#!/usr/bin/env python3
"""ROC-AUC of the reference system beside the same network in PyTorch, both fitted and tested on the same rows.

    scripts/torch_twin.py EDGEVAE TWIN.py [SEEDS] [-- SYNTH...]

TWIN.py takes TRAIN.csv TEST.csv --seed N and prints JSON with `roc_auc` and `fit_seconds`; PYTHON names the interpreter that has
torch (python3 otherwise). Each seed draws the reference data by `edgevae synth` (SYNTH: its options, as in `-- --shift 2`); four fifths
of the rows train, all of them (`all`) or the normal ones (`normal`).
"""
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path


def roc_auc(scores, labels):
    """Share of pairs of an anomaly and a normal row in which the anomaly scores higher; ties count one half."""
    ranks, ordered = {}, sorted(scores)
    for rank, score in enumerate(ordered, 1):
        ranks.setdefault(score, []).append(rank)
    anomalies = sum(labels)
    total = sum(statistics.mean(ranks[score]) for score, label in zip(scores, labels) if label)
    return (total - anomalies * (anomalies + 1) / 2) / (anomalies * (len(labels) - anomalies))


def write(path, header, rows):
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def output(*command):
    """Standard output of a command that must succeed."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(done.args)}\n{done.stderr}")
    return done.stdout


def measure(edgevae, twin, seed, synth, train_on, folder):
    """ROC-AUC of both on one draw."""
    output(edgevae, "synth", "--seed", seed, *synth, "--out", f"{folder}/all.csv")
    header, *rows = csv.reader(open(f"{folder}/all.csv"))
    label = header.index("label")
    test = rows[::5]
    train = [row for at, row in enumerate(rows) if at % 5 and (train_on == "all" or row[label] == "0")]
    write(f"{folder}/train.csv", header, train)
    write(f"{folder}/test.csv", header, test)
    run = ["--preset", "reference", "--label", "label", "--seed", seed, "--test-fraction", "0.01", "--quiet", "--out", f"{folder}/run"]
    output(edgevae, "train", "--data", f"{folder}/train.csv", *run)
    scored = output(edgevae, "score", "--model", f"{folder}/run/model.evae", "--data", f"{folder}/test.csv")
    scores = [float(row["score"]) for row in csv.DictReader(scored.splitlines())]
    ours = roc_auc(scores, [row[label] == "1" for row in test])
    python = os.environ.get("PYTHON", "python3")
    theirs = json.loads(output(python, twin, f"{folder}/train.csv", f"{folder}/test.csv", "--seed", seed))["roc_auc"]
    return ours, theirs


def main():
    arguments = sys.argv[1:]
    at = arguments.index("--") if "--" in arguments else len(arguments)
    (edgevae, twin, *seeds), synth = arguments[:at], arguments[at + 1 :]
    edgevae = Path(edgevae).resolve()
    for train_on in ("all", "normal"):
        pairs = []
        for seed in range(int(seeds[0]) if seeds else 5):
            with tempfile.TemporaryDirectory() as folder:
                pairs.append(measure(edgevae, twin, seed, synth, train_on, folder))
                print(f"{train_on:7} seed {seed}   edgevae {pairs[-1][0]:.4f}   PyTorch {pairs[-1][1]:.4f}", flush=True)
        for name, values in zip(("edgevae", "PyTorch"), zip(*pairs)):
            print(f"{train_on:7} {name} {statistics.mean(values):.4f}, least {min(values):.4f}")


if __name__ == "__main__":
    main()
