"""Several processes train one run together, on the loopback interface."""

import json
import os
import signal
import socket
import subprocess
import sys

import numpy as np
import pytest
from forks import CHECKOUT
from training_runs import DATA, RUN, SCRIPT, assert_same_run

from magenta_sketch.cli import train, workers
from magenta_sketch.errors import UsageError

LENGTH = "--hparams=num_steps=21,save_every=7"
BEGIN = [f"--data_dir={DATA}", RUN, LENGTH, "--seed=3"]


def start(*arguments, cwd, **environment):
    """A process of the program, which writes both streams into one pipe."""
    variables = {k: v for k, v in os.environ.items() if not k.startswith(("TF_", "MAGENTA_"))}
    return subprocess.Popen(
        [sys.executable, str(CHECKOUT / SCRIPT), *arguments],
        cwd=cwd,
        env=variables | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def end(process, seconds=200):
    """Its exit status and all that it wrote since it was last read."""
    out, _ = process.communicate(timeout=seconds)
    return process.returncode, out


def losses(root):
    rows = [json.loads(line) for line in (root / "history.jsonl").read_text().splitlines()]
    return [(row["step"], row["split"]) for row in rows], [
        [row["cost"], row["recon"], row["kl"]] for row in rows
    ]


def assert_same_losses(root, other):
    (steps, found), (their_steps, theirs) = losses(root), losses(other)
    assert steps == their_steps
    assert len(steps) >= 5
    np.testing.assert_allclose(found, theirs, atol=1e-5, rtol=0)


def addresses(count=2):
    with socket.socket() as one, socket.socket() as other:
        for each in (one, other):
            each.bind(("127.0.0.1", 0))
        return ",".join(f"127.0.0.1:{each.getsockname()[1]}" for each in (one, other)[:count])


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The run of one process, 21 steps."""
    folder = tmp_path_factory.mktemp("alone")
    assert end(start(*BEGIN, "--log_root=run", cwd=folder))[0] == 0
    return folder / "run"


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """The same run by two workers."""
    folder = tmp_path_factory.mktemp("together")
    status, out = end(start(*BEGIN, "--log_root=run", "--workers=2", cwd=folder))
    assert status == 0, out
    assert "\nworkers: 2, each computes its share of every batch\n" in out
    assert out.count("valid at step 21") == 1  # the chief alone reports
    return folder / "run"


@pytest.mark.slow
def test_two_workers_compute_what_one_does(alone, together):
    assert_same_losses(together, alone)


@pytest.mark.slow
def test_a_run_goes_on_with_another_number_of_workers(alone, tmp_path):
    """TF_CONFIG names the workers at first."""
    named = addresses().split(",")
    config = [
        json.dumps({"cluster": {"worker": named}, "task": {"type": "worker", "index": number}})
        for number in range(2)
    ]
    short = [*BEGIN, "--hparams=num_steps=7", "--log_root=run"]
    both = [start(*short, cwd=tmp_path, TF_CONFIG=text) for text in config]
    assert [end(process)[0] for process in both] == [0, 0]
    resume = ["--log_root=run", "--resume_training", "--hparams=num_steps=21"]
    status, out = end(start(*resume, cwd=tmp_path))
    assert status == 0, out
    assert "resumed at step 7" in out
    assert_same_losses(tmp_path / "run", alone)


@pytest.mark.slow
@pytest.mark.parametrize("killed", [0, 1])
def test_a_killed_worker_ends_the_others_and_the_run_goes_on(together, tmp_path, killed):
    named = addresses()
    long = [*BEGIN, "--hparams=num_steps=100000", "--log_root=run", f"--workers={named}"]
    both = [start(*long, f"--worker={number}", cwd=tmp_path) for number in range(2)]
    for line in both[0].stdout:
        if line.startswith("valid at step 14"):
            break
    both[killed].send_signal(signal.SIGKILL)
    status, out = end(both[1 - killed], seconds=60)
    end(both[killed])
    assert status == 1
    last = out.strip().splitlines()[-1]
    assert last.startswith("sketch_rnn_train: error: ")
    assert f"worker {1 - killed} of 2: another worker has ended" in last
    assert "the last good checkpoint, of step" in last
    assert "Traceback" not in out
    # The next checkpoints may have been written meanwhile.
    steps = sorted(int(path.name[5:]) for path in (tmp_path / "run" / "newest").glob("step-*"))
    assert steps and steps[-1] % 7 == 0
    total = max(steps[-1], 21)
    resume = ["--log_root=run", "--resume_training", f"--hparams=num_steps={total}", "--workers=2"]
    status, out = end(start(*resume, cwd=tmp_path))
    assert status == 0, out
    if total == 21:  # equal numbers of workers give equal bits
        assert_same_run(tmp_path / "run", together)


@pytest.mark.slow
def test_a_signal_to_one_worker_stops_all_at_one_step(tmp_path):
    named = addresses()
    long = [*BEGIN, "--hparams=num_steps=100000", "--log_root=run", f"--workers={named}"]
    both = [start(*long, f"--worker={number}", cwd=tmp_path) for number in range(2)]
    for line in both[0].stdout:
        if line.startswith("valid at step 7"):
            break
    both[1].send_signal(signal.SIGTERM)
    ends = [end(process) for process in both]
    assert [status for status, _ in ends] == [128 + signal.SIGTERM] * 2
    assert "interrupted at step" in ends[0][1]


@pytest.mark.slow
def test_a_mistake_is_told_by_the_worker_that_finds_it(tmp_path):
    named = addresses()
    each = [
        f"--data_dir={DATA}",
        "--hparams=data_set=[tiny.npz],max_seq_len=1",
        f"--workers={named}",
    ]
    both = [start(*each, f"--worker={number}", cwd=tmp_path) for number in range(2)]
    (status, out), (other_status, other) = [end(process) for process in both]
    assert (status, other_status) == (2, 1), out + other
    assert "no sketch has at most 1 points" in out.splitlines()[-1]
    assert "worker 0 could not begin the run: its own message says why" in other.splitlines()[-1]
    assert "Traceback" not in out + other


# ---------------------------------------------------------------------------------------- flags


def read(*arguments, monkeypatch, **environment):
    values = train.program.new_flags()
    workers.define(values)
    values(["program", *arguments])
    for name in ("TF_CONFIG", "SLURM_STEP_NUM_TASKS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return workers.read(values)


def test_the_workers_of_a_list(monkeypatch):
    found = read("--workers=a:1, b:2", "--worker=1", monkeypatch=monkeypatch)
    assert found == (("a:1", "b:2"), 1, False)


@pytest.mark.parametrize("arguments", [[], ["--workers=1"], ["--workers=a:1", "--worker=0"]])
def test_one_worker_is_this_process_alone(monkeypatch, arguments):
    assert read(*arguments, monkeypatch=monkeypatch) is None


def test_the_workers_of_this_machine_have_ports_of_their_own(monkeypatch):
    found = read("--workers=3", monkeypatch=monkeypatch)
    assert len(set(found.addresses)) == 3
    assert (found.number, found.starts_others) == (0, True)


CLUSTER = {"chief": ["c:1"], "worker": ["a:1", "b:1"]}


def test_the_chief_of_tf_config_is_the_first(monkeypatch):
    config = {"cluster": CLUSTER, "task": {"type": "worker", "index": 1}}
    found = read("--workers=3", monkeypatch=monkeypatch, TF_CONFIG=json.dumps(config))
    assert found == (("c:1", "a:1", "b:1"), 2, False)


def test_the_tasks_of_slurm(monkeypatch):
    found = read(
        "--workers=slurm",
        monkeypatch=monkeypatch,
        SLURM_STEP_NUM_TASKS="4",
        SLURM_STEP_NODELIST="n[01-02]",
        SLURM_STEP_TASKS_PER_NODE="2(x2)",
        SLURM_PROCID="2",
        CUDA_VISIBLE_DEVICES="",
    )
    assert found == (("n01:8888", "n01:8889", "n02:8888", "n02:8889"), 2, False)


@pytest.mark.parametrize(
    "arguments, config, message",
    [
        (["--workers=a:1,b:1"], "", "--worker is missing: it is the number"),
        (["--workers=a:1,b:1", "--worker=2"], "", "--worker is 2: .* 0 to 1"),
        (["--workers=a:1,a:1", "--worker=0"], "", "names one worker twice"),
        (["--workers=a,b:1", "--worker=0"], "", "'a' is no host:port"),
        (["--workers=0"], "", "give 1 or more"),
        (["--worker=0"], "", "goes with a list"),
        (["--workers=slurm"], "", "start it with srun"),
        ([], "{", "TF_CONFIG is malformed"),
        ([], '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"index": 5}}', "index is 5"),
        ([], '{"cluster": {"ps": ["a:1"], "worker": ["b:1"]}}', "tasks of the type ps"),
        (["--workers=3"], json.dumps({"cluster": CLUSTER["worker"]}), "TF_CONFIG is malformed"),
        (["--workers=2"], json.dumps({"cluster": CLUSTER}), "TF_CONFIG names 3"),
    ],
)
def test_a_mistake_in_the_flags_is_one_line(monkeypatch, arguments, config, message):
    with pytest.raises(UsageError, match=message):
        read(*arguments, monkeypatch=monkeypatch, TF_CONFIG=config)


def test_gpus_and_cores_are_dealt():
    assert workers._dealt([0, 1, 2, 3, 4], 2) == [[0, 1], [2, 3, 4]]
    assert workers._dealt(["0"], 3) == [["0"], ["0"], ["0"]]
    assert workers._dealt([], 2) == [[], []]
