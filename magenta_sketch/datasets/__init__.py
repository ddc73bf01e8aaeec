"""Where sketches come from. All sources give the same flat `SketchSet`."""

from magenta_sketch.datasets.loading import BUILDERS, DataSet, load_data_set
from magenta_sketch.datasets.npz import read_npz, write_npz
from magenta_sketch.datasets.sketch_set import DataError, SketchSet

__all__ = [
    "BUILDERS",
    "DataError",
    "DataSet",
    "SketchSet",
    "load_data_set",
    "read_npz",
    "write_npz",
]
