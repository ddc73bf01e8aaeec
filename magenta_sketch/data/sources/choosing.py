"""Choose which sketches of a class make train, valid and test."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data import splitting
from magenta_sketch.data.npz_archive import SPLITS
from magenta_sketch.data.sources.options import Shares
from magenta_sketch.data.sources.spool import KEY_DECIDES, ClassSpool

_VALUES_AT_ONCE = 1 << 18


class Chosen(NamedTuple):
    """Masks of a class's spooled sketches, bool [count], one for each split."""

    train: NDArray[np.bool_]
    valid: NDArray[np.bool_]
    test: NDArray[np.bool_]

    @property
    def all(self) -> NDArray[np.bool_]:
        """Return the mask of all splits together."""
        return self.train | self.valid | self.test

    @property
    def counts(self) -> tuple[int, int, int]:
        """Return the number of sketches in each split."""
        train, valid, test = (int(np.count_nonzero(mask)) for mask in self)
        return train, valid, test

    def __str__(self) -> str:
        pairs = zip(SPLITS, self.counts, strict=True)
        return ", ".join(f"{split} {count:,}" for split, count in pairs)


def choose(
    spool: ClassSpool, candidates: NDArray[np.bool_], shares: Shares, counts: Shares | None
) -> tuple[Chosen, list[str]]:
    """Choose which of the candidates make train, valid and test.

    If the keys leave a split empty, it gets a sketch of the largest split: the one whose key has
    the lowest hash. So the keys alone decide.

    Args:
      spool: the class.
      candidates: bool [count].
      shares: relative sizes of train, valid and test; keys are split by them.
      counts: the largest number of sketches in each split. Those with the lowest hashes are taken.
        None: no limit.

    Returns:
      The choice, and the names of the splits that were empty.
    """
    splits = splits_in(spool, shares)
    some = splits[candidates]
    by_key = spool.column("split")[candidates] == KEY_DECIDES
    filled = splitting.fill_empty(some, spool.column("hash")[candidates], by_key)
    splits[candidates] = some
    masks = [candidates & (splits == number) for number in range(len(SPLITS))]
    if counts is not None:
        hashes = spool.column("hash")
        masks = [_lowest(mask, hashes, most) for mask, most in zip(masks, counts, strict=True)]
    return Chosen(*masks), filled


def splits_in(spool: ClassSpool, shares: Shares) -> NDArray[np.uint8]:
    """Return the split number of each sketch, [count]."""
    splits = spool.column("split")
    by_key = splits == KEY_DECIDES
    splits[by_key] = splitting.splits_of(spool.column("hash")[by_key], shares)
    return splits


def repeated(values: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return the indices of values that occurred before, in rising order.

    Usually there are none. Then only one copy of the values is made.
    """
    ordered = np.sort(values)
    several = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    del ordered
    if not len(several):
        return np.zeros(0, np.int64)
    found = []
    for start in range(0, len(values), _VALUES_AT_ONCE):
        part = values[start : start + _VALUES_AT_ONCE]
        nearest = np.minimum(np.searchsorted(several, part), len(several) - 1)
        found.append(start + np.flatnonzero(several[nearest] == part))
    indices = np.concatenate(found)
    first = np.unique(values[indices], return_index=True)[1]
    return np.delete(indices, first)


def _lowest(mask: NDArray[np.bool_], hashes: NDArray[np.uint64], most: int) -> NDArray[np.bool_]:
    """Return the `most` sketches of the mask with the lowest hashes; of equal ones, the first."""
    if np.count_nonzero(mask) <= most:
        return mask
    values = hashes[mask]
    values.partition(most - 1)
    limit = values[most - 1]
    result = mask & (hashes < limit)
    equal = np.flatnonzero(mask & (hashes == limit))
    result[equal[: most - np.count_nonzero(result)]] = True
    return result
