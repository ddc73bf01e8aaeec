"""Several processes that train one model together. TensorFlow does the communication.

Each worker computes its share of each batch (`magenta_sketch.nn.update.Share`), and all make the
same update. So the weights of all are equal, and a run is the same with any number of workers, to
rounding. The first worker, the chief, writes all files.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from magenta_sketch._backend import tf
from magenta_sketch.errors import RunError
from magenta_sketch.nn.update import Share, Tensors, alone

CHIEF = 0


class OtherWorkerFailed(RunError):
    """Another worker could not do its part, or has ended."""


class Workers:
    """The workers of a run. ``Workers()`` is this process alone.

    Attributes:
      count: number of workers, >= 1.
      index: number of this one, from 0.
      is_chief: whether this one writes files.
    """

    def __init__(self, strategy: tf.distribute.MultiWorkerMirroredStrategy | None = None):
        self.count, self.index = 1, CHIEF
        self._strategy = strategy
        if strategy is not None:
            resolver = strategy.cluster_resolver
            self.count = resolver.cluster_spec().num_tasks("worker")
            self.index = resolver.task_id
            self._add_up_eagerly = tf.function(self.add_up, autograph=False, reduce_retracing=True)

    @classmethod
    def join(cls, addresses: Sequence[str], index: int) -> Workers:
        """Connect with the workers at these addresses, and wait until all are there.

        Args:
          addresses: "host:port" of each worker.
          index: the number of this one; it listens at its port.

        Raises:
          RunError: the port is in use, or the others cannot be reached.
        """
        resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
            tf.train.ClusterSpec({"worker": list(addresses)}),
            task_type="worker",
            task_id=index,
            rpc_layer="grpc",
            num_accelerators=_own_gpu(),
        )
        try:
            return cls(tf.distribute.MultiWorkerMirroredStrategy(resolver))
        except (tf.errors.OpError, RuntimeError) as error:
            raise RunError(
                f"worker {index} cannot connect with the others ({_line(error)}): each needs "
                f"a free port of its own, and must reach {', '.join(addresses)}"
            ) from error

    @property
    def is_chief(self) -> bool:
        return self.index == CHIEF

    def share(self, parts: int) -> Share:
        """Return this worker's share of a batch, in ``parts`` parts."""
        return Share(parts, self.count, self.index)

    def add_up(self, values: Tensors) -> Tensors:
        """Return the sums over all workers of tensors of equal shapes, in a tf.function.

        The sums have equal bits in all workers.
        """
        if self._strategy is None:
            return alone(values)
        return self._strategy.run(_all_reduce, args=tuple(values))

    def sums(self, values: Any) -> np.ndarray:
        """Return the sums over all workers of an array, or a number."""
        values = np.asarray(values)
        if self._strategy is None:
            return values
        (found,) = self._add_up_eagerly([tf.constant(values)])
        return found.numpy()

    def any(self, flag: bool) -> bool:
        """Return whether ``flag`` is true in any worker."""
        return bool(self.sums(np.float32(flag)) > 0)

    def wait(self) -> None:
        """Wait until all workers are here."""
        self.any(False)

    def copy_from_chief(self, variables: Sequence[Any]) -> None:
        """Give variables the values that they have in the chief."""
        if self._strategy is None:
            return
        for variable in variables:
            value = np.asarray(variable)
            variable.assign(self.sums(value if self.is_chief else np.zeros_like(value)))

    @contextlib.contextmanager
    def in_step(self, what: str) -> Iterator[None]:
        """Do something that all workers must do before they go on together.

        Raises:
          OtherWorkerFailed: another worker could not do it. An error of this one is raised as it
            is.
        """
        failed = np.zeros(self.count, np.float32)
        try:
            yield
        except BaseException:
            failed[self.index] = 1
            self.sums(failed)
            raise
        others = np.flatnonzero(self.sums(failed))
        if len(others):
            names = ", ".join(map(str, others))
            raise OtherWorkerFailed(f"worker {names} could not {what}: its own message says why")

    @contextlib.contextmanager
    def losses_reported(self, state: Callable[[], str]) -> Iterator[None]:
        """Turn TensorFlow's error about a lost worker into `OtherWorkerFailed`.

        ``state``: returns a clause that says where the run stands.
        """
        try:
            yield
        except tf.errors.OpError as e:
            if self._strategy is None or not _is_loss(e):
                raise
            raise OtherWorkerFailed(
                f"worker {self.index} of {self.count}: another worker has ended or cannot be "
                f"reached any more; {state()}; start all workers again with --resume_training"
            ) from e


def _own_gpu() -> dict[str, int]:
    """Return what a cluster resolver must know of this process's GPU; use only the first of them.

    The strategy would copy the whole computation to each GPU that it knows of. With none, it would
    add up on the CPU.
    """
    gpus = tf.config.list_physical_devices("GPU")
    if len(gpus) > 1:
        tf.config.set_visible_devices(gpus[:1], "GPU")
        print(f"note: a worker uses one GPU, and this one sees {len(gpus)}: start one for each GPU")
    return {"GPU": 1} if gpus else {}


def _all_reduce(*values: tf.Tensor) -> Tensors:
    # The copies are on this worker's device, where TensorFlow looks for them.
    return tf.distribute.get_replica_context().all_reduce(
        tf.distribute.ReduceOp.SUM, [tf.identity(value) for value in values]
    )


def _is_loss(error: tf.errors.OpError) -> bool:
    """Return whether an error says that another worker has ended, or does not answer."""
    lost = tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError
    return isinstance(error, lost) or "Collective ops is aborted" in str(error)


def _line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0][:200]
