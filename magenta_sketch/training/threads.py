"""How TensorFlow computes in this process: cores, threads, order of sums. A program's choice."""

from __future__ import annotations

import contextlib
import os

from magenta_sketch._backend import tf
from magenta_sketch.nn.update import PARTS


def own_cores() -> list[int]:
    """Return the numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def use_threads(cores: int | None = None) -> None:
    """Have TensorFlow run the parts of a batch side by side, the cores shared out among them.

    For the whole process, and before TensorFlow has computed anything: a program's choice. Where
    it comes too late, nothing is changed. ``cores``: how many there are; None: all of the process.
    """
    cores = cores or len(own_cores())
    with contextlib.suppress(RuntimeError):
        tf.config.threading.set_inter_op_parallelism_threads(PARTS)
        tf.config.threading.set_intra_op_parallelism_threads(max(1, cores // PARTS))


def make_deterministic() -> None:
    """Have TensorFlow add in a fixed order, so that equal runs have equal bits on a GPU too.

    For the whole process, and for good: a program's choice, not a library's.
    """
    tf.config.experimental.enable_op_determinism()
