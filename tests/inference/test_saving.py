"""A trained model saved by itself, as a folder or a .keras file, and loaded again."""

import errno

import numpy as np
import pytest
from own_cells import LeakyCell, Unregistered
from saved_models import trained
from slow import slow_but

import magenta_sketch
from magenta_sketch._backend import keras
from magenta_sketch.errors import ModelFileError, RunError
from magenta_sketch.inference.trained_model import TrainedModel

KINDS = {
    "conditional": {},
    "unconditional": {"conditional": False, "dec_model": "layer_norm"},
    "hyper": {"enc_model": "layer_norm", "dec_model": "hyper"},
    "tanh_z": {"tanh_z": True},
    "modes": {"mixed_precision": True, "bucket_by_length": True, "seed": 9},
    "in model units": {"normalizing_factor": None},
}
FORMATS = ("folder", "model.keras")


def sketches(count=6):
    random = np.random.default_rng(1)
    lengths = random.integers(1, 12, count)
    return [
        np.column_stack([random.normal(size=(n, 2)), random.integers(0, 2, n)]) for n in lengths
    ]


def assert_same_weights(found, model):
    assert found.config == model.config
    assert found.max_seq_len == 12
    assert found.normalizing_factor == model.normalizing_factor
    assert found.units_known == model.units_known
    for ours, theirs in zip(found.model.weights, model.model.weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def assert_same_model(found, model):
    """The same to the bit, and in what it computes."""
    assert_same_weights(found, model)
    for ours, theirs in zip(found.sample(5, seed=2), model.sample(5, seed=2), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    given = sketches()
    for ours, theirs in zip(found.losses(given), model.losses(given), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    if model.conditional:
        np.testing.assert_array_equal(found.encode(given), model.encode(given))


@pytest.mark.parametrize("place", slow_but(FORMATS, "folder"))
@pytest.mark.parametrize("kind", slow_but(KINDS, "unconditional"))
def test_what_is_saved_comes_back_with_equal_bits(tmp_path, kind, place):
    model = trained(**KINDS[kind])
    model.save(tmp_path / place)
    found = magenta_sketch.load(tmp_path / place, warn=pytest.fail)
    assert_same_model(found, model)
    assert [path.name for path in tmp_path.iterdir()] == [place]
    if place == "folder":
        assert found.step == 17
        assert magenta_sketch.load(tmp_path / place, checkpoint="newest").step == 17
        assert magenta_sketch.load(tmp_path / place, with_optimizer=True).adam is None
        there = {path.name for path in (tmp_path / place).iterdir()}
        assert there == {"model_config.json", "run.json", "best"}


@pytest.mark.slow
@pytest.mark.parametrize("place", FORMATS)
@pytest.mark.parametrize(
    "cells",
    [
        dict(encoder_cell=LeakyCell, decoder_cell=LeakyCell),
        dict(decoder_cell=keras.layers.GRUCell),
        dict(decoder_cell=lambda units: keras.layers.GRUCell(units, use_bias=False)),
    ],
    ids=["own", "keras", "function"],
)
def test_a_cell_of_ones_own_comes_back(tmp_path, cells, place):
    model = trained(cells)
    model.save(tmp_path / place)
    assert_same_model(magenta_sketch.load(tmp_path / place, warn=pytest.fail), model)


@pytest.mark.parametrize("place", FORMATS)
def test_a_normalizing_factor_given_later_is_saved(tmp_path, place):
    model = trained(normalizing_factor=None).with_normalizing_factor(5)
    model.save(tmp_path / place)
    found = magenta_sketch.load(tmp_path / place)
    assert found.normalizing_factor == 5.0 and found.units_known
    assert_same_weights(found, model)
    assert model.model.config.normalizing_factor is None  # the network is as it was


@pytest.mark.slow
def test_keras_itself_loads_the_file(tmp_path):
    model = trained(**KINDS["tanh_z"])
    model.save(str(tmp_path / "MODEL.KERAS"))
    found = keras.saving.load_model(str((tmp_path / "MODEL.KERAS").rename(tmp_path / "m.keras")))
    assert_same_model(TrainedModel(found), model)


@pytest.mark.parametrize("place", FORMATS)
def test_a_cell_that_is_not_registered_is_refused_before_anything_is_written(tmp_path, place):
    model = trained({"decoder_cell": Unregistered})
    assert len(model.sample(2)) == 2  # it works all the same
    with pytest.raises(ModelFileError, match="the cell Unregistered is not registered") as error:
        model.save(tmp_path / place)
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    model = trained()
    for place in (tmp_path, tmp_path / "mine.txt"):
        with pytest.raises(RunError, match="is not an empty folder: name another place") as error:
            model.save(place)
        assert "\n" not in str(error.value)
    assert contents(tmp_path) == {"mine.txt": b"mine"}
    (tmp_path / "empty").mkdir()
    model.save(tmp_path / "empty")
    before = contents(tmp_path)
    with pytest.raises(RunError, match="is not an empty folder"):
        model.save(tmp_path / "empty")
    assert contents(tmp_path) == before


def full_disk(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("there", slow_but([False, True], True))
@pytest.mark.parametrize("operation", ["rename", "replace", "fsync"])
def test_a_folder_that_cannot_be_written_is_not_left_half(tmp_path, monkeypatch, operation, there):
    model, place = trained(), tmp_path / "model"
    if there:
        place.mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(f"os.{operation}", full_disk)
        with pytest.raises((RunError, OSError), match="No space left on device"):
            model.save(place)
    assert list(tmp_path.rglob("*")) == [place] * there
    model.save(place)  # a second try finds nothing in its way
    assert_same_weights(magenta_sketch.load(place), model)


def test_a_keras_file_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    model, place = trained(), tmp_path / "model.keras"
    place.write_bytes(b"old")
    with monkeypatch.context() as patch:
        patch.setattr("os.replace", full_disk)
        with pytest.raises(OSError, match="No space left on device"):
            model.save(place)
    assert contents(tmp_path) == {"model.keras": b"old"}
    model.save(place)
    assert_same_weights(magenta_sketch.load(place), model)
