"""sketch_rnn_convert web brings its npm packages, and bundles the page with them, once."""

import shutil

import pytest
from stand_in_npm import WASM, put_esbuild

from magenta_sketch import HParams, SketchRNN
from magenta_sketch.interop import sketch_rnn_js
from magenta_sketch.web import bundle as bundling

USING = "--node_modules=node_modules"


@pytest.fixture
def npm(tmp_path, monkeypatch):
    """``npm(text)`` puts a shell script in the place of npm, and nothing else in PATH."""
    monkeypatch.setenv("MAGENTA_SKETCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()

    def put(text):
        file = tmp_path / "bin" / "npm"
        file.write_text(f"#!/bin/sh\nPATH=/bin:/usr/bin\n{text}\n")
        file.chmod(0o755)

    return put


@pytest.fixture
def model(tmp_path):
    """The name of a file with a small model."""
    network = SketchRNN(HParams(dec_rnn_size=4, dec_model="lstm", conditional=False))
    about = {"name": "twigs", "max_seq_len": 9, "normalizing_factor": 25.0}
    sketch_rnn_js.write(tmp_path / "twigs.gen.json", network, **about)
    return "twigs.gen.json"


@pytest.fixture
def page(refused, model):
    """``page(*flags)`` gives the one line with which a page is refused."""
    return lambda *flags: refused("web", f"--model_dir={model}", "--out=site", *flags)


def test_without_npm(page, npm):
    line = page()
    assert (
        "npm, which brings TensorFlow.js, is not installed: install Node.js, or give --no" in line
    )


def test_when_npm_fails(page, npm, tmp_path, monkeypatch):
    npm("echo 'npm error code ENOTFOUND' >&2; echo 'npm error network no such host' >&2; exit 1")
    line = page()
    assert "npm cannot install @tensorflow/tfjs-core@4.22.0, " in line
    assert "esbuild@0.28.2: code ENOTFOUND; network no such host; check the network, or" in line
    npm("exit 0")  # and brings nothing
    assert "the npm package @tensorflow/tfjs-core is not in" in page()
    npm("exec sleep 60")
    monkeypatch.setattr(bundling, "_NPM_SECONDS", 0.2)
    assert "npm has not ended in 0.2 seconds: try again, or give --node_modules" in page()
    assert not (tmp_path / "site").exists() and not (tmp_path / "cache").exists()


def test_when_esbuild_fails(page, modules, tmp_path):
    put_esbuild(modules, "#!/bin/sh\necho >&2; echo 'X [ERROR] no \"x\"' >&2; echo b >&2; exit 1")
    assert 'esbuild cannot bundle the page\'s scripts: no "x"' in page(USING)
    put_esbuild(modules, "#!/bin/sh\necho 'env: node: no such file' >&2; exit 127")
    assert "the page's scripts: env: node: no such file" in page(USING)
    put_esbuild(modules, "#!/bin/sh\nexit 0")  # and writes nothing
    assert "app.js cannot be read: No such file or directory" in page(USING)
    put_esbuild(modules, "not a program")
    (modules / ".bin" / "esbuild").chmod(0o644)
    line = page(USING)
    assert "esbuild cannot be run: " in line and "Permission denied" in line
    assert not (tmp_path / "site").exists()


def from_modules(folder, log):
    """What npm would do: a script that brings the packages, if their own scripts are not to run."""
    return (
        'case "$*" in *--ignore-scripts*) ;; *) exit 1 ;; esac\n'
        f"cp -r {folder} node_modules && echo ran >> {log}"
    )


def test_npm_runs_once(run_convert, model, npm, modules, tmp_path, monkeypatch):
    log = tmp_path / "log"
    npm(from_modules(modules, log))

    def make(out):
        status, printed, errors = run_convert("web", f"--model_dir={model}", f"--out={out}")
        assert (status, errors) == (0, "")
        return printed, (tmp_path / out / "app.js").read_bytes()

    printed, first = make("one")
    assert "npm install @tensorflow/tfjs-core@4.22.0 " in printed
    printed, second = make("two")
    assert "npm install" not in printed and log.read_text() == "ran\n"
    assert second == first and (tmp_path / "two" / "network.wasm").read_bytes() == WASM
    # Other sources of ours need another bundle.
    changed = tmp_path / "static"
    shutil.copytree(bundling.STATIC, changed)
    (changed / "app.js").write_text("// other")
    monkeypatch.setattr(bundling, "STATIC", changed)
    assert make("three")[1] == b"// other" and log.read_text() == "ran\nran\n"


def test_a_cache_that_cannot_be_written(page, npm, modules, tmp_path):
    npm(from_modules(modules, tmp_path / "log"))
    (tmp_path / "cache").write_text("a file")
    line = page()
    assert "cannot be written: " in line and "set MAGENTA_SKETCH_CACHE to another folder" in line
    assert not (tmp_path / "site").exists()
