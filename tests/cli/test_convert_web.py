"""sketch_rnn_convert web as its users run it; the page itself is tried in tests/web/."""

import dataclasses
import functools
import json
import os
import pathlib
import shutil

import numpy as np
import own_cells
import pytest
from model_files import read_model
from stand_in_npm import WASM

import magenta_sketch
from magenta_sketch import web
from magenta_sketch.config import RunConfig
from magenta_sketch.inference.latent import principal_plane
from magenta_sketch.inference.trained_model import TrainedModel
from magenta_sketch.interop import loading, sketch_rnn_js
from magenta_sketch.nn.sketch_rnn import SketchRNN
from magenta_sketch.web import bundle as bundling
from magenta_sketch.web.template import embedded_file

SIZES = {"enc_rnn_size": 8, "dec_rnn_size": 8, "z_size": 4, "num_mixture": 20}
MODULES = "node_modules"
USING = f"--node_modules={MODULES}"
SETTINGS = "settings.json"


@functools.cache
def network(**changes):
    about = {"max_seq_len": 30, "normalizing_factor": 25.0}
    return SketchRNN(RunConfig.of(**SIZES | about | {"dec_model": "lstm"} | changes, seed=3))


_loaded = {}


@pytest.fixture(autouse=True)
def loaded_once(monkeypatch):
    """Load equal files once for all tests: TensorFlow compiles anew for each loaded model."""
    load = magenta_sketch.load  # the package keeps its own name for it, from the first use on

    def once(place, **how):
        path = pathlib.Path(place)
        key = path.read_bytes() if path.is_file() else str(path)
        if key not in _loaded:
            _loaded[key] = load(place, **how)
        return _loaded[key]

    monkeypatch.setattr(loading, "load", once)


@pytest.fixture
def model(tmp_path):
    """``model(...)`` writes a file of a small untrained model and gives its name."""

    def write(name="twigs.gen.json", **changes):
        if name.endswith(".keras"):
            network(**changes).save(tmp_path / name)
        else:
            how = {"name": "twigs", "max_seq_len": 30, "normalizing_factor": 25.0}
            sketch_rnn_js.write(tmp_path / name, network(enc_model="lstm", **changes), **how)
        return name

    return write


def files(folder):
    found = (file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in found}


def header(data):
    return read_model(data)[0]


def only_model(site):
    (file,) = (site / "models").iterdir()
    return header(file.read_bytes())


def test_the_folder(run_convert, model, modules, tmp_path):
    name = model()
    status, out, errors = run_convert("web", f"--model_dir={name}", "--out=a/site", USING)
    assert status == 0, errors
    assert "wrote a/site: a page of 'twigs', 0." in out
    assert "to see it: python -m http.server --directory a/site" in out
    assert errors.count("\n") == 1 and "note: no map of 'twigs': twigs.gen.json does" in errors
    found = files(tmp_path / "a" / "site")
    own = "index.html style.css icon.svg app.js worker.js network.wasm settings.json"
    own += " models/twigs.sketchrnn licences/LICENSE licences/NOTICE"
    assert sorted(found) == sorted(own.split())
    for script in ("app.js", "worker.js"):
        assert found[script] == (bundling.STATIC / script).read_bytes()
    assert found["network.wasm"] == WASM
    weights = found["models/twigs.sketchrnn"]
    assert json.loads(found[SETTINGS]) == {
        "made_by": "magenta_sketch",
        "models": [
            {"name": "twigs", "file": "models/twigs.sketchrnn"},
        ],
    }
    _, arrays = read_model(weights)
    for variable in magenta_sketch.load(tmp_path / name).model.trainable_weights:
        np.testing.assert_array_equal(arrays[variable.path], variable.numpy())
    assert b"Apache License" in found["licences/LICENSE"]
    assert b"@tensorflow/tfjs-core 9.8.7" in found["licences/NOTICE"]
    assert b"gifenc 9.8.7" in found["licences/NOTICE"] and b"{" not in found["licences/NOTICE"]
    assert b"{{" not in found["index.html"]
    assert os.listdir(tmp_path / "a") == ["site"]


def test_the_file(run_convert, model, modules, tmp_path):
    given = ("web", f"--model_dir={model()}", USING)
    status, out, _ = run_convert(*given, "--out=a/twigs.html")
    page = (tmp_path / "a" / "twigs.html").read_bytes()
    assert status == 0 and f"a page of 'twigs', {len(page) / 1e6:.1f} MB" in out
    assert "by a double click" in out
    assert os.listdir(tmp_path / "a") == ["twigs.html"]
    # What a folder has in files is in it, but for what is written into the page itself.
    assert run_convert(*given, "--out=site")[0] == 0
    found = files(tmp_path / "site")
    for name in ("index.html", "style.css", "icon.svg", "app.js"):
        assert embedded_file(page, name) is None
        del found[name]
    for name, content in found.items():
        assert embedded_file(page, name) == content, name
    assert b'src="' not in page.partition(b"<script>")[0]


def test_the_typical_size_is_that_of_drawings(run_convert, model, modules, tmp_path):
    run_convert("web", f"--model_dir={model()}", "--out=s", USING, "--seed=5")
    trained = magenta_sketch.load(tmp_path / "twigs.gen.json")
    sizes = []
    for sketch in trained.sample(24, temperature=0.4, seed=5):
        corners = np.concatenate([np.zeros((1, 2)), np.cumsum(sketch[:, :2], axis=0)])
        sizes.append(np.ptp(corners, axis=0).max())
    assert only_model(tmp_path / "s")["size"] == pytest.approx(np.median(sizes), rel=1e-4)


def test_models_of_all_cells(run_convert, model, modules, tmp_path):
    places = [
        model("one.keras", enc_model="layer_norm", dec_model="hyper", num_mixture=3),
        model("two.keras", conditional=False, dec_model="layer_norm", num_mixture=21),
    ]
    given = [f"--model_dir={place}" for place in places]
    assert run_convert("web", *given, "--out=s", USING, "--weights=float16")[0] == 0
    settings = json.loads((tmp_path / "s" / SETTINGS).read_text())
    assert [one["name"] for one in settings["models"]] == ["one", "two"]
    found = [header((tmp_path / "s" / one["file"]).read_bytes()) for one in settings["models"]]
    picked = [(one["conditional"], one["dec_model"], one["num_mixture"]) for one in found]
    assert picked == [(True, "hyper", 3), (False, "layer_norm", 21)]
    assert [one["dtype"] for one in found] == ["float16"] * 2
    assert (found[0]["enc_model"], found[1]["no_plane"]) == ("layer_norm", "")


def test_names(run_convert, refused, model, modules, tmp_path):
    given = ["web", *(f"--model_dir={model(name)}" for name in ("a.json", "b.json")), "--out=s"]
    run_convert(*given, USING, "--name=Bird/鳥", "--name=bird_!")
    settings = json.loads((tmp_path / "s" / SETTINGS).read_text())
    assert [(one["name"], one["file"]) for one in settings["models"]] == [
        ("Bird/鳥", "models/Bird.sketchrnn"),
        # Some computers take "Bird" and "bird" for one name.
        ("bird_!", "models/bird_2.sketchrnn"),
    ]
    assert "there are 2 models and 1 names" in refused(*given, "--name=a")
    assert "--name=a is given twice" in refused(*given, "--name=a", "--name=a")
    assert "--name must not be empty" in refused(*given, "--name=a", "--name=")
    (tmp_path / "other").mkdir()
    shutil.copy(tmp_path / "a.json", tmp_path / "other" / "a.json")
    line = refused(*given, "--model_dir=other/a.json", USING)
    assert "two models would be named 'a (a)': give a --name for each" in line
    assert sorted(files(tmp_path / "s" / "models")) == ["Bird.sketchrnn", "bird_2.sketchrnn"]


def test_a_model_of_a_pattern_is_named_by_its_folder(run_convert, trained_run, modules, tmp_path):
    other = tmp_path / "sketches"
    shutil.copytree(trained_run, other)
    saved = json.loads((other / "model_config.json").read_text())
    saved["data_set"] = ["t*.npz"]
    (other / "model_config.json").write_text(json.dumps(saved))
    status, _, errors = run_convert("web", f"--model_dir={other}", "--out=s", USING)
    assert (status, errors) == (0, "")
    settings = json.loads((tmp_path / "s" / SETTINGS).read_text())
    assert [one["name"] for one in settings["models"]] == ["sketches"]


def test_the_map_is_that_of_the_models_data(run_convert, trained_run, modules, tmp_path):
    other = tmp_path / "again"
    shutil.copytree(trained_run, other)
    status, _, errors = run_convert(
        "web", f"--model_dir={trained_run}", f"--model_dir={other}", "--out=s", USING
    )
    assert (status, errors) == (0, "")
    found = json.loads((tmp_path / "s" / SETTINGS).read_text())["models"]
    assert [one["name"] for one in found] == ["tiny (conditional)", "tiny (again)"]
    about = header((tmp_path / "s" / found[0]["file"]).read_bytes())
    trained = magenta_sketch.load(trained_run)
    config = trained.config
    data = magenta_sketch.load_data_set(
        "tiny.npz",
        config.data_dir,
        max_seq_len=config.max_seq_len,
        normalizing_factor=config.normalizing_factor,
    )
    mu = trained.encode(data.train)
    expected, plane = principal_plane(mu), about["plane"]
    assert about["no_plane"] == ""
    np.testing.assert_allclose(plane["origin"], mu.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose([plane["x"], plane["y"]], expected.axes, atol=1e-3)
    np.testing.assert_allclose(plane["shares"], expected.shares, atol=1e-4)
    x, y = ((mu - mu.mean(axis=0)) @ plane[axis] for axis in "xy")
    limits = [x.min(), x.max(), y.min(), y.max()]
    np.testing.assert_allclose(plane["limits"], limits, atol=1e-4)


def test_a_model_whose_data_are_missing(
    run_convert, refused, trained_run, tiny_folder, modules, tmp_path
):
    # As it is on another machine: the data are not where they were.
    trained = magenta_sketch.load(trained_run)
    config = dataclasses.replace(trained.model.config, data_dir=str(tmp_path / "gone"))
    moved = SketchRNN(config)
    moved.set_weights(trained.model.get_weights())
    moved.save(tmp_path / "moved.keras")
    given = ("web", "--model_dir=moved.keras", "--out=s", USING)
    status, _, errors = run_convert(*given)
    assert status == 0 and errors.count("\n") == 1
    assert "note: no map of 'tiny': " in errors and str(tmp_path / "gone") in errors
    about = only_model(tmp_path / "s")
    # The page does not tell its visitors how this computer's folders are named, or about flags.
    assert about["plane"] is None and "not at hand" in about["no_plane"]
    assert "--" not in about["no_plane"] and "gone" not in about["no_plane"]
    assert run_convert(*given, f"--data_dir={tiny_folder}")[0] == 0
    assert only_model(tmp_path / "s")["plane"] and not only_model(tmp_path / "s")["no_plane"]
    assert "no_such" in refused(*given, "--data_dir=no_such")
    assert only_model(tmp_path / "s")["plane"]


def test_data_for_a_model_that_does_not_name_them(
    run_convert, refused, model, tiny_folder, modules, tmp_path
):
    given = ("web", f"--model_dir={model()}", "--out=s", USING)
    line = refused(*given, f"--data_dir={tiny_folder}")
    assert "twigs.gen.json does not say what its data are: give --data_set" in line
    run_convert(*given, f"--data_dir={tiny_folder}", "--data_set=tiny.npz")
    assert len(only_model(tmp_path / "s")["plane"]["x"]) == 4


def test_latent_vectors_without_a_plane():
    made = web.page_model(TrainedModel(network()), name="a", sketches=[[[3, 0, 1]]] * 2)
    assert "too few" in header(made.content)["no_plane"]
    assert made.no_plane.startswith("a map needs at least 3 sketches and 2 latent dimensions")


def test_what_the_page_cannot_show(refused, modules, tmp_path):
    for part in ("encoder", "decoder"):
        own = SketchRNN(RunConfig.of(**SIZES), **{f"{part}_cell": own_cells.LeakyCell})
        own.save(tmp_path / "own.keras")
        line = refused("web", "--model_dir=own.keras", "--out=site", USING)
        assert (
            f"the page computes the cells lstm, layer_norm, hyper only, and the {part} of" in line
        )
    assert not (tmp_path / "site").exists()


def test_weights_that_are_not_finite():
    lost = SketchRNN(RunConfig.of(**SIZES))
    kernel = lost.encoder.forward_cell.kernel
    kernel.assign(np.full(kernel.shape, np.nan, np.float32))
    for sketches in (None, [[[3, 0, 1]], [[0, 3, 1]], [[5, 2, 1]]]):
        with pytest.raises(web.PageError, match="encoder/forward/kernel are not finite: train it"):
            web.page_model(TrainedModel(lost), name="lost", sketches=sketches)


def test_what_else_is_wrong_with_the_flags(refused, model, tmp_path):
    assert "--model_dir is missing" in refused("web", "--out=site")
    assert "--out is missing" in refused("web", f"--model_dir={model()}")
    given = ("web", "--model_dir=twigs.gen.json", "--out=site")
    line = refused(*given, "--model_dir=no.json")
    assert "--model_dir=no.json: there is no such file or folder" in line
    assert "--weights must be one of float32, float16" in refused(*given, "--weights=float64")
    (tmp_path / "empty").mkdir()
    line = refused(*given, "--node_modules=empty")
    assert "the npm package @tensorflow/tfjs-core is not in empty: give the folder" in line
    assert "@tensorflow/tfjs-backend-wasm@4.22.0 gifenc@1.0.3" in line
    line = refused("web", "--model_dir=twigs.gen.json", "--out=twigs.gen.json/x")
    assert "twigs.gen.json is a file; name a place in a folder" in line
    assert sorted(os.listdir(tmp_path)) == ["empty", "twigs.gen.json"]


def test_a_folder_with_other_files_is_kept(run_convert, refused, model, modules, tmp_path):
    given = ("web", f"--model_dir={model()}", "--out=site", USING)
    site = tmp_path / "site"
    site.mkdir()
    (site / "index.html").write_text("mine")
    assert "--out=site holds other files, such as index.html" in refused(*given)
    assert files(site) == {"index.html": b"mine"}
    assert run_convert(*given, "--overwrite")[0] == 0
    # Its own it replaces, also under other names, unless something was put beside.
    assert run_convert(*given, "--name=Other twigs")[0] == 0
    assert sorted(os.listdir(site / "models")) == ["Other_twigs.sketchrnn"]
    assert run_convert(*given)[0] == 0
    for place in ("CNAME", "models/mine.sketchrnn"):
        (site / place).write_text("mine")
        before = files(site)
        assert f"such as {place}" in refused(*given)
        assert files(site) == before
        (site / place).unlink()
    (site / "CNAME").write_text("mine")
    line = refused(*given[:2], "--out=site/CNAME", USING)
    assert "--out=site/CNAME is a file; name a folder, or a file that ends in .html" in line
    assert sorted(os.listdir(tmp_path)) == [MODULES, "site", "twigs.gen.json"]


def test_a_page_of_version_0_6_is_replaced(run_convert, model, modules, tmp_path):
    site = tmp_path / "site"
    (site / "vendor").mkdir(parents=True)
    for name in ("index.html", "panels.js", "model.json", "vendor/magentasketch.js"):
        (site / name).write_text("old")
    (site / SETTINGS).write_text('{"made_by": "magenta_sketch", "name": "x", "latents": []}')
    assert run_convert("web", f"--model_dir={model()}", "--out=site", USING)[0] == 0
    assert not (site / "vendor").exists() and (site / "models").exists()


def test_another_file_is_kept(run_convert, refused, model, modules, tmp_path):
    given = ("web", f"--model_dir={model()}", "--out=twigs.html", USING)
    page = tmp_path / "twigs.html"
    for mine in (b"mine", b'<script id="file:settings.json">e30=</script>', b""):
        page.write_bytes(mine)
        assert "--out=twigs.html is not a page by this command" in refused(*given)
        assert page.read_bytes() == mine
    assert run_convert(*given, "--overwrite")[0] == 0
    assert run_convert(*given, "--name=Other twigs")[0] == 0  # its own
    assert b"Other twigs" in embedded_file(page.read_bytes(), SETTINGS)
    page.unlink()
    page.mkdir()
    assert "--out=twigs.html is a folder; name a file in it" in refused(*given)
    assert sorted(os.listdir(tmp_path)) == [MODULES, "twigs.gen.json", "twigs.html"]


@pytest.mark.parametrize("out, last", [("site", "app.js"), ("a.html", "a.html")])
def test_a_write_that_fails_leaves_the_old_page(
    run_convert, refused, model, modules, tmp_path, monkeypatch, out, last
):
    from magenta_sketch.web import site

    given = ("web", f"--model_dir={model()}", f"--out={out}", USING)
    run_convert(*given)
    before = files(tmp_path)
    write = site.write_bytes

    def fail_at_the_end(path, data):
        if path.name == last:
            raise OSError(28, "No space left on device", str(path))
        write(path, data)

    monkeypatch.setattr(site, "write_bytes", fail_at_the_end)
    assert "No space left on device" in refused(*given, "--name=new", status=1)
    assert files(tmp_path) == before
