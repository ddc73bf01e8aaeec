"""Chromium, npm packages as npm brings them, and a server on loopback."""

import contextlib
import functools
import http.server
import os
import pathlib
import shutil
import subprocess
import sys
import threading

import numpy as np
import probing
import pytest
from page import FACTOR, LONG, TWIGS, Page

from magenta_sketch import TrainedModel
from magenta_sketch.cli import convert
from magenta_sketch.cli.convert import web
from magenta_sketch.interop import sketch_rnn_js
from magenta_sketch.web import bundle

REQUIRED = "MAGENTA_SKETCH_REQUIRE_BROWSER"


def _absent(reason):
    """Skips; fails where the environment says that the browser tests have to run."""
    if os.environ.get(REQUIRED):
        pytest.fail(f"{REQUIRED} is set, and {reason}")
    pytest.skip(reason)


def _program(*names):
    found = next(filter(None, map(shutil.which, names)), None)
    return found or _absent(f"there is no {names[0]} on this machine")


def _installed(tmp_path_factory, *wanted):
    """The folder node_modules with packages as npm brings them, without their install scripts."""
    npm, folder = _program("npm"), tmp_path_factory.mktemp("npm")
    quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--loglevel=error"]
    command = [npm, "install", *quiet, f"--prefix={folder}", *wanted]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    return folder / "node_modules" if not done.returncode else _absent(done.stderr)


@pytest.fixture(scope="session")
def sketch_js(tmp_path_factory) -> pathlib.Path:
    """The file for pages of @magenta/sketch, unmodified, from npm."""
    folder = _installed(tmp_path_factory, "@magenta/sketch@0.2.0")
    return folder / "@magenta" / "sketch" / "dist" / "magentasketch.js"


@pytest.fixture(scope="session")
def node_modules(tmp_path_factory) -> pathlib.Path:
    """The npm packages of the page, as npm brings them."""
    return _installed(tmp_path_factory, *(f"{k}@{v}" for k, v in bundle.PACKAGES.items()))


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    """A headless Chromium that can reach loopback alone."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = _program("chromium", "chromium-browser")
    driver = _program("chromedriver")
    flags = "headless no-sandbox disable-gpu disable-quic no-first-run disable-sync"
    flags += " disable-background-networking disable-component-update disable-dev-shm-usage"
    for flag in flags.split():
        options.add_argument(f"--{flag}")
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('chromium')}")
    options.add_argument("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
    options.add_argument("--window-size=1280,900")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = webdriver.ChromeService(executable_path=driver)
    browser = webdriver.Chrome(options=options, service=service)
    try:
        browser.set_script_timeout(60)
        yield browser
    finally:
        browser.quit()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextlib.contextmanager
def serving(folder):
    """Serves a folder on loopback: (its address, a function that stops the server)."""
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(_Quiet, directory=str(folder))
    )
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    stopped = []

    def stop():
        if not stopped:
            stopped.append(True)
            server.shutdown()
            server.server_close()
            thread.join()

    try:
        yield f"http://127.0.0.1:{server.server_port}/", stop
    finally:
        stop()


@pytest.fixture
def serve():
    """``serve(folder)`` gives the address and a function that takes the server down."""
    with contextlib.ExitStack() as stack:
        yield lambda folder: stack.enter_context(serving(folder))


@pytest.fixture(scope="session")
def lstm():
    """Makes a `SketchRNN` of lstm cells with random weights: ``lstm(conditional=..., units=...)``.

    The weights are large enough for every one of them to matter, and pen (down, up, end) is added
    to the output bias of the pen's logits.
    """
    import numpy as np

    from magenta_sketch.config import RunConfig
    from magenta_sketch.nn.sketch_rnn import SketchRNN

    def make(conditional=True, units=24, pen=(0.0, 0.0, 0.0), seed=0, **changes):
        sizes = {"enc_rnn_size": 8, "dec_rnn_size": units, "z_size": 6, "num_mixture": 20}
        given = {"enc_model": "lstm", "dec_model": "lstm", "conditional": conditional}
        model = SketchRNN(RunConfig.of(**sizes | given | changes, seed=seed))
        random = np.random.default_rng(seed)
        for weight in model.weights:
            if weight.dtype == "float32":
                noise = random.normal(0.0, 0.2, weight.shape)
                weight.assign(weight + noise.astype(np.float32))
        bias = model.decoder.output_bias
        bias.assign(bias + np.array([*pen, *[0.0] * (bias.shape[0] - 3)], np.float32))
        return model

    return make


@pytest.fixture(scope="session")
def make_page(node_modules):
    """``make_page(*flags)`` runs the command that makes a page."""

    def make(*flags):
        flags = (*flags, f"--node_modules={node_modules}")
        with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as stop:
            patch.setattr(sys, "argv", ["sketch_rnn_convert", "web", *flags])
            convert.run()
        # Within one process, flags keep what the run before gave.
        web.FLAGS.unparse_flags()
        for name in web.FLAGS:
            web.FLAGS[name].unparse()
        assert stop.value.code == 0

    return make


@pytest.fixture(scope="module")
def site(make_page, tmp_path_factory, lstm):
    """Makes a page of a model with random weights, by the command: its folder."""

    @functools.cache
    def make(units=24, pen=TWIGS, straight=False, name=None):
        model = lstm(units=units, pen=pen)
        if straight:
            _go_straight(model.decoder)
        folder = tmp_path_factory.mktemp("site")
        sketch_rnn_js.write(
            folder / "twigs.gen.json",
            model,
            name="twigs",
            max_seq_len=LONG,
            normalizing_factor=FACTOR,
        )
        out = folder / "site"
        named = [f"--name={name}"] if name else []
        make_page(f"--model_dir={folder / 'twigs.gen.json'}", f"--out={out}", *named)
        return out

    return make


@pytest.fixture(scope="module")
def two_models(make_page, tmp_path_factory, lstm, tiny_folder):
    """Makes a page of a model with an encoder and a map, and of one without: its place."""

    @functools.cache
    def make(name):
        folder = tmp_path_factory.mktemp("models")
        about = {"max_seq_len": LONG, "normalizing_factor": FACTOR, "pen": TWIGS}
        places = [folder / "seeing.keras", folder / "blind.keras"]
        for place, more in zip(
            places, ({"enc_model": "hyper"}, {"conditional": False}), strict=True
        ):
            TrainedModel(lstm(dec_model="layer_norm", **about, **more)).save(place)
        out = tmp_path_factory.mktemp("two") / name
        data = (f"--data_dir={tiny_folder}", "--data_set=tiny.npz")
        make_page(*[f"--model_dir={place}" for place in places], *data, f"--out={out}")
        return out

    return make


def _go_straight(decoder):
    """Makes every point one model unit to the right of the last and a half below it."""
    mixture = np.zeros((6, 20), np.float32)
    mixture[1], mixture[2], mixture[3:5] = 1.0, 0.5, -9.0  # mu1, mu2, log sigmas
    pen = np.array([9.0, -9.0, -9.0], np.float32)
    decoder.output_kernel.assign(np.zeros(decoder.output_kernel.shape, np.float32))
    decoder.output_bias.assign(np.concatenate([pen, mixture.ravel()]))


@pytest.fixture
def open_page(browser, serve):
    """``open_page(folder)`` gives a `Page` and a function that takes the server down."""

    def go(folder, ready=True):
        address, stop = serve(folder)
        page = Page(browser, address)
        if ready:
            page.wait_ready()
        return page, stop

    return go


@pytest.fixture
def window(browser):
    """``window(width, height)`` makes the page's window that large, in CSS pixels."""

    def resize(width, height):
        size = {"width": width, "height": height, "deviceScaleFactor": 2, "mobile": False}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    with contextlib.ExitStack() as stack:
        stack.callback(browser.execute_cdp_cmd, "Emulation.clearDeviceMetricsOverride", {})
        yield resize


@pytest.fixture(scope="session")
def _probe_page(node_modules, tmp_path_factory):
    folder = tmp_path_factory.mktemp("probe")
    probing.build(node_modules, folder)
    with serving(folder) as (address, _):
        yield folder, address


@pytest.fixture
def probe(browser, _probe_page):
    """A `probing.Probe`."""
    return probing.Probe(browser, *_probe_page)
