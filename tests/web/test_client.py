"""@magenta/sketch, unmodified, with files that we wrote and one that was published."""

import shutil

import numpy as np
import pytest

import magenta_sketch
from magenta_sketch._backend import tf
from magenta_sketch.inference.sampler import PointDecoder
from magenta_sketch.interop import sketch_rnn_js
from magenta_sketch.interop.folding import fold
from magenta_sketch.nn import mixture

pytestmark = pytest.mark.slow  # Chromium

PAGE = "<!doctype html><meta charset=utf-8><link rel=icon href=data:,><script src=%s></script>"
FACTOR = 37.5  # pixels in a model unit
PARTS = ("pi", "muX", "muY", "sigmaX", "sigmaY", "corr", "pen")

# What the client computes for given points: [{pi, muX, ...} after each of them].
PDFS = """
const [file, points, start, done] = arguments;
// In WebGL a device may compute in float16, which has three digits.
ms.tf.setBackend("cpu");
const model = new ms.SketchRNN(file);
model.initialize().then(() => {
  model.setPixelFactor(1);
  let state = model.zeroState();
  if (start) state = {c: Float32Array.from(start.c), h: Float32Array.from(start.h)};
  done(points.map((point) => {
    state = model.update(point, state);
    const pdf = model.getPDF(state, 1, 1);
    return Object.fromEntries(Object.entries(pdf).map(([name, values]) => [name, [...values]]));
  }));
}).catch((error) => done(String(error)));
"""

# The client's drawing, model units, with the random numbers of ours: rows of stroke-5. Without
# them the likeliest component's mean and the likeliest pen state.
DRAWING = """
const [file, count, temperature, uniforms, normals, done] = arguments;
ms.tf.setBackend("cpu");
const model = new ms.SketchRNN(file);
const likeliest = (values) => values.indexOf(Math.max(...values));
const choose = (values, uniform) => {
  let [index, sum] = [0, values[0]];
  while (sum <= uniform && index < values.length - 1) sum += values[++index];
  return index;
};
model.initialize().then(() => {
  model.setPixelFactor(model.info.scale_factor);
  const rows = [];
  let row = model.zeroInput();
  let state = model.zeroState();
  while (rows.length < count && row[4] !== 1) {
    state = model.update(row, state);
    const {pi, muX, muY, sigmaX, sigmaY, corr, pen} = model.getPDF(state, temperature, temperature);
    const [u, n] = [uniforms && uniforms[rows.length], normals && normals[rows.length]];
    const k = u ? choose([...pi], u[0]) : likeliest([...pi]);
    const p = u ? choose([...pen], u[1]) : likeliest([...pen]);
    row = [muX[k], muY[k], 0, 0, 0];
    if (n) {
      const rho = corr[k];
      row[0] += sigmaX[k] * n[0];
      row[1] += sigmaY[k] * (rho * n[0] + Math.sqrt(1 - rho * rho) * n[1]);
    }
    row[2 + p] = 1;
    rows.push(row);
  }
  done(rows);
}).catch((error) => done(String(error)));
"""


@pytest.fixture
def client(browser, sketch_js, serve, tmp_path):
    """(a folder, a function that runs a script on a page served from it, with @magenta/sketch)."""
    shutil.copy(sketch_js, tmp_path)
    (tmp_path / "page.html").write_text(PAGE % sketch_js.name, encoding="utf-8")
    address, _ = serve(tmp_path)
    browser.get(f"{address}page.html")

    def run(script, *arguments):
        found = browser.execute_async_script(script, *arguments)
        assert not isinstance(found, str), found
        return found

    return tmp_path, run


def sequence(time=40):
    """The start token and random points, stroke-5 in model units."""
    random = np.random.default_rng(7)
    pens = np.eye(3)[random.choice(3, time, p=[0.7, 0.25, 0.05])]
    points = np.concatenate([random.normal(size=(time, 2)), pens], axis=1)
    points[0] = (0, 0, 1, 0, 0)
    return points.astype(np.float32)


def in_pixels(points):
    return (points * np.array([FACTOR, FACTOR, 1, 1, 1])).tolist()


def theirs(pdfs):
    # Their sigmaY runs on into what follows it.
    return {
        name: np.array([pdf[name][: 3 if name == "pen" else 20] for pdf in pdfs]) for name in PARTS
    }


def ours(model, points, z=None, state=None):
    """The mixture after each point, from the decoder point by point; from `state` if given."""
    decoder, found = model.decoder, []
    z = None if z is None else tf.constant(z)[None]
    state = decoder.initial_state(z, 1) if state is None else [tf.constant(x)[None] for x in state]
    for point in points:
        output, state = decoder.step(tf.constant(point)[None], z, state)
        found.append(output[0])
    params = mixture.split_output(tf.stack(found))
    return {
        "pi": tf.exp(params.log_pi),
        "muX": params.mu1,
        "muY": params.mu2,
        "sigmaX": tf.exp(params.log_sigma1),
        "sigmaY": tf.exp(params.log_sigma2),
        "corr": tf.tanh(params.corr_logits),
        "pen": tf.nn.softmax(params.pen_logits),
    }


def assert_agree(pdfs, expected, tolerance):
    found = theirs(pdfs)
    for name in PARTS:
        np.testing.assert_allclose(
            found[name], expected[name].numpy(), rtol=0, atol=tolerance, err_msg=name
        )


def test_a_decoder_that_we_wrote(client, lstm):
    folder, run = client
    model, points = lstm(conditional=False, units=40), sequence()
    about = {"name": "random", "max_seq_len": 50, "normalizing_factor": FACTOR}
    done = sketch_rnn_js.write(folder / "model.json", model, **about)
    pdfs = run(PDFS, "model.json", in_pixels(points), None)
    back = sketch_rnn_js.read(folder / "model.json").build()
    assert_agree(pdfs, ours(back, points), 1e-3)
    # The format rounds each weight, by this much at most.
    assert 1e-5 < done.rounding < 1.6e-4
    assert_agree(pdfs, ours(model, points), 5e-3)


def test_a_conditional_decoder_at_some_z(client, lstm):
    folder, run = client
    model, points = lstm(units=40), sequence()
    for number, z in enumerate(np.random.default_rng(3).normal(size=(2, 6)).astype(np.float32)):
        file = f"{number}.json"  # another name: Chromium may keep what it fetched
        folded = fold(model, z)
        about = {"name": "folded", "max_seq_len": 50, "normalizing_factor": FACTOR}
        sketch_rnn_js.write_arrays(folder / file, folded.weights, **about)
        start = {"h": folded.h.tolist(), "c": folded.c.tolist()}
        pdfs = run(PDFS, file, in_pixels(points), start)
        back = sketch_rnn_js.read(folder / file).build()
        assert_agree(pdfs, ours(back, points, state=[folded.h, folded.c]), 1e-3)
        assert_agree(pdfs, ours(model, points, z=z), 5e-3)


@pytest.fixture
def bird(client, shared):
    folder, run = client
    shutil.copy(shared / "models" / "bird.gen.json", folder)
    return magenta_sketch.load(folder / "bird.gen.json"), lambda *how: run(
        DRAWING, "bird.gen.json", *how
    )


def test_a_published_model_draws_the_same_greedily(bird):
    model, draw = bird
    (sketch,) = model.sample(1, greedy=True)
    expected = sketch / np.array([model.normalizing_factor] * 2 + [1.0])
    rows = np.array(draw(60, 1.0, None, None))
    assert len(rows) == len(expected[:60]) == 60
    np.testing.assert_allclose(rows[:, [0, 1, 3]], expected[:60], rtol=0, atol=1e-3)


def test_a_published_model_draws_the_same_with_the_same_noise(bird):
    model, draw = bird
    random, temperature = np.random.default_rng(5), 0.5
    uniforms, normals = random.random((129, 2)), random.normal(size=(129, 2))
    decoder, expected = PointDecoder(model.model.decoder), []
    point, state = tf.constant([[0.0, 0.0, 1.0, 0.0, 0.0]]), decoder.initial_state(None, 1)
    context = decoder.context(None, 1)
    while len(expected) < 129 and point[0, 4] != 1.0:
        output, state = decoder.step(point, context, state)
        params = mixture.adjust_temperature(mixture.split_output(output), temperature)
        noise = (uniforms, normals)
        point = mixture.draw_points(
            params, *(tf.constant(x[len(expected)][None], tf.float32) for x in noise)
        )
        expected.append(point[0].numpy())
    rows = np.array(draw(129, temperature, uniforms.tolist(), normals.tolist()))
    assert rows.shape == np.shape(expected) and len(rows) > 40
    np.testing.assert_allclose(rows, expected, rtol=0, atol=1e-3)
