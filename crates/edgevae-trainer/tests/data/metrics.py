#!/usr/bin/env python3
"""ROC-AUC, average precision and quantiles in float64, by definition and not by the formulas of the crate.

    python3 metrics.py > metrics.csv        # Python 3 alone

Each line: name, then score:label pairs separated by blanks, then ROC-AUC, average precision, 0.5, 0.95 and 0.99 quantile of the
scores. AUC counts every pair of an anomaly and a normal row, ties one half. Average precision walks down the distinct scores.
Scores are multiples of 1/1024, so that float32 holds them exactly.
"""
import math


def auc(rows):
    pos = [s for s, y in rows if y]
    neg = [s for s, y in rows if not y]
    return sum((p > n) + 0.5 * (p == n) for p in pos for n in neg) / (len(pos) * len(neg))


def average_precision(rows):
    total, recall, ap = sum(y for _, y in rows), 0.0, 0.0
    for cut in sorted({s for s, _ in rows}, reverse=True):
        flagged = [y for s, y in rows if s >= cut]
        now = sum(flagged) / total
        ap += (now - recall) * sum(flagged) / len(flagged)
        recall = now
    return ap


def quantile(rows, q):
    s = sorted(s for s, _ in rows)
    h = (len(s) - 1) * q
    return s[math.floor(h)] + (h - math.floor(h)) * (s[math.ceil(h)] - s[math.floor(h)])


def pseudo_random(n, levels, share, state):
    rows = []
    for _ in range(n):
        draws = []
        for _ in range(2):
            state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
            draws.append((state >> 33) / 2**31)
        y = int(draws[0] < share)
        rows.append((math.floor((draws[1] + 0.3 * y) * levels) * (1024 // levels) / 1024, y))
    return rows


cases = {
    "separated": [(0.25, 0), (0.5, 0), (0.75, 1), (1.0, 1)],
    "inverted": [(0.25, 1), (0.5, 1), (0.75, 0), (1.0, 0)],
    "all_tied": [(0.5, 0), (0.5, 1), (0.5, 0), (0.5, 0)],
    "partly_tied": [(0.125, 0), (0.5, 1), (0.5, 0), (0.5, 1), (0.75, 0), (1.0, 1)],
    "fine": pseudo_random(300, 1024, 0.1, 1),
    "coarse": pseudo_random(300, 8, 0.3, 2),
    "rare": pseudo_random(1000, 256, 0.01, 3),
}
for name, rows in cases.items():
    pairs = " ".join(f"{s!r}:{y}" for s, y in rows)
    print(name, pairs, repr(auc(rows)), repr(average_precision(rows)), *(repr(quantile(rows, q)) for q in (0.5, 0.95, 0.99)), sep=",")
