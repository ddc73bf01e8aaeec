"""Runs on a Ray cluster: real nodes on this machine, one of which dies."""

import contextlib
import importlib.util
import os
import pathlib
import pickle
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

import pytest

from magenta_sketch._backend import tf
from magenta_sketch.config.run_config import RunConfig
from magenta_sketch.errors import RunError
from magenta_sketch.measures.result import MeasureSettings
from magenta_sketch.study.folder import write_json
from magenta_sketch.study.local import LocalEngine
from magenta_sketch.study.on_ray import RayEngine, _announce, _carrier
from magenta_sketch.study.task import DONE, FAILED, STOPPED, Task
from magenta_sketch.training.run_folder import RunFolder
from magenta_sketch.training.threads import own_cores

SIZES = {"enc_rnn_size": 8, "dec_rnn_size": 12, "z_size": 4, "num_mixture": 2, "batch_size": 8}


class Cluster:
    """Ray nodes of one core each, every one with its processes in a group of their own."""

    def __init__(self, folder):
        self._folder, self._groups = folder, []
        self._port = free_port()
        self.address = f"127.0.0.1:{self._port}"

    def add(self):
        """Start one more node, the head first; its process group."""
        place = [f"--address={self.address}"]
        # Ray refuses to start where two of its ports are one, and has fixed numbers for some.
        agent = f"--dashboard-agent-listen-port={free_port()}"
        if not self._groups:
            place = ["--head", f"--port={self._port}", f"--temp-dir={self._folder}"]
            place += ["--include-dashboard=false", f"--ray-client-server-port={free_port()}"]
        with open(self._folder / "start.log", "ab") as log:
            node = subprocess.Popen(
                [
                    pathlib.Path(sys.executable).with_name("ray"),
                    "start",
                    "--node-ip-address=127.0.0.1",
                    "--num-cpus=1",
                    "--num-gpus=1",  # Ray believes it
                    "--object-store-memory=80000000",
                    "--disable-usage-stats",
                    agent,
                    *place,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
            self._groups.append(node.pid)
            status = node.wait()
        assert status == 0, (self._folder / "start.log").read_text()
        return node.pid

    def close(self):
        for group in self._groups:
            kill(group)


def kill(group):
    """Kill a node as a loss of power does: all that it has started, at once."""
    numbers = map(int, filter(str.isdecimal, os.listdir("/proc")))
    workers = [number for number in numbers if is_of(group, number)]
    with contextlib.suppress(ProcessLookupError):  # dead already
        os.killpg(group, signal.SIGKILL)
    for number in workers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)


def is_of(group, process):
    """Whether a process is a worker of a node: it has a group of its own, but not its parent."""
    with contextlib.suppress(OSError):  # it has ended
        status = pathlib.Path(f"/proc/{process}/stat").read_text()
        return os.getpgid(int(status.rpartition(")")[2].split()[1])) == group
    return False


def free_port():
    """A free port that neither outgoing connections nor Ray's workers are given."""
    while True:
        port = random.randrange(20000, 32768)
        with socket.socket() as one, contextlib.suppress(OSError):  # taken
            one.bind(("127.0.0.1", port))
            return port


def need_ray():
    if importlib.util.find_spec("ray") is None:  # not imported: the engine sets Ray's environment
        pytest.skip("needs Ray: pip install -e '.[ray]'")


@pytest.fixture
def cluster():
    need_ray()
    if not os.path.exists("/proc/self/stat"):
        pytest.skip("finds the processes of a node in /proc")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="ray"))  # short: it holds sockets
    nodes = Cluster(folder)
    try:
        nodes.add()
        yield nodes
    finally:
        nodes.close()
        shutil.rmtree(folder, ignore_errors=True)


class Sweep:
    """Tasks in a folder, and what an engine told of them."""

    def __init__(self, folder, data_dir):
        self.folder, self.data_dir = folder, str(data_dir)
        self.began, self.outcomes = [], {}

    def task(self, name, seed, **changes):
        """A task whose measures are there already, to be had at its last step."""
        steps = changes.setdefault("num_steps", 120)
        settings = MeasureSettings()
        measures = self.folder / "measures" / f"{name}.json"
        measures.parent.mkdir(parents=True, exist_ok=True)
        write_json(measures, {"step": steps, "settings": settings.to_dict()})
        given = {"data_set": ("tiny.npz",), "save_every": 20} | SIZES | changes
        config = RunConfig.of(**given, seed=seed, data_dir=self.data_dir)
        return Task(
            name=name,
            log_root=str(self.folder / "runs" / name),
            log=str(self.folder / "logs" / f"{name}.log"),
            measures=str(measures),
            lock=str(self.folder / "locks" / f"{name}.lock"),
            config=config.to_dict(),
            settings=settings.to_dict(),
        )

    def run(self, engine, tasks, tick=lambda: None):
        engine.run(tasks, self._begin, self._end, tick)

    def _begin(self, task):
        assert pathlib.Path(task.log).exists()
        self.began.append(task.name)

    def _end(self, task, outcome):
        assert task.name in self.began and task.name not in self.outcomes
        self.outcomes[task.name] = outcome


def log(task):
    return pathlib.Path(task.log).read_text(encoding="utf-8")


def processes(task):
    """Ids of the processes in which the task began, the last one last."""
    with contextlib.suppress(FileNotFoundError):
        return [
            int(number) for number in re.findall(r"^begins on .*process (\d+)", log(task), re.M)
        ]
    return []


def weights(task):
    """All arrays of a run's newest checkpoint, by name."""
    newest = max(RunFolder(task.log_root).newest.iterdir(), key=lambda p: int(p.name[5:]))
    reader = tf.train.load_checkpoint(str(next(newest.glob("*.index")))[: -len(".index")])
    names = [name for name in reader.get_variable_to_shape_map() if "OBJECT_GRAPH" not in name]
    return {name: reader.get_tensor(name) for name in names}


@pytest.mark.slow
def test_runs_of_a_node_that_dies_go_on_elsewhere(cluster, tmp_path, tiny_folder, capfd):
    second = cluster.add()
    sweep = Sweep(tmp_path / "study", tiny_folder)
    good = [sweep.task(f"seed{seed}", seed) for seed in (1, 2)]
    bad = sweep.task("bad", 1, data_set=("absent.npz",))
    broken = []

    def kill_in_the_middle():
        for task in good:
            process = processes(task)[-1:]
            is_there = process and is_of(second, process[0])
            if not broken and is_there and RunFolder(task.log_root).newest_step > 0:
                broken.append((task, RunFolder(task.log_root).newest_step))
                kill(second)

    sweep.run(RayEngine(cluster.address, cpus=1, retries=2), [bad, *good], kill_in_the_middle)

    assert capfd.readouterr() == ("", "")  # a sweep's display is its own
    ((task, step),) = broken
    assert {name: outcome.status for name, outcome in sweep.outcomes.items()} == {
        "bad": FAILED,
        "seed1": DONE,
        "seed2": DONE,
    }
    assert sorted(sweep.began) == ["bad", "seed1", "seed2"]
    assert "absent.npz" in sweep.outcomes["bad"].message
    assert len(processes(bad)) == 1  # nothing that another attempt would mend
    assert [len(processes(one)) for one in good] == [1 + (one is task) for one in good]
    resumed = [int(number) for number in re.findall(r"^resumed at step (\d+)$", log(task), re.M)]
    assert len(resumed) == 1 and 0 < step <= resumed[0] < 120

    local = Sweep(tmp_path / "local", tiny_folder)
    same = local.task("same", task.config["seed"])
    local.run(LocalEngine(1, own_cores()[:1]), [same])
    assert local.outcomes["same"].status == DONE
    expected, found = weights(same), weights(task)
    assert len(expected) > 20 and expected.keys() == found.keys()
    for name, value in expected.items():
        assert (value == found[name]).all(), name


class Stopped(Exception):
    pass


@pytest.mark.slow
def test_a_request_to_stop_leaves_checkpoints(cluster, tmp_path, tiny_folder):
    sweep = Sweep(tmp_path / "study", tiny_folder)
    tasks = [sweep.task(name, 1, num_steps=1_000_000) for name in ("first", "waits")]
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]

    def stop_in_the_middle():
        assert handlers == [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
        if RunFolder(tasks[0].log_root).newest_step > 0:
            raise Stopped

    with pytest.raises(Stopped):
        engine = RayEngine(cluster.address, cpus=1, gpus=1, retries=2)
        sweep.run(engine, tasks, stop_in_the_middle)

    assert sweep.began == ["first"] and sweep.outcomes["first"].status == STOPPED
    step = RunFolder(tasks[0].log_root).newest_step
    assert f"interrupted at step {step};" in log(tasks[0])
    assert len(processes(tasks[0])) == 1 and not processes(tasks[1])
    assert re.search(r"^begins on .*, GPU 0$", log(tasks[0]), re.M)

    with pytest.raises(RunError, match="no machine .* has 2 cores, the largest has 1.*--ray_cpus"):
        sweep.run(RayEngine(cluster.address, cpus=2), tasks)
    with pytest.raises(RunError, match="has 2 GPUs, the most are 1: .*--ray_gpus"):
        sweep.run(RayEngine(cluster.address, gpus=2), tasks)


@pytest.mark.parametrize("address", ["somewhere", "ray://127.0.0.1:10001", "local"])
def test_an_address_of_another_kind_is_refused(address):
    need_ray()
    with pytest.raises(RunError, match=f"--ray_address={address}: give auto"):
        RayEngine(address).run([], print, print, print)


@pytest.mark.slow
def test_an_address_where_nothing_answers_is_named(monkeypatch):
    need_ray()
    monkeypatch.setattr("magenta_sketch.study.ray_cluster._ANSWER", 3.0)
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(RunError, match=f"^--ray_address={address}: no Ray cluster .*ray start"):
        RayEngine(address).run([], print, print, print)


def test_a_machine_that_is_not_like_the_others_says_so(tmp_path, tiny_folder, monkeypatch):
    task = Sweep(tmp_path, tiny_folder).task("one", 1)
    pickled, there = pickle.dumps(task), _carrier()

    def message(token, version):
        answer = there(pickled, task.log, token, version, 1)
        assert answer["status"] == FAILED and answer["message"].endswith(f"{socket.gethostname()}")
        return answer["message"]

    assert "--out must be in a folder that all machines see" in message("sweep 1", "0")
    assert not pathlib.Path(task.log).parent.exists()  # nothing is written to a disk of its own
    _announce(task, "sweep 1")
    assert "--out must be in a folder that all machines see" in message("sweep 2", "0")
    assert not processes(task)
    assert "the sweep 0.0: install the same version" in message("sweep 1", "0.0")
    monkeypatch.setitem(sys.modules, "magenta_sketch", None)
    assert "magenta_sketch 0.0 is not installed" in message("sweep 1", "0.0")


def test_without_ray_the_program_says_how_to_get_it(tmp_path):
    code = (
        "import sys; sys.modules['ray'] = None\n"
        "from magenta_sketch.cli import sweep\n"
        f"sys.argv = ['sketch_rnn_sweep', '--out={tmp_path}', '--ray_address=auto']\n"
        "sweep.run()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2 and not done.stdout  # said before TensorFlow starts
    assert len(done.stderr.splitlines()) == 1 and "pip install -e '.[ray]'" in done.stderr


def test_without_ray_the_engine_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(RunError, match="needs Ray"):
        RayEngine("auto").run([], print, print, print)
