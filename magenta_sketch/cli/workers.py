"""The flags --workers and --worker: which processes train a run together."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from absl import flags

from magenta_sketch.cli import launching
from magenta_sketch.errors import UsageError

if TYPE_CHECKING:
    from magenta_sketch.config.run_config import RunConfig
    from magenta_sketch.training.workers import Workers

_TF_CONFIG = "TF_CONFIG"
_LONGEST_COUNT = 6  # digits
_ADDRESS = re.compile(r"[\w.\-]+:\d{1,5}|\[[0-9A-Fa-f:]+\]:\d{1,5}", re.ASCII)


class Cluster(NamedTuple):
    """The workers of a run.

    Attributes:
      addresses: host:port of each.
      number: of this process among them, from 0.
      is_here: whether all are to be started on this machine.
    """

    addresses: tuple[str, ...]
    number: int
    is_here: bool = False


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
    if len(text) > _LONGEST_COUNT or int(text) < 1:
        raise UsageError(f"--workers={text[:20]}: give a number of workers, 1 or more")
    count = int(text)
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
        if not _is_address(address):
            raise UsageError(
                f"--workers: {address!r} is no host:port; give a number, slurm, or "
                "host:port,host:port,..."
            )
    return _cluster(addresses, index, "--workers", "--worker")


def _is_address(text: str) -> bool:
    return bool(_ADDRESS.fullmatch(text)) and 0 < int(text.rpartition(":")[2]) < 1 << 16


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
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
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
    own = workers if kind == "worker" else chiefs
    if not 0 <= index < len(own):
        raise UsageError(
            f"the variable TF_CONFIG: its task's index is {index}, but the job {kind} has "
            f"{len(own)} tasks, from 0"
        )
    index += len(chiefs) if kind == "worker" else 0
    addresses = tuple(str(address) for address in (*chiefs, *workers))
    for address in addresses:
        if not _is_address(address):
            raise UsageError(f"the variable TF_CONFIG: {address!r} is no host:port")
    return _cluster(addresses, index, f"the variable {_TF_CONFIG}", "its task's index")


def _slurm() -> Cluster | None:
    """Return the tasks of this Slurm step, as TensorFlow finds them."""
    if "SLURM_STEP_NUM_TASKS" not in os.environ:
        raise UsageError("--workers=slurm: this is no task of a Slurm step; start it with srun")
    from magenta_sketch._backend import tf

    tasks = int(os.environ["SLURM_STEP_NUM_TASKS"])
    # Only where no task has been given GPUs of its own must they be shared among tasks.
    shared = "CUDA_VISIBLE_DEVICES" not in os.environ and launching.visible_gpus()
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
def joined(cluster: Cluster | None, config: RunConfig) -> Iterator[Workers]:
    """Set TensorFlow's threads, and connect with the other workers, if there are any.

    Args:
      cluster: from `read`.
      config: of the run.

    Raises:
      RunError: see `Workers.join`.
    """
    launching.end_with_launcher()
    # TensorFlow looks for GPUs and cores when it is first used.
    from magenta_sketch.training.threads import parts_of_run, use_threads
    from magenta_sketch.training.workers import OtherWorkerFailed, Workers

    use_threads(parts=parts_of_run(config))
    if cluster is None:
        yield Workers()
        return
    launched = launching.LAUNCHER in os.environ
    if not launched:
        _say_who_waits(cluster)
    with _ended_by_signals():
        workers = Workers.join(cluster.addresses, cluster.number)
        # TensorFlow's own handler, which it has set meanwhile, ignores SIGTERM.
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        try:
            yield workers
        except OtherWorkerFailed as error:
            if not launched or workers.is_chief:
                raise
            # The other's message is in this terminal.
            raise SystemExit(error.exit_status) from None


def _say_who_waits(cluster: Cluster) -> None:
    others = ", ".join(a for i, a in enumerate(cluster.addresses) if i != cluster.number)
    count = len(cluster.addresses)
    print(f"worker {cluster.number} of {count}: waiting until {others} is there", flush=True)


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let SIGINT and SIGTERM end the process: no Python code runs while it waits for the others.

    Training sets handlers of its own, which stop all workers together.
    """
    numbers = [signal.SIGINT, signal.SIGTERM]
    old = {number: signal.signal(number, signal.SIG_DFL) for number in numbers}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
