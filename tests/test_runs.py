"""Beginning a run and taking it up again: what may differ, what is refused, what is kept."""

import contextlib
import dataclasses
import errno
import json
import os
import pathlib
import shutil

import numpy as np
import pytest

from magenta_sketch import runs
from magenta_sketch._backend import tf
from magenta_sketch.config import HParams, RunConfig
from magenta_sketch.data import read_npz, write_npz
from magenta_sketch.errors import DataError, HParamsError, RunError
from magenta_sketch.inference.trained_model import TrainedModel
from magenta_sketch.nn.sketch_rnn import SketchRNN
from magenta_sketch.training.run_folder import RunFolder

DATA = pathlib.Path(__file__).parent / "data"
GIVEN = HParams.parse_assignments(
    "data_set=[tiny.npz], z_size=3, num_steps=50, save_every=10, learning_rate=1e-6,"
    "min_learning_rate=1e-7, dec_model=layer_norm"
)


def quiet(line):
    pass


def begin(folder, given=None, overwrite=False, **options):
    given = GIVEN if given is None else given
    config = RunConfig.of(**{"data_dir": str(DATA), "seed": 5, **given, **options})
    return runs.begin(config, folder.root, overwrite=overwrite, report=quiet)


def resume(folder, given=None, **options):
    saved = folder.read() if folder.run.exists() else RunConfig()
    config = saved.asked(**(given or {}), **options)
    return runs.resume(config, folder.root, report=quiet)


def contents(root):
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path / "models" / "run")


# ------------------------------------------------------------------------------------ beginning


@pytest.mark.parametrize("given, expected, left", [(10, 10, 1), (20, 20, 40), (250, 20, 40)])
def test_a_given_max_seq_len_is_obeyed(folder, given, expected, left):
    """Longer sketches are dropped, also when the run goes on; a larger number changes nothing."""
    lines = []
    config = RunConfig.of(**GIVEN, data_dir=str(DATA), max_seq_len=given)
    run = runs.begin(config, folder.root, report=lines.append)
    lengths = read_npz(DATA / "tiny.npz")["train"].lengths
    kept = int((lengths <= given).sum())
    assert len(run.data.train) == kept and (kept == 40) == (left == 40)
    assert run.config.max_seq_len == folder.read().max_seq_len == expected
    assert any(line.startswith("dropped ") for line in lines) == (given < 20)
    again = resume(folder)
    assert again.data.fingerprint == run.data.fingerprint and again.config.max_seq_len == expected
    assert resume(folder, {"max_seq_len": given}).config.max_seq_len == expected


def test_a_new_run_knows_all_it_needs(folder):
    run = begin(folder, num_epochs=2.5)
    config, data = run.config, run.data
    assert folder.read() == config
    assert config.hparams == HParams(**GIVEN, max_seq_len=20)
    assert config.max_seq_len == data.max_seq_len == 20
    assert config.normalizing_factor == data.normalizing_factor
    assert (config.seed, config.fingerprint) == (5, data.fingerprint)
    assert (config.data_dir, config.num_epochs) == (str(DATA), 2.5)


def test_a_relative_data_dir_is_kept_as_an_absolute_one(folder, monkeypatch, tmp_path):
    monkeypatch.chdir(DATA.parent)
    begin(folder, data_dir="data")
    monkeypatch.chdir(tmp_path)
    assert resume(folder).config.data_dir == str(DATA)


def test_a_home_in_data_dir_is_kept_as_what_it_stands_for(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(DATA.parent))
    begin(folder, data_dir="~/data")
    monkeypatch.setenv("HOME", "/nowhere")
    assert resume(folder).config.data_dir == str(DATA)


def test_a_run_is_not_overwritten_unasked(folder):
    begin(folder)
    before = contents(folder.root)
    with pytest.raises(RunError, match="already holds a run: .*--resume_training.*--overwrite"):
        begin(folder)
    assert contents(folder.root) == before


def test_a_model_of_magenta_is_not_overwritten_unasked(folder):
    folder.root.mkdir(parents=True)
    (folder.root / "model_config.json").write_text("{}")
    (folder.root / "vector-100.index").write_text("x")
    for overwrite in (False, True):
        with pytest.raises(RunError, match="holds a Magenta checkpoint: .* --init_from"):
            begin(folder, overwrite=overwrite)
    assert set(contents(folder.root)) == {"model_config.json", "vector-100.index"}


def test_overwriting_takes_the_run_and_leaves_other_files(folder):
    begin(folder)
    for name in ("newest/step-10/checkpoint.index", "notes.txt", "newest/mine.txt"):
        (folder.root / name).parent.mkdir(parents=True, exist_ok=True)
        (folder.root / name).write_text("x")
    config = begin(folder, {**GIVEN, "z_size": 4}, overwrite=True).config
    assert folder.read() == config and config.hparams.z_size == 4
    assert set(contents(folder.root)) == {
        "model_config.json",
        "run.json",
        "notes.txt",
        "newest/mine.txt",
    }


def test_overwriting_nothing_is_fine(folder):
    begin(folder, overwrite=True)
    assert folder.holds_run()


@pytest.mark.parametrize(
    "change, error",
    [
        ({"given": {**GIVEN, "data_set": ("missing.npz",)}}, DataError),
        ({"data_dir": "/no/such/folder"}, DataError),
        ({"given": {"learning_rate": 1e-9}}, HParamsError),
    ],
)
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_mistake_costs_and_makes_nothing(folder, change, error, overwrite):
    if overwrite:
        begin(folder)
    before = contents(folder.root)
    with pytest.raises(error):
        begin(folder, overwrite=overwrite, **change)
    assert contents(folder.root) == before
    assert folder.root.exists() == overwrite


def test_a_log_root_that_is_a_file(folder):
    folder.root.parent.mkdir()
    folder.root.write_text("mine")
    with pytest.raises(RunError, match=f"{folder.root} is a file: name a folder"):
        begin(folder)
    assert folder.root.read_text() == "mine"


def test_a_full_disk_leaves_no_half_a_run(folder, monkeypatch):
    original, calls = os.replace, []

    def full(source, target):
        calls.append(target)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return original(source, target)

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", full)
        with pytest.raises(RunError, match="cannot be written: No space left on device"):
            begin(folder)
    assert contents(folder.root) == {}
    begin(folder)


# ------------------------------------------------------------------------------------- resuming


def test_what_is_not_given_is_the_runs_own(folder):
    begun, again = begin(folder, num_epochs=3.0), resume(folder)
    assert again.config == begun.config
    assert again.data.fingerprint == begun.data.fingerprint


def test_what_is_given_may_repeat_the_run(folder):
    config = begin(folder).config
    given = {**GIVEN, "max_seq_len": 250, "is_training": False}
    assert resume(folder, given, seed=5, data_dir=str(DATA)).config == config
    # Checked against the run's, not against the defaults' min_learning_rate.
    assert resume(folder, {"learning_rate": 1e-6}).config == config


def test_all_that_differs_is_listed(folder):
    begin(folder)
    before = contents(folder.root)
    given = {"z_size": 4, "scale": 0.5, "dec_model": "layer_norm", "num_steps": 60}
    with pytest.raises(RunError, match=str(folder.root)) as caught:
        resume(folder, given, seed=6, mixed_precision=True, bucket_by_length=False)
    message = str(caught.value)
    assert "z_size: the run has 3, now 4" in message
    assert "scale: the run has 1.0, now 0.5" in message
    assert "seed: the run has 5, now 6" in message
    assert "mixed_precision: the run has False, now True" in message
    for same in ("dec_model", "num_steps", "bucket_by_length"):
        assert same not in message
    assert "another --log_root" in message and "\n" not in message
    assert contents(folder.root) == before


MODES = ("mixed_precision", "bucket_by_length")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("on", [False, True])
def test_a_mode_is_the_runs_own(folder, mode, on):
    config = begin(folder, **{mode: on}).config
    assert {name: getattr(config, name) for name in MODES} == dict.fromkeys(MODES, False) | {
        mode: on
    }
    assert folder.read() == config
    assert resume(folder).config == config
    assert resume(folder, **{mode: on}).config == config
    before = contents(folder.root)
    with pytest.raises(RunError, match=f"settings .{mode}: the run has {on}, now {not on}.:"):
        resume(folder, **{mode: not on})
    assert contents(folder.root) == before


def test_a_run_says_which_modes_are_on(folder, monkeypatch):
    monkeypatch.setattr(runs.processor, "has_bfloat16", lambda: False)

    class Enough(Exception):
        pass

    def report(line):
        lines.append(line)
        if "no checkpoint yet" in line:  # before the first step, which takes seconds
            raise Enough

    small = {**GIVEN, "enc_rnn_size": 2, "dec_rnn_size": 2, "num_mixture": 1}
    for modes, expected in (
        ({}, []),
        ({"bucket_by_length": True}, ["modes: bucket_by_length"]),
        (dict.fromkeys(MODES, True), ["modes: mixed_precision, bucket_by_length"]),
    ):
        lines = []
        begun = begin(folder, small, overwrite=True, **modes)
        with pytest.raises(Enough):
            runs.train_run(dataclasses.replace(begun, resumed=True), report=report)
        assert [line for line in lines if line.startswith("modes")] == expected
        form = [
            line for line in lines if line.startswith("validation and test: recon to the first")
        ]
        assert len(form) == ("bucket_by_length" in modes)
        no_gain = [line for line in lines if "no bfloat16 instructions" in line]
        assert len(no_gain) == ("mixed_precision" in modes)


def test_a_run_says_that_it_is_compiled_with_xla(folder):
    config = begin(folder).config
    without, with_it = (runs.run_report.describe(config, 9, 3, 1, xla) for xla in (False, True))
    (line,) = set(with_it) - set(without)
    assert line == "XLA compiles the training step: the first step takes longer"


def test_a_run_says_what_bfloat16_gains_only_where_it_is_known(folder, monkeypatch):
    begun = begin(folder, mixed_precision=True)
    for known in (True, None):
        monkeypatch.setattr(runs.processor, "has_bfloat16", lambda known=known: known)
        lines = runs.run_report.describe(begun.config, 9, 3, 1)
        assert "modes: mixed_precision" in lines
        assert not [line for line in lines if "bfloat16 instructions" in line]


def test_a_run_resumed_with_the_other_products_says_so(folder, monkeypatch):
    config = begin(folder).config
    assert config.onednn == runs.processor.onednn_is_on()
    monkeypatch.setattr(runs.processor, "onednn_is_on", lambda: not config.onednn)
    lines = []
    runs.resume(config.asked(), folder.root, report=lines.append)
    assert [line for line in lines if "begun with oneDNN" in line]


def test_the_name_of_the_data_set_may_not_change(folder):
    begin(folder)
    with pytest.raises(RunError, match=r"data_set: the run has \('tiny.npz',\), now"):
        resume(folder, {"data_set": ("other.npz",)})


def test_the_length_of_the_run_may_change_and_is_kept(folder):
    begin(folder, num_epochs=1.0)
    changed = resume(folder, {"num_steps": 90, "save_every": 7}, num_epochs=4.0).config
    assert (changed.hparams.num_steps, changed.hparams.save_every) == (90, 7)
    assert changed.num_epochs == 4.0
    assert resume(folder).config == changed
    assert json.loads(folder.config.read_text())["num_steps"] == 90


def test_the_run_may_be_moved(folder, tmp_path):
    config = begin(folder).config
    shutil.move(folder.root, tmp_path / "moved")
    assert resume(RunFolder(tmp_path / "moved")).config == config
    with pytest.raises(RunError, match="holds no run"):
        resume(folder)


def test_the_data_may_be_moved(folder, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    shutil.copy(DATA / "tiny.npz", data)
    begin(folder, data_dir=str(data))
    data.rename(tmp_path / "there")
    with pytest.raises(DataError, match="no such file"):
        resume(folder)
    resume(folder, data_dir=str(tmp_path / "there"))
    assert resume(folder).config.data_dir == str(tmp_path / "there")


def test_other_data_of_the_same_name_are_refused(folder, tmp_path):
    begin(folder)
    before = contents(folder.root)
    splits = read_npz(DATA / "tiny.npz")
    write_npz(tmp_path / "tiny.npz", **{**splits, "test": splits["valid"]})
    with pytest.raises(RunError, match=f"the data in {tmp_path} are not those"):
        resume(folder, data_dir=str(tmp_path))
    assert contents(folder.root) == before


@pytest.mark.parametrize("make", [False, True], ids=["no folder", "empty folder"])
def test_nothing_to_resume(folder, make):
    if make:
        folder.root.mkdir(parents=True)
    with pytest.raises(RunError, match=f"{folder.root} holds no run to go on with: .*--log_root"):
        resume(folder)
    assert folder.root.exists() == make


def test_a_magenta_model_is_no_run_to_resume(folder):
    folder.root.mkdir(parents=True)
    (folder.root / "model_config.json").write_text("{}")
    with pytest.raises(RunError, match="run.json is missing"):
        resume(folder)


def test_a_full_disk_when_resuming_leaves_the_run_as_it_was(folder, monkeypatch):
    begin(folder)
    before = contents(folder.root)

    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched, contextlib.ExitStack() as stack:
        patched.setattr(os, "fsync", full)
        stack.enter_context(pytest.raises(RunError, match="cannot be written: No space left"))
        resume(folder, {"num_steps": 99})
    assert contents(folder.root) == before


def test_the_next_command_can_be_pasted(tmp_path):
    command = runs.run_report.next_command(RunFolder("my models/it's"))
    assert command.endswith("""--model_dir='my models/it'"'"'s'""")


def test_a_saved_model_is_no_run_to_resume_and_can_be_begun_from(tmp_path, folder):
    small = {**GIVEN, "enc_rnn_size": 2, "dec_rnn_size": 2, "num_mixture": 1, "num_steps": 2}
    config = RunConfig.of(**small, seed=5, data_dir=str(DATA)).with_data(begin(folder).data)
    TrainedModel(SketchRNN(config), step=7).save(tmp_path / "saved")
    saved = RunFolder(tmp_path / "saved")
    assert saved.holds_run() and saved.read() == config
    before = contents(saved.root)
    with pytest.raises(RunError, match="a model without its training, .* as --init_from"):
        resume(saved)
    assert contents(saved.root) == before
    run = begin(RunFolder(tmp_path / "on"), {}, data_set="tiny.npz", init_from=str(saved.root))
    assert (run.config.hparams.z_size, run.config.hparams.dec_model) == (3, "layer_norm")


# ------------------------------------------------------------------------------- opened data


SMALL = HParams.parse_assignments(
    "data_set=[tiny.npz], conditional=0, dec_rnn_size=6, num_mixture=2, num_steps=4, save_every=2,"
    "batch_size=8"
)


def trained(folder, **options):
    """Train a small run; return its lines and the tensors of its newest checkpoint."""
    lines = []
    config = RunConfig.of(**{"data_dir": str(DATA), "seed": 5, **SMALL, **options})
    run = runs.begin(config, folder.root, report=lines.append)
    assert runs.train_run(run, report=lines.append) == 0
    found = tf.train.load_checkpoint(str(folder.newest / "step-4" / "checkpoint"))
    names = [name for name in found.get_variable_to_shape_map() if "OBJECT_GRAPH" not in name]
    return lines, {name: np.asarray(found.get_tensor(name)).tobytes() for name in names}


@pytest.mark.slow
@pytest.mark.parametrize("options", [{}, {"balance": True, "evaluate_at_most": 3}])
def test_a_run_on_opened_data_has_the_bits_of_one_in_memory(folder, tmp_path, monkeypatch, options):
    monkeypatch.setenv("MAGENTA_SKETCH_CACHE", str(tmp_path / "cache"))
    lines, weights = trained(folder, **options)
    monkeypatch.setenv("MAGENTA_SKETCH_DATA_IN_MEMORY", "0")
    other = RunFolder(tmp_path / "models" / "other")
    opened_lines, opened = trained(other, **options)
    assert len(weights) > 8 and opened == weights
    assert any(line.startswith("unpacking 1 file once") for line in opened_lines)
    assert not any(line.startswith("unpacking") for line in lines)
    # Resumed in the other way: the data are the same.
    assert resume(folder, {"num_steps": 5}).data.fingerprint == folder.read().fingerprint


def test_the_part_that_is_evaluated_is_said(folder):
    lines, _ = trained(folder, evaluate_at_most=3)
    data = read_npz(DATA / "tiny.npz")
    (line,) = (line for line in lines if line.startswith("evaluation: "))
    valid, test = len(data["valid"]), len(data["test"])
    assert min(valid, test) > 3
    assert line == (
        f"evaluation: 3 of {valid} validation and 3 of {test} test sketches, a fixed random part "
        "(evaluate_at_most; 0 for all)"
    )


def test_a_pattern_is_saved_as_it_was_given_and_checked_on_resume(folder, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    for name in ("one", "two"):
        shutil.copy(DATA / "tiny.npz", data / f"{name}.npz")
    run = begin(folder, {**GIVEN, "data_set": ["*.npz"]}, data_dir=str(data))
    assert run.data.files == ("one.npz", "two.npz")
    assert folder.read().hparams.data_set == ("*.npz",)
    assert resume(folder).data.fingerprint == run.data.fingerprint
    shutil.copy(DATA / "tiny.npz", data / "three.npz")  # one more that matches
    with pytest.raises(RunError, match="are not those the run in"):
        resume(folder)


def test_balance_and_the_evaluated_part_are_fixed_for_a_run(folder):
    begin(folder, balance=True, evaluate_at_most=100)
    for options in ({"balance": False}, {"evaluate_at_most": 0}):
        with pytest.raises(RunError, match=next(iter(options))):
            resume(folder, **options)
