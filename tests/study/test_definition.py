"""A study in its folder, and the tasks that follow from it."""

import dataclasses
import json

import pytest

from magenta_sketch.config.run_config import RunConfig
from magenta_sketch.errors import RunError
from magenta_sketch.measures.result import MeasureSettings
from magenta_sketch.study.definition import Study
from magenta_sketch.study.folder import StudyFolder
from magenta_sketch.study.plan import Axis, Plan, parse_other

# As the first version wrote it.
FIRST = {
    "sweep": {"scale": [0.5, 2.0]},
    "seeds": [0, 7],
    "hparams": {"data_set": ["cat.npz"], "z_size": 8, "num_steps": 50},
    "data_dir": "/data",
    "num_epochs": None,
    "mixed_precision": False,
    "bucket_by_length": True,
    "settings": MeasureSettings(draws=2).to_dict(),
    "command": "sketch_rnn_sweep --out=study",
}


def study(root, **settings):
    plan = Plan((Axis.parse("scale=0.5,2"),), (0, 7), RunConfig.of(**settings))
    return Study(StudyFolder(root), plan, MeasureSettings(draws=2), "sketch_rnn_sweep --out=study")


def test_a_study_of_the_first_version_is_read(tmp_path):
    (tmp_path / "study.json").write_text(json.dumps(FIRST))
    found = Study.read(StudyFolder(tmp_path))
    given = {"data_set": ["cat.npz"], "z_size": 8, "num_steps": 50}
    expected = study(tmp_path, **given, data_dir="/data", bucket_by_length=True)
    assert (found.plan, found.settings) == (expected.plan, expected.settings)
    assert found.command == expected.command
    config = found.plan.config(found.plan.trials()[-1])
    assert (config.seed, config.hparams.scale, config.bucket_by_length) == (7, 2.0, True)


def test_it_is_written_in_the_form_of_the_first_version_and_read_back(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    one = study("study", data_set=["cat.npz"], z_size=8, num_steps=50, bucket_by_length=True)
    one = one.with_data_in("data")
    one.write()
    written = json.loads((tmp_path / "study" / "study.json").read_text())
    assert FIRST | {"data_dir": str(tmp_path / "data")} == {name: written[name] for name in FIRST}
    again = Study.read(one.folder)
    assert dataclasses.replace(again, folder=one.folder, plan=one.plan) == one
    assert [again.task(trial) for trial in again.plan.trials()] == [
        one.task(trial) for trial in one.plan.trials()
    ]


def test_settings_besides_the_axes_are_written_and_read_back(tmp_path):
    plan = Plan(
        (Axis.parse("scale=1,2"),),
        (0,),
        RunConfig.of(z_size=8, data_dir="/data"),
        (parse_other("scale=2,kl_mu_weight=0.25 vs scale=1"), parse_other("kl_weight=0.1")),
    )
    one = Study(StudyFolder(tmp_path), plan, MeasureSettings(importance=0, bounded=3))
    one.write()
    assert Study.read(one.folder).plan == plan
    assert Study.read(one.folder).settings == one.settings
    config = RunConfig.from_dict(one.task(plan.trials()[2]).config)
    assert config == RunConfig.of(z_size=8, scale=2, kl_mu_weight=0.25, seed=0, data_dir="/data")


def test_a_task_has_all_that_a_run_is_and_is_plain_json(tmp_path):
    one = study(tmp_path, z_size=8, mixed_precision=True)
    trial = one.plan.trials()[-1]
    task = json.loads(json.dumps(dataclasses.asdict(one.task(trial))))
    config = RunConfig.from_dict(task["config"])
    assert config == one.plan.config(trial)
    assert config == RunConfig.of(z_size=8, mixed_precision=True, scale=2, seed=7)
    # What is at its default counts as given too: a run with another value is of another study.
    assert RunConfig.of(z_size=8, mixed_precision=True, scale=2, seed=7, kl_weight=0.1).differences(
        config
    ) == ["kl_weight: the run has 0.1, now 0.5"]
    assert MeasureSettings.from_dict(task["settings"]) == one.settings


def test_the_model_that_runs_begin_with_decides_what_was_not_given(tmp_path):
    one = study(tmp_path, init_from=str(tmp_path / "model"), z_size=8)
    task = one.task(one.plan.trials()[0])
    assert set(task.config) == {"init_from", "z_size", "scale", "seed"}


@pytest.mark.parametrize(
    "damage",
    ["", "[]", "{}", json.dumps(FIRST | {"seeds": 1}), json.dumps(FIRST | {"others": [1]})],
)
def test_a_study_that_cannot_be_read_is_named(tmp_path, damage):
    with pytest.raises(RunError, match="holds no study: study.json is missing"):
        Study.read(StudyFolder(tmp_path))
    (tmp_path / "study.json").write_text(damage)
    with pytest.raises(RunError, match="study.json is damaged"):
        Study.read(StudyFolder(tmp_path))
