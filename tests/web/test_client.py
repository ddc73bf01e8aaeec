"""@magenta/sketch, unmodified, computes the same as ours from files that we wrote."""

import numpy as np
import pytest
from client_page import open_client

from magenta_sketch._backend import tf
from magenta_sketch.interop import sketch_rnn_js
from magenta_sketch.nn import mixture

pytestmark = pytest.mark.slow  # Chromium

FACTOR = 37.5  # pixels in a model unit
PARTS = ("pi", "muX", "muY", "sigmaX", "sigmaY", "corr", "pen")

# What the client computes for given points: [{pi, muX, ...} after each of them].
PDFS = """
const [file, points, done] = arguments;
// In WebGL a device may compute in float16, which has three digits.
ms.tf.setBackend("cpu");
const model = new ms.SketchRNN(file);
model.initialize().then(() => {
  model.setPixelFactor(1);
  let state = model.zeroState();
  done(points.map((point) => {
    state = model.update(point, state);
    const pdf = model.getPDF(state, 1, 1);
    return Object.fromEntries(Object.entries(pdf).map(([name, values]) => [name, [...values]]));
  }));
}).catch((error) => done(String(error)));
"""


@pytest.fixture
def client(browser, sketch_js, serve, tmp_path):
    """(a folder, a function that runs a script on a page served from it, with @magenta/sketch)."""
    return open_client(browser, sketch_js, serve, tmp_path)


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


def ours(model, points):
    """The mixture after each point, from the decoder point by point."""
    decoder, found = model.decoder, []
    state = decoder.initial_state(None, 1)
    for point in points:
        output, state = decoder.step(tf.constant(point)[None], None, state)
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
    pdfs = run(PDFS, "model.json", in_pixels(points))
    back = sketch_rnn_js.read(folder / "model.json").build()
    assert_agree(pdfs, ours(back, points), 1e-3)
    # The format rounds each weight, by this much at most.
    assert 1e-5 < done.rounding < 1.6e-4
    assert_agree(pdfs, ours(model, points), 5e-3)
