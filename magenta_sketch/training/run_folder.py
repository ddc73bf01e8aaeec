"""A run's folder (its log root), and the two files that describe the run.

log_root/
  model_config.json    the hyperparameters, one JSON object with the original's names
  run.json             the other options: seed, normalizing factor, ...; versions
  newest/step-N/       the last checkpoints, see `magenta_sketch.training.checkpoints`
  best/step-N/         the checkpoint with the lowest validation cost so far
  history.jsonl, events.out.tfevents.*, training_curve.png, sketches.svg
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import pathlib
import platform
import sys

from magenta_sketch import processor
from magenta_sketch.config.hparams import HParams
from magenta_sketch.config.options import DEFAULT, options_of
from magenta_sketch.config.run_config import RunConfig
from magenta_sketch.errors import HParamsError, RunError
from magenta_sketch.files import did_you_mean, read_text, write_bytes
from magenta_sketch.training.places import places, remove, remove_hidden, saved_steps


class RunFolder:
    """The folder of one run.

    >>> RunFolder("models/cats").newest.as_posix()
    'models/cats/newest'
    """

    def __init__(self, root: str | os.PathLike[str]):
        self.root = pathlib.Path(root)
        self.config = self.root / "model_config.json"
        self.run = self.root / "run.json"
        self.newest = self.root / "newest"
        self.best = self.root / "best"
        self.history = self.root / "history.jsonl"
        self.curve = self.root / "training_curve.png"
        self.sketches = self.root / "sketches.svg"
        # `clear` removes run.json last, so that a partly removed run still counts as a run.
        self._files = [self.history, self.curve, self.sketches, self.config, self.run]

    def holds_run(self) -> bool:
        """Return whether the folder holds a run, or a part of one."""
        return self.run.exists() or self.config.exists() or self.holds_checkpoint()

    def require_no_run(self) -> None:
        """Raise RunError if the folder holds a run."""
        if self.holds_run():
            raise RunError(
                f"{self.root} already holds a run: go on with it with --resume_training, name "
                "another --log_root, or give --overwrite to delete it"
            )

    def require_run(self) -> None:
        """Raise RunError if the folder holds no run."""
        if not self.holds_run():
            raise RunError(
                f"{self.root} holds no run to go on with"
                f"{did_you_mean(self.root, (), folders=True)}: check --log_root, or leave out "
                "--resume_training to begin one there"
            )

    def holds_checkpoint(self) -> bool:
        """Return whether the folder holds a checkpoint, newest or best."""
        return bool(saved_steps(self.newest) or saved_steps(self.best))

    @property
    def newest_step(self) -> int:
        """The step of the newest checkpoint; 0 if there is none."""
        return max(saved_steps(self.newest), default=0)

    def create(self, config: RunConfig) -> None:
        """Create the folder and write both files, run.json last: it shows that a run exists.

        Raises:
          OSError: something cannot be written.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        write_bytes(self.config, config.hparams.to_json().encode())
        versions = {"python": platform.python_version()} | {
            name: _version(name) for name in ("tensorflow", "keras", "numpy")
        }
        values = config.options_to_dict() | {"versions": versions}
        write_bytes(self.run, (json.dumps(values, indent=1, allow_nan=False) + "\n").encode())

    def read(self) -> RunConfig:
        """Return what `create` wrote. Options newer than the run get the values that old runs used.

        Raises:
          RunError: there is no run, or a file cannot be read.
        """
        for path in (self.config, self.run):
            if not path.exists():
                raise RunError(
                    f"{self.root} is not a trained model: {path.name} is missing "
                    f"({self._what_is_there()}); name a run's --log_root, a .keras file, a Magenta "
                    "checkpoint directory or a Sketch-RNN-JS file"
                )
        try:
            hparams = HParams.from_json(read_text(self.config))
        except (HParamsError, UnicodeDecodeError) as error:
            raise RunError(f"{self.config}: {error}") from error
        except OSError as error:
            raise RunError(f"{self.config} cannot be read: {error.strerror or error}") from error
        try:
            saved = json.loads(read_text(self.run))
            known = options_of(RunConfig)
            missing = [name for name, one in known.items() if one.required and name not in saved]
            if missing:
                raise ValueError(f"{missing[0]} is missing")
            values = {name: saved[name] for name in known if name in saved}
            given = frozenset(values)
            values |= {
                name: one.before
                for name, one in known.items()
                if name not in saved and one.before is not DEFAULT
            }
            return RunConfig(hparams=hparams, given=given, **values)
        except OSError as error:
            raise RunError(f"{self.run} cannot be read: {error.strerror or error}") from error
        # RecursionError: lists within lists within lists ...
        except (AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
            raise RunError(f"{self.run} is damaged ({error}): restore it from a copy") from error

    def use_its_onednn(self) -> None:
        """Use oneDNN as at the start of the folder's run, if it holds one.

        Call this before TensorFlow is imported.
        """
        if self.run.exists():
            with contextlib.suppress(RunError):  # resuming reports it
                processor.resume_onednn(self.read().onednn)

    def _what_is_there(self) -> str:
        if not self.root.is_dir():
            return f"there is no such folder{did_you_mean(self.root, (), folders=True)}"
        there = sorted(path.name for path in self.root.glob("*"))
        if not there:
            return "it is empty"
        return f"it holds {', '.join(there[:8])}{', ...' * (len(there) > 8)}"

    def clear(self) -> None:
        """Remove what a run wrote here, and nothing else.

        Raises:
          OSError: something cannot be removed.
        """
        self.tidy()
        for folder in (self.newest, self.best):
            for place in places(folder):
                remove(folder / place.name, folder)
            with contextlib.suppress(OSError):  # not there, or not empty
                folder.rmdir()
        for events in self.root.glob("events.out.tfevents.*"):
            events.unlink()
        for file in self._files:
            file.unlink(missing_ok=True)

    def forget(self) -> None:
        """Undo `create` if the run could not start, so that the next try finds no run."""
        for file in (self.config, self.run):
            with contextlib.suppress(OSError):
                file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # not empty
            self.root.rmdir()

    def tidy(self) -> None:
        """Remove files that a killed program wrote only in part."""
        for file in self._files:
            for beside in self.root.glob(f".{file.name}.*.tmp"):
                beside.unlink(missing_ok=True)
        for folder in (self.newest, self.best):
            remove_hidden(folder)


def _version(name: str) -> str:
    # The module may come from a package with another name, such as tensorflow-cpu.
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version(name)
    return str(getattr(sys.modules.get(name), "__version__", "unknown"))
