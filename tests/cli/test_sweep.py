"""The command sketch_rnn_sweep, in processes of its own."""

import csv
import json
import os
import signal

import numpy as np
import pytest

from magenta_sketch.cli import sweep
from magenta_sketch.measures.scalars import SCALARS

SWEEP = "magenta_sketch/cli/sweep.py"
TRAIN = "sketch_rnn_train.py"
SIZES = "enc_rnn_size=8,dec_rnn_size=12,z_size=4,num_mixture=2,batch_size=8"
FEW = ["--draws=2", "--reconstructed=4", "--repeats=2", "--new=6", "--shown=3"]
FEW += ["--importance=3", "--bounded=2", "--training=20"]


def test_more_runs_at_a_time_than_there_are_cores(monkeypatch, call, tmp_path, tiny_folder):
    monkeypatch.chdir(tmp_path)
    data = (f"--data_dir={tiny_folder}", "--hparams=data_set=[tiny.npz]")
    status, _, errors = call(sweep, "sketch_rnn_sweep", "--out=study", "--jobs=4096", *data)
    assert status == 2 and errors.count("\n") == 1
    assert errors.startswith("sketch_rnn_sweep: error: --jobs=4096: there are ")
    assert os.listdir(tmp_path) == []


@pytest.fixture
def run(forks, tmp_path, tiny_folder):
    """Run the program in a process of its own."""

    def run(*arguments, **how):
        given = ["--out=study", f"--data_dir={tiny_folder}", *FEW]
        given.append(f"--hparams=data_set=[tiny.npz],{SIZES}")
        return forks.run(SWEEP, *given, *map(str, arguments), cwd=tmp_path, **how)

    return run


def history(folder):
    return [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]


@pytest.mark.slow
def test_a_study_from_the_data_to_the_report(run, forks, tmp_path, tiny_folder):
    steps = "--hparams=num_steps=40,save_every=20"
    arguments = ["--sweep=scale=0.5,2", "--seeds=4", "--jobs=2", "--noises=0,2", steps]
    arguments.append("--setting=scale=2,kl_mu_weight=0.25 vs scale=2")
    done = run(*arguments)
    assert (done.status, done.err) == (0, "")
    assert "study: 3 runs, (scale 0.5, 2 and 1 more setting) x seeds 4: 3 new" in done.out
    assert done.out.count(": done after") == 3

    report = tmp_path / "study" / "report"
    assert (report / "index.html").stat().st_size > 10_000
    with open(report / "results.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    names = ("scale", "kl_mu_weight", "seed", "status")
    assert [tuple(row[name] for name in names) for row in rows] == [
        ("0.5", "1", "4", "done"),
        ("2", "1", "4", "done"),
        ("2", "0.25", "4", "done"),
    ]
    for row in rows:
        number = {name: float(value) for name, value in row.items() if name in SCALARS and value}
        ratio = number["mu_spread"] / (float(row["scale"]) * number["mean_sigma"])
        assert number["signal_to_noise"] == pytest.approx(ratio, rel=1e-5)
        rate = number["mutual_information"] + number["marginal_kl_scaled"]
        assert number["rate_scaled"] == pytest.approx(rate, rel=1e-5)
        assert float(row["masked_recon_at_noise_0"]) > 0
        if row["scale"] == "2":
            assert row["masked_recon_at_noise_2"] == row["masked_recon"]
    with open(report / "comparisons.csv", newline="") as file:
        pairs = {(row["setting"], row["compared with"]) for row in csv.DictReader(file)}
    # Without scale 1 the first value is the reference.
    assert pairs == {("scale 2", "scale 0.5"), ("scale 2, kl_mu_weight 0.25", "scale 2")}
    assert "One sketch at every noise" in (report / "index.html").read_text(encoding="utf-8")

    # Each run is what sketch_rnn_train makes of the same settings, and can go on.
    plain = [f"--data_dir={tiny_folder}", "--seed=4", f"--hparams=data_set=[tiny.npz],{SIZES}"]
    alone = forks.run(TRAIN, "--log_root=alone", *plain, steps, "--hparams=scale=2", cwd=tmp_path)
    assert alone.status == 0
    swept = tmp_path / "study" / "runs" / "scale-2_seed-4"
    own, theirs = history(tmp_path / "alone"), history(swept)
    assert [row["step"] for row in own] == [row["step"] for row in theirs]
    for a, b in zip(own, theirs, strict=True):
        np.testing.assert_allclose(a["recon"], b["recon"], rtol=1e-4)
    on = forks.run(
        TRAIN,
        f"--log_root={swept}",
        "--resume_training",
        "--hparams=num_steps=41",
        cwd=tmp_path,
    )
    assert on.status == 0 and "resumed at step 40" in on.out

    # Now it has more steps than the study asks for.
    refused = run(*arguments)
    assert refused.status == 1
    assert "scale-2_seed-4 holds a run of another study (it has 41 steps, now 40)" in refused.err


@pytest.mark.slow
def test_killed_and_started_again(run, tmp_path):
    """The finished run is kept, the broken one goes on, and new values are added."""
    often = "--hparams=save_every=50"
    begin = ["--sweep=num_steps=50,2500", "--seeds=0", "--jobs=2", often]
    record = "magenta_sketch.study.sweep:_record", 1, signal.SIGKILL
    assert run(*begin, hook=record).status == -signal.SIGKILL

    study = tmp_path / "study"
    finished = study / "runs" / "num_steps-50_seed-0"
    (kept,) = finished.glob("newest/step-50")
    before = {path: path.stat().st_mtime_ns for path in kept.iterdir()}
    assert not (study / "report").exists()

    # It waits for what the killed sweep has left running to write its checkpoint.
    again = run("--sweep=num_steps=50,2500,20", "--seeds=0", "--jobs=2", often)
    assert (again.status, again.err) == (0, "")
    assert (
        "3 runs, num_steps 50, 2500, 20 x seeds 0: 1 finished, 1 to go on with, 1 new" in again.out
    )
    assert before == {path: path.stat().st_mtime_ns for path in kept.iterdir()}
    broken = (study / "logs" / "num_steps-2500_seed-0.log").read_text()
    assert "interrupted at step " in broken and "resumed at step " in broken
    rows = [
        (row["split"], row["step"]) for row in history(study / "runs" / "num_steps-2500_seed-0")
    ]
    assert len(rows) == len(set(rows))
    assert {("train", step) for step in range(20, 2501, 20)} < set(rows)

    nothing = run("--sweep=num_steps=50,2500,20", "--seeds=0", often)
    assert nothing.status == 0 and "3 finished" in nothing.out and "begins" not in nothing.out

    other = run("--sweep=num_steps=50,2500,20", "--seeds=0", "--hparams=scale=3")
    assert other.status == 1 and "(scale: the run has 1.0, now 3.0)" in other.err


@pytest.mark.slow
def test_damage_in_one_run_is_mended_or_reported(run, tmp_path):
    arguments = ["--sweep=scale=1,2", "--seeds=0", "--jobs=2"]
    arguments.append("--hparams=num_steps=40,save_every=20")
    assert run(*arguments).status == 0
    runs = tmp_path / "study" / "runs"
    (data,) = (runs / "scale-1_seed-0" / "newest" / "step-40").glob("*.data*")
    data.write_bytes(b"gone")
    config = runs / "scale-2_seed-0" / "model_config.json"
    config.write_text(config.read_text().replace("}", ""))
    done = run(*arguments, "--draws=1", "--sweep=scale=1,2")
    assert done.status == 1
    assert "scale-1_seed-0: done after" in done.out  # trained again from step 20
    assert "scale-2_seed-0: failed after" in done.out and "model_config.json" in done.out
    log = (tmp_path / "study" / "logs" / "scale-1_seed-0.log").read_text()
    assert "resumed at step 20" in log.partition("the last checkpoint is damaged")[2]
    report = run("--report_only")
    assert report.status == 0
    found = json.loads((tmp_path / "study" / "report" / "results.json").read_text())
    assert [one["status"] for one in found["runs"]] == ["done", "failed"]
    assert found["runs"][0]["step"] == 40


@pytest.mark.slow
def test_a_run_that_fails_is_reported_and_the_others_go_on(run, tmp_path):
    arguments = ["--sweep=learning_rate=1e30,0.001", "--seeds=0", "--hparams=num_steps=20"]
    done = run(*arguments)
    assert done.status == 1
    failed, good = "learning_rate-1e+30_seed-0", "learning_rate-0.001_seed-0"
    assert f"{failed}: failed after" in done.out and "not finite" in done.out
    assert f"{good}: done after" in done.out
    assert "1 of 2 runs failed" in done.out
    page = (tmp_path / "study" / "report" / "index.html").read_text()
    assert "is not finite" in page
    found = json.loads((tmp_path / "study" / "report" / "results.json").read_text())
    assert [run["status"] for run in found["runs"]] == ["failed", "done"]


@pytest.mark.slow
def test_asked_to_stop_it_writes_checkpoints_and_says_how_to_go_on(run, tmp_path):
    hook = "magenta_sketch.study.progress:_last_step", 3, signal.SIGTERM
    stopped = run("--sweep=scale=1,2", "--seeds=0", "--hparams=num_steps=100000", hook=hook)
    assert stopped.status == 128 + signal.SIGTERM
    assert "stopped; the same command goes on from here." in stopped.out
    assert "scale-1_seed-0: stopped after" in stopped.out
    assert "scale-2_seed-0: begins" not in stopped.out
