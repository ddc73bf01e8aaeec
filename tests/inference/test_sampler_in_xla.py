"""Drawing in a program that XLA compiles: the sketches of the ordinary sampler."""

import functools

import numpy as np
import pytest
from slow import slow_but

from magenta_sketch.config import HParams
from magenta_sketch.inference import sampler as sampling
from magenta_sketch.inference.coder import Coder
from magenta_sketch.inference.sampler import PointDecoder, Sampler
from magenta_sketch.nn.cells import CELLS
from magenta_sketch.nn.sketch_rnn import SketchRNN

Z, LONGEST = 4, 30
GIVEN = np.array([[1, 0, 1, 0, 0], [2, 0.5, 0, 1, 0]], "float32")


@functools.cache
def samplers(cell="lstm", conditional=True):
    """The ordinary sampler and that with XLA, of one random model."""
    hparams = HParams(
        enc_rnn_size=4, dec_rnn_size=16, z_size=Z, num_mixture=3, dec_model=cell
    ).replace(conditional=conditional)
    model = SketchRNN(hparams, seed=2)
    random = np.random.default_rng(3)
    for weight in model.decoder.trainable_variables:
        weight.assign(weight.numpy() + 0.2 * random.normal(size=weight.shape))
    decoder = PointDecoder(model.decoder)
    return Sampler(decoder), Sampler(decoder, uses_xla=True)


def assert_same_sketches(found, expected):
    assert [len(sketch) for sketch in found] == [len(sketch) for sketch in expected]
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)


def draw(which, options, count=23):
    z = np.random.default_rng(0).normal(size=(count, Z)).astype("float32")
    return [sampler.decode(z, max_seq_len=LONGEST, **options) for sampler in which]


@pytest.mark.parametrize("cell", slow_but(CELLS, "lstm"))
@pytest.mark.parametrize(
    "options",
    [
        {"seed": 1},
        {"seed": 7, "temperature": 0.4, "part": 3},
        {"greedy": True},
        {"given": GIVEN},
        {"noise_rows": [3] * 23},
    ],
    ids=str,
)
def test_equal_seeds_draw_equal_sketches(cell, options):
    expected, found = draw(samplers(cell), options)
    assert_same_sketches(found, expected)
    if options == {"seed": 1}:
        assert len({len(sketch) for sketch in expected}) > 3  # they end at different times


def test_an_unconditional_model():
    expected, found = (
        sampler.decode(None, count=5, max_seq_len=LONGEST, seed=4)
        for sampler in samplers(conditional=False)
    )
    assert_same_sketches(found, expected)


def test_few_programs_serve_all_numbers_of_sketches():
    _, sampler = samplers()
    for count in (17, 40, 64):
        assert len(draw([sampler], {"seed": count}, count)[0]) == count
    programs = len(sampler._loops)
    for count in (18, 63):
        draw([sampler], {"seed": count}, count)
    assert len(sampler._loops) == programs


def test_sizes_are_few_and_large_enough():
    sizes = {sampling._next_size(n) for n in range(1, 2100)}
    assert sizes == {1, 4, 16, 64, 256, 1024, 2048, 3072}
    assert all(sampling._next_size(n) >= n for n in range(1, 2100))


@pytest.mark.slow
def test_a_model_draws_with_its_option():
    hparams = HParams(enc_rnn_size=4, dec_rnn_size=4, z_size=2, num_mixture=2, max_seq_len=9)
    drawn = []
    for jit in ("off", "on"):
        coder = Coder(SketchRNN(hparams, seed=1, jit=jit))
        assert coder._sampler.uses_xla == (jit == "on")
        drawn.append(coder.sample(3, seed=2))
    assert_same_sketches(drawn[1], drawn[0])
