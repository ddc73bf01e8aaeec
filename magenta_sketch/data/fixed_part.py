"""A fixed random part of a set, for evaluations that would else take long."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data.sketch_set import SketchSet

_SKETCHES_AT_ONCE = 1 << 13


def fixed_part(sketches: SketchSet, most: int) -> SketchSet:
    """Return the ``most`` sketches with the smallest keys, in their order; all if ``most`` is 0.

    A sketch's key follows from its points alone (`keys`). So the part does not depend on a seed,
    on the order of the sketches, or on how they are stored. Of another set with the same sketches
    and some more, it has many of the same.

    Args:
      sketches: the set.
      most: 0 or more.

    Returns:
      The set itself if it is not larger; else a new one, in memory.

    Example:
      >>> one, two, three = [[1, 0, 1]], [[2, 0, 1]], [[3, 0, 1]]
      >>> part = fixed_part(SketchSet.from_sketches([one, two, three]), 2)
      >>> other = fixed_part(SketchSet.from_sketches([three, two, one]), 2)
      >>> sorted(part.points[:, 0]) == sorted(other.points[:, 0])
      True
    """
    if not most or len(sketches) <= most:
        return sketches
    return sketches.take(indices_of_part(sketches, most))


def indices_of_part(sketches: SketchSet, most: int) -> NDArray[np.int64]:
    """Return the rising indices of the sketches in `fixed_part`.

    Example:
      >>> indices_of_part(SketchSet.from_sketches([[[1, 0, 1]], [[2, 0, 1]]]), 0).tolist()
      [0, 1]
    """
    if not most or len(sketches) <= most:
        return np.arange(len(sketches))
    return np.sort(np.argsort(keys(sketches), kind="stable")[:most])


def keys(sketches: SketchSet) -> NDArray[np.uint64]:
    """Return a key of each sketch, uint64 [n]: the BLAKE2b digest of its points as float32.

    Example:
      >>> first, second = keys(SketchSet.from_sketches([[[1, 0, 1]], [[1, 0, 1]]])).tolist()
      >>> first == second
      True
    """
    digests = []
    for first in range(0, len(sketches), _SKETCHES_AT_ONCE):
        part = sketches[first : first + _SKETCHES_AT_ONCE]
        # Adding 0.0 turns -0.0 into 0.0, so that equal numbers have equal bytes.
        data = memoryview((part.points + np.float32(0)).astype("<f4").tobytes())
        bounds = (12 * part.starts).tolist()
        for start, end in zip(bounds[:-1], bounds[1:], strict=True):
            digests.append(hashlib.blake2b(data[start:end], digest_size=8).digest())
    return np.frombuffer(b"".join(digests), "<u8").astype(np.uint64)
