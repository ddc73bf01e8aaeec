"""Are new drawings like real ones, are all kinds of real ones among them, and are they copies?

Precision and recall: Kynkäänniemi et al. 2019, arXiv:1904.06991, eq. 1. Around each drawing of a
set lies a ball that reaches to its k-th nearest neighbour in the set. Precision is the share of new
drawings that lie in a ball of the real ones. Recall is the share of real drawings that lie in a
ball of the new ones. Distances are Chamfer distances of drawings (`chamfer`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magenta_sketch.data.sketch_set import Sketches
from magenta_sketch.errors import ArgumentError
from magenta_sketch.measures import chamfer

NEIGHBOURS = 3
POINTS = 64  # of a drawing's ink


class Likeness(NamedTuple):
    """How like real drawings new ones are; each from 0 to 1.

    Attributes:
      precision: share of new drawings that could be real.
      recall: share of real drawings that could be new.
      f: harmonic mean of both; 0 if both are 0.

    >>> Likeness._fields
    ('precision', 'recall', 'f')
    """

    precision: float
    recall: float
    f: float


def likeness(real: Sketches, new: Sketches, k: int = NEIGHBOURS, points: int = POINTS) -> Likeness:
    """Return precision and recall of new drawings.

    Both numbers depend on how many drawings there are: compare only equal numbers.

    Args:
      real, new: stroke-3 sketches, more than k of each, in the same unit.
      k: the ball around a drawing reaches to its k-th nearest neighbour.
      points: ink points of a drawing, see `chamfer.ink_points`.

    Raises:
      ArgumentError: as for `precision_and_recall`.

    >>> lines = [np.array([[x, 0, 1]]) for x in (1, 2, 3, 4, 5)]
    >>> likeness(lines, lines)
    Likeness(precision=1.0, recall=1.0, f=1.0)
    """
    return precision_and_recall(
        chamfer.among(real, points),
        chamfer.among(new, points),
        chamfer.between(new, real, points),
        k,
    )


def precision_and_recall(
    among_real: ArrayLike, among_new: ArrayLike, new_to_real: ArrayLike, k: int = NEIGHBOURS
) -> Likeness:
    """Return precision and recall from distances: [n, n], [m, m] and [m, n].

    Args:
      among_real, among_new: distances within each set, 0 on the diagonal.
      new_to_real: distances from each new to each real drawing.
      k: as for `likeness`.

    Raises:
      ArgumentError: shapes do not fit together, or a set has k drawings or fewer, or k < 1.

    >>> among = np.abs(np.subtract.outer(np.arange(4.0), np.arange(4.0)))
    >>> precision_and_recall(among, among, among + 9.0).f
    0.0
    """
    real, new, across = (np.asarray(d, np.float64) for d in (among_real, among_new, new_to_real))
    if real.shape != (across.shape[-1],) * 2 or new.shape != (len(across),) * 2:
        raise ArgumentError(
            f"distances must be [n, n], [m, m] and [m, n], got {list(real.shape)}, "
            f"{list(new.shape)} and {list(across.shape)}"
        )
    if not 1 <= k < min(across.shape):
        raise ArgumentError(
            f"k must be at least 1 and less than the number of drawings, got {k} for "
            f"{len(real)} real and {len(new)} new ones"
        )
    precision = np.mean((across <= _radius(real, k)).any(axis=1))
    recall = np.mean((across <= _radius(new, k)[:, None]).any(axis=0))
    both = precision + recall
    return Likeness(float(precision), float(recall), float(2 * precision * recall / (both or 1.0)))


def _radius(among: NDArray[np.float64], k: int) -> NDArray[np.float64]:
    """Return the distance [n] of each drawing to its k-th nearest neighbour in its set."""
    return np.partition(among, k, axis=1)[:, k]  # the nearest, at place 0, is the drawing itself


def copying(new_to_train: ArrayLike, test_to_train: ArrayLike) -> float:
    """Return the probability that a new drawing is nearer to the training set than a test drawing.

    0.5: as near as test drawings. Near 1: copies. Near 0: unlike the training set. This is the
    Mann-Whitney statistic, as Meehan, Chaudhuri and Dasgupta (2020, arXiv:2004.05675) use it, but
    of all drawings together. Ties count half.

    Args:
      new_to_train, test_to_train: distances [m] and [n] of each drawing to its nearest training
        drawing, from `chamfer.between`.

    Raises:
      ArgumentError: one of them is empty.

    >>> copying([0.0, 0.1, 5.0], [1.0, 2.0])
    0.6666666666666666
    """
    new, test = np.asarray(new_to_train, np.float64), np.asarray(test_to_train, np.float64)
    if not new.size or not test.size:
        raise ArgumentError(f"distances are needed of both, got {new.size} and {test.size}")
    return float(np.mean(0.5 + 0.5 * np.sign(np.subtract.outer(test, new))))
