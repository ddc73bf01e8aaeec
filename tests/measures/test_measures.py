"""Measures and how much is measured, as JSON and back."""

import dataclasses
import json
import math

import made_up
import numpy as np
import pytest

from magenta_sketch.measures.result import VERSION, Measures, MeasureSettings
from magenta_sketch.measures.scalars import SCALARS


@pytest.fixture
def written():
    return made_up.measures()


def test_measures_of_another_version_are_not_read(written):
    for version in (None, VERSION - 1):
        with pytest.raises(ValueError, match="version"):
            Measures.from_dict(written.to_dict() | {"version": version})


def test_json_and_back(written):
    values = json.loads(json.dumps(written.to_dict(), allow_nan=False))
    again = Measures.from_dict(values)
    assert again.to_dict() == values == written.to_dict()
    assert again.settings == written.settings and set(again.scalars) == set(SCALARS)
    row = values["drawings"]["with_noise"][0][0]
    assert len(row) == 3 and row[2] in (0, 1) and isinstance(row[2], int)
    sketch = again.drawings["interpolations"][0][0]
    assert sketch.shape[1:] == (3,) and sketch.dtype == np.float32


def test_an_empty_drawing_goes_through_json(written):
    drawings = written.drawings | {"new": [np.zeros((0, 3), np.float32)]}
    values = dataclasses.replace(written, drawings=drawings).to_dict()
    assert values["drawings"]["new"] == [[]]
    assert Measures.from_dict(values).drawings["new"][0].shape == (0, 3)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda values: values.pop("step"),
        lambda values: values["scalars"].pop("kl"),
        lambda values: values["scalars"].update(kl=math.nan),
        lambda values: values["scalars"].update(kl="much"),
        lambda values: values["scalars"].update(more=1.0),
        lambda values: values["matrix"].pop("cost"),
        lambda values: values["latent"].update(mean=[None, math.inf]),
        lambda values: values["drawings"].update(new=[[[1, 2]]]),
        lambda values: values["drawings"].update(new=[[[1, math.nan, 0]]]),
        lambda values: values["settings"].pop("draws"),
        lambda values: values["settings"].update(draws=0),
        lambda values: values.update(settings=None),
        lambda values: values.update(test_indices=["first"]),
    ],
)
def test_other_json_is_refused(written, spoil):
    values = written.to_dict()
    spoil(values)
    with pytest.raises((ValueError, KeyError, TypeError)):
        Measures.from_dict(values)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"draws": 0}, "draws must be at least 1, got 0"),
        ({"noises": (1.0, -1.0)}, "noises must be one or more of at least 0"),
        ({"noises": ()}, "noises must be one or more"),
        ({"temperature": 0.0}, r"temperature must be in \(0, 1\]"),
        ({"checkpoint": "first"}, "checkpoint must be newest or best, got 'first'"),
    ],
)
def test_settings_out_of_range(changes, message):
    with pytest.raises(ValueError, match=message):
        MeasureSettings(**changes)
