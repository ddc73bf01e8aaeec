"""sketch_rnn_convert web as its users run it; the page itself is tried in tests/web/."""

import base64
import functools
import json
import os

import numpy as np
import pytest

import magenta_sketch
from magenta_sketch import web
from magenta_sketch.config.hparams import HParams
from magenta_sketch.inference.trained_model import TrainedModel
from magenta_sketch.interop import sketch_rnn_js
from magenta_sketch.interop.folding import fold
from magenta_sketch.nn.sketch_rnn import SketchRNN

LIBRARY = b"window.ms={SketchRNN:class{}};"  # stands for the real one, which is a megabyte
PLACE = "node_modules/@magenta/sketch"


@functools.cache
def network(num_mixture=20):
    sizes = {"enc_rnn_size": 8, "dec_rnn_size": 8, "z_size": 4, "num_mixture": num_mixture}
    return SketchRNN(HParams(**sizes, enc_model="lstm", dec_model="lstm"), seed=3)


@pytest.fixture
def model(tmp_path):
    """``model(...)`` writes a Sketch-RNN-JS file of a small untrained model and gives its name."""

    def write(name="twigs.gen.json", **changes):
        how = {"name": "twigs", "max_seq_len": 30, "normalizing_factor": 25.0}
        sketch_rnn_js.write(tmp_path / name, network(**changes), **how)
        return name

    return write


@pytest.fixture
def library(tmp_path):
    """The folder of an installed @magenta/sketch."""
    folder = tmp_path / PLACE
    (folder / "dist").mkdir(parents=True)
    (folder / "dist" / "magentasketch.js").write_bytes(LIBRARY)
    about = {"name": "@magenta/sketch", "version": "0.1.9"}
    (folder / "package.json").write_text(json.dumps(about))
    return PLACE


def files(folder):
    found = (file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in found}


def test_the_folder(run_convert, model, library, tmp_path):
    status, out, errors = run_convert(
        "web", f"--model_dir={model()}", "--out=a/site", f"--sketch_js={library}"
    )
    assert (status, errors) == (0, "")
    assert "wrote a/site: a page of 'twigs'" in out
    found = files(tmp_path / "a" / "site")
    assert found["vendor/magentasketch.js"] == LIBRARY
    assert b"Apache License" in found["vendor/LICENSE"]
    assert b"@magenta/sketch, version 0.1.9" in found["vendor/NOTICE"]
    # Whatever the page names, by a relative address, is there.
    for part in ("app.js", "style.css", "icon.svg", "vendor/NOTICE"):
        assert f'"{part}"'.encode() in found["index.html"] and part in found
    assert b"http" not in found["index.html"].replace(b"http-equiv", b"")
    assert os.listdir(tmp_path / "a") == ["site"]


def test_each_z_is_the_decoder_folded_there(run_convert, model, library, tmp_path):
    name = model()
    run_convert(
        "web", f"--model_dir={name}", "--out=s", f"--sketch_js={library}", "--latents=3", "--seed=5"
    )
    settings = json.loads((tmp_path / "s" / "settings.json").read_text())
    written = magenta_sketch.load(tmp_path / "s" / "model.json")
    original = magenta_sketch.load(tmp_path / name)
    assert (settings["max_seq_len"], written.config.normalizing_factor) == (30, 25.0)
    zs = [np.zeros(4, np.float32), *original.prior(2, seed=5)]
    assert len(settings["latents"]) == 3 and np.ptp(zs, axis=0).max() > 0.5
    for z, latent in zip(zs, settings["latents"], strict=True):
        expected = fold(original.model, z)
        bias = np.frombuffer(base64.b64decode(latent["bias"]), "<i2") * (10 / 32767)
        np.testing.assert_allclose(bias, expected.bias, atol=1.6e-4)
        np.testing.assert_array_equal(np.float32(latent["h"]), expected.h)
        np.testing.assert_array_equal(np.float32(latent["c"]), expected.c)
    # The file alone is the decoder at the prior's mean.
    np.testing.assert_allclose(
        fold(written.model).bias, fold(original.model, zs[0]).bias, atol=2e-4
    )


def test_few_mixture_components_are_written_as_twenty(run_convert, model, library, tmp_path):
    name = model(num_mixture=5)
    assert run_convert("web", f"--model_dir={name}", "--out=s", f"--sketch_js={library}")[0] == 0
    written = magenta_sketch.load(tmp_path / "s" / "model.json")
    assert written.config.hparams.num_mixture == 20
    original = fold(magenta_sketch.load(tmp_path / name).model, np.zeros(4))
    expected = sketch_rnn_js.widen(original.output_kernel, original.output_bias)
    np.testing.assert_allclose(written.model.decoder.output_bias, expected[1], atol=2e-4)


@pytest.mark.slow
def test_drawings_are_shown_at_one_size(run_convert, library, shared, tmp_path):
    # The published models draw about 830 of their pixels across, and a page 255 of its units.
    for name in ("bird", "bicycle"):
        run_convert(
            "web",
            f"--model_dir={shared / 'models' / name}.gen.json",
            f"--out={name}",
            f"--sketch_js={library}/dist/magentasketch.js",
        )
        settings = json.loads((tmp_path / name / "settings.json").read_text())
        assert settings["name"] == name and settings["latents"] == []
        assert 700 < 255 * settings["pixel_factor"] < 1000


def test_what_the_page_cannot_show(refused, model, library, unconditional_run, tmp_path):
    where = ("--out=site", f"--sketch_js={library}")
    assert "20 mixture components at most, and this model has 21: train one with" in (
        refused("web", f"--model_dir={model(num_mixture=21)}", *where)
    )
    line = refused("web", f"--model_dir={unconditional_run}", *where)
    assert "an lstm decoder alone, and this model's is layer_norm: train one with" in line
    assert not (tmp_path / "site").exists()


def test_weights_that_are_not_finite():
    sizes = {"dec_rnn_size": 4, "num_mixture": 20, "dec_model": "lstm", "conditional": False}
    network = SketchRNN(HParams(**sizes))
    network.decoder.rnn_cell.bias.assign(np.full(16, np.nan, np.float32))
    with pytest.raises(web.PageError, match="weights that are not finite"):
        web.make_page(TrainedModel(network), name="lost")


def test_what_else_is_wrong_with_the_flags(refused, model, tmp_path):
    assert "--model_dir is missing" in refused("web", "--out=site")
    assert "--out is missing" in refused("web", f"--model_dir={model()}")
    given = ("web", "--model_dir=twigs.gen.json", "--out=site")
    assert "no.js cannot be read" in refused(*given, "--sketch_js=no.js")
    assert "twigs.gen.json is not @magenta/sketch" in refused(*given, "--sketch_js=twigs.gen.json")
    assert "--latents" in refused(*given, "--latents=0")
    assert os.listdir(tmp_path) == ["twigs.gen.json"]


def test_a_folder_with_other_files_is_kept(run_convert, refused, model, library, tmp_path):
    given = ("web", f"--model_dir={model()}", "--out=site", f"--sketch_js={library}")
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text("mine")
    assert "--out=site holds other files, such as index.html" in refused(*given)
    assert files(site) == {"index.html": b"mine"}
    assert run_convert(*given, "--overwrite")[0] == 0
    # Its own it replaces, unless something was put beside.
    assert run_convert(*given, "--name=Other twigs")[0] == 0
    assert json.loads((site / "settings.json").read_text())["name"] == "Other twigs"
    (site / "CNAME").write_text("mine")
    before = files(site)
    assert "such as CNAME" in refused(*given)
    assert files(site) == before
    line = refused(*given[:2], "--out=site/CNAME", given[3])
    assert "--out must be a folder, got 'site/CNAME'; there is a file of this name" in line
    assert sorted(os.listdir(tmp_path)) == ["node_modules", "site", "twigs.gen.json"]


@pytest.mark.slow
def test_a_write_that_fails_leaves_the_old_folder(
    run_convert, refused, model, library, tmp_path, monkeypatch
):
    from magenta_sketch.web import site

    given = ("web", f"--model_dir={model()}", "--out=site", f"--sketch_js={library}")
    run_convert(*given)
    before = files(tmp_path / "site")
    write = site.write_bytes

    def fail_at_the_end(path, data):
        if path.name == "settings.json":
            raise OSError(28, "No space left on device", str(path))
        write(path, data)

    monkeypatch.setattr(site, "write_bytes", fail_at_the_end)
    assert "No space left on device" in refused(*given, "--name=new", status=1)
    assert files(tmp_path / "site") == before
    assert sorted(os.listdir(tmp_path)) == ["node_modules", "site", "twigs.gen.json"]


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


def test_without_npm(refused, model, npm):
    line = refused("web", f"--model_dir={model()}", "--out=site")
    assert "npm, which brings @magenta/sketch, is not installed: install Node.js, or give" in line


def test_when_npm_fails(refused, model, npm, tmp_path):
    npm("echo 'npm error code ENOTFOUND' >&2; echo 'npm error network no such host' >&2; exit 1")
    line = refused("web", f"--model_dir={model()}", "--out=site")
    assert "npm cannot install @magenta/sketch@0.2.0: code ENOTFOUND; network no such host;" in line
    npm("exit 0")  # and brings nothing
    assert "magentasketch.js cannot be read" in refused(
        "web", "--model_dir=twigs.gen.json", "--out=s"
    )
    assert not (tmp_path / "site").exists() and not (tmp_path / "cache").exists()


def test_npm_runs_once(run_convert, model, library, npm, tmp_path):
    # What npm would do, if scripts are not to be run.
    npm(
        'case "$*" in *--ignore-scripts*) ;; *) exit 1 ;; esac\n'
        f"mkdir -p {PLACE} && cp -r {tmp_path / library}/. {PLACE}/ && echo ran >> {tmp_path}/log"
    )
    for name in ("one", "two"):
        status, _, errors = run_convert("web", f"--model_dir={model()}", f"--out={name}")
        assert (status, errors) == (0, "")
        assert files(tmp_path / name)["vendor/magentasketch.js"] == LIBRARY
    assert (tmp_path / "log").read_text() == "ran\n"
