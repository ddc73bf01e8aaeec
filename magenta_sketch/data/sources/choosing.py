"""Which of a class's collected sketches make train, valid and test."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data.npz_archive import SPLITS
from magenta_sketch.data.sources import splitting
from magenta_sketch.data.sources.options import Shares
from magenta_sketch.data.sources.spool import KEY_DECIDES, ClassSpool

_VALUES_AT_ONCE = 1 << 18


class Chosen(NamedTuple):
    """Which of a class's spooled sketches make its splits, bool [count] each."""

    train: NDArray[np.bool_]
    valid: NDArray[np.bool_]
    test: NDArray[np.bool_]

    @property
    def all(self) -> NDArray[np.bool_]:
        """Return those of any split."""
        return self.train | self.valid | self.test

    @property
    def counts(self) -> tuple[int, int, int]:
        """Return how many there are in each split."""
        train, valid, test = (int(np.count_nonzero(mask)) for mask in self)
        return train, valid, test

    def __str__(self) -> str:
        pairs = zip(SPLITS, self.counts, strict=True)
        return ", ".join(f"{split} {count:,}" for split, count in pairs)


def choose(
    spool: ClassSpool, candidates: NDArray[np.bool_], shares: Shares, counts: Shares | None
) -> Chosen:
    """Return which of the candidates, bool [count], make train, valid and test.

    Args:
      spool: the class.
      shares: parts of train, valid and test by which keys are split.
      counts: the most sketches of each; where there are more, those with the lowest places are
        taken. None for no limit.
    """
    splits = splits_in(spool, shares)
    masks = [candidates & (splits == number) for number in range(len(SPLITS))]
    if counts is not None:
        places = spool.column("place")
        masks = [_lowest(mask, places, most) for mask, most in zip(masks, counts, strict=True)]
    return Chosen(*masks)


def splits_in(spool: ClassSpool, shares: Shares) -> NDArray[np.uint8]:
    """Return the number of each sketch's split, [count]."""
    splits = spool.column("split")
    by_key = splits == KEY_DECIDES
    splits[by_key] = splitting.splits_of(spool.column("place")[by_key], shares)
    return splits


def repeated(values: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return where values are that were there before, in rising order.

    Mostly there are none; then this takes no memory but a copy of the values.
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


def _lowest(mask: NDArray[np.bool_], places: NDArray[np.uint64], most: int) -> NDArray[np.bool_]:
    """Return, of those in the mask, the `most` with the lowest places, the first of equal ones."""
    if np.count_nonzero(mask) <= most:
        return mask
    values = places[mask]
    values.partition(most - 1)
    limit = values[most - 1]
    result = mask & (places < limit)
    equal = np.flatnonzero(mask & (places == limit))
    result[equal[: most - np.count_nonzero(result)]] = True
    return result
