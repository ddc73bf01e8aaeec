"""How TensorFlow computes in this process: cores, threads and order of sums. For programs only."""

from __future__ import annotations

import contextlib
import os

from magenta_sketch._backend import tf
from magenta_sketch.config.run_config import RunConfig
from magenta_sketch.nn.update import PARTS, parts_for


def own_cores() -> list[int]:
    """Return the numbers of the cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


def use_threads(cores: int | None = None, parts: int | None = None) -> None:
    """Let TensorFlow compute the parts of a batch in parallel, with an equal share of the cores.

    This is for the whole process, so only programs call it. It has no effect after TensorFlow has
    computed something. ``cores``: how many to use; None: all that the process may use. ``parts``:
    how many parts a batch has (`nn.update.parts_for`).
    """
    cores = cores or len(own_cores())
    parts = parts or parts_for(cores)
    with contextlib.suppress(RuntimeError):
        tf.config.threading.set_inter_op_parallelism_threads(parts)
        tf.config.threading.set_intra_op_parallelism_threads(max(1, cores // parts))


def parts_of_run(config: RunConfig) -> int:
    """Return the number of parts of a large batch on a CPU, for a run in this process."""
    return parts_for(len(own_cores())) if config.draws_by_place else PARTS


def make_deterministic() -> None:
    """Make TensorFlow add in a fixed order, so that equal runs have equal bits on a GPU too.

    This is for the whole process and cannot be undone, so only programs call it.
    """
    tf.config.experimental.enable_op_determinism()
