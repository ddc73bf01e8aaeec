"""Measures and the settings of the measuring, as JSON and back."""

import dataclasses
import json
import math

import numpy as np
import pytest

from magenta_sketch.measures.result import DRAWINGS, LATENT, VERSION, Measures, MeasureSettings
from magenta_sketch.measures.scalars import PRIORS, SCALARS

SETTINGS = MeasureSettings(noises=(0.0, 2.0), draws=3, importance=0, bounded=2, shown=2)


@pytest.fixture
def written():
    random = np.random.default_rng(0)

    def sketches(count):
        found = [random.normal(0, 9, (4, 3)).astype(np.float32) for _ in range(count)]
        for sketch in found:
            sketch[:, 2] = [0, 1, 0, 1]
        return found

    return Measures(
        step=40,
        settings=SETTINGS,
        scalars={**{name: float(random.normal()) for name in SCALARS}, "signal_to_noise": None},
        masked_recon=[0.5, None],
        latent={name: random.normal(size=3).tolist() for name in LATENT},
        factors={"size": 0.75, "rotation": None},
        drawings={name: sketches(2) for name in DRAWINGS},
        test_indices=[3, 9],
    )


@pytest.mark.parametrize("version", [None, VERSION - 1, VERSION + 1, str(VERSION)])
def test_measures_of_another_version_are_not_read(written, version):
    with pytest.raises(ValueError, match=f"measures are of version {version}, not {VERSION}"):
        Measures.from_dict(written.to_dict() | {"version": version})


def test_json_and_back(written):
    values = json.loads(json.dumps(written.to_dict(), allow_nan=False))
    assert values["version"] == VERSION
    again = Measures.from_dict(values)
    assert again.to_dict() == values == written.to_dict()
    for name in ("step", "settings", "scalars", "masked_recon", "latent", "factors"):
        assert getattr(again, name) == getattr(written, name)
    row = values["drawings"]["with_noise"][0][0]
    assert len(row) == 3 and row[2] in (0, 1) and isinstance(row[2], int)
    sketch = again.drawings["ladder"][0]
    assert sketch.shape[1:] == (3,) and sketch.dtype == np.float32
    np.testing.assert_allclose(sketch, written.drawings["ladder"][0], atol=0.005001)


def test_drawings_that_were_not_made_are_empty(written):
    only = dataclasses.replace(written, drawings={"new_standard": written.drawings["ladder"]})
    again = Measures.from_dict(only.to_dict())
    assert set(again.drawings) == set(DRAWINGS)
    assert len(again.drawings["new_standard"]) == 2 and again.drawings["ladder"] == []


def test_an_empty_drawing_goes_through_json(written):
    drawings = written.drawings | {"new_scaled": [np.zeros((0, 3), np.float32)]}
    values = dataclasses.replace(written, drawings=drawings).to_dict()
    assert values["drawings"]["new_scaled"] == [[]]
    assert Measures.from_dict(values).drawings["new_scaled"][0].shape == (0, 3)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda values: values.pop("step"),
        lambda values: values.pop("factors"),
        lambda values: values["scalars"].pop("kl"),
        lambda values: values["scalars"].update(kl=math.nan),
        lambda values: values["scalars"].update(kl="much"),
        lambda values: values["scalars"].update(more=1.0),
        lambda values: values.update(masked_recon=[math.inf, 0.5]),
        lambda values: values.update(masked_recon=None),
        lambda values: values["latent"].update(mean=[None, math.inf]),
        lambda values: values["factors"].update(size=math.nan),
        lambda values: values.update(factors=[0.5]),
        lambda values: values["drawings"].update(ladder=[[[1, 2]]]),
        lambda values: values["drawings"].update(ladder=[[[1, math.nan, 0]]]),
        lambda values: values["settings"].pop("draws"),
        lambda values: values["settings"].update(draws=0),
        lambda values: values["settings"].update(noise=1),
        lambda values: values.update(settings=None),
        lambda values: values.update(test_indices=["first"]),
    ],
)
def test_other_json_is_refused(written, spoil):
    values = written.to_dict()
    spoil(values)
    with pytest.raises((ValueError, KeyError, TypeError, AttributeError)):
        Measures.from_dict(values)


def test_settings_go_through_json():
    for one in (MeasureSettings(), SETTINGS, MeasureSettings("best", temperature=1.0, training=5)):
        values = json.loads(json.dumps(one.to_dict()))
        assert MeasureSettings.from_dict(values) == one
    assert MeasureSettings.from_dict(MeasureSettings().to_dict()) != SETTINGS


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"draws": 0}, "draws must be at least 1, got 0"),
        ({"importance": -1}, "importance must be at least 0, got -1"),
        ({"bounded": 0}, "bounded must be at least 1, got 0"),
        ({"new": 3}, "new must be at least 4, got 3"),
        ({"reconstructed": 1}, "reconstructed must be at least 2, got 1"),
        ({"repeats": 1}, "repeats must be at least 2, got 1"),
        ({"shown": 1}, "shown must be at least 2, got 1"),
        ({"noises": (1.0, -1.0)}, "noises must be one or more of at least 0"),
        ({"noises": ()}, "noises must be one or more"),
        ({"temperature": 0.0}, r"temperature must be in \(0, 1\]"),
        ({"checkpoint": "first"}, "checkpoint must be newest or best, got 'first'"),
    ],
)
def test_settings_out_of_range(changes, message):
    with pytest.raises(ValueError, match=message):
        MeasureSettings(**changes)


def test_the_catalogue_says_what_each_number_means():
    for name, scalar in SCALARS.items():
        assert scalar.meaning and not scalar.meaning.endswith("."), name
        assert scalar.margin is None or scalar.margin > (1 if scalar.is_ratio else 0), name
    assert {f"bound_{prior}" for prior in PRIORS} < set(SCALARS)


def test_the_margins_are_those_of_the_predictions():
    margins = {name: scalar.margin for name, scalar in SCALARS.items() if scalar.margin}
    assert margins == {
        "masked_recon": 0.02,
        "masked_recon_without_noise": 0.02,
        "kl": 0.03,
        "mutual_information": 0.3,
        "active_units": 1.5,
        "signal_to_noise": 1.25,
    }
    assert SCALARS["signal_to_noise"].is_ratio
