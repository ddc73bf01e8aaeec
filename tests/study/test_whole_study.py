"""A whole study in one process: finished runs are kept, the others are trained and reported."""

import dataclasses
import json
import shutil

import pytest

from magenta_sketch.errors import RunError
from magenta_sketch.measures.result import MeasureSettings
from magenta_sketch.study import execution, report, sweep
from magenta_sketch.study.definition import Study
from magenta_sketch.study.folder import StudyFolder
from magenta_sketch.study.plan import Axis, Plan, parse_other
from magenta_sketch.study.task import FAILED, Outcome
from magenta_sketch.training.run_folder import RunFolder

SETTINGS = MeasureSettings(
    noises=(0.0, 1.0),
    draws=1,
    importance=2,
    bounded=1,
    reconstructed=2,
    repeats=2,
    new=4,
    training=9,
    shown=2,
)


class Here:
    """An engine that carries out the tasks in this process, but for those whose name has an end."""

    def __init__(self, fails=()):
        self.fails, self.carried_out = fails, []

    def run(self, tasks, began, ended, tick):
        for task in tasks:
            began(task)
            tick()
            if task.name.endswith(self.fails):
                ended(task, Outcome(FAILED, "not finite", 1.0))
                continue
            self.carried_out.append(task.name)
            ended(task, execution.carry_out(task))


@pytest.fixture
def study(trained_run, tmp_path, monkeypatch):
    """One of two seeds, of which the first is trained and not measured."""
    # These are for a process of its own, and figures have tests of their own.
    monkeypatch.setattr(execution, "use_threads", lambda cores: None)
    monkeypatch.setattr(execution, "make_deterministic", lambda: None)
    monkeypatch.setattr(report, "pictures", lambda *_: [])
    base = RunFolder(trained_run).read()
    folder = StudyFolder(tmp_path / "study")
    one = Study(folder, Plan((Axis.parse("scale=1"),), (1, 2), base), SETTINGS, "the command")
    shutil.copytree(trained_run, folder.run(one.plan.trials()[0]))
    return one


@pytest.mark.slow
def test_what_is_finished_is_kept_and_the_rest_is_carried_out(study):
    lines, engine = [], Here(fails=("seed-2",))
    assert sweep.run_study(study, engine, report=lines.append) == 1
    assert engine.carried_out == ["scale-1_seed-1"]
    assert "study: 2 runs, scale 1 x seeds 1, 2: 1 to measure, 1 new" in lines
    found = json.loads((study.folder.root / "report" / "results.json").read_text())
    assert [run["status"] for run in found["runs"]] == ["done", "failed"]
    assert [run["message"] for run in found["runs"]] == ["", "not finite"]
    assert found["runs"][0]["step"] == 6 and found["runs"][0]["scalars"]["masked_recon"] > 0
    assert found["runs"][0]["masked_recon"][1] == found["runs"][0]["scalars"]["masked_recon"]
    assert found["baselines"]["novelty"] > 0 and found["data"]["test"] == 11
    assert (study.folder.root / "report" / "index.html").stat().st_size > 10_000
    # Once more: the first is neither trained nor measured again.
    again = Here(fails=("seed-2",))
    assert sweep.run_study(study, again, report=lines.append) == 1
    assert again.carried_out == []
    assert "study: 2 runs, scale 1 x seeds 1, 2: 1 finished, 1 new" in lines


def test_settings_besides_the_sweep_are_counted(study):
    lines, engine = [], Here(fails=("seed-1", "seed-2"))
    others = (parse_other("scale=3 vs scale=1"), parse_other("kl_weight=0.25"))
    both = dataclasses.replace(study, plan=dataclasses.replace(study.plan, others=others))
    assert sweep.run_study(both, engine, report=lines.append) == 6
    said = "study: 6 runs, (scale 1 and 2 more settings) x seeds 1, 2: 1 to measure, 5 new"
    assert said in lines
    alone = dataclasses.replace(study, plan=Plan((), (2,), study.plan.base, others[1:]))
    assert sweep.run_study(alone, engine, report=lines.append) == 1
    assert "study: 1 runs, 1 setting x seeds 2: 1 new" in lines


def test_a_run_of_another_study_is_not_touched(study):
    other = Plan((Axis.parse("scale=1"),), (1,), study.plan.base.replace(z_size=5))
    engine = Here()
    with pytest.raises(RunError, match=r"another study \(z_size: the run has 4, now 5\)"):
        sweep.run_study(Study(study.folder, other, SETTINGS), engine, report=lambda line: None)
    assert engine.carried_out == []
