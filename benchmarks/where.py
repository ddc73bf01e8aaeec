"""Measure where the time of a training step goes, by kind of TensorFlow operation.

    python benchmarks/where.py --cell=hyper --mode=both

The times are thread times, summed over all cores. The step has the full default size and random
sketches with lengths as in aaron_sheep (mean 125 of 250).
"""

from __future__ import annotations

import argparse
import collections
import tempfile
from collections.abc import Callable
from pathlib import Path

import cases
import measure
import numpy as np

KINDS = {
    "matrix products": ("MatMul",),
    "element by element": (
        "Mul AddV2 Add Sub Sigmoid Tanh SigmoidGrad TanhGrad Square SquaredDifference Rsqrt Neg "
        "Exp Softplus Cast Select SelectV2 Less AddN Log Maximum Minimum RealDiv"
    ).split(),
    "sums and means": "Sum Mean Max Min All Prod Cumsum UnsortedSegmentSum".split(),
    "copies": (
        "ConcatV2 Pack Split StridedSlice Slice Transpose Unpack Pad TensorListConcatV2 "
        "TensorListStack TensorListFromTensor GatherV2 Tile StridedSliceGrad Reshape"
    ).split(),
    "random numbers": ("StatelessRandomUniformFullIntV2", "StatelessRandomNormalV2"),
}


def kind_of(operation: str) -> str | None:
    """Return the kind of an operation; None if it has none."""
    for kind, names in KINDS.items():
        if operation in names or (kind == "matrix products" and "MatMul" in operation):
            return kind
    return None


def seconds_by_kind(work: Callable[[], object]) -> collections.Counter:
    """Return the thread seconds of the operations in ``work``, by kind."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    from magenta_sketch._backend import tf

    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        work()
        tf.profiler.experimental.stop()
        space = xplane_pb2.XSpace()
        space.ParseFromString(next(Path(folder).rglob("*.xplane.pb")).read_bytes())
    sums = collections.Counter()
    for plane in space.planes:
        for line in plane.lines:
            for event in line.events:
                name = plane.event_metadata[event.metadata_id].name
                # An operation is "name:type". Loops and calls contain others and have no kind.
                kind = kind_of(name.rsplit(":", 1)[1]) if ":" in name else None
                if kind is not None:
                    sums[kind] += event.duration_ps / 1e12
    return sums


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cell", choices=cases.CELLS, default="hyper")
    parser.add_argument("--mode", choices=cases.MODES, default="both")
    parser.add_argument("--runs", type=int, default=5, help="timed steps before the profiled one")
    arguments = measure.parse(parser)
    from magenta_sketch.config import RunConfig
    from magenta_sketch.nn.randomness import seed_table
    from magenta_sketch.nn.sketch_rnn import SketchRNN
    from magenta_sketch.training.step import TrainStep
    from magenta_sketch.training.threads import use_threads

    peak = measure.peak_by_itself(
        "bfloat16" if arguments.mode in ("mixed_precision", "both") else "float32"
    )
    use_threads()
    config = RunConfig.of(**cases.CELLS[arguments.cell], **cases.MODES[arguments.mode])
    step = TrainStep(SketchRNN(config))
    lengths = np.random.default_rng(0).integers(10, 241, config.hparams.batch_size)
    batch = cases.random_batch(lengths, 250)

    def once():
        float(step(batch, seed_table(0, 0), 1e-4, 0.01).cost)

    plain = measure.summary(measure.repeat(once, arguments.runs))[0]
    sums = seconds_by_kind(once)
    rows = lengths + 1 if config.bucket_by_length else 250
    operations = cases.product_operations(config.hparams, lengths, rows) / 1e9
    print(f"{measure.machine()}; peak of products {peak:.0f} GFLOP/s\n")
    print(
        f"{arguments.cell}, {arguments.mode}: {plain:.2f} s a step; its {operations:.0f} GFLOP of"
    )
    print(f"products at the peak: {operations / peak:.2f} s. Thread time of operations:\n")
    total = sum(sums.values())
    rows = [[kind, f"{s:.2f}", f"{100 * s / total:.0f} %"] for kind, s in sums.most_common()]
    measure.table(["", "s", "of all"], rows)


if __name__ == "__main__":
    main()
