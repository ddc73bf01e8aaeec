"""A run's folder."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import os
import pathlib
import re
import shutil
import sys
from collections.abc import Iterator

import numpy as np

from magenta_sketch._backend import keras, tf
from magenta_sketch.config.hparams import HParams
from magenta_sketch.errors import HParamsError, RunError
from magenta_sketch.files import write_bytes

_SWITCHES = ("mixed_precision", "bucket_by_length", "tanh_z", "init_optimizer")


_PLACE = re.compile(r"step-(\d+)(?:\.(\d+))?", re.ASCII)


@dataclasses.dataclass(frozen=True)
class RunInfo:
    """What a run is besides its weights.

    normalizing_factor: data units (pixels) in one model unit. max_seq_len is that of
    ``hparams``, taken from the data. fingerprint: `datasets.DataSet.fingerprint`. num_epochs: see
    `training.total_steps`. mixed_precision, bucket_by_length, tanh_z: see `model.SketchRNN`.
    init_from, init_optimizer: what the first weights were taken from, empty for random ones, and
    whether the optimizer's state and the step count were taken too.
    """

    hparams: HParams
    seed: int
    normalizing_factor: float
    fingerprint: str = ""
    data_dir: str = ""
    num_epochs: float | None = None
    mixed_precision: bool = False
    bucket_by_length: bool = False
    tanh_z: bool = False
    init_from: str = ""
    init_optimizer: bool = False

    @property
    def max_seq_len(self) -> int:
        return self.hparams.max_seq_len


def _fsync(path: pathlib.Path) -> None:
    if os.name == "nt" and path.is_dir():  # can't be opened there, and needs no fsync
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class RunFolder:
    """The folder of one run."""

    def __init__(self, root: str | os.PathLike):
        self.root = pathlib.Path(root)

    @property
    def config(self) -> pathlib.Path:
        return self.root / "model_config.json"

    @property
    def run(self) -> pathlib.Path:
        return self.root / "run.json"

    @property
    def newest(self) -> pathlib.Path:
        return self.root / "newest"

    @property
    def best(self) -> pathlib.Path:
        return self.root / "best"

    @property
    def history(self) -> pathlib.Path:
        return self.root / "history.jsonl"

    @property
    def curve(self) -> pathlib.Path:
        return self.root / "training_curve.png"

    @property
    def sketches(self) -> pathlib.Path:
        return self.root / "sketches.svg"

    def _files(self) -> list[pathlib.Path]:
        # In the order of `clear`: run.json last, so that what is left of a run is known as one.
        return [self.history, self.curve, self.sketches, self.config, self.run]

    def holds_run(self) -> bool:
        """Whether there is a run, or what is left of one."""
        files = self.run.exists() or self.config.exists()
        return files or bool(saved_steps(self.newest) or saved_steps(self.best))

    def create(self, info: RunInfo) -> None:
        """Make the folder and write both files; run.json last, it marks the run as begun."""
        self.root.mkdir(parents=True, exist_ok=True)
        write_bytes(self.config, info.hparams.to_json().encode())
        rest = {
            "seed": info.seed,
            "normalizing_factor": info.normalizing_factor,
            "fingerprint": info.fingerprint,
            "data_dir": info.data_dir,
            "num_epochs": info.num_epochs,
            "mixed_precision": info.mixed_precision,
            "bucket_by_length": info.bucket_by_length,
            "tanh_z": info.tanh_z,
            "init_from": info.init_from,
            "init_optimizer": info.init_optimizer,
            "versions": {
                "python": ".".join(map(str, sys.version_info[:3])),
                "tensorflow": tf.__version__,
                "keras": keras.__version__,
                "numpy": np.__version__,
            },
        }
        write_bytes(self.run, (json.dumps(rest, indent=1) + "\n").encode())

    def clear(self) -> None:
        """Remove what a run wrote here and nothing else that is in the folder.

        Raises:
          OSError: something can't be removed.
        """
        self.tidy()
        for folder in (self.newest, self.best):
            for place in _places(folder):
                _remove(folder / place.name, folder)
            with contextlib.suppress(OSError):  # not there, or not empty
                folder.rmdir()
        for events in self.root.glob("events.out.tfevents.*"):
            events.unlink()
        for file in self._files():
            file.unlink(missing_ok=True)

    def forget(self) -> None:
        """Undo `create` of a run that could not begin: it would be in the way of the next try."""
        for file in (self.config, self.run):
            with contextlib.suppress(OSError):
                file.unlink(missing_ok=True)

    def tidy(self) -> None:
        """Remove what a killed program left half written."""
        for file in self._files():
            for beside in self.root.glob(f".{file.name}.*.tmp"):
                beside.unlink(missing_ok=True)
        for folder in (self.newest, self.best):
            _remove_hidden(folder)

    def read(self) -> RunInfo:
        """What `create` wrote.

        Raises:
          RunError: no run here, or one of its files is unreadable; the message says which.
        """
        for path in (self.config, self.run):
            if not path.exists():
                there = sorted(p.name for p in self.root.glob("*")) if self.root.is_dir() else None
                found = "there is no such folder" if there is None else "it is empty"
                if there:
                    found = f"it holds {', '.join(there[:8])}{', ...' * (len(there) > 8)}"
                raise RunError(
                    f"{self.root} is not a trained model: {path.name} is missing ({found}); name a "
                    "run's --log_root, a Magenta checkpoint directory or a Sketch-RNN-JS file."
                )
        try:
            hparams = HParams.from_json(self.config.read_text(encoding="utf-8"))
        except (HParamsError, UnicodeDecodeError) as error:
            raise RunError(f"{self.config}: {error}") from error
        except OSError as error:
            raise RunError(f"{self.config} can't be read: {reason(error)}.") from error
        try:
            rest = json.loads(self.run.read_text(encoding="utf-8"))
            info = RunInfo(
                hparams,
                int(rest["seed"]),
                float(rest["normalizing_factor"]),
                str(rest["fingerprint"]),
                str(rest["data_dir"]),
                None if rest.get("num_epochs") is None else float(rest["num_epochs"]),
                # Absent from runs that are older than these.
                init_from=str(rest.get("init_from", "")),
                **{name: rest.get(name, False) for name in _SWITCHES},
            )
            if not (0 <= info.seed < 2**63 and 0 < info.normalizing_factor < np.inf):
                raise ValueError("its seed or normalizing factor is out of range")
            for name in _SWITCHES:
                if not isinstance(getattr(info, name), bool):
                    raise ValueError(f"{name} is neither true nor false")
            return info
        except OSError as error:
            raise RunError(f"{self.run} can't be read: {reason(error)}.") from error
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise RunError(f"{self.run} is damaged ({error!r}): restore it from a copy.") from error


@dataclasses.dataclass(frozen=True, order=True)
class _Place:
    """A checkpoint's place: step-N, or step-N.2 when N was saved anew. Ordered from old to new."""

    step: int
    number: int = 0

    @property
    def name(self) -> str:
        return f"step-{self.step}" + (f".{self.number}" if self.number else "")


def _places(folder: pathlib.Path) -> list[_Place]:
    """The checkpoints in ``folder``, from old to new."""
    matches = (_PLACE.fullmatch(path.name) for path in folder.glob("step-*"))
    places = {_Place(int(match[1]), int(match[2] or 0)) for match in matches if match}
    return sorted(place for place in places if (folder / place.name).is_dir())


def saved_steps(folder: pathlib.Path) -> list[int]:
    """Steps of the checkpoints in ``folder``, ascending."""
    return sorted({place.step for place in _places(folder)})


def _remove(place: pathlib.Path, folder: pathlib.Path) -> None:
    """Remove a checkpoint; out of sight first, so that it is never seen half removed."""
    hidden = folder / f".{place.name}.old"
    shutil.rmtree(hidden, ignore_errors=True)
    os.rename(place, hidden)
    shutil.rmtree(hidden)


def _remove_hidden(folder: pathlib.Path) -> None:
    for hidden in folder.glob(".step-*"):
        shutil.rmtree(hidden, ignore_errors=True)


@contextlib.contextmanager
def writing(folder: RunFolder, what: str) -> Iterator[None]:
    """Make a failure of the body, which writes ``what``, a `RunError` that says what to do.

    But not BrokenPipeError: that the reader has gone is no fault of the place.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except (OSError, tf.errors.OpError) as error:
        # By the text, which is all that TensorFlow's errors have of the system's.
        full = reason(error) in map(os.strerror, (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
        raise RunError(
            f"{what} can't be written: {reason(error)}. {last_good(folder)} "
            f"{'Make room' if full else 'Mend that'} and go on with --resume_training."
        ) from error


def reason(error: Exception) -> str:
    """The gist of an exception in one line."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = getattr(error, "message", None) or str(error) or type(error).__name__
    line = text.strip().splitlines()[0]
    # TensorFlow adds where in its machinery it was; a file's name is said by our own message.
    line = re.sub(r"^\{\{.*?\}\} ?|\s*\[Op:\w+\].*$", "", line)
    return line.rpartition("; ")[2].rstrip(". ")[:200]


def last_good(folder: RunFolder) -> str:
    """A sentence that names the last good checkpoint."""
    steps = saved_steps(folder.newest)
    if not steps:
        return "No checkpoint had been written before."
    return f"The last good checkpoint, of step {steps[-1]}, is intact."
