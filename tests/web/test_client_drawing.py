"""@magenta/sketch, unmodified, draws what published models draw here, from the same numbers."""

import itertools
import shutil

import numpy as np
import pytest
from client_page import open_client

import magenta_sketch
from magenta_sketch._backend import tf
from magenta_sketch.data.sources import quickdraw
from magenta_sketch.data.sources.collecting import sketch_of
from magenta_sketch.data.sources.options import Settings
from magenta_sketch.data.strokes import to_stroke5
from magenta_sketch.nn.randomness import seed_table
from magenta_sketch.seeds import Purpose

pytestmark = pytest.mark.slow  # Chromium

TEMPERATURE = 0.5
GIVEN, POINTS = 20, 40  # points of a beginning and of an ending

# Real drawings: model, file, number in the file. With these and this seed, no choice of a component
# or pen state is nearer to its threshold than 7e-4, so that rounding errors do not change it.
BEGINNINGS = {
    "bird": ("quickdraw_raw/bird.ndjson", 3),
    "dog": ("quickdraw_more/dog.ndjson.gz", 1),
    "rabbit": ("quickdraw_more/rabbit.ndjson.gz", 13),
}
SEED = 23

# What the client draws after the rows `given`, both stroke-5 in pixels, with our random numbers.
# Without them, it takes the likeliest component's mean and the likeliest pen state.
DRAWING = """
const [file, given, count, temperature, uniforms, normals, done] = arguments;
// In WebGL a device may compute in float16, which has three digits.
ms.tf.setBackend("cpu");
const model = new ms.SketchRNN(file);

const likeliest = (values) => values.indexOf(Math.max(...values));
const greedyRow = ({pi, muX, muY, pen}) => {
  const k = likeliest(pi);
  const row = [muX[k] * model.scaleFactor, muY[k] * model.scaleFactor, 0, 0, 0];
  row[2 + likeliest(pen)] = 1;
  return row;
};

// The client's own `sample` takes four uniform numbers: for the component, for the pen, and two
// that its polar method turns into normal ones, [a, b]. With rest = sqrt(1 - rho²) its point is
//   dx = muX + sigmaX (rest a + rho b), dy = muY + sigmaY b,
// and ours, of the normal numbers [n0, n1], which this [a, b] makes the same,
//   dx = muX + sigmaX n0, dy = muY + sigmaY (rho n0 + rest n1).
const sampledRow = (pdf, uniforms, [n0, n1]) => {
  let sum = 0;
  const rho = pdf.corr[pdf.pi.findIndex((share) => (sum += share) > uniforms[0])];
  const rest = Math.sqrt(1 - rho * rho);
  const [a, b] = [rest * n0 - rho * n1, rho * n0 + rest * n1];
  const square = a * a + b * b;
  const shrunk = Math.sqrt(Math.exp(-square / 2) / square);
  const numbers = [...uniforms, (1 + a * shrunk) / 2, (1 + b * shrunk) / 2];
  Math.random = () => numbers.shift();
  return model.sample(pdf);
};

model.initialize().then(() => {
  model.setPixelFactor(1);
  let state = model.update(model.zeroInput(), model.zeroState());
  if (given.length) state = model.updateStrokes(given, state);
  const rows = [];
  for (let row = []; rows.length < count && row[4] !== 1; state = model.update(row, state)) {
    const pdf = model.getPDF(state, temperature, temperature);
    const t = rows.length;
    row = uniforms ? sampledRow(pdf, uniforms[t], normals[t]) : greedyRow(pdf);
    rows.push(row);
  }
  done(rows);
}).catch((error) => done(String(error)));
"""


@pytest.fixture
def published(browser, sketch_js, serve, tmp_path, shared):
    """``published(name)`` gives a published model, and `draw`, which draws with it in the client.

    ``draw(given, count, noise)`` goes on from points, stroke-3 in pixels; greedily if there is no
    noise. It gives up to ``count`` rows, stroke-5 in model units, an end included.
    """
    folder, run = open_client(browser, sketch_js, serve, tmp_path)

    def load(name):
        file = f"{name}.gen.json"
        shutil.copy(shared / "models" / file, folder)
        model = magenta_sketch.load(folder / file)

        def draw(given, count, noise=None):
            rows = to_stroke5(given, len(given))[1:]
            temperature, noise = (TEMPERATURE, noise) if noise else (1.0, (None, None))
            drawn = run(DRAWING, file, rows.tolist(), count, temperature, *noise)
            return np.array(drawn) / [*[model.normalizing_factor] * 2, 1, 1, 1]

        return model, draw

    return load


def noise_of(seed, first, count, row=0):
    """The random numbers of points from ``first`` on: uniform and normal ones, [count][2] each.

    ``row`` is the place of the sketch among those that are drawn together.
    """
    uniform, normal = seed_table(seed, 0, Purpose.SAMPLING)[:2]
    shape, steps = [row + 1, 2], [[0, t] for t in range(first, first + count)]
    uniforms = [tf.random.stateless_uniform(shape, uniform + t, alg="philox") for t in steps]
    normals = [tf.random.stateless_normal(shape, normal + t, alg="philox") for t in steps]
    return [[numbers[row].numpy().tolist() for numbers in noise] for noise in (uniforms, normals)]


def rows_of(points, model):
    """Points, stroke-3 in pixels, as rows, stroke-5 in model units."""
    return to_stroke5(points / [*[model.normalizing_factor] * 2, 1], len(points))[1:]


def beginning(name, shared):
    """The first points of a real drawing, stroke-3 in pixels."""
    file, number = BEGINNINGS[name]
    drawings = quickdraw.read(shared / "data" / file)
    drawing = next(itertools.islice(drawings, number, None))
    given = sketch_of(drawing, Settings(), simplify_again=False)[:GIVEN]
    assert len(given) == GIVEN and given[:, 2].any()
    return given


def assert_same(rows, expected):
    np.testing.assert_allclose(rows, expected, rtol=0, atol=1e-3)


@pytest.mark.parametrize("name", BEGINNINGS)
def test_a_published_model_completes_the_same_with_the_same_noise(published, shared, name):
    model, draw = published(name)
    given = beginning(name, shared)
    endings = model.complete(given, 2, temperature=TEMPERATURE, seed=SEED)
    for row, sketch in enumerate(endings):
        rows = draw(given, POINTS, noise_of(SEED, GIVEN, POINTS, row))
        assert rows.shape == (POINTS, 5)
        assert_same(rows, rows_of(sketch[GIVEN:], model)[:POINTS])


@pytest.mark.parametrize("name", BEGINNINGS)
def test_a_published_model_completes_the_same_greedily(published, shared, name):
    model, draw = published(name)
    given = beginning(name, shared)
    (sketch,) = model.complete(given, greedy=True)
    expected = rows_of(sketch[GIVEN:], model)[:POINTS]
    rows = draw(given, POINTS)
    assert rows.shape == (POINTS, 5)
    assert_same(rows, expected)
    # Not by chance: without one of the given points it is another ending, from the first point on.
    for left_out in (0, GIVEN - 1):
        other = draw(np.delete(given, left_out, axis=0), 1)
        assert np.abs(other[0] - expected[0]).max() > 0.01


def test_a_published_model_draws_the_same_greedily(published):
    model, draw = published("bird")
    (sketch,) = model.sample(1, greedy=True)
    rows = draw(sketch[:0], 60)
    assert rows.shape == (60, 5)
    assert_same(rows, rows_of(sketch, model)[:60])


def test_a_published_model_draws_the_same_to_the_end_with_the_same_noise(published):
    seed = 16  # no choice of this drawing is near its threshold, see `BEGINNINGS`
    model, draw = published("bird")
    (sketch,) = model.sample(1, temperature=TEMPERATURE, seed=seed)
    rows = draw(sketch[:0], model.max_seq_len, noise_of(seed, 0, model.max_seq_len))
    assert POINTS < len(sketch) < model.max_seq_len
    assert_same(rows[:-1], rows_of(sketch, model))
    assert rows[-1, 4] == 1
