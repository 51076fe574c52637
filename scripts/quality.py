#!/usr/bin/env python3
"""Detection quality of `edgevae` on labelled data sets, beside Mahalanobis distance and kNN computed in the same run.

    python3 -m pip install numpy
    scripts/quality.py                       every protocol and variant below, seeds 0 to 2, into docs/QUALITY.md
    scripts/quality.py --variants auto --seeds 0 --sets nab_,wine   one variant on some sets; prints, changes no file

A folder of data sets (EDGEVAE_DATA, else ../shared/data beside the repository) holds one CSV for each, with a column
`label` of 0 and 1. What a run gave is kept in runs/quality.csv (another file: --store), and a second start goes on from
there; remove it after a change of the code.

Protocols:
  oneclass       train on a random half of the normal rows, test on the others and every anomaly
  unsup          train on 70 % of each class, no labels, test on 30 %
  chronological  train on the first half of the normal rows in the order of the file, test on the others and every anomaly
More than 10,000 test rows: a stratified 10,000 of them. No run sees a label. Where the training rows are normal, `edgevae`
is told so: `--contamination 0`, the one thing that a user knows there.
"""
import argparse
import concurrent.futures
import csv
import functools
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATA = pathlib.Path(os.environ.get("EDGEVAE_DATA", ROOT / "../shared/data"))
STORE = ROOT / "runs/quality.csv"
SENSORS = ("skab_", "cmapss_", "nab_", "smap_")
FIELDS = "protocol variant set seed roc_auc average_precision bytes multiply_adds fit_seconds error".split()

# Name of a variant: options of `edgevae train`, beside `--contamination 0` where the training rows are normal.
VARIANTS = {
    "auto": [],
    "reference": ["--preset", "reference"],
    "without neighbours": ["--without", "neighbours"],
    "without joint-mahalanobis": ["--without", "joint-mahalanobis"],
    "without the histogram": ["--without", "histogram"],
    "without trimming": ["--contamination", "1e-9"],
    "a fifth left out": ["--contamination", "0.2"],
    "without clipping": ["--clip", "1e9"],
    "clipped at 8": ["--clip", "8"],
    "without the floor on steps: 20 epochs": ["--preset", "auto", "--epochs", "20"],
    "without warm-up of beta": ["--preset", "auto", "--beta-schedule", "constant"],
    "in 16 KiB": ["--flash-budget", "16K"],
    "with robust scaling": ["--scaling", "robust"],
    "with input noise 0.3": ["--preset", "auto", "--input-noise", "0.3"],
    "with early stopping": ["--preset", "auto", "--patience", "20"],
    "one network instead of 3": ["--preset", "auto", "--members", "1"],
    "beta 1 instead of 3": ["--preset", "auto", "--beta", "1"],
}
TRIMMING = ["without trimming", "a fifth left out"]
ABLATION = [name for name in VARIANTS if name not in ("auto", "reference", *TRIMMING)]
ABLATIONS = {"oneclass": ABLATION, "unsup": [*ABLATION, *TRIMMING], "chronological": []}
PEERS = ["Mahalanobis", "kNN"]


@functools.cache
def load(name):
    with open(DATA / f"{name}.csv") as file:
        rows = csv.reader(file)
        head = next(rows)
        table = np.array([[float(value) for value in row] for row in rows])
    label = head.index("label")
    return [column for column in head if column != "label"], np.delete(table, label, 1), table[:, label].astype(int)


def stratified(labels, fraction, random):
    chosen = np.zeros(len(labels), bool)
    for label in (0, 1):
        rows = random.permutation(np.where(labels == label)[0])
        chosen[rows[: int(round(fraction * len(rows)))]] = True
    return chosen


def split(labels, protocol, seed):
    random = np.random.RandomState(1000 + seed)
    train = np.zeros(len(labels), bool)
    normal = np.where(labels == 0)[0]
    if protocol == "unsup":
        train = stratified(labels, 0.7, random)
    elif protocol == "oneclass":
        train[random.permutation(normal)[: len(normal) // 2]] = True
    else:
        train[normal[: len(normal) // 2]] = True
    test = np.where(~train)[0]
    if len(test) > 10_000:
        test = test[stratified(labels[test], 10_000 / len(test), np.random.RandomState(seed))]
    return np.where(train)[0], test


def roc_auc(labels, scores):
    _, inverse, count = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    rank = ((last - count + 1) + last)[inverse] / 2
    anomalies, normals = (labels == 1).sum(), (labels == 0).sum()
    return (rank[labels == 1].sum() - anomalies * (anomalies + 1) / 2) / (anomalies * normals)


def average_precision(labels, scores):
    order = np.argsort(-scores, kind="stable")
    scores, labels = scores[order], labels[order]
    end = np.r_[np.where(np.diff(scores))[0], len(scores) - 1]
    found = np.cumsum(labels)[end]
    return float(np.sum(np.diff(np.r_[0, found / labels.sum()]) * found / (end + 1)))


def peer(method, train, test, seed):
    """Scores on standardised features: Mahalanobis distance, or mean distance to the 5 nearest of 5,000 training rows."""
    deviation = train.std(0)
    deviation[deviation == 0] = 1
    train, test = (train - train.mean(0)) / deviation, (test - train.mean(0)) / deviation
    if method == "Mahalanobis":
        inverse = np.linalg.pinv(np.atleast_2d(np.cov(train.T)) + 1e-6 * np.eye(train.shape[1]))
        return np.einsum("ij,jk,ik->i", test, inverse, test)
    if len(train) > 5000:
        train = train[np.random.RandomState(seed).permutation(len(train))[:5000]]
    squares, nearest = (train**2).sum(1), []
    for part in np.array_split(test, len(test) // 1000 + 1):
        distances = np.maximum((part**2).sum(1)[:, None] + squares - 2 * part @ train.T, 0)
        nearest.append(np.sqrt(np.partition(distances, min(5, len(train)) - 1, 1)[:, :5]).mean(1))
    return np.concatenate(nearest)


def write(path, head, table):
    with open(path, "w") as file:
        file.write(",".join(head) + "\n")
        file.writelines(",".join(repr(float(value)) for value in row) + "\n" for row in table)


def edgevae(binary, options, folder, seed):
    """Scores of the test rows, bytes of the model, multiply-adds of a row, processor seconds of `edgevae train` on one thread."""

    def call(*words):
        """What the command prints, and its processor time, which does not depend on what else the machine does."""
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
            process = subprocess.Popen([binary, *words], cwd=folder, stdout=out, stderr=errors)
            timer = threading.Timer(1800, process.kill)
            timer.start()
            _, status, usage = os.wait4(process.pid, 0)
            timer.cancel()
            process.returncode = os.waitstatus_to_exitcode(status)
            out.seek(0), errors.seek(0)
            if process.returncode:
                raise RuntimeError((errors.read().strip().splitlines() or [f"ended with {process.returncode}"])[-1])
            return out.read(), usage.ru_utime + usage.ru_stime

    fixed = ["--test-fraction", "0", "--seed", str(seed), "--threads", "1", "--quiet", "--force"]
    _, seconds = call("train", "--data", "train.csv", "--out", "run", *fixed, *options)
    call("score", "--model", "run/model.evae", "--data", "test.csv", "--out", "scores.csv")
    with open(f"{folder}/scores.csv") as file:
        scores = np.array([float(row["score"]) for row in csv.DictReader(file)])
    size = os.path.getsize(f"{folder}/run/model.evae")
    return scores, size, json.loads(call("inspect", "run/model.evae", "--json")[0])["multiply_adds"], seconds


def run(binary, protocol, name, seed, variants):
    """One split of one set by several variants."""
    head, table, labels = load(name)
    train, test = split(labels, protocol, seed)
    labels, rows = labels[test], []
    with tempfile.TemporaryDirectory() as folder:
        write(f"{folder}/train.csv", head, table[train])
        write(f"{folder}/test.csv", head, table[test])
        for variant in variants:
            size, operations, seconds, error = "", "", "", ""
            try:
                if variant in PEERS:
                    scores = peer(variant, table[train], table[test], seed)
                else:
                    clean = ["--contamination", "0"] if protocol != "unsup" else []
                    scores, size, operations, seconds = edgevae(binary, VARIANTS[variant] + clean, folder, seed)
                area, precision = roc_auc(labels, scores), average_precision(labels, scores)
            except RuntimeError as failure:
                # Counts as a coin toss.
                area, precision, error = 0.5, labels.mean(), str(failure)
            values = [protocol, variant, name, seed, area, precision, size, operations, seconds, error]
            rows.append(dict(zip(FIELDS, values)))
    return rows


def chosen(arguments):
    """Every run as (protocol, variant, set, seed)."""
    names = sorted(path.stem for path in DATA.glob("*.csv") if path.stem != "INDEX")
    if arguments.sets:
        names = [name for name in names if name.startswith(tuple(arguments.sets.split(",")))]
    for protocol in arguments.protocols.split(","):
        own = arguments.variants.split(",") if arguments.variants else ["auto", "reference", *PEERS, *ABLATIONS[protocol]]
        for variant in own:
            # An ablation tells by its difference from one seed of `auto`; the peers hardly depend on the seed.
            once = variant in ABLATIONS[protocol] or variant in PEERS
            seeds = arguments.seeds[:1] if once else arguments.seeds
            for name in names:
                if protocol != "chronological" or name.startswith(SENSORS):
                    yield from ((protocol, variant, name, seed) for seed in seeds)


def mean(rows, field, names=None, seeds=None):
    """In percent, over sets of the mean over seeds."""
    sets = {}
    for row in rows:
        if (names is None or row["set"] in names) and (seeds is None or int(row["seed"]) in seeds):
            sets.setdefault(row["set"], []).append(float(row[field]))
    return 100 * np.mean([np.mean(values) for values in sets.values()]) if sets else float("nan")


def mean_ranks(rows, methods, field):
    """Of each method, over sets of the mean over seeds; 1 is the best, equals share their ranks."""
    ranks = []
    for name in sorted({row["set"] for row in rows}):
        values = [mean([row for row in rows if row["variant"] == method], field, names=[name]) for method in methods]
        ranks.append([1 + sum(v > value for v in values) + (sum(v == value for v in values) - 1) / 2 for value in values])
    return np.mean(ranks, 0)


def tables(rows):
    """Markdown tables by name."""
    of = lambda protocol, variant: [row for row in rows if (row["protocol"], row["variant"]) == (protocol, variant)]
    both = lambda rows, **which: f"{mean(rows, 'roc_auc', **which):.2f} / {mean(rows, 'average_precision', **which):.2f}"
    made = {}
    lines = ["| | oneclass | unsup |", "|---|---|---|"]
    lines += [f"| {variant} | {both(of('oneclass', variant))} | {both(of('unsup', variant))} |" for variant in ["auto", "reference", *PEERS]]
    made["means"] = lines
    lines = ["| | oneclass | unsup |", "|---|---|---|"]
    ranks = {
        (protocol, field): mean_ranks([row for row in rows if row["protocol"] == protocol], ["auto", "reference", *PEERS], field)
        for protocol in ("oneclass", "unsup")
        for field in ("roc_auc", "average_precision")
    }
    for at, variant in enumerate(["auto", "reference", *PEERS]):
        cells = [f"{ranks[p, 'roc_auc'][at]:.2f} / {ranks[p, 'average_precision'][at]:.2f}" for p in ("oneclass", "unsup")]
        lines.append(f"| {variant} | {cells[0]} | {cells[1]} |")
    made["ranks"] = lines
    lines = ["| | " + " | ".join(f"{p}, {v}" for p in ("oneclass", "unsup") for v in ("auto", "reference")) + " |", "|---|---|---|---|---|"]
    for what, field, scale, digits in (("bytes of the model", "bytes", 1, 0), ("multiply-adds of a row", "multiply_adds", 1, 0), ("processor seconds of `train`", "fit_seconds", 1, 1)):
        cells = []
        for protocol in ("oneclass", "unsup"):
            for variant in ("auto", "reference"):
                values = [float(row[field]) for row in of(protocol, variant) if row[field] != ""]
                cells.append(f"{np.median(values):,.{digits}f} / {max(values):,.{digits}f}" if values else "not measured")
        lines.append(f"| {what} | " + " | ".join(cells) + " |")
    made["costs"] = lines
    for protocol, ablations in ABLATIONS.items():
        if ablations:
            whole = of(protocol, "auto")
            seeds = [min(int(row["seed"]) for row in whole)] if whole else []
            lines = ["| | ROC-AUC / AP |", "|---|---|", f"| auto | {both(whole, seeds=seeds)} |"]
            made[f"ablation-{protocol}"] = lines + [f"| {variant} | {both(of(protocol, variant), seeds=seeds)} |" for variant in ablations]
    methods = ["auto", "reference", *PEERS]
    names = sorted({row["set"] for row in rows if row["protocol"] == "chronological"})
    lines = ["| | " + " | ".join(methods) + " |", "|---" * (len(methods) + 1) + "|"]
    lines += [f"| {name} | " + " | ".join(both(of("chronological", method), names=[name]) for method in methods) + " |" for name in names]
    for label, protocol in (("mean", "chronological"), ("mean of the same sets, random halves", "oneclass")):
        lines.append(f"| {label} | " + " | ".join(both(of(protocol, method), names=names) for method in methods) + " |")
    made["chronological"] = lines
    pairs = [(protocol, method) for protocol in ("oneclass", "unsup") for method in methods]
    lines = ["| | " + " | ".join(f"{protocol}, {method}" for protocol, method in pairs) + " |", "|---" * (len(pairs) + 1) + "|"]
    for name in sorted({row["set"] for row in rows if row["protocol"] != "chronological"}):
        lines.append(f"| {name} | " + " | ".join(both(of(*pair), names=[name]) for pair in pairs) + " |")
    made["sets"] = lines
    return {name: "\n".join(lines) for name, lines in made.items()}


def main():
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--binary", default=str(ROOT / "target/release/edgevae"))
    words.add_argument("--protocols", default="oneclass,unsup,chronological")
    words.add_argument("--variants", help="comma-separated: " + ", ".join([*VARIANTS, *PEERS]))
    words.add_argument("--seeds", default="0,1,2", type=lambda text: [int(seed) for seed in text.split(",")])
    words.add_argument("--sets", help="beginnings of names, comma-separated")
    words.add_argument("--store", type=pathlib.Path, help="keeps the results of a part of the runs too")
    words.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = words.parse_args()
    whole = not (arguments.variants or arguments.sets) and arguments.protocols == words.get_default("protocols")

    keep = arguments.store or (STORE if whole else None)
    rows = list(csv.DictReader(open(keep))) if keep and keep.exists() else []
    done = {(row["protocol"], row["variant"], row["set"], int(row["seed"])) for row in rows}
    # The variants of a split go together; `auto` goes first.
    jobs = {}
    for protocol, variant, name, seed in chosen(arguments):
        if (protocol, variant, name, seed) not in done:
            jobs.setdefault((variant != "auto", seed, protocol, name), []).append(variant)
    print(f"{sum(map(len, jobs.values()))} runs, {len(done)} done before", file=sys.stderr)
    if keep:
        keep.parent.mkdir(exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool, open(keep or os.devnull, "a") as file:
        store = csv.DictWriter(file, FIELDS)
        if not done:
            store.writeheader()
        groups = [(protocol, name, seed, jobs[key]) for key in sorted(jobs) for _, seed, protocol, name in [key]]
        for made in pool.map(lambda group: run(arguments.binary, *group), groups):
            rows += made
            store.writerows(made)
            file.flush()
            for row in made:
                if row["error"]:
                    print("FAILED", *row.values(), file=sys.stderr)
    if not whole:
        for protocol, variant in sorted({(row["protocol"], row["variant"]) for row in rows}):
            own = [row for row in rows if (row["protocol"], row["variant"]) == (protocol, variant)]
            print(f"{protocol}, {variant}: ROC-AUC {mean(own, 'roc_auc'):.2f}, average precision {mean(own, 'average_precision'):.2f}, {len(own)} runs")
        return
    document = ROOT / "docs/QUALITY.md"
    text = document.read_text()
    for name, table in tables(rows).items():
        text = re.sub(rf"(<!-- table {name} -->\n).*?(<!-- end -->)", lambda match: f"{match[1]}\n{table}\n\n{match[2]}", text, flags=re.S)
    document.write_text(text)
    failed = sum(bool(row["error"]) for row in rows)
    print(f"docs/QUALITY.md holds the tables of {len(rows)} runs, {failed} failed", file=sys.stderr)


if __name__ == "__main__":
    main()
