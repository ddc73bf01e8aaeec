"""Measure the web page in Chromium: its network beside @magenta/sketch, and how soon it proposes.

    python benchmarks/web_page.py steps --node_modules=node_modules
    python benchmarks/web_page.py proposals --page=bird.html
    python benchmarks/web_page.py scale bird.ndjson --model_dir=bird.gen.json

`steps` times a time step of decoders of 512 units. `proposals` draws a line on a page of one file,
and times its six continuations. `scale` compares the page's scale for a drawing with fixed ones:
the log-likelihood of the second halves of real drawings. node_modules needs the page's npm packages
(magenta_sketch.web.bundle.PACKAGES) and, for `steps`, @magenta/sketch.
"""

from __future__ import annotations

import argparse
import contextlib
import http.server
import pathlib
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import Any

import measure
import numpy as np

import magenta_sketch
from magenta_sketch.data.sources import quickdraw
from magenta_sketch.data.sources.collecting import sketch_of
from magenta_sketch.data.sources.drawings import Drawing
from magenta_sketch.data.sources.options import Settings
from magenta_sketch.data.strokes import to_stroke5
from magenta_sketch.interop import sketch_rnn_js
from magenta_sketch.web.model_file import model_bytes
from magenta_sketch.web.models import page_model

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "web"))
import probing

POINTS = 100
BIRD = [(-0.3, 0.0), (-0.2, -0.1), (-0.1, -0.1), (0.0, 0.05), (0.1, -0.1), (0.2, -0.1), (0.3, 0.0)]
STEPS = """
const [file, count, points, done] = arguments;
sketch.load(file, "wasm").then((network) => {
  const z = new Float32Array(network.about.z_size).fill(0.1);
  const zs = network.about.conditional ? Array(count).fill(z) : null;
  const sketches = network.begin(zs, count);
  const last = Array(count).fill(sketch.START);
  const times = [];
  for (let i = 0; i < points; i++) {
    const began = performance.now();
    const outputs = network.step(sketches, last);
    outputs.forEach((output) => sketch.drawPoint(output, 0.5, [0.5, 0.5], [0, 0]));
    times.push(performance.now() - began);
  }
  done(times);
}).catch((error) => done(String(error)));
"""
THEIRS = """
const [file, points, done] = arguments;
ms.tf.setBackend("cpu");
const model = new ms.SketchRNN(file);
model.initialize().then(() => {
  let state = model.zeroState();
  let row = model.zeroInput();
  const times = [];
  for (let i = 0; i < points; i++) {
    const began = performance.now();
    state = model.update(row, state);
    row = model.sample(model.getPDF(state, 0.5, 0.5));
    times.push(performance.now() - began);
  }
  done(times);
}).catch((error) => done(String(error)));
"""
SCALE = """
const [file, drawings, done] = arguments;
sketch.load(file, "wasm").then(async (network) => {
  const { about } = network;
  const guess = 255 * about.normalizing_factor / about.size;
  const zs = about.conditional ? [new Float32Array(about.z_size)] : null;
  const found = [];
  for (const rows of drawings) {
    const half = Math.ceil(rows.length / 2);
    const fit = new sketch.ScaleFit(network, guess);
    const fitted = await fit.unitOf(rows.slice(0, half), () => true);
    found.push([about.normalizing_factor, guess, fitted].map((unit) => {
      const begun = network.begin(zs, 1);
      let last = sketch.START;
      let sum = 0;
      sketch.scaled(rows, 1 / unit).forEach((row, i) => {
        const [output] = network.step(begun, [last]);
        const { offset, pen } = sketch.logDensity(output, row);
        if (i >= half) sum += offset + pen - 2 * Math.log(unit);
        last = row;
      });
      sketch.end(begun);
      return sum / (rows.length - half);
    }).concat(fitted));
  }
  done(found);
}).catch((error) => done(String(error)));
"""


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """Start a headless Chromium."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    for flag in ("headless", "no-sandbox", "disable-gpu", "disable-dev-shm-usage"):
        options.add_argument(f"--{flag}")
    options.add_argument("--window-size=1280,800")
    options.binary_location = shutil.which("chromium") or shutil.which("chromium-browser") or ""
    # Without a path, Selenium would look for a driver on the internet.
    service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
    browser = webdriver.Chrome(options=options, service=service)
    browser.set_script_timeout(300)
    try:
        yield browser
    finally:
        browser.quit()


@contextlib.contextmanager
def serving(folder: pathlib.Path) -> Iterator[str]:
    """Serve a folder on loopback; its address."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(folder))

        def log_message(self, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()


@contextlib.contextmanager
def probe_in(browser: Any, node_modules: pathlib.Path) -> Iterator[probing.Probe]:
    """Open the page's network on a page of its own."""
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        probing.build(node_modules.resolve(), folder)
        with serving(folder) as address:
            yield probing.Probe(browser, folder, address)


def decoder(cell: str) -> magenta_sketch.TrainedModel:
    """Return an untrained decoder-only model of Magenta's default size."""
    sizes = {"dec_rnn_size": 512, "num_mixture": 20, "max_seq_len": 250}
    config = magenta_sketch.RunConfig.of(
        dec_model=cell, enc_model=cell, conditional=False, **sizes, normalizing_factor=30.0
    )
    return magenta_sketch.TrainedModel(magenta_sketch.SketchRNN(config))


def steps(node_modules: pathlib.Path) -> None:
    """Print the milliseconds of a time step, for each cell, and for @magenta/sketch."""
    print("| decoder | sketches | median, ms | quartiles |\n| --- | --- | --- | --- |")

    def row(name: str, count: int, times: list[float]) -> None:
        median, low, high = measure.summary(times[POINTS // 10 :])
        print(f"| {name} | {count} | {median:.2f} | {low:.2f} to {high:.2f} |", flush=True)

    with chromium() as browser, probe_in(browser, node_modules) as probe:
        for cell in ("lstm", "layer_norm", "hyper"):
            probe.write("model.sketchrnn", model_bytes(decoder(cell), name=cell))
            for count in (1, 6):
                row(cell, count, probe.run(STEPS, "model.sketchrnn", count, POINTS))
        about = {"name": "lstm", "max_seq_len": 250, "normalizing_factor": 30.0}
        sketch_rnn_js.write(probe.folder / "model.json", decoder("lstm").model, **about)
        script = node_modules / "@magenta" / "sketch" / "dist" / "magentasketch.js"
        probe.write("theirs.js", script.read_bytes())
        probe.write("theirs.html", b"<meta charset=utf-8><script src=theirs.js></script>")
        browser.get(browser.current_url.replace("probe.html", "theirs.html"))
        row("lstm, @magenta/sketch", 1, probe.run(THEIRS, "model.json", POINTS))


def proposals(page: pathlib.Path, rounds: int) -> None:
    """Print the seconds from the end of a line to the first proposal, and to all six."""
    first, all_six = [], []
    with chromium() as browser:
        browser.get(page.resolve().as_uri())
        wait(lambda: at(browser, "body").get_attribute("data-state") == "ready")
        for _ in range(rounds + 1):  # the first one warms up
            at(browser, "#clear").click()
            draw(browser, BIRD)
            began = time.perf_counter()
            wait(lambda: at(browser, "#panels path.model").get_attribute("d"))
            first.append(time.perf_counter() - began)
            wait(lambda: "Click one" in at(browser, "#status").text)
            all_six.append(time.perf_counter() - began)
    print("| from the end of a line to | median, s | quartiles |\n| --- | --- | --- |")
    for name, times in (("the first proposal", first), ("all six", all_six)):
        median, low, high = measure.summary(times[1:])
        print(f"| {name} | {median:.2f} | {low:.2f} to {high:.2f} |")


def at(browser: Any, selector: str) -> Any:
    """Return an element of the page."""
    return browser.find_element("css selector", selector)


def wait(condition: Any, seconds: float = 60.0) -> None:
    """Return when a condition holds; raise TimeoutError if it does not in time."""
    end = time.perf_counter() + seconds
    while not condition():
        if time.perf_counter() > end:
            raise TimeoutError("the page has not answered")
        time.sleep(0.01)


def draw(browser: Any, points: list[tuple[float, float]]) -> None:
    """Draw a line with the mouse, in shares of the sheet's shorter side from its middle."""
    from selenium.webdriver.common.actions.action_builder import ActionBuilder

    sheet = at(browser, "#surface")
    side = min(sheet.size["width"], sheet.size["height"])
    actions = ActionBuilder(browser, duration=5)
    for number, (x, y) in enumerate(points):
        actions.pointer_action.move_to(sheet, round(x * side), round(y * side))
        if not number:
            actions.pointer_action.pointer_down()
    actions.pointer_action.pointer_up()
    actions.perform()


def scale(model_dir: str, node_modules: pathlib.Path, files: list[pathlib.Path]) -> None:
    """Print log-likelihoods of the second halves of drawings, at three scales."""
    model = magenta_sketch.load(model_dir)
    drawings = [
        sketch_of(one, Settings(), simplify_again=False)
        for file in files
        for one in quickdraw.read(file)
        if isinstance(one, Drawing) and one.recognized
    ]
    rows = [
        to_stroke5(s, len(s))[1:].tolist() for s in drawings if 15 <= len(s) < model.max_seq_len
    ]
    with chromium() as browser, probe_in(browser, node_modules) as probe:
        probe.write("model.sketchrnn", page_model(model, name="model").content)
        found = np.array(probe.run(SCALE, "model.sketchrnn", rows))
    names = (
        "the model's own (pixels a unit)",
        "that of its typical size",
        "fitted to the first half",
    )
    print(f"second halves of {len(rows)} drawings, nats per point; the fitted scale is "
          f"{np.median(found[:, 3]):.1f} pixels a unit (median)")  # fmt: skip
    print("| scale | log-likelihood | fitted less this |\n| --- | --- | --- |")
    from magenta_sketch.study.statistics import estimate
    from magenta_sketch.study.wording import with_interval

    for i, name in enumerate(names):
        less = with_interval(estimate(found[:, 2] - found[:, i])) if i < 2 else ""
        print(f"| {name} | {found[:, i].mean():.3f} | {less} |")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["steps", "proposals", "scale"])
    parser.add_argument("files", nargs="*", type=pathlib.Path, help="ndjson, for scale")
    parser.add_argument("--node_modules", type=pathlib.Path, default=pathlib.Path("node_modules"))
    parser.add_argument("--page", type=pathlib.Path, default=pathlib.Path("bird.html"))
    parser.add_argument("--model_dir", default="bird.gen.json")
    parser.add_argument("--rounds", type=int, default=10)
    args = measure.parse(parser)
    print(measure.machine())
    if args.what == "steps":
        steps(args.node_modules)
    elif args.what == "proposals":
        proposals(args.page, args.rounds)
    else:
        scale(args.model_dir, args.node_modules, args.files)


if __name__ == "__main__":
    main()
