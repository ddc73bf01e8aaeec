"""Decide the split of a drawing by its key alone: the same every time and everywhere."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data.npz_archive import SPLITS

# Relative sizes of train, valid and test. A change would change the quick start's data set.
SHARES = (90, 5, 5)

# Proposed if a class is too small for the given shares.
LARGER = ((80, 10, 10), (70, 15, 15), (60, 20, 20), (50, 25, 25), (40, 30, 30), (34, 33, 33))


def hash_of(key: bytes) -> int:
    """Return the key's hash, a number below 2**64: the first 8 bytes of its SHA-256."""
    return int.from_bytes(hashlib.sha256(key).digest()[:8], "big")


def split_of(key: str, shares: Sequence[int] = SHARES) -> str:
    """Return "train", "valid" or "test", decided by the key and the shares alone.

    Args:
      key: any text.
      shares: relative sizes of train, valid and test, whole numbers >= 1.
    """
    number = hash_of(key.encode("utf-8", "surrogatepass")) % sum(shares)
    return SPLITS[int(splits_of(np.array([number]), shares)[0])]


def splits_of(hashes: np.ndarray, shares: Sequence[int]) -> NDArray[np.uint8]:
    """Return 0, 1 or 2, for train, valid or test, for each hash."""
    _, valid, test = shares
    remainders = hashes % hashes.dtype.type(sum(shares))
    # A test holds this. With a change, old test sketches would be in new training sets.
    return np.select([remainders < valid, remainders < valid + test], [1, 2], 0).astype(np.uint8)
