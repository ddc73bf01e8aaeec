"""Count the kernels of a training step that XLA compiled, by cell and by loop over time.

    python benchmarks/kernels.py                             the three cells at Magenta's sizes
    python benchmarks/kernels.py --cells=lstm --time=131     a part of it
    python benchmarks/kernels.py --mixed_precision           with products in bfloat16

Nothing is run: the step is compiled for the device, and the compiled program is read. A kernel is
one instruction that computes or copies something. *products* are matrix products, *fusions* are
groups of element-wise operations in one kernel, and *copies* move values. For the loops, the
numbers are those of one time step. A GPU needs some time to start each kernel, however small, so
the count bounds the speed of a step. Without XLA, each TensorFlow operation is at least one kernel.
The second table counts these operations, as they are traced.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from typing import Any

import cases
import measure
import numpy as np
from plain import plain_loop

# Instructions that only name a value or hold others.
NOTHING = {"parameter", "constant", "get-tuple-element", "tuple", "bitcast", "while", "after-all"}
PRODUCTS = {"dot", "custom-call"}
COPIES = {"copy", "concatenate", "slice", "dynamic-slice", "dynamic-update-slice", "transpose"}
COPIES |= {"broadcast", "reshape"}
NO_OPERATION = {"Const", "Identity", "NoOp", "Placeholder"}
LOOPS = ("encoder, forward", "decoder, forward", "decoder, backward", "encoder, backward")


def computations(text: str) -> dict[str, list[str]]:
    """Return the instructions of each computation of a program in HLO text, by name.

    The name of the main computation is "ENTRY". An instruction is its text after the equals sign.
    """
    text = re.sub(r"/\*.*?\*/", "", text)
    found = {}
    for match in re.finditer(
        r"^(ENTRY )?%?([\w.\-]+) [^\n]*\{\n(.*?)^\}", text, re.DOTALL | re.MULTILINE
    ):
        body = re.split(r"^\s+(?:ROOT )?%?[\w.\-]+ = ", match[3], flags=re.MULTILINE)[1:]
        found["ENTRY" if match[1] else match[2]] = body
    return found


def opcode(instruction: str) -> str:
    """Return the name of the operation: the first word before a parenthesis."""
    match = re.search(r"(?<![\w\[])([a-z][a-z0-9\-]*)\(", instruction)
    return match[1] if match else ""


def count(instructions: list[str], program: dict[str, list[str]]) -> Counter:
    """Return how many products, fusions, copies and other kernels these instructions are."""
    found: Counter = Counter()
    for instruction in instructions:
        name = opcode(instruction)
        if name in NOTHING:
            continue
        called = re.search(r"(?:to_apply|calls)=%?([\w.\-]+)", instruction)
        inner = {opcode(one) for one in program.get(called[1], [])} if called else set()
        if name == "conditional":  # one branch runs; count the longer, which updates the weights
            found += max((count(program[b], program) for b in branches(instruction)), key=total)
        elif name in PRODUCTS or inner & PRODUCTS:
            found["products"] += 1
        elif name in COPIES:
            found["copies"] += 1
        elif name in ("fusion", "call"):
            found["fusions"] += 1
        else:
            found["other"] += 1
    return found


def branches(conditional: str) -> list[str]:
    """Return the names of the branches of a conditional instruction."""
    listed = re.search(r"branch_computations=\{([^}]*)\}", conditional)
    if listed:
        return [name.strip().lstrip("%") for name in listed[1].split(",")]
    return re.findall(r"(?:true|false)_computation=%?([\w.\-]+)", conditional)


def total(kernels: Counter) -> int:
    """Return the number of all kernels."""
    return sum(kernels.values())


def loops(program: dict[str, list[str]]) -> list[tuple[int, Counter]]:
    """Return (time steps, kernels of one) for each loop of the main computation, in order."""
    found = []
    for instruction in program["ENTRY"]:
        if opcode(instruction) != "while":
            continue
        body = re.search(r"body=%?([\w.\-]+)", instruction)[1]
        times = re.search(r'"known_trip_count":\{"n":"(\d+)"', instruction)
        found.append((int(times[1]) if times else 0, count(program[body], program)))
    return found


def traced(cell: str, jit: str, options: argparse.Namespace) -> tuple[Any, tuple]:
    """Return the compiled function of a training step, and arguments for it."""
    from magenta_sketch.config import RunConfig
    from magenta_sketch.nn.randomness import seed_table
    from magenta_sketch.nn.sketch_rnn import SketchRNN
    from magenta_sketch.training.step import TrainStep

    config = RunConfig.of(
        **cases.CELLS[cell],
        **({"enc_rnn_size": options.units, "dec_rnn_size": options.units} if options.units else {}),
        max_seq_len=options.time,
        batch_size=options.batch,
        mixed_precision=options.mixed_precision,
        jit=jit,
    )
    step = TrainStep(SketchRNN(config), parts=1)
    batch = cases.random_batch(np.full(options.batch, options.time - 1), options.time)
    function = step.compiled(*batch.strokes.shape[:2])
    return function, step.arguments(batch, seed_table(0, 0), 1e-3, 0.5)


def compiled_step(cell: str, options: argparse.Namespace) -> str:
    """Return the optimised program of a training step, as HLO text."""
    function, arguments = traced(cell, "on", options)
    return function.experimental_get_compiler_ir(*arguments)(stage="optimized_hlo")


def operations(cell: str, options: argparse.Namespace) -> int:
    """Return the TensorFlow operations of one time step of all loops, without XLA.

    Operations that compute nothing are not counted.
    """
    function, arguments = traced(cell, "off", options)
    graph = function.get_concrete_function(*arguments).graph.as_graph_def()
    bodies = {one.signature.name: one.node_def for one in graph.library.function}
    return sum(
        one.op not in NO_OPERATION
        for node in graph.node
        if node.op in ("While", "StatelessWhile")
        for one in bodies[node.attr["body"].func.name]
    )


def rows_of(cell: str, text: str) -> list[list[object]]:
    """Return the rows of the table for one compiled step."""
    program = computations(text)
    kinds = ("products", "fusions", "copies", "other")
    rows, all_kernels = [], 0
    for name, (times, kernels) in zip(LOOPS, loops(program), strict=True):
        row = [kernels[kind] for kind in kinds]
        rows.append([f"{cell}: {name}", times, *row, sum(row)])
        all_kernels += times * sum(row)
    outside = count(program["ENTRY"], program)
    row = [outside[kind] for kind in kinds]
    rows.append([f"{cell}: outside the loops", 1, *row, sum(row)])
    all_kernels += sum(row)
    return [*rows, [f"{cell}: whole step", "", "", "", "", "", all_kernels]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", default=",".join(cases.CELLS))
    parser.add_argument("--time", type=int, default=250, help="T, rows of a batch (default 250)")
    parser.add_argument("--batch", type=int, default=100, help="sketches (default 100)")
    parser.add_argument("--units", type=int, help="size of all cells (default: Magenta's)")
    parser.add_argument("--mixed_precision", action="store_true")
    options = measure.parse(parser)
    print(f"{measure.machine()}\n")
    rows, sums = [], []
    for cell in options.cells.split(","):
        text = compiled_step(cell, options)
        rows += rows_of(cell, text)
        compiled = sum(total(kernels) for _, kernels in loops(computations(text)))
        fast = operations(cell, options)
        with plain_loop():
            sums.append([cell, compiled, fast, operations(cell, options)])
    measure.table(["", "times", "products", "fusions", "copies", "other", "kernels"], rows)
    print("\nA time step of all loops together:\n")
    headers = ["", "kernels, XLA", "operations, fast loop", "operations, plain loop"]
    measure.table(headers, sums)


if __name__ == "__main__":
    main()
