"""The page's network on a page of its own in Chromium, for tests that compare it with ours."""

import pathlib
import shutil
import subprocess

from magenta_sketch.web import bundle

PAGE = """<!doctype html><meta charset=utf-8><link rel=icon href=data:,>
<script src=probe.js></script>"""


def build(node_modules, folder):
    """Bundle probe.js and the page's sources into a folder, with the WebAssembly module."""
    sources = folder / "sources"
    sources.mkdir()
    for file in (*bundle.STATIC.glob("*.js"), pathlib.Path(__file__).with_name("probe.js")):
        shutil.copy(file, sources)
    (sources / "node_modules").symlink_to(node_modules)
    subprocess.run(
        [
            node_modules / ".bin" / "esbuild",
            "probe.js",
            "--bundle",
            "--format=iife",
            f"--outdir={folder}",
        ],
        cwd=sources,
        check=True,
        capture_output=True,
    )
    wasm = "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm"
    shutil.copy(node_modules / wasm, folder / "network.wasm")
    (folder / "probe.html").write_text(PAGE, encoding="utf-8")


class Probe:
    """A page with the network as `sketch`, and a folder that it is served from."""

    def __init__(self, browser, folder, address):
        self.browser, self.folder, self.count = browser, folder, 0
        browser.get(f"{address}probe.html")

    def write(self, name, content):
        (self.folder / name).write_bytes(content)

    def run(self, script, *arguments):
        """Run a script; return what it gives to its last argument, `done`. Fails on an error."""
        found = self.browser.execute_async_script(script, *arguments)
        assert not isinstance(found, str), found
        return found
