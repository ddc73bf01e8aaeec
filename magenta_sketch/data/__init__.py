"""Read data sets. Every source gives a flat `SketchSet`."""

from magenta_sketch.data.loading import DataSet, load_data_set
from magenta_sketch.data.npz import read_npz
from magenta_sketch.data.npz_writer import write_npz
from magenta_sketch.data.sketch_set import SketchSet

__all__ = ["DataSet", "SketchSet", "load_data_set", "read_npz", "write_npz"]
