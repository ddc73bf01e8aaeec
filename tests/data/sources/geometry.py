"""Distances, for tests of what stays near what."""

import numpy as np


def distance_to(points: np.ndarray, line: np.ndarray) -> np.ndarray:
    """Distance of each point [n, 2] to a polyline [k, 2]."""
    if len(line) == 1:
        return np.linalg.norm(points - line, axis=1)
    start, along = line[:-1], np.diff(line, axis=0)
    square = (along**2).sum(axis=1)
    offset = points[:, None] - start
    t = np.clip((offset * along).sum(axis=2) / np.where(square > 0, square, 1), 0, 1)
    return np.linalg.norm(offset - t[..., None] * along, axis=2).min(axis=1)
