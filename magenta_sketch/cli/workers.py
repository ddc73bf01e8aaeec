"""The flags --workers and --worker: which processes train a run together."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from absl import flags

from magenta_sketch.errors import UsageError

if TYPE_CHECKING:
    from magenta_sketch.training.workers import Workers

_TF_CONFIG = "TF_CONFIG"
_ADDRESS = re.compile(r"[\w.\-]+:\d{1,5}|\[[0-9A-Fa-f:]+\]:\d{1,5}", re.ASCII)
_PATIENCE = 60.0  # seconds for the other workers of this machine to end


class Cluster(NamedTuple):
    """The workers of a run.

    Attributes:
      addresses: host:port of each.
      number: of this process among them, from 0.
      starts_others: whether this process starts the others, on this machine.
    """

    addresses: tuple[str, ...]
    number: int
    starts_others: bool = False


def define(values: flags.FlagValues) -> None:
    """Define the flags."""
    flags.DEFINE_string(
        "workers",
        "",
        "Train with several processes that share each batch: a number, of workers on this machine "
        "(one for each GPU, or for each few cores); or host:port,host:port,... and --worker; or "
        "slurm. Default: those of the variable TF_CONFIG, or one.",
        flag_values=values,
    )
    flags.DEFINE_integer(
        "worker",
        None,
        "Number of this worker in the list of --workers, from 0.",
        flag_values=values,
    )


def read(values: flags.FlagValues) -> Cluster | None:
    """Return the workers that flags and TF_CONFIG name; None for this process alone.

    Raises:
      UsageError: they contradict each other, or are malformed.
    """
    text, index = values.workers.strip(), values.worker
    if text and not text.isdecimal() and text != "slurm":
        return _listed(text, index)
    if index is not None:
        raise UsageError("--worker goes with a list: --workers=host:port,host:port --worker=0")
    if text == "slurm":
        return _slurm()
    named = _from_tf_config(os.environ.get(_TF_CONFIG, ""))
    if not text:
        return named
    count = int(text)
    if count < 1:
        raise UsageError(f"--workers={text}: give 1 or more")
    if named is not None and len(named.addresses) != count:
        raise UsageError(
            f"--workers={text}, but the variable TF_CONFIG names {len(named.addresses)}: leave out "
            "one of them"
        )
    if named is not None or count == 1:
        return named
    return Cluster(tuple(f"127.0.0.1:{port}" for port in _free_ports(count)), 0, True)


def _listed(text: str, index: int | None) -> Cluster | None:
    addresses = tuple(part.strip() for part in text.split(","))
    for address in addresses:
        if not _ADDRESS.fullmatch(address):
            raise UsageError(
                f"--workers: {address!r} is no host:port; give a number, slurm, or "
                "host:port,host:port,..."
            )
    return _cluster(addresses, index, "--workers", "--worker")


def _cluster(
    addresses: tuple[str, ...], index: int | None, place: str, number: str
) -> Cluster | None:
    if len(set(addresses)) < len(addresses):
        raise UsageError(f"{place} names one worker twice: each needs a port of its own")
    if index is None or not 0 <= index < len(addresses):
        got = "is missing" if index is None else f"is {index}"
        raise UsageError(
            f"{number} {got}: it is the number of this worker, 0 to {len(addresses) - 1}"
        )
    return Cluster(addresses, index) if len(addresses) > 1 else None


def _from_tf_config(text: str) -> Cluster | None:
    """Return the workers of TF_CONFIG. A task "chief" is the first of them."""
    if not text.strip():
        return None
    try:
        config = json.loads(text)
        jobs = {job: list(tasks) for job, tasks in config.get("cluster", {}).items()}
        task = config.get("task", {})
        kind, index = task.get("type", "worker"), int(task.get("index", 0))
    except (ValueError, TypeError, AttributeError) as error:
        raise UsageError(
            f"the variable TF_CONFIG is malformed ({error}): it needs "
            '{"cluster": {"worker": ["host:port", ...]}, "task": {"type": "worker", "index": 0}}'
        ) from None
    chiefs, workers = jobs.pop("chief", []), jobs.pop("worker", [])
    if not chiefs and not workers and not jobs:
        return None
    if jobs or kind not in ("chief", "worker"):
        other = ", ".join(jobs) or kind
        raise UsageError(
            f"the variable TF_CONFIG has tasks of the type {other}: this program knows chief and "
            "worker"
        )
    index += len(chiefs) if kind == "worker" else 0
    addresses = tuple(str(address) for address in (*chiefs, *workers))
    return _cluster(addresses, index, f"the variable {_TF_CONFIG}", "its task's index")


def _slurm() -> Cluster | None:
    """Return the tasks of this Slurm step, as TensorFlow finds them."""
    if "SLURM_STEP_NUM_TASKS" not in os.environ:
        raise UsageError("--workers=slurm: this is no task of a Slurm step; start it with srun")
    from magenta_sketch._backend import tf

    tasks = int(os.environ["SLURM_STEP_NUM_TASKS"])
    # Only where no task has been given GPUs of its own must they be shared among tasks.
    shared = "CUDA_VISIBLE_DEVICES" not in os.environ and _gpus()
    how = {} if shared else {"gpus_per_node": tasks, "gpus_per_task": 1, "auto_set_gpu": False}
    try:
        resolver = tf.distribute.cluster_resolver.SlurmClusterResolver({"worker": tasks}, **how)
        addresses = tuple(resolver.cluster_spec().as_dict()["worker"])
        return _cluster(addresses, resolver.get_task_info()[1], "Slurm", "SLURM_PROCID")
    except (KeyError, RuntimeError, ValueError) as error:
        raise UsageError(
            f"--workers=slurm: Slurm's variables do not say the tasks: {error}"
        ) from None


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@contextlib.contextmanager
def joined(cluster: Cluster | None, module: str) -> Iterator[Workers]:
    """Start the other workers, if that is asked, set TensorFlow's threads, and connect.

    Args:
      cluster: from `read`.
      module: the program's module, for the workers that are started. They get the flags of this
        process.

    Raises:
      RunError: see `Workers.join`; or a worker that was started ended at once.
    """
    others = _start_others(cluster, module) if cluster and cluster.starts_others else []
    # TensorFlow looks for GPUs and cores when it is imported and first used: only now.
    from magenta_sketch.training.threads import use_threads
    from magenta_sketch.training.workers import Workers

    use_threads()
    if cluster is None:
        yield Workers()
        return
    try:
        with _watched(others), _interruptible():
            workers = Workers.join(cluster.addresses, cluster.number)
        yield workers
    except BaseException:
        _end(others, patience=5.0)
        raise
    _end(others, patience=_PATIENCE)


def _start_others(cluster: Cluster, module: str) -> list[subprocess.Popen[bytes]]:
    """Start the workers 1, 2, ... on this machine; share its GPUs and cores among all."""
    count = len(cluster.addresses)
    gpus, cores = _dealt(_gpus(), count), _dealt(_cores(), count)
    spec = {"worker": list(cluster.addresses)}
    others = []
    for index in range(1, count):
        task = {"cluster": spec, "task": {"type": "worker", "index": index}}
        environment = {**os.environ, _TF_CONFIG: json.dumps(task), **_visible(gpus[index])}
        command = [sys.executable, "-m", module, *sys.argv[1:]]
        others.append(subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL))
        _use_cores(others[-1].pid, cores[index])
    os.environ.update(_visible(gpus[0]))
    _use_cores(0, cores[0])
    return others


def _dealt(items: Sequence[Any], count: int) -> list[list[Any]]:
    """Deal items to ``count`` workers; to all the same ones in turn, if there are too few."""
    if 0 < len(items) < count:
        return [[items[index % len(items)]] for index in range(count)]
    return [list(items[index * len(items) // count : (index + 1) * len(items) // count])
            for index in range(count)]  # fmt: skip


def _gpus() -> list[str]:
    """Return the GPUs that this process may use, by CUDA's numbers."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name for name in visible.split(",") if name]
    devices = pathlib.Path("/dev").glob("nvidia[0-9]*")
    return [str(number) for number in range(len(list(devices)))]


def _visible(gpus: Sequence[str]) -> dict[str, str]:
    return {"CUDA_VISIBLE_DEVICES": ",".join(gpus)} if gpus else {}


def _cores() -> list[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return []


def _use_cores(process: int, cores: Sequence[int]) -> None:
    if cores:
        with contextlib.suppress(OSError):  # it may have ended already
            os.sched_setaffinity(process, cores)


@contextlib.contextmanager
def _watched(others: Sequence[subprocess.Popen[bytes]]) -> Iterator[None]:
    """End this process if another ends: TensorFlow would wait for it without end."""
    ready = threading.Event()

    def watch() -> None:
        while not ready.wait(0.5):
            for number, other in enumerate(others, start=1):
                if other.poll() is not None:
                    line = f"worker {number} ended at once, with status {other.returncode}"
                    os.write(2, f"sketch_rnn_train: error: {line}\n".encode())
                    _end(others, patience=0.0)
                    os._exit(1)

    thread = threading.Thread(target=watch, daemon=True)
    if others:
        thread.start()
    try:
        yield
    finally:
        ready.set()


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C end the process while TensorFlow waits for the others."""
    old = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, old)


def _end(others: Sequence[subprocess.Popen[bytes]], patience: float) -> None:
    """Wait for the other workers; kill those that do not end."""
    for other in others:
        try:
            other.wait(patience)
        except subprocess.TimeoutExpired:
            other.kill()
            other.wait()
