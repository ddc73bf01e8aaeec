"""Decide the split of a drawing by its key alone: the same every time and everywhere."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data.npz_archive import SPLITS

# Relative sizes of train, valid and test. A change would change the quick start's data set.
SHARES = (90, 5, 5)


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


def fill_empty(
    splits: NDArray[np.uint8], hashes: np.ndarray, movable: NDArray[np.bool_] | None = None
) -> list[str]:
    """Give each empty split a sketch of the largest one, in place: that with the lowest hash.

    So the keys alone decide, in a small data set too.

    Args:
      splits: 0, 1 or 2 for each sketch.
      hashes: of their keys.
      movable: which sketches may be moved. None: all.

    Returns:
      The names of the splits that were empty and got a sketch; none if there are under 3 sketches.
    """
    filled: list[str] = []
    if len(splits) < len(SPLITS):
        return filled
    for number, split in enumerate(SPLITS):
        counts = np.bincount(splits, minlength=len(SPLITS))
        largest = counts.argmax()
        candidates = splits == largest if movable is None else movable & (splits == largest)
        if not counts[number] and counts[largest] > 1 and candidates.any():
            splits[np.flatnonzero(candidates)[hashes[candidates].argmin()]] = number
            filled.append(split)
    return filled
