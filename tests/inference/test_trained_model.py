"""The Python interface: load a trained folder, encode, decode, sample, draw."""

import pathlib
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import magenta_sketch
from magenta_sketch._backend import tf
from magenta_sketch.data import batches


@pytest.fixture(scope="module")
def model(trained_run):
    return magenta_sketch.load(trained_run)


@pytest.fixture(scope="module")
def test_set(tiny_folder):
    return magenta_sketch.load_data_set(["tiny.npz"], tiny_folder, report=lambda line: None).test


def test_five_lines_from_a_folder_to_a_drawing(trained_run, test_set, tmp_path):
    model = magenta_sketch.load(trained_run)
    z = model.encode([test_set[0], test_set[1]])
    drawings = model.decode(z, temperature=0.5) + model.sample(2)
    magenta_sketch.save_svg(tmp_path / "drawings.svg", drawings)
    root = ET.parse(tmp_path / "drawings.svg").getroot()
    assert len(root.findall(".//{*}g[@class='sketch']")) == 4


def test_encode_gives_the_posterior_mean_and_noise_on_request(model, test_set):
    mu, sigma = model.encode_distribution(test_set)
    assert mu.shape == sigma.shape == (len(test_set), model.z_size)
    assert (sigma > 0).all()
    np.testing.assert_array_equal(model.encode(test_set), mu)
    noisy = model.encode(test_set, scale=2.0, seed=1)
    spread = ((noisy - mu) / sigma).std()
    assert spread == pytest.approx(2.0, rel=0.5)
    np.testing.assert_array_equal(model.encode(test_set, scale=2.0, seed=1), noisy)
    assert (model.encode(test_set, scale=2.0, seed=2) != noisy).any()


def test_a_sketch_is_encoded_alike_alone_and_among_others(model, test_set):
    together = model.encode(test_set)
    alone = model.encode([test_set[3]])
    np.testing.assert_allclose(alone[0], together[3], atol=1e-6)


def test_encode_is_in_data_units(model, test_set):
    larger = [test_set[0] * np.array([2.0, 2.0, 1.0])]
    assert np.abs(model.encode(larger) - model.encode([test_set[0]])).max() > 1e-6


def test_decode_gives_stroke3_in_data_units(model):
    sketches = model.decode(np.zeros((3, model.z_size)), seed=4)
    assert len(sketches) == 3
    factor = model.normalizing_factor
    for sketch in sketches:
        assert sketch.shape[1:] == (3,) and len(sketch) <= model.max_seq_len
        assert set(np.unique(sketch[:, 2])) <= {0.0, 1.0}
    # An untrained decoder's offsets are about one model unit, which is `factor` data units.
    assert 0.05 * factor < np.abs(np.concatenate(sketches)[:, :2]).mean() < 10 * factor


def test_seed_and_greedy(model):
    z = model.prior(2, seed=3)
    first, again = model.decode(z, seed=1), model.decode(z, seed=1)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    other = model.decode(z, seed=2)
    assert any(a.shape != b.shape or (a != b).any() for a, b in zip(first, other, strict=True))
    greedy = [model.decode(z, greedy=True, seed=s) for s in (1, 2)]
    assert all(np.array_equal(a, b) for a, b in zip(*greedy, strict=True))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda m: m.decode(np.zeros((2, 3))),
            r"z must have the shape \[batch, \d+\], got \[2, 3\]",
        ),
        (lambda m: m.decode(np.zeros((2, m.z_size)), temperature=0.0), r"must be in \(0, 1\]"),
        (lambda m: m.decode([[0.0] * (m.z_size - 1) + [np.nan]]), r"z must be finite, got nan"),
        (lambda m: m.decode([[0.0, np.inf] + [0.0] * (m.z_size - 2)]), r"got inf at z\[0, 1\]"),
        (lambda m: m.decode(np.full((2, m.z_size), 1e300)), r"z must be finite, got inf"),
        (lambda m: m.encode([np.zeros((10_000, 3))]), "10000"),
        (lambda m: m.encode([], scale=-0.5), "scale must be finite and at least 0, got -0.5"),
        (lambda m: m.encode([], scale=np.nan), "scale must be finite .* got nan"),
        (lambda m: m.reconstruct([], scale=np.inf), "scale must be finite .* got inf"),
        (lambda m: m.encode([], scale="much"), "scale must be finite .* got 'much'"),
        (lambda m: m.sample(-1), "count must be a whole number from 0 to .*, got -1"),
        (lambda m: m.sample(2.5), "count must be a whole number from 0 to .*, got 2.5"),
        (lambda m: m.prior(-1), "count must be a whole number from 0 to .*, got -1"),
        (lambda m: m.sample(0, temperature=2.0), r"must be in \(0, 1\], got 2"),
        (lambda m: m.sample(0, seed=-3), "seed must be a whole number from 0 to .*, got -3"),
        (lambda m: m.prior(1, seed=0.5), "seed must be a whole number from 0 to .*, got 0.5"),
        (lambda m: m.encode([], seed=None), "seed must be a whole number from 0 to .*, got None"),
        (lambda m: m.reconstruct([], seed=2**63), "seed must be a whole number from 0 to"),
        (
            lambda m: m.decode(np.zeros((1, m.z_size)), seed=-1),
            "seed must be a whole number from 0 to .*, got -1",
        ),
    ],
)
def test_bad_arguments_are_explained(model, call, message):
    with pytest.raises(ValueError, match=message):
        call(model)


def test_no_sketches(model, unconditional_run):
    assert model.sample(0) == model.reconstruct([]) == []
    assert model.decode(np.zeros((0, model.z_size))) == []
    unconditional = magenta_sketch.load(unconditional_run)
    assert unconditional.sample(0) == []
    with pytest.raises(ValueError, match="count must be a whole number from 0 to .*, got -1"):
        unconditional.sample(-1)


def same(one, other):
    return len(one) == len(other) and all(
        a.shape == b.shape and np.allclose(a, b, rtol=0, atol=1e-3)
        for a, b in zip(one, other, strict=True)
    )


def test_many_sketches_are_drawn_in_parts(model, monkeypatch):
    z = np.repeat(model.prior(1, seed=3), 10, axis=0)
    whole = model.decode(z, seed=1)
    monkeypatch.setattr(magenta_sketch.inference.coder, "_AT_ONCE", 4)
    parts = model.decode(z, seed=1)
    assert len(parts) == 10
    assert same(parts[:4], whole[:4])
    # All of one z: no part repeats another's noise.
    assert not same(parts[:4], parts[4:8]) and not same(parts[4:6], parts[8:])
    assert same(model.decode(z[:7], seed=1), parts[:7])
    assert len(model.sample(9)) == 9


def test_unconditional_model_samples_and_refuses_the_rest(unconditional_run, test_set):
    model = magenta_sketch.load(unconditional_run)
    assert not model.conditional and model.z_size == 0
    sketches = model.sample(3, seed=1)
    assert len(sketches) == 3
    with pytest.raises(ValueError, match="unconditional"):
        model.encode(test_set)
    with pytest.raises(ValueError, match="unconditional"):
        model.decode(np.zeros((1, 1)))


def test_the_readme_python_example_runs(trained_run, tiny_folder, tmp_path, monkeypatch, capfd):
    readme = pathlib.Path(__file__).resolve().parents[2] / "README.md"
    code = readme.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    code = code.replace("models/quickstart", str(trained_run)).replace("kanjivg.npz", "tiny.npz")
    code = code.replace('"datasets"', repr(str(tiny_folder)))
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    assert capfd.readouterr().err == ""
    assert (tmp_path / "decoded.svg").exists() and (tmp_path / "new.svg").exists()


@pytest.mark.slow
def test_losses_are_those_of_the_model_sketch_by_sketch(model, test_set):
    found = model.losses(test_set)
    assert [len(part) for part in found] == [len(test_set)] * 3  # in two batches
    one = batches.pad([test_set[9]], model.config)
    expected = model.model(tf.constant(one.strokes), tf.constant(one.lengths), scale=0.0)
    for values, value in zip(found, expected, strict=True):
        assert values[9] == pytest.approx(float(value[0]), abs=1e-5)
    noisy = model.losses(test_set, scale=2.0, seed=1)
    again, other = (
        model.losses(test_set, scale=2.0, seed=1),
        model.losses(test_set, scale=2.0, seed=2),
    )
    assert np.array_equal(noisy.reconstruction, again.reconstruction)
    assert not np.allclose(noisy.reconstruction, other.reconstruction, atol=1e-6)
    assert np.array_equal(noisy.kl, found.kl)
    assert [len(part) for part in model.losses([])] == [0, 0, 0]
    with pytest.raises(ValueError, match="scale"):
        model.losses(test_set, scale=-1.0)


@pytest.mark.slow
def test_losses_to_the_first_end_row(model, test_set):
    """Those of a batch with a single end row a sketch, over the same number of points."""
    found, usual = model.losses(test_set, to_first_end=True), model.losses(test_set)
    np.testing.assert_allclose(found.masked_reconstruction, usual.masked_reconstruction, atol=1e-5)
    np.testing.assert_allclose(found.kl, usual.kl, atol=1e-6)
    sketch = test_set[9]
    one = batches.pad([sketch], model.config.replace(max_seq_len=len(sketch) + 1))
    alone = model.model(tf.constant(one.strokes), tf.constant(one.lengths), scale=0.0)
    expected = float(alone.reconstruction[0]) * (len(sketch) + 1) / model.max_seq_len
    assert found.reconstruction[9] == pytest.approx(expected, abs=1e-5)
    assert found.reconstruction[9] < usual.reconstruction[9] - 0.01


def by_turns(sketches):
    """All sketches twice: the longest, the shortest, the next longest, and so on."""
    chosen = sorted(range(len(sketches)), key=lambda i: len(sketches[i]))
    return [sketches[i] for pair in zip(chosen[::-1], chosen, strict=True) for i in pair]


@pytest.mark.slow
def test_results_are_in_the_order_of_the_sketches(model, test_set):
    sketches = by_turns(test_set)
    lengths = [len(sketch) for sketch in sketches]
    assert lengths != sorted(lengths) and lengths != sorted(lengths, reverse=True)
    assert len(sketches) > model.config.hparams.batch_size
    together = model.encode_distribution(sketches)
    losses = model.losses(sketches), model.losses(sketches, to_first_end=True)
    for row, sketch in enumerate(sketches):
        for found, expected in zip(together, model.encode_distribution([sketch]), strict=True):
            np.testing.assert_allclose(found[row], expected[0], rtol=0, atol=1e-6)
        alone = model.losses([sketch]), model.losses([sketch], to_first_end=True)
        for form, expected in zip(losses, alone, strict=True):
            for name in form._fields:
                value = getattr(form, name)[row]
                assert value == pytest.approx(float(getattr(expected, name)[0]), abs=1e-5), name
    assert len(set(np.round(losses[0].reconstruction, 4))) > len(sketches) / 3  # they do differ


def test_a_sketch_set_is_taken_as_a_list_is(model, test_set):
    np.testing.assert_array_equal(model.encode(test_set), model.encode(list(test_set)))
    np.testing.assert_array_equal(model.losses(test_set), model.losses(list(test_set)))


def test_another_normalizing_factor_is_another_unit(model, test_set):
    twin = model.with_normalizing_factor(2 * model.normalizing_factor)
    doubled = [sketch * np.array([2, 2, 1], np.float32) for sketch in list(test_set)[:3]]
    np.testing.assert_allclose(twin.encode(doubled), model.encode(list(test_set)[:3]), atol=1e-6)
    for ours, theirs in zip(twin.sample(3, seed=1), model.sample(3, seed=1), strict=True):
        np.testing.assert_allclose(ours, theirs * np.array([2, 2, 1]), rtol=1e-6)
    assert twin.units_known and twin.max_seq_len == model.max_seq_len
