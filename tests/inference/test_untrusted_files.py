"""Files that are damaged, of another kind, or made to have something run: refused in one line."""

import json
import zipfile

import numpy as np
import pytest
from saved_models import trained

import magenta_sketch
from magenta_sketch._backend import keras
from magenta_sketch.errors import ModelFileError
from magenta_sketch.training.run_folder import RunFolder


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A whole .keras file of a model with a cell of Keras's."""
    path = tmp_path_factory.mktemp("saved") / "model.keras"
    trained({"decoder_cell": keras.layers.GRUCell}).save(path)
    return path


def refused(path, message):
    with pytest.raises(ModelFileError, match=message) as error:
        magenta_sketch.load(path)
    text = str(error.value)
    assert "\n" not in text and text.startswith(str(path)) and len(text) < len(str(path)) + 500


def rewritten(saved, path, change=lambda config: None, **files):
    """A copy of a .keras file with a changed configuration, and other files in place of its own."""
    with zipfile.ZipFile(saved) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            data = old.read(name)
            if name == "config.json":
                config = json.loads(data)
                change(config)
                data = json.dumps(config).encode()
            data = files.get(name.replace(".", "_"), data)
            if data is not None:
                new.writestr(name, data)
    return path


def test_there_is_no_file(tmp_path):
    refused(tmp_path / "absent.keras", "there is no such file")


@pytest.mark.parametrize("kept", [0, 10, 1000, -1000, -1])
def test_a_file_cut_short(saved, tmp_path, kept):
    path = tmp_path / "cut.keras"
    path.write_bytes(saved.read_bytes()[:kept])
    refused(path, "is not a usable .keras file|cannot be read")


def test_bytes_that_are_not_a_zip_file(tmp_path):
    path = tmp_path / "noise.keras"
    path.write_bytes(np.random.default_rng(0).bytes(10_000))
    refused(path, "is not a usable .keras file")


def test_a_flipped_byte_in_the_weights(saved, tmp_path):
    data = bytearray(saved.read_bytes())
    with zipfile.ZipFile(saved) as archive:
        info = archive.getinfo("model.weights.h5")
    data[info.header_offset + info.compress_size // 2] ^= 0xFF
    path = tmp_path / "flipped.keras"
    path.write_bytes(data)
    refused(path, "cannot be read")


@pytest.mark.parametrize("spoil", ["packed data", "encrypted", "unknown packing"])
def test_a_zip_file_that_cannot_be_unpacked(saved, tmp_path, spoil):
    path = tmp_path / "spoilt.keras"
    with zipfile.ZipFile(saved) as old, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        new.writestr("config.json", old.read("config.json"))
    data = bytearray(path.read_bytes())
    entry = data.index(b"PK\x01\x02")  # of the list of contents
    if spoil == "packed data":
        data[len("config.json") + 30] = 0xFF
    elif spoil == "encrypted":
        data[entry + 8] |= 1
    else:
        data[entry + 10] = 77
    path.write_bytes(data)
    refused(path, "is not a usable .keras file")


def test_a_configuration_nested_too_deep(saved, tmp_path):
    deep = b"[" * 200_000
    refused(
        rewritten(saved, tmp_path / "deep.keras", config_json=deep), "is not a usable .keras file"
    )


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"config_json": b"{"}, "is not a usable .keras file"),
        ({"config_json": b"\xff"}, "is not a usable .keras file"),
        ({"config_json": b"[3]"}, "holds another kind of model"),
        ({"config_json": None}, "is not a usable .keras file"),
        ({"model_weights_h5": None}, "cannot be read"),
        ({"model_weights_h5": b"no weights"}, "cannot be read"),
    ],
)
def test_a_damaged_part(saved, tmp_path, files, message):
    refused(rewritten(saved, tmp_path / "damaged.keras", **files), message)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.pop("config"), "cannot be read"),
        (lambda c: c["config"].pop("config"), "cannot be read"),
        (lambda c: c["config"]["config"].update(z_size=-1), "z_size must be"),
        (lambda c: c["config"]["config"].update(z_sizes=3), "unknown option 'z_sizes'"),
        (lambda c: c["config"]["config"].update(dec_rnn_size=8), "cannot be read"),
        (lambda c: c["config"]["config"].update(decoder_cell="{"), "not described as Keras does"),
        (lambda c: c["config"].update(dtype="much"), "cannot be read"),
    ],
)
def test_a_configuration_that_does_not_fit(saved, tmp_path, change, message):
    refused(rewritten(saved, tmp_path / "changed.keras", change), message)


def test_another_kind_of_model(tmp_path):
    path = tmp_path / "other.keras"
    keras.Sequential([keras.Input([3]), keras.layers.Dense(2)]).save(path)
    refused(path, r"holds another kind of model \(.*Sequential\), not a Sketch-RNN of ours")


# ----------------------------------------------------------- files that would have something run


def lambda_layer(trace):
    """A serialized Lambda layer with Python code inside that makes the file ``trace``."""
    code = f"lambda x: (__import__('pathlib').Path({str(trace)!r}).touch(), x)[1]"
    layer = keras.layers.Lambda(eval(code))
    return keras.saving.serialize_keras_object(layer)


def with_cell(cell):
    return lambda config: config["config"]["config"].update(decoder_cell=json.dumps(cell))


def hostile(kind, trace):
    """A change of a configuration that smuggles in something to run."""
    code = lambda_layer(trace)
    within = {"module": "keras.layers", "class_name": "GRUCell", "registered_name": None}
    function = code["config"]["function"]
    if kind == "lambda as the cell":
        return with_cell(code)
    if kind == "lambda inside of a cell":
        stack = {**within, "class_name": "StackedRNNCells", "config": {"cells": [code]}}
        return with_cell(stack)
    if kind == "lambda as an activation":
        return with_cell({**within, "config": {"units": 7, "activation": function}})
    if kind == "lambda of a registered name":
        return with_cell({**function, "module": None, "registered_name": "tests>LeakyCell"})
    if kind == "lambda as the number type":
        return lambda config: config["config"].update(dtype=function)
    if kind == "lambda as the model":
        return lambda config: config.update(
            {**function, "registered_name": config["registered_name"]}
        )
    raise AssertionError(kind)


@pytest.mark.parametrize(
    "kind",
    [
        "lambda as the cell",
        "lambda inside of a cell",
        "lambda as an activation",
        "lambda of a registered name",
        "lambda as the number type",
        "lambda as the model",
    ],
)
def test_code_in_a_file_is_not_run(saved, tmp_path, kind):
    trace = tmp_path / "trace"
    path = rewritten(saved, tmp_path / "hostile.keras", hostile(kind, trace))
    refused(path, ".")
    assert not trace.exists()


@pytest.mark.parametrize(
    "cell",
    [
        {"module": "own", "class_name": "Cell", "registered_name": "own>Cell"},
        {"module": "os", "class_name": "system", "registered_name": "system"},
        {"module": "os", "class_name": "function", "registered_name": "system"},
        {"module": "keras.layers", "class_name": "no_such_layer", "registered_name": None},
        {"module": "keras.utils", "class_name": "get_file", "registered_name": None},
    ],
)
def test_a_cell_that_nobody_registered(saved, tmp_path, cell):
    path = rewritten(saved, tmp_path / "unknown.keras", with_cell({**cell, "config": {}}))
    refused(path, "the model's cell .* is not registered with Keras: import the module")


def test_a_folder_with_such_a_cell_is_refused_too(tmp_path):
    place, trace = tmp_path / "model", tmp_path / "trace"
    trained({"decoder_cell": keras.layers.GRUCell}).save(place)
    folder = RunFolder(place)
    values = json.loads(folder.run.read_text())
    for cell in (lambda_layer(trace), {"module": "os", "class_name": "system", "config": {}}):
        folder.run.write_text(json.dumps(values | {"decoder_cell": json.dumps(cell)}))
        refused(place, "run.json: the model's cell .* (registered|made)")
        assert not trace.exists()
