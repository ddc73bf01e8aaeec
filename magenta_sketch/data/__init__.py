"""Where sketches come from. All sources give the same flat `SketchSet`."""

from magenta_sketch.data.loading import BUILDERS, DataSet, load_data_set, normalizing_factor_of
from magenta_sketch.data.npz import RawSplit, read_npz, read_raw_npz, write_npz
from magenta_sketch.data.sketch_set import SketchSet
from magenta_sketch.errors import DataError

__all__ = [
    "BUILDERS",
    "DataError",
    "DataSet",
    "RawSplit",
    "SketchSet",
    "load_data_set",
    "normalizing_factor_of",
    "read_npz",
    "read_raw_npz",
    "write_npz",
]
