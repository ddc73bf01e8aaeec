"""Cells with random weights, and inputs for them, for the tests of cells."""

import numpy as np
import pytest

from magenta_sketch.nn.cells import CELLS

BATCH, TIME, WIDTH, UNITS = 3, 4, 5, 6
KEEP = 0.6

every_cell = pytest.mark.parametrize("name", CELLS)


def make(name, units=UNITS, width=WIDTH, seed=0, **changes):
    """A built cell whose every weight is random, so that each of them shows in its output."""
    cell = CELLS[name](units, seed=7, **changes)
    cell.build((None, width))
    random = np.random.default_rng(seed)
    for weight in cell.weights:
        rows = weight.shape[0] if len(weight.shape) == 2 else 10
        noise = random.normal(0, 1 / np.sqrt(max(rows, 10)), weight.shape)
        weight.assign(weight.numpy() + noise)
    return cell


def normals(*shape, seed=1, dtype="float32"):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


def states_of(cell, batch=BATCH, dtype="float32"):
    return [
        0.5 * normals(batch, n, seed=10 + k, dtype=dtype) for k, n in enumerate(cell.state_size)
    ]
