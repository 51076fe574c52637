#!/usr/bin/env python3
"""Scores of the small test model in float64, from the formulas alone.

    python3 golden.py > golden.in        # what the tests include

The model has 3 inputs, layers 5 (ReLU), 2 (mu), 4 (ReLU), 3; number k of its tensors is tensor(k). Beside mu stands a
layer for the posterior's log variance, beside the last layer one for the decoder's; number k of either is small(k).
"""
from math import exp, log, pi, sqrt

IN, LAYERS = 3, [(5, True), (2, False), (4, True), (3, False)]
MEAN, RECIPROCAL = [20.0, -3.0, 101300.0], [0.5, 4.0, 0.03125]
LATENT_MEAN, WHITENING = [0.25, -0.5], [[1.5], [-0.75, 2.0]]
NOISE = [[-0.5, -0.25], [0.0, 0.25], [0.5, 0.75]]
STEP, RATE, KNOTS = 0.75, 0.125, [-8.0, 4.0, 20.0, 90.0]


def tensor(k):
    return ((k * 37) % 101 - 50) / 64


def small(k):
    return ((k * 37) % 101 - 50) / 256


def dense(number, k, outputs, a):
    weight = [[number(k + o * len(a) + i) for i in range(len(a))] for o in range(outputs)]
    bias = [number(k + outputs * len(a) + o) for o in range(outputs)]
    return [b + sum(w * v for w, v in zip(row, a)) for b, row in zip(bias, weight)]


def clamp(values, low):
    return [min(max(v, low), 10.0) for v in values]


def run(layers, k, a):
    """The last layer's outputs, its inputs, and the place of the next tensor."""
    for outputs, relu in layers:
        before, y = a, dense(tensor, k, outputs, a)
        k += outputs * (len(a) + 1)
        a = [max(v, 0.0) for v in y] if relu else y
    return a, before, k


def nll_terms(x, z, k, variance):
    x_hat, hidden, _ = run(LAYERS[2:], k, z)
    logvar = {
        "unit": [0.0] * IN,
        "feature": [small(i) for i in range(IN)],
        "row": clamp(dense(small, 0, IN, hidden), -6.0),
    }[variance]
    residual = [v - h for v, h in zip(x, x_hat)]
    return residual, [0.5 * (log(2 * pi) + l + r * r * exp(-l)) for r, l in zip(residual, logvar)]


def surprise(score):
    if score < KNOTS[0]:
        return 0.0
    for k, (below, above) in enumerate(zip(KNOTS, KNOTS[1:])):
        if score < above:
            return STEP * (k + (score - below) / (above - below))
    return STEP * (len(KNOTS) - 1) + RATE * (score - KNOTS[-1])


def scores(sample, variance):
    """Score and contributions of each feature: mse, nll, elbo, mahalanobis, reconstruction-probability, all together."""
    x = [(s - m) * r for s, m, r in zip(sample, MEAN, RECIPROCAL)]
    mu, hidden, k = run(LAYERS[:2], 0, x)
    logvar = clamp(dense(small, 0, 2, hidden), -10.0)
    residual, terms = nll_terms(x, mu, k, variance)
    squares = [r * r for r in residual]
    kl = -0.5 * sum(1 + l - m * m - exp(l) for m, l in zip(mu, logvar))
    centred = [m - c for m, c in zip(mu, LATENT_MEAN)]
    whitened = [sum(w * v for w, v in zip(row, centred)) for row in WHITENING]
    draws = [nll_terms(x, [m + e * exp(l / 2) for m, e, l in zip(mu, eps, logvar)], k, variance)[1] for eps in NOISE]
    sampled = [sum(column) / len(NOISE) for column in zip(*draws)]
    alone = [
        (sum(squares) / IN, squares),
        (sum(terms), terms),
        (sum(terms) + kl, terms),
        (sqrt(sum(w * w for w in whitened)), squares),
        (sum(sampled), sampled),
    ]
    shares = [0.0] * IN
    for score, contributions in alone:
        positive = [max(c, 0.0) for c in contributions]
        for i, c in enumerate(positive):
            shares[i] += surprise(score) / len(alone) * c / sum(positive)
    return alone + [(sum(surprise(score) for score, _ in alone) / len(alone), shares)]


if __name__ == "__main__":
    print("[")
    for sample in ([20.0, -3.0, 101300.0], [21.5, -2.75, 101364.0], [17.0, -3.5, 101250.0], [35.0, 1.0, 99999.0]):
        for variance in ("unit", "feature", "row"):
            rows = ",\n        ".join(f"({score!r}, {contributions!r})" for score, contributions in scores(sample, variance))
            print(f"    ({sample}, {variance.upper()}, [\n        {rows},\n    ]),")
    print("]")
