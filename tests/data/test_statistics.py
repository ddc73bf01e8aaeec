"""Statistics of data sets, against other ways to the same numbers."""

import numpy as np
import pytest
from npz_files import SOUND, save, silent, sketches
from slow import slow_but

from magenta_sketch.data import load_data_set, statistics
from magenta_sketch.data.inspection import inspect_npz
from magenta_sketch.data.statistics import Bar, histogram
from magenta_sketch.data.strokes import bounds, to_polylines


@pytest.mark.parametrize(
    "name", slow_but(["aaron_sheep.npz", "short_kanji.npz"], "short_kanji.npz")
)
def test_statistics_of_published_data(shared, name):
    check_statistics(shared / "data", name)


def test_statistics(tiny_folder):
    check_statistics(tiny_folder, "tiny.npz")


def check_statistics(folder, name):
    data = load_data_set(name, folder, report=silent)
    numbers = inspect_npz(folder / name).statistics
    everything = [sketch for part in (data.train, data.valid, data.test) for sketch in part]
    lengths = [len(sketch) for sketch in everything]
    assert numbers.lengths.max == data.max_seq_len == max(lengths)
    assert numbers.lengths.median == np.median(lengths)
    assert numbers.lengths.percentile_95 == pytest.approx(np.percentile(lengths, 95))
    assert sum(bar.count for bar in numbers.histogram) == len(lengths)
    assert numbers.normalizing_factor == data.normalizing_factor
    strokes = [len(to_polylines(sketch)) for sketch in everything]
    assert (numbers.strokes.min, numbers.strokes.max) == (min(strokes), max(strokes))
    assert numbers.strokes.mean == pytest.approx(np.mean(strokes))
    points = np.concatenate(everything).astype(np.float64)
    for axis, column in ((numbers.dx, points[:, 0]), (numbers.dy, points[:, 1])):
        assert axis.mean == pytest.approx(column.mean())
        assert axis.std == pytest.approx(column.std())
        assert axis.max_abs == np.abs(column).max()
    assert numbers.zero_offsets == pytest.approx(np.mean(~points[:, :2].any(axis=1)))
    boxes = np.array([bounds(sketch) for sketch in everything])
    for size, extents in (
        (numbers.width, boxes[:, 2] - boxes[:, 0]),
        (numbers.height, boxes[:, 3] - boxes[:, 1]),
    ):
        assert (size.min, size.max) == (extents.min(), extents.max())
        assert size.mean == pytest.approx(extents.mean())


def test_sizes_in_several_goes(tmp_path):
    # More points than are summed at a time, one sketch longer than that alone.
    long = np.tile(np.array([[1, 0, 0]], np.int16), (300_000, 1))
    items = [SOUND[0], long, *(np.array([[0, i, 0]], np.int16) for i in range(1, 50))]
    found = inspect_npz(save(tmp_path / "a.npz", train=sketches(items)))
    assert found.statistics.width.max == 300_000
    assert found.statistics.height.max == 49


def test_fractions_are_told_from_whole_numbers(tmp_path):
    found = inspect_npz(save(tmp_path / "a.npz", train=sketches([[[0.5, 0, 1]]])))
    assert not found.statistics.whole


@pytest.mark.parametrize(
    "lengths, bars",
    [
        ([7], [(7, 7, 1)]),
        ([1, 1, 3], [(1, 1, 2), (2, 2, 0), (3, 3, 1)]),
        ([20, 21, 30], [(i, i, int(i in (20, 21, 30))) for i in range(20, 31)]),
        ([9, 10, 25], [(i, i + 1, {9: 2, 25: 1}.get(i, 0)) for i in range(9, 27, 2)]),
    ],
)
def test_histogram(lengths, bars):
    assert histogram(np.array(lengths)) == [Bar(*bar) for bar in bars]


@pytest.mark.parametrize("high", [1, 16, 17, 250, 9999, 123_456_789])
def test_histograms_are_short_and_complete(high):
    lengths = np.unique(np.linspace(1, high, 1000).astype(np.int64))
    bars = histogram(lengths)
    assert len(bars) <= statistics.MOST_BARS
    for bar in bars:
        assert bar.count == ((bar.first <= lengths) & (lengths <= bar.last)).sum()
