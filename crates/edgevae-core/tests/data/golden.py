#!/usr/bin/env python3
"""Scores of the small test model in float64, from the formulas alone.

    python3 golden.py        # prints the constants of tests/score.rs

The model has 3 inputs, layers 5 (ReLU), 2 (mu), 4 (ReLU), 3; number k of its tensors is tensor(k).
"""

IN, LAYERS = 3, [(5, True), (2, False), (4, True), (3, False)]
MEAN, RECIPROCAL = [20.0, -3.0, 101300.0], [0.5, 4.0, 0.03125]


def tensor(k):
    return ((k * 37) % 101 - 50) / 64


def score(sample):
    x = [(s - m) * r for s, m, r in zip(sample, MEAN, RECIPROCAL)]
    k, a = 0, x
    for outputs, relu in LAYERS:
        weight = [[tensor(k + o * len(a) + i) for i in range(len(a))] for o in range(outputs)]
        k += outputs * len(a)
        bias = [tensor(k + o) for o in range(outputs)]
        k += outputs
        y = [b + sum(w * v for w, v in zip(row, a)) for b, row in zip(bias, weight)]
        a = [max(v, 0.0) for v in y] if relu else y
    errors = [(v - h) ** 2 for v, h in zip(x, a)]
    return sum(errors) / IN, errors


for sample in ([20.0, -3.0, 101300.0], [21.5, -2.75, 101364.0], [17.0, -3.5, 101250.0], [35.0, 1.0, 99999.0]):
    s, errors = score(sample)
    print(f"({sample}, {s!r}, {errors!r}),")
