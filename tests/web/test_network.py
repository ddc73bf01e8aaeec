"""The network in the browser computes and draws what the package does, from equal seeds."""

import numpy as np
import pytest

from magenta_sketch import RunConfig, SketchRNN, TrainedModel
from magenta_sketch._backend import tf
from magenta_sketch.data.strokes import to_stroke5
from magenta_sketch.inference import latent
from magenta_sketch.nn import mixture
from magenta_sketch.nn.randomness import seed_table
from magenta_sketch.seeds import Purpose
from magenta_sketch.web.model_file import model_bytes

pytestmark = pytest.mark.slow  # Chromium

SIZES = {"enc_rnn_size": 20, "dec_rnn_size": 36, "z_size": 6, "max_seq_len": 60, "batch_size": 5}
FACTOR = 30.0  # data units in a model unit
CELLS = ("lstm", "layer_norm", "hyper")


def random_model(cell="lstm", num_mixture=7, **changes):
    """A model with weights large enough for every one of them to matter."""
    given = {"enc_model": cell, "dec_model": cell, "num_mixture": num_mixture}
    model = SketchRNN(RunConfig.of(**SIZES | given | changes, normalizing_factor=FACTOR))
    random = np.random.default_rng(5)
    for weight in model.weights:
        if weight.dtype == "float32":
            weight.assign(weight + random.normal(0.0, 0.15, weight.shape).astype(np.float32))
    bias = model.decoder.output_bias
    bias.assign(bias + np.array([1.0, 0.0, -2.0, *[0.0] * (bias.shape[0] - 3)], np.float32))
    return TrainedModel(model)


def drawing(points=40, seed=2):
    """A stroke-3 drawing in data units."""
    random = np.random.default_rng(seed)
    lifts = random.random((points, 1)) < 0.2
    offsets = random.normal(0.0, FACTOR, (points, 2))
    return np.concatenate([offsets, lifts], axis=1).astype(np.float32)


def rows(sketch):
    """A drawing in data units as stroke-5 points in model units, without the start token."""
    return to_stroke5(sketch / [FACTOR, FACTOR, 1], len(sketch))[1:].tolist()


def vectors(model, z, points):
    """The initial state, and the output vector after the start token and points, of the package."""
    decoder = model.model.decoder
    z = None if z is None else model.model.decoder_z(tf.constant(z)[None])
    state = decoder.initial_state(z, 1)
    first = [one.numpy()[0] for one in state]
    output, state = decoder.step(tf.constant([[0.0, 0.0, 1.0, 0.0, 0.0]]), z, state)
    for point in points:
        output, state = decoder.step(tf.constant([point]), z, state)
    return first, output.numpy()[0]


COMPUTE = """
const [file, backend, points, done] = arguments;
sketch.load(file, backend).then((network) => {
  const posterior = network.about.conditional ? network.encode(points) : null;
  const zs = posterior && [posterior.mu];
  const begun = network.begin(zs, 1);
  const state = begun.state.map((one) => [...one.dataSync()]);
  let output = null;
  for (const point of [sketch.START, ...points]) [output] = network.step(begun, [point]);
  sketch.end(begun);
  const before = sketch.tf.memory().numTensors;
  if (posterior) network.encode(points);
  done({
    mu: posterior && [...posterior.mu],
    presig: posterior && [...posterior.presig],
    state,
    output: [...output],
    left: sketch.tf.memory().numTensors - before,
  });
}).catch((error) => done(String(error)));
"""


@pytest.mark.parametrize("conditional", [True, False], ids=["conditional", "unconditional"])
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("backend", ["wasm", "cpu"])
def test_it_computes_what_the_package_does(probe, cell, conditional, backend):
    model, points = random_model(cell, conditional=conditional), rows(drawing())
    probe.write("a.sketchrnn", model_bytes(model, name="a"))
    found = probe.run(COMPUTE, "a.sketchrnn", backend, points)
    mu = None
    if conditional:
        (mu,), (sigma,) = model.encode_distribution([drawing()])
        np.testing.assert_allclose(found["mu"], mu, rtol=0, atol=1e-4)
        np.testing.assert_allclose(found["presig"], 2 * np.log(sigma), rtol=0, atol=1e-4)
        assert np.ptp(mu) > 0.1
    state, output = vectors(model, mu, points)
    assert [len(one) for one in found["state"]] == [len(one) for one in state]
    for one, expected in zip(found["state"], state, strict=True):
        np.testing.assert_allclose(one, expected, rtol=0, atol=1e-4)
    np.testing.assert_allclose(found["output"], output, rtol=0, atol=1e-4)
    assert found["left"] == 0  # each drawing gives its memory back


@pytest.mark.parametrize(
    "changes",
    [
        {"cell": "layer_norm", "enc_model": "hyper"},
        {"tanh_z": True},
        {"decoder_z_scale": 0.5},
        {"num_mixture": 1},
        {"num_mixture": 25},
    ],
    ids=str,
)
def test_other_models(probe, changes):
    model, points = random_model(**changes), rows(drawing())
    probe.write("a.sketchrnn", model_bytes(model, name="a"))
    found = probe.run(COMPUTE, "a.sketchrnn", "cpu", points)
    mu = model.encode([drawing()])[0]
    np.testing.assert_allclose(found["mu"], mu, rtol=0, atol=1e-4)
    np.testing.assert_allclose(found["output"], vectors(model, mu, points)[1], rtol=0, atol=1e-4)


def test_half_the_bits_are_near(probe):
    model, points = random_model(), rows(drawing())
    probe.write("a.sketchrnn", model_bytes(model, name="a", dtype="float16"))
    found = probe.run(COMPUTE, "a.sketchrnn", "cpu", points)
    mu = model.encode([drawing()])[0]
    apart = np.abs(np.subtract(found["mu"], mu)).max()
    assert 1e-7 < apart < 2e-3
    for weight in model.model.weights:  # and exactly those of the rounded weights
        if weight.dtype == "float32":
            weight.assign(weight.numpy().astype(np.float16).astype(np.float32))
    np.testing.assert_allclose(found["mu"], model.encode([drawing()])[0], rtol=0, atol=1e-6)


DRAW = """
const [file, done] = arguments;
const how = %s;
sketch.load(file, "wasm").then(async (network) => {
  const drawn = [];
  const ends = {};
  await sketch.decode(network, how(network), (points, ended) => {
    for (const [number, row] of points) (drawn[number] ??= []).push(row);
    for (const [number, why] of ended) ends[number] = why;
  }, () => true);
  done({ drawn, ends });
}).catch((error) => done(String(error)));
"""


def draw(probe, model, how):
    """What the browser draws: stroke-3 in data units, and why each ended. ``how``: JavaScript."""
    probe.write("a.sketchrnn", model_bytes(model, name="a"))
    found = probe.run(DRAW % how, "a.sketchrnn")
    drawn = [np.array(one or np.zeros((0, 5)))[:, [0, 1, 3]] for one in found["drawn"]]
    return [one * [FACTOR, FACTOR, 1] for one in drawn], found["ends"]


def assert_same(found, expected):
    assert [len(one) for one in found] == [len(one) for one in expected]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=FACTOR * 1e-3)


@pytest.mark.parametrize("cell", CELLS)
def test_equal_seeds_draw_equal_sketches(probe, cell):
    """Four at once, of which each ends at another point, so that rows are taken out."""
    model = random_model(cell)
    expected = model.sample(4, temperature=0.6, seed=11)
    assert len({len(one) for one in expected}) > 2
    found, ends = draw(
        probe,
        model,
        "(network) => ({zs: sketch.prior(network, 4, 11), most: 60, temperature: 0.6, seed: 11})",
    )
    assert_same(found, expected)
    whole = {number for number, one in enumerate(expected) if len(one) < 60}
    assert {int(number) for number, why in ends.items() if why == "finished"} == whole


def test_an_unconditional_model_completes_the_same(probe):
    model, begun = random_model(conditional=False), drawing(12)
    expected = model.complete(begun, 3, temperature=0.5, seed=2**40 + 7)
    counted = """(network) => {
      const step = network.step.bind(network);
      globalThis.fed = [];
      network.step = (sketches, points) => {
        fed.push(points.length);
        return step(sketches, points);
      };
      return {count: 3, given: %s, most: 60, temperature: 0.5, seed: 2 ** 40 + 7};
    }"""
    found, _ = draw(probe, model, counted % rows(begun))
    assert_same(found, [one[len(begun) :] for one in expected])
    # The beginning is the same for all three, so it is computed once.
    fed = probe.browser.execute_script("return fed")
    assert fed[: len(begun) + 1] == [1] * len(begun) + [3]


def test_a_conditional_model_completes_the_same_greedily(probe):
    model, begun = random_model(), drawing(12)
    expected = model.complete(begun, 2, seed=3, greedy=True)
    found, _ = draw(
        probe,
        model,
        "(network) => ({zs: sketch.prior(network, 2, 3), greedy: true, most: 60,"
        f" given: {rows(begun)}}})",
    )
    assert_same(found, [one[len(begun) :] for one in expected])


@pytest.mark.parametrize("scale", [0.0, 1.0, 4.0])
def test_noise_is_that_of_the_noise_ladder(probe, scale):
    model, sketch = random_model(), drawing()
    (expected,) = model.noise_ladder(sketch, [scale], 3, temperature=0.4, seed=9)
    found, _ = draw(
        probe,
        model,
        f"(network) => ({{zs: sketch.noisy(network.encode({rows(sketch)}), 3, {scale}, 9),"
        " most: 60, temperature: 0.4, seed: 9})",
    )
    assert_same(found, expected)


def test_a_morph_is_an_interpolation(probe):
    model, first, second = random_model(), drawing(30, seed=3), drawing(20, seed=4)
    expected = model.interpolate(first, second, 4, temperature=0.4, seed=6)
    found, _ = draw(
        probe,
        model,
        f"(network) => {{ const [a, b] = [{rows(first)}, {rows(second)}].map((one) => "
        "network.encode(one).mu); return {zs: [0, 1, 2, 3].map((i) => sketch.slerp(a, b, i / 3)),"
        " noiseRows: [0, 0, 0, 0], most: 60, temperature: 0.4, seed: 6}; }",
    )
    assert_same(found, expected)


def test_strokes_are_counted(probe):
    model = random_model(conditional=False)
    found, ends = draw(probe, model, "() => ({count: 5, most: 60, seed: 1, lifts: 2})")
    whole = model.sample(5, seed=1)
    for number, (one, other) in enumerate(zip(found, whole, strict=True)):
        np.testing.assert_allclose(one, other[: len(one)], rtol=0, atol=FACTOR * 1e-3)
        if ends[str(number)] == "lifted":
            assert one[:, 2].sum() == 2 and one[-1, 2] == 1
    assert "lifted" in ends.values()


# ------------------------------------------------------------------------- without a network


RANDOM = """
const [seed, step, purpose, first, done] = arguments;
const table = sketch.seedTable(BigInt(seed), step, purpose);
done({
  table: table.map((row) => row.map(String)),
  uniforms: [...sketch.uniforms(sketch.after(table[0], step), 9, first)],
  normals: [...sketch.normals(sketch.after(table[1], step), 9, first)],
});
"""


@pytest.mark.parametrize("seed", [0, 1, 2**31, 2**32 + 5, 2**63 - 1])
def test_random_numbers(probe, seed):
    for step, first in ((0, 0), (3, 2), (200, 5)):
        found = probe.run(RANDOM, str(seed), step, int(Purpose.SAMPLING), first)
        table = seed_table(seed, step, Purpose.SAMPLING)
        assert found["table"] == [[str(one) for one in row] for row in table.numpy().tolist()]
        here = tf.constant([0, step], tf.int64)
        uniforms = tf.random.stateless_uniform([first + 9], table[0] + here, alg="philox")
        np.testing.assert_array_equal(np.float32(found["uniforms"]), uniforms[first:].numpy())
        normals = tf.random.stateless_normal([first + 9], table[1] + here, alg="philox")
        np.testing.assert_allclose(found["normals"], normals[first:].numpy(), atol=3e-6, rtol=0)


PATHS = """
const [pairs, places, done] = arguments;
done(pairs.map(([a, b]) => places.map((t) => [...sketch.slerp(a, b, t)])));
"""


def test_paths_between_vectors(probe):
    random = np.random.default_rng(1)
    pairs = [random.normal(size=(2, 5)) for _ in range(3)]
    a = random.normal(size=5)
    pairs += [[a, 2 * a], [a, np.zeros(5)], [a, a], [a, -a]]
    places = [0.0, 0.2, 0.5, 1.0]
    found = probe.run(PATHS, np.array(pairs).tolist(), places)
    for (one, other), path in zip(pairs, found, strict=True):
        expected = [latent.slerp(one, other, t) for t in places]
        np.testing.assert_allclose(path, expected, rtol=0, atol=1e-9)


PLANE = """
const [plane, places, z, done] = arguments;
done({
  at: places.map((place) => [...sketch.atPlane(plane, place)]),
  on: z.map((one) => sketch.onPlane(plane, one)),
});
"""


def test_places_in_a_plane(probe):
    random = np.random.default_rng(4)
    plane = latent.principal_plane(random.normal(size=(9, 5)))
    places, z = random.normal(size=(3, 2)), random.normal(size=(4, 5))
    written = {"origin": plane.mean.tolist()}
    written |= {"x": plane.axes[0].tolist(), "y": plane.axes[1].tolist()}
    found = probe.run(PLANE, written, places.tolist(), z.tolist())
    np.testing.assert_allclose(found["at"], plane.at(places), rtol=0, atol=1e-9)
    np.testing.assert_allclose(found["on"], plane.project(z), rtol=0, atol=1e-9)


DENSITY = """
const [outputs, points, done] = arguments;
done(outputs.map((output, i) => sketch.logDensity(Float32Array.from(output), points[i])));
"""


def test_log_densities(probe):
    random = np.random.default_rng(8)
    outputs = random.normal(0.0, 2.0, size=(6, 3 + 6 * 4)).astype(np.float32)
    points = np.array(rows(drawing(6)), np.float32)
    found = probe.run(DENSITY, outputs.tolist(), points.tolist())
    params = mixture.split_output(tf.constant(outputs))
    offsets = mixture.log_density(params, tf.constant(points[:, :2])).numpy()
    pens = tf.reduce_sum(tf.nn.log_softmax(params.pen_logits) * points[:, 2:], axis=-1).numpy()
    np.testing.assert_allclose([one["offset"] for one in found], offsets, rtol=1e-5)
    np.testing.assert_allclose([one["pen"] for one in found], pens, rtol=1e-5)


UNIT = """
const [file, drawings, done] = arguments;
sketch.load(file, "wasm").then(async (network) => {
  const fit = new sketch.ScaleFit(network, 30);
  const found = [];
  for (const rows of drawings) found.push(await fit.unitOf(rows, () => true));
  done(found);
}).catch((error) => done(String(error)));
"""


def test_the_scale_of_a_drawing_is_found(probe):
    """A drawing twice as large has a unit twice as large; a model knows its own drawings."""
    model = random_model(conditional=False)
    sketches = [one for one in model.sample(20, seed=4) if len(one) > 30][:5]
    probe.write("a.sketchrnn", model_bytes(model, name="a"))
    sizes = (0.5, 1.0, 1.7)
    drawings = [
        [[dx * size, dy * size, 1 - lift, lift, 0] for dx, dy, lift in one.tolist()]
        for one in sketches
        for size in sizes
    ]
    found = np.reshape(probe.run(UNIT, "a.sketchrnn", drawings), (len(sketches), len(sizes)))
    np.testing.assert_allclose(np.median(found, axis=0), FACTOR * np.array(sizes), rtol=0.15)
    # Longer and longer beginnings of one drawing, and then another one: as each by itself.
    parts = [drawings[0][:10], drawings[0][:20], drawings[0], drawings[4]]
    assert probe.run(UNIT, "a.sketchrnn", parts)[2:] == pytest.approx(
        found.ravel()[[0, 4]], rel=1e-5
    )
