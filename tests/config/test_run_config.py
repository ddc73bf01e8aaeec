"""RunConfig: one table, from which flags, files, comparison, tasks and help come."""

import json
import pathlib
import re
import shutil
import subprocess
import sys

import pytest

from magenta_sketch.config import HParams, RunConfig
from magenta_sketch.config.options import Role, options_of
from magenta_sketch.config.run_config import all_options
from magenta_sketch.errors import HParamsError

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_settings_of_both_tables_stand_side_by_side():
    config = RunConfig.of(scale=2, seed=3, data_set=["a.npz"])
    assert config.hparams == HParams(scale=2.0, data_set=("a.npz",))
    assert (config.seed, config["seed"], config["scale"]) == (3, 3, 2.0)
    assert config.given == {"scale", "seed", "data_set"}
    assert not set(options_of(HParams)) & set(options_of(RunConfig))


@pytest.mark.parametrize(
    "settings, message",
    [
        (dict(sede=1), "unknown option 'sede'; did you mean 'seed'?"),
        (dict(seed=-1), "seed must be a whole number >= 0, got -1"),
        (dict(num_epochs=0), "num_epochs must be a finite number > 0, got 0"),
        (dict(num_epochs=float("nan")), "num_epochs must be a finite number > 0, got nan"),
        (dict(mixed_precision="yes"), "mixed_precision must be true or false"),
        (dict(scale=-1), "scale must be a finite number >= 0, got -1"),
        (dict(learning_rate=1e-9), "min_learning_rate must be <= learning_rate"),
        (dict(init_optimizer=True), "init_optimizer goes with init_from, which is missing"),
    ],
)
def test_bad_settings_are_refused_in_one_line(settings, message):
    with pytest.raises(HParamsError) as caught:
        RunConfig.of(**settings)
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_what_was_given_is_no_part_of_the_value():
    assert RunConfig.of(seed=0) == RunConfig()
    assert hash(RunConfig.of(seed=0)) == hash(RunConfig())


def test_json_round_trip():
    config = RunConfig.of(
        scale=0.5, data_set=["a.npz", "b.npz"], seed=7, num_epochs=2.5, bucket_by_length=True
    )
    values = json.loads(json.dumps(config.to_dict()))
    assert RunConfig.from_dict(values) == config
    assert list(values) == list(all_options())


def test_differences_lists_both_values_of_what_is_fixed_and_was_given():
    saved = RunConfig.of(scale=0.5, data_set=["a"], seed=2, max_seq_len=20)
    assert saved.differences(saved) == []
    asked = RunConfig.of(
        scale=1.0, data_set=["b"], seed=3, max_seq_len=9, num_steps=1, data_dir="x", z_size=128
    )
    assert saved.differences(asked) == [
        "data_set: the run has ('a',), now ('b',)",
        "scale: the run has 0.5, now 1.0",
        "seed: the run has 2, now 3",
    ]
    assert saved.differences(RunConfig()) == []  # nothing was given


def test_a_resumed_run_takes_what_may_change():
    saved = RunConfig.of(scale=0.5, num_steps=10, num_epochs=1.0)
    asked = saved.asked(num_steps=20, save_every=5, data_dir="/there", num_epochs=3.0)
    resumed = saved.resumed_with(asked)
    assert resumed == RunConfig.of(
        scale=0.5, num_steps=20, save_every=5, data_dir="/there", num_epochs=3.0
    )
    assert {name for name, one in all_options().items() if one.role is Role.MAY_CHANGE} == {
        "num_steps",
        "save_every",
        "data_dir",
        "num_epochs",
        "jit",
    }


def test_architecture_is_what_has_an_effect():
    names = set(RunConfig.of(conditional=False).architecture())
    assert names == {"conditional", "dec_model", "dec_rnn_size", "num_mixture", "decoder_cell"}
    more = {"enc_model", "enc_rnn_size", "z_size", "decoder_z_scale", "encoder_cell"}
    assert set(RunConfig().architecture()) == names | more


def test_modes_are_the_switches_that_a_user_has_turned_on():
    config = RunConfig.of(
        mixed_precision=True, init_from="a", init_optimizer=True, tanh_z=True, conditional=False
    )
    assert config.modes() == ["mixed_precision"]
    assert RunConfig().modes() == []


def test_paths_are_made_absolute_and_urls_are_left(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    config = RunConfig.of(data_dir="data", init_from="a.gen.json").with_absolute_paths()
    assert config.data_dir == str(tmp_path / "data")
    assert config.init_from == str(tmp_path / "a.gen.json")
    assert RunConfig().with_absolute_paths() == RunConfig()


# ------------------------------------------------------------------- an option added to the table

NEW_OPTION = """    sparkle: int = option(3, Whole(), "Sparkles of a run.", flag=True)
"""
NEW_HPARAM = """    glitter: float = option(0.5, Real(POSITIVE), "glitter of a sketch")
"""
USE = """
import json
from magenta_sketch.cli import run_flags, sweep, train
from magenta_sketch.config import HParams, RunConfig
from magenta_sketch.study.plan import Axis, Plan
from magenta_sketch.training.run_folder import RunFolder

train.FLAGS(["train", "--sparkle=7", "--hparams=glitter=2"])
config = run_flags.read(train.FLAGS)
folder = RunFolder("run")
folder.create(config)
plan = Plan(axes=(Axis("glitter", (1.0, 2.0)),), seeds=(0,), base=RunConfig.of(sparkle=9))
trial = plan.trials()[1]
try:
    RunConfig.of(sparkle=0)
    refused = ""
except ValueError as error:
    refused = str(error)
print(json.dumps({
    "read": [config.sparkle, config.hparams.glitter],
    "run.json": json.load(open("run/run.json"))["sparkle"],
    "model_config.json": json.load(open("run/model_config.json"))["glitter"],
    "again": folder.read() == config,
    "differences": config.differences(RunConfig.of(sparkle=8, glitter=3)),
    "task": [plan.config(trial).to_dict()[name] for name in ("sparkle", "glitter")],
    "sweep's flag": "sparkle" in sweep.FLAGS,
    "help": [train.FLAGS["sparkle"].help, HParams.describe()],
    "refused": refused,
}))
"""


def test_an_option_added_to_the_table_alone_is_everywhere(tmp_path):
    package = tmp_path / "magenta_sketch"
    shutil.copytree(ROOT / "magenta_sketch", package)
    for name, after, line in (
        ("run_config.py", "    hparams: HParams = ", NEW_OPTION),
        ("hparams.py", "    data_set: tuple[str, ...] = ", NEW_HPARAM),
    ):
        path = package / "config" / name
        text = path.read_text(encoding="utf-8")
        assert text.count(after) == 1
        path.write_text(text.replace(after, line + after), encoding="utf-8")
    done = subprocess.run([sys.executable, "-c", USE], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["read"] == [7, 2.0]
    assert (found["run.json"], found["model_config.json"], found["again"]) == (7, 2.0, True)
    assert found["differences"] == [
        "glitter: the run has 2.0, now 3.0",
        "sparkle: the run has 7, now 8",
    ]
    assert found["task"] == [9, 2.0] and found["sweep's flag"]
    assert found["help"][0] == "Sparkles of a run."
    assert "glitter=0.5: glitter of a sketch; a finite number > 0" in found["help"][1]
    assert found["refused"].startswith("sparkle must be a whole number >= 1, got 0")


@pytest.mark.parametrize(
    "name", ["num_epochs", "mixed_precision", "bucket_by_length", "init_from", "init_optimizer"]
)
def test_an_options_name_stands_where_it_is_declared_and_where_it_is_used(name):
    """At most four other files of the package know a run option: nobody hands it on by name."""
    known = re.compile(rf"\.{name}\b|[\"']{name}[\"']|\b{name}=")
    files = [
        path
        for path in (ROOT / "magenta_sketch").rglob("*.py")
        if path.name != "run_config.py" and known.search(path.read_text(encoding="utf-8"))
    ]
    assert 1 <= len(files) <= 4, files
