#!/usr/bin/env python3
"""The bits of the small test model's mean squared error for readings at the edge of f32, computed without the crate.

    python3 faults.py > faults.in        # what the tests include

Every sum, difference, product and quotient of two f32 is computed in f64 and rounded to f32, which is the correctly
rounded f32 result (an f64 has more than twice the digits). Sums start with the bias and run in index order.
"""
import struct

from golden import IN, LAYERS, MEAN, RECIPROCAL, tensor

INFINITY = float("inf")


def f32(value):
    try:
        return struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        return INFINITY if value > 0 else -INFINITY


def bits(value):
    return struct.unpack("<I", struct.pack("<f", value))[0]


def from_bits(word):
    return struct.unpack("<f", struct.pack("<I", word))[0]


def score(sample):
    """The score in f32; None where it is not finite."""
    x = [f32(f32(raw - mean) * reciprocal) for raw, mean, reciprocal in zip(sample, MEAN, RECIPROCAL)]
    a, k = x, 0
    for outputs, relu in LAYERS:
        y = []
        for o in range(outputs):
            total = tensor(k + outputs * len(a) + o)
            for i, v in enumerate(a):
                total = f32(total + f32(tensor(k + o * len(a) + i) * v))
            y.append(0.0 if relu and total < 0 else total)
        k += outputs * (len(a) + 1)
        a = y
    total = 0.0
    for raw, x_hat in zip(x, a):
        residual = f32(raw - x_hat)
        total = f32(total + f32(residual * residual))
    result = f32(total / IN)
    return result if result - result == 0 else None


MAX = from_bits(0x7F7FFFFF)
USUAL = [20.0, -3.0, 101300.0]
FAULTS = [
    ("usual readings", USUAL),
    ("a row of zeros", [0.0, 0.0, 0.0]),
    ("a row of negative zeros", [-0.0, -0.0, -0.0]),
    ("one reading 0", [0.0] + USUAL[1:]),
    ("one reading -0", [-0.0] + USUAL[1:]),
    ("the smallest subnormal", [from_bits(1)] + USUAL[1:]),
    ("the largest subnormal", [from_bits(0x007FFFFF)] + USUAL[1:]),
    ("the smallest normal", [from_bits(0x00800000)] + USUAL[1:]),
    ("a row of subnormals", [from_bits(1), from_bits(0x80000001), from_bits(0x007FFFFF)]),
    ("a 16-bit converter stuck at its end", [65535.0] + USUAL[1:]),
    ("a 24-bit converter stuck at its end", [16777215.0] + USUAL[1:]),
    ("far, and still with a score", [f32(1e15)] + USUAL[1:]),
    ("far, its square beyond f32", [f32(1e25)] + USUAL[1:]),
    ("the largest f32", [MAX] + USUAL[1:]),
    ("the lowest f32", [20.0, -MAX, 101300.0]),
    ("all the largest f32", [MAX, MAX, MAX]),
    ("infinity", [20.0, -3.0, INFINITY]),
    ("negative infinity", [20.0, -INFINITY, 101300.0]),
    ("NaN", [from_bits(0x7FC00000)] + USUAL[1:]),
]

if __name__ == "__main__":
    print("[")
    for name, sample in FAULTS:
        bad = [index for index, value in enumerate(sample) if value - value != 0]
        if bad:
            outcome = f"Err(ScoreError::NonFinite {{ index: {bad[0]} }})"
        else:
            found = score(sample)
            outcome = "Err(ScoreError::Overflow)" if found is None else f"Ok(0x{bits(found):08x})"
        words = ", ".join(f"0x{bits(value):08x}" for value in sample)
        print(f'    ("{name}", [{words}], {outcome}),')
    print("]")
