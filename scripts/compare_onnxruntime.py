#!/usr/bin/env python3
"""Batch scoring by edgevae beside onnxruntime: the same network, one thread, in one run.

    pip install onnxruntime onnx numpy
    cargo build --release -p edgevae-trainer --example scoring_speed
    scripts/compare_onnxruntime.py [SHAPE]

SHAPE is hidden layers and latents, as in 64,32,8 (the default); a model of that shape is trained for one epoch on the
reference data set and exported, and its weights go into an ONNX graph of Gemm and Relu nodes that computes x_hat.
Printed are rows per second of both, medians of turns so that both see the same machine, onnxruntime at its best batch
size, and the largest difference of the reconstruction error; scores that differ by more than 1e-4 are an error. onnxruntime computes x_hat only; edgevae scales and scores as well.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

RELEASE = Path(__file__).resolve().parent.parent / "target" / "release"
BATCHES = (64, 256, 1024, 2048, 4096, 8192, 16384)
ROUNDS = 5
TOLERANCE = 1e-4


def network(model: bytes, layers: list[tuple[int, int, bool]]) -> tuple[onnx.ModelProto, numpy.ndarray]:
    """The layers of a model file with the reconstruction error as its head; the file ends with them and a CRC-32."""
    inputs = layers[0][0]
    numbers = 2 * inputs + sum(outputs * (width + 1) for width, outputs, _ in layers)
    tensors = numpy.frombuffer(model[-4 - 4 * numbers : -4], dtype="<f4")
    at, nodes, constants, x = 2 * inputs, [], [], "x"
    for index, (width, outputs, relu) in enumerate(layers):
        weight, bias = f"w{index}", f"b{index}"
        constants.append(numpy_helper.from_array(tensors[at : at + outputs * width].reshape(outputs, width), weight))
        at += outputs * width
        constants.append(numpy_helper.from_array(tensors[at : at + outputs], bias))
        at += outputs
        nodes.append(helper.make_node("Gemm", [x, weight, bias], [f"y{index}"], transB=1))
        x = f"y{index}"
        if relu:
            nodes.append(helper.make_node("Relu", [x], [f"r{index}"]))
            x = f"r{index}"
    value = lambda name: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", inputs])
    graph = helper.make_graph(nodes, "edgevae", [value("x")], [value(x)], constants)
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=10), tensors[: 2 * inputs].reshape(2, inputs)


def best_rate(session: onnxruntime.InferenceSession, inputs: int, seconds: float) -> tuple[float, int]:
    """Rows per second at the best batch size, and that size."""
    best = (0.0, 0)
    for batch in BATCHES:
        x = numpy.random.default_rng(0).standard_normal((batch, inputs)).astype("f4")
        end = time.perf_counter() + seconds / len(BATCHES)
        while (start := time.perf_counter()) < end:
            session.run(None, {"x": x})
            best = max(best, (batch / (time.perf_counter() - start), batch))
    return best


def main() -> None:
    shape = [int(width) for width in (sys.argv[1] if len(sys.argv) > 1 else "64,32,8").split(",")]
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        hidden = ",".join(map(str, shape[:-1]))
        train = f"train --epochs 1 --hidden {hidden} --latent {shape[-1]} --quiet --out {run}"
        subprocess.run([RELEASE / "edgevae", *train.split()], check=True, stdout=subprocess.DEVNULL)
        model = run / "model.evae"
        inputs = 10
        widths = [inputs, *shape, *reversed(shape[:-1]), inputs]
        linear = (len(shape) - 1, len(widths) - 2)
        layers = [(a, b, i not in linear) for i, (a, b) in enumerate(zip(widths, widths[1:]))]
        graph, (mean, reciprocal) = network(model.read_bytes(), layers)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session = onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])

        subprocess.run([RELEASE / "edgevae", "synth", "--out", run / "rows.csv"], check=True, stderr=subprocess.DEVNULL)
        score = [RELEASE / "edgevae", "score", "--model", model, "--data", run / "rows.csv", "--quiet"]
        ours = numpy.loadtxt(subprocess.run(score, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines(),
                             delimiter=",", skiprows=1, usecols=1)
        raw = numpy.loadtxt(run / "rows.csv", delimiter=",", skiprows=1, usecols=range(inputs), dtype="f4")
        x = (raw - mean) * reciprocal
        theirs = ((x - session.run(None, {"x": x})[0]) ** 2).mean(axis=1)
        difference = numpy.abs(ours - theirs).max() / numpy.abs(ours).max()
        # NaN is no agreement.
        if not difference <= TOLERANCE:
            sys.exit(f"scores differ by {difference:.1e} of the largest, expected at most {TOLERANCE:.0e}: not the same network")
        print(f"onnxruntime {onnxruntime.__version__}, {'-'.join(map(str, widths))}: scores agree within {difference:.1e}")

        edgevae, theirs = {}, []
        for _ in range(ROUNDS):
            theirs.append(best_rate(session, inputs, 2.0))
            lines = subprocess.run([RELEASE / "examples" / "scoring_speed", model, "0.5"],
                                   check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
            for line in map(json.loads, lines):
                name = (line["kernel"], line["threads"])
                edgevae.setdefault(name, []).append(line["rows_per_second"])
        onnx_rate, batch = statistics.median_low(theirs)
        print(f"onnxruntime, 1 thread, batches of {batch}: {onnx_rate / 1e6:.2f} million rows/s")
        for (kernel, threads), rates in edgevae.items():
            rate = statistics.median(rates)
            print(f"edgevae {kernel}, {threads} threads: {rate / 1e6:.2f} million rows/s, {rate / onnx_rate:.2f} times onnxruntime")
        ratio = statistics.median(two / one for one, two in zip(edgevae["fastest", 1], edgevae["fastest", 2]))
        print(f"edgevae, two threads over one: {ratio:.2f}")


if __name__ == "__main__":
    main()
