"""Published models as a classifier of real drawings; docs/classification.md has the whole of it."""

import numpy as np
import pytest

import magenta_sketch
from magenta_sketch.data.sources.collecting import sketch_of
from magenta_sketch.data.sources.drawings import Drawing
from magenta_sketch.data.sources.options import Settings
from magenta_sketch.data.sources.quickdraw import read

pytestmark = pytest.mark.slow

FILES = {
    "bird": "quickdraw_raw/bird.ndjson",
    "calendar": "quickdraw_more/calendar.ndjson.gz",
    "palm_tree": "quickdraw_more/palm tree.ndjson.gz",
    "rabbit": "quickdraw_more/rabbit.ndjson.gz",
}
EACH = 8  # drawings of a class: chance is 8 of 32
SIZE = 3.66  # of what the models draw, in units of drawings converted to 255 pixels


@pytest.fixture(scope="module")
def models(shared):
    return {name: magenta_sketch.load(shared / "models" / f"{name}.gen.json") for name in FILES}


@pytest.fixture(scope="module")
def drawings(shared):
    """The first recognised drawings of each class: (their classes, sketches)."""
    names, sketches = [], []
    for name, file in FILES.items():
        found = (one for one in read(shared / "data" / file) if isinstance(one, Drawing))
        kept = [one for one in found if one.recognized][:EACH]
        names += [name] * len(kept)
        sketches += [sketch_of(one, Settings(), simplify_again=False) for one in kept]
    assert len(names) == 4 * EACH
    return names, sketches


def right(models, drawings, size=1.0, **how):
    names, sketches = drawings
    scaled = [sketch * [size, size, 1] for sketch in sketches]
    found = magenta_sketch.classify(scaled, models, **how)
    return sum(a == b for a, b in zip(found.best, names, strict=True))


def test_real_drawings_are_recognised(models, drawings):
    """At the models' size, and after a row of zeros, nearly all; without these, fewer."""
    best = right(models, drawings, SIZE, start="zeros", dequantize=True)
    assert best >= 27
    assert best > right(models, drawings) > EACH


def test_the_likeliest_size_of_real_drawings_is_the_models(models, drawings):
    names, sketches = drawings
    for name in ("calendar", "rabbit"):
        mine = [one for one, true in zip(sketches, names, strict=True) if true == name][:4]
        found = models[name].log_prob(mine, start="zeros", dequantize=True, fit_size=True)
        assert 1.5 < np.median(found.size) < 4
