#!/usr/bin/env python3
"""Would criteria without labels choose a better model than the shape of the data does?

    python3 -m pip install numpy
    scripts/criteria.py                      every data set
    scripts/criteria.py --most-rows 2000     the small ones: the table of docs/QUALITY.md

Each candidate is `train --preset auto` with one option changed, fitted with two seeds on one split of each data set of
scripts/quality.py. What could choose among them without a label:
  held-out objective   that of the validation rows (`--patience`), the smallest; only among candidates of the same beta, whose
                       objectives are the same quantity
  stability of ranks   Spearman's correlation between the scores that the two seeds give the test rows, the largest
"""
import argparse
import concurrent.futures
import csv
import os
import pathlib
import sys
import tempfile

import numpy as np

import quality

# Name of a candidate: options beside `--preset auto`. Early stopping that never stops gives validation rows.
VALIDATED = ["--patience", "100000"]
CANDIDATES = {
    "auto": [],
    "3 latents": ["--latent", "3"],
    "16 latents": ["--latent", "16"],
    "hidden layer of 8": ["--hidden", "8"],
    "beta 1": ["--beta", "1"],
    "beta 10": ["--beta", "10"],
}
# Where nothing is known about the training rows.
TRIMS = {"5 % left out": ["--contamination", "0.05"], "20 % left out": ["--contamination", "0.2"]}
SEEDS = (0, 1)


def candidates(protocol):
    return CANDIDATES if protocol == "oneclass" else CANDIDATES | TRIMS


def ranks(values):
    """From 1, equal values sharing the mean of theirs."""
    _, inverse, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return ((last - count + 1 + last) / 2)[inverse]


def measure(binary, protocol, name):
    """(ROC-AUC, average precision, held-out objective, stability) of each candidate, the first three as means over seeds."""
    head, table, labels = quality.load(name)
    train, test = quality.split(labels, protocol, 0)
    clean = ["--contamination", "0"] if protocol == "oneclass" else []
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        quality.write(f"{folder}/train.csv", head, table[train])
        quality.write(f"{folder}/test.csv", head, table[test])
        for candidate, options in candidates(protocol).items():
            scores, objectives = [], []
            for seed in SEEDS:
                scores.append(quality.edgevae(binary, ["--preset", "auto", *VALIDATED, *clean, *options], folder, seed)[0])
                with open(f"{folder}/run/history.csv") as file:
                    objectives.append(min(float(row["validation_objective"]) for row in csv.DictReader(file)))
            area = np.mean([quality.roc_auc(labels[test], of_seed) for of_seed in scores])
            precision = np.mean([quality.average_precision(labels[test], of_seed) for of_seed in scores])
            stability = np.corrcoef(ranks(scores[0]), ranks(scores[1]))[0, 1]
            found[candidate] = (area, precision, np.mean(objectives), stability)
    return found


def table(protocol, sets):
    """Lines of the table: what each way to choose comes to, as (name, ROC-AUC, average precision)."""
    names = list(candidates(protocol))
    same_beta = [name for name in names if not name.startswith("beta")]
    best = lambda among, of: lambda found: max(among, key=lambda name: of(found[name]))
    ways = {f"{name}, always": lambda found, name=name: name for name in names}
    ways["by the smallest held-out objective"] = best(same_beta, lambda values: -values[2])
    ways["by the most stable ranks"] = best(names, lambda values: values[3])
    ways["by the labels: the most that any choice can gain"] = best(names, lambda values: values[0])
    for way, choose in ways.items():
        chosen = [found[choose(found)] for found in sets]
        yield way, 100 * np.mean([values[0] for values in chosen]), 100 * np.mean([values[1] for values in chosen])


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--binary", default=str(quality.ROOT / "target/release/edgevae"))
    words.add_argument("--most-rows", type=int, default=10**9)
    words.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = words.parse_args()
    names = sorted(path.stem for path in pathlib.Path(quality.DATA).glob("*.csv") if path.stem != "INDEX")
    names = [name for name in names if len(quality.load(name)[2]) <= arguments.most_rows]
    columns = {}
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for protocol in ("oneclass", "unsup"):
            sets = list(pool.map(lambda name: measure(arguments.binary, protocol, name), names))
            columns[protocol] = {way: f"{area:.2f} / {precision:.2f}" for way, area, precision in table(protocol, sets)}
            print(f"{protocol}: {len(names)} sets", file=sys.stderr)
    print("| | oneclass | unsup |\n|---|---|---|")
    for way, cell in columns["unsup"].items():
        print(f"| {way} | {columns['oneclass'].get(way, '')} | {cell} |")


if __name__ == "__main__":
    main()
