"""Several processes train one run together, on the loopback interface."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from forks import CHECKOUT
from training_runs import DATA, RUN, SCRIPT, assert_same_run

from magenta_sketch._backend import tf
from magenta_sketch.cli import launching, train, workers
from magenta_sketch.config.run_config import RunConfig
from magenta_sketch.data import SketchSet, load_data_set, write_npz
from magenta_sketch.errors import RunError, UsageError
from magenta_sketch.training import workers as training_workers
from magenta_sketch.training.loop import Trainer
from magenta_sketch.training.run_folder import RunFolder

LENGTH = "--hparams=num_steps=21,save_every=7"
BEGIN = [f"--data_dir={DATA}", RUN, LENGTH, "--seed=3"]
LONG = [*BEGIN, "--hparams=num_steps=100000", "--log_root=run"]


def start(*arguments, cwd, stderr=subprocess.STDOUT, **environment):
    """A process of the program, which writes both streams into one pipe."""
    variables = {k: v for k, v in os.environ.items() if not k.startswith(("TF_", "MAGENTA_"))}
    return subprocess.Popen(
        [sys.executable, str(CHECKOUT / SCRIPT), *arguments],
        cwd=cwd,
        env=variables | environment,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )


def start_two(*arguments, cwd):
    """Two workers that find each other by a list of addresses."""
    arguments = (*arguments, f"--workers={addresses()}")
    return [start(*arguments, f"--worker={number}", cwd=cwd) for number in range(2)]


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
    both = start_two(*LONG, cwd=tmp_path)
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
    both = start_two(*LONG, cwd=tmp_path)
    for line in both[0].stdout:
        if line.startswith("valid at step 7"):
            break
    both[1].send_signal(signal.SIGTERM)
    ends = [end(process) for process in both]
    assert [status for status, _ in ends] == [128 + signal.SIGTERM] * 2
    assert "interrupted at step" in ends[0][1]


@pytest.mark.slow
def test_a_mistake_is_told_by_the_worker_that_finds_it(tmp_path):
    wrong = "--hparams=data_set=[tiny.npz],max_seq_len=1"
    both = start_two(f"--data_dir={DATA}", wrong, cwd=tmp_path)
    (status, out), (other_status, other) = [end(process) for process in both]
    assert (status, other_status) == (2, 1), out + other
    assert "no sketch has at most 1 points" in out.splitlines()[-1]
    assert "worker 0 could not begin the run: its own message says why" in other.splitlines()[-1]
    assert "Traceback" not in out + other


@pytest.mark.slow
def test_a_chief_tells_the_others_that_its_folder_has_a_run(alone):
    """They wait for it already, so it must not end before they are connected."""
    both = start_two(*BEGIN, "--log_root=run", cwd=alone.parent)
    (status, out), (other_status, other) = [end(process) for process in both]
    assert (status, other_status) == (1, 1), out + other
    assert "--resume_training" in out.splitlines()[-1]
    assert other.startswith("worker 1 of 2: waiting until 127.0.0.1:")
    assert "worker 0 could not begin the run: its own message says why" in other.splitlines()[-1]


@pytest.mark.slow
def test_too_many_workers_for_a_batch_leave_no_run_behind(tmp_path):
    few = [*BEGIN, "--hparams=batch_size=1", "--log_root=run", "--workers=2"]
    status, out = end(start(*few, cwd=tmp_path))
    assert status == 2
    assert out == (
        "sketch_rnn_train: error: 2 workers, but a batch has 1 sketches (batch_size): each worker "
        "needs one or more\n"
    )
    # A set can also be smaller than a batch. One line of an error, though two workers end.
    one = SketchSet.from_sketches([[[1, 2, 1]]])
    write_npz(tmp_path / "tiny.npz", train=one, valid=one, test=one)
    few = [*BEGIN, "--data_dir=.", "--log_root=run", "--workers=2"]
    status, out = end(start(*few, cwd=tmp_path))
    assert status == 1, out
    assert out.splitlines()[-1].startswith("sketch_rnn_train: error: a batch has 1 sketches, too")
    assert out.count("error: ") == 1 and "Traceback" not in out
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_all_workers_stop_when_the_chief_has_no_reader_any_more(tmp_path):
    process = start(*LONG, "--workers=2", cwd=tmp_path, stderr=subprocess.DEVNULL)
    for line in process.stdout:
        if line.startswith("valid at step 7"):
            break
    process.stdout.close()
    assert process.wait(60) == 128 + signal.SIGPIPE
    assert list((tmp_path / "run" / "newest").glob("step-*"))


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux")
@pytest.mark.parametrize("moment", ["starting TensorFlow", "loaded ", "valid at step 7"])
def test_workers_end_with_the_process_that_started_them(tmp_path, moment):
    process = start(*LONG, "--workers=2", cwd=tmp_path)
    for line in process.stdout:
        if moment in line:
            break
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    assert len(children) == 2
    handles = [os.pidfd_open(int(number)) for number in children]
    process.kill()
    for handle in handles:
        assert select.select([handle], [], [], 60)[0], "a worker goes on"
        os.close(handle)
    process.communicate()


@pytest.mark.slow
def test_a_worker_of_this_machine_that_is_killed_ends_the_run(tmp_path):
    process = start(*LONG, "--workers=2", cwd=tmp_path)
    for line in process.stdout:
        if "starting TensorFlow" in line:
            break
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(children[1]), signal.SIGKILL)
    status, out = end(process, seconds=100)
    assert status == 1
    said = "error: worker 1 ended by SIGKILL, and the others with it; start the command again"
    assert said in out.splitlines()[-1]


class Two:
    """Two workers, as far as a trainer asks before it communicates."""

    count, index, is_chief = 2, 0, True


def test_a_run_with_draws_of_before_is_not_shared(tiny_folder, tmp_path):
    data = load_data_set("tiny.npz", tiny_folder, report=lambda line: None)
    config = RunConfig.of(draws_by_place=False).with_data(data)
    with pytest.raises(RunError, match="begun by version 0.6 or before.* without --workers"):
        Trainer(RunFolder(tmp_path), config, data, workers=Two())


@pytest.mark.parametrize(
    "gpus, expected", [([], {}), (["a"], {"GPU": 1}), (["a", "b"], {"GPU": 1})]
)
def test_a_worker_adds_up_on_its_first_gpu(monkeypatch, gpus, expected):
    visible = []
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: gpus)
    monkeypatch.setattr(
        tf.config, "set_visible_devices", lambda devices, kind: visible.extend(devices)
    )
    assert training_workers._own_gpu() == expected
    assert visible == (["a"] if len(gpus) > 1 else [])


def test_more_workers_than_gpus_or_cores_are_said(capsys):
    launching._check_sharing(4, 0, 2)
    launching._check_sharing(2, 2, 1)
    assert capsys.readouterr().out == "note: 4 workers share 2 cores; more than 2 are no faster\n"
    with pytest.raises(UsageError, match="--workers=2, but there are 1 GPUs here"):
        launching._check_sharing(2, 1, 8)


@pytest.mark.parametrize("text, gpus", [("", []), ("0,2", ["0", "2"]), ("1, -1,0", ["1"])])
def test_the_gpus_that_cuda_sees(monkeypatch, text, gpus):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", text)
    assert launching.visible_gpus() == gpus


@pytest.mark.slow
@pytest.mark.parametrize("number, moment", [
    (signal.SIGINT, "loaded "), (signal.SIGTERM, "loaded "), (signal.SIGINT, "valid at step 7"),
    (signal.SIGHUP, "valid at step 7"),
])  # fmt: skip
def test_a_signal_to_the_launcher_stops_all_workers(tmp_path, number, moment):
    old = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup lets programs ignore it
    process = start(*LONG, "--workers=2", cwd=tmp_path)
    signal.signal(signal.SIGHUP, old)
    for line in process.stdout:
        if moment in line:
            break
    process.send_signal(number)
    status, out = end(process, seconds=launching._PATIENCE)  # nobody is waited for in vain
    assert status == 128 + number
    assert "Traceback" not in out
    if moment.startswith("valid"):
        assert "interrupted at step" in out


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
    assert (found.number, found.is_here) == (0, True)


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
        (["--workers=a:1,b:99999", "--worker=0"], "", "'b:99999' is no host:port"),
        (["--workers=0"], "", "a number of workers, 1 or more"),
        (["--worker=0"], "", "goes with a list"),
        (["--workers=slurm"], "", "start it with srun"),
        ([], "{", "TF_CONFIG is malformed"),
        ([], '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"index": 5}}', "index is 5"),
        ([], '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"index": Infinity}}', "malformed"),
        (
            [],
            '{"cluster": {"chief": ["a:1"], "worker": ["b:1"]}, '
            '"task": {"type": "chief", "index": 1}}',
            "index is 1, but the job chief has 1 tasks",
        ),
        (["--workers=" + "9" * 5000], "", "--workers=9{20}: give a number"),
        ([], '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"index": -1}}', "index is -1"),
        ([], '{"cluster": {"worker": ["a:1", "b"]}}', "'b' is no host:port"),
        ([], '{"cluster": {"ps": ["a:1"], "worker": ["b:1"]}}', "tasks of the type ps"),
        (["--workers=3"], json.dumps({"cluster": CLUSTER["worker"]}), "TF_CONFIG is malformed"),
        (["--workers=2"], json.dumps({"cluster": CLUSTER}), "TF_CONFIG names 3"),
    ],
)
def test_a_mistake_in_the_flags_is_one_line(monkeypatch, arguments, config, message):
    with pytest.raises(UsageError, match=message):
        read(*arguments, monkeypatch=monkeypatch, TF_CONFIG=config)


def test_gpus_and_cores_are_dealt():
    assert launching.dealt_to(2, [0, 1, 2, 3, 4]) == [[0, 1], [2, 3, 4]]
    assert launching.dealt_to(3, ["0"]) == [["0"], ["0"], ["0"]]
    assert launching.dealt_to(2, []) == [[], []]
