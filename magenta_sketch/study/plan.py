"""What a study trains: every value of one or two hyperparameters, for every seed."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import re
from collections.abc import Mapping, Sequence
from typing import Any

from magenta_sketch.config.hparams import HParams
from magenta_sketch.errors import HParamsError

MOST_AXES = 2
_LONGEST_KEY = 120  # file systems end at 255 bytes
# These follow from the data, or do nothing.
_NOT_SWEPT = ("max_seq_len", "is_training")


def value_text(value: Any) -> str:
    """A hyperparameter's value as people write it: 0.5, true, a.npz+b.npz."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.12g}"
    if isinstance(value, (tuple, list)):
        return "+".join(map(str, value))
    return str(value)


@dataclasses.dataclass(frozen=True)
class Axis:
    """One hyperparameter and the values it takes, in the order they were given."""

    name: str
    values: tuple[Any, ...]

    @classmethod
    def parse(cls, text: str) -> Axis:
        """From ``"scale=0.5,1,2,4"``; a list in brackets is one value.

        Raises:
          HParamsError: not of that form, an unknown name, a value out of range or given twice, or
            a name that can't be swept.
        """
        name, equals, rest = (part.strip() for part in text.partition("="))
        if not equals or not rest:
            raise HParamsError(f"{text!r} is no sweep: write a name and values, scale=0.5,1,2,4.")
        values = []
        for one in re.split(r",(?![^\[]*\])", rest):
            assigned = HParams.parse_assignments(f"{name}={one.strip()}")
            if name not in assigned:
                raise HParamsError(f"{text!r} is no sweep: write a name and values.")
            if assigned[name] in values:
                raise HParamsError(f"{name} is to take the value {one.strip()} twice.")
            values.append(assigned[name])
        if name in _NOT_SWEPT:
            raise HParamsError(f"{name} can't be swept: it follows from the data or does nothing.")
        return cls(name, tuple(values))


@dataclasses.dataclass(frozen=True)
class Setting:
    """One value for each axis: what runs that differ in their seed alone have in common."""

    values: tuple[tuple[str, Any], ...]

    @property
    def label(self) -> str:
        """For people: "scale 0.5", "scale 0.5, z_size 32"."""
        return ", ".join(f"{name} {value_text(value)}" for name, value in self.values)

    @property
    def key(self) -> str:
        """For file names: "scale-0.5", "scale-0.5_z_size-32"."""
        text = "_".join(f"{name}-{value_text(value)}" for name, value in self.values)
        key = re.sub(r"[^\w.+-]", "+", text)
        if len(key) <= _LONGEST_KEY:
            return key
        return f"{key[:_LONGEST_KEY]}_{hashlib.sha256(text.encode()).hexdigest()[:8]}"


@dataclasses.dataclass(frozen=True)
class Trial:
    """One run of a study."""

    setting: Setting
    seed: int

    @property
    def name(self) -> str:
        """Of its folder: "scale-0.5_seed-0"."""
        return f"{self.setting.key}_seed-{self.seed}"


@dataclasses.dataclass(frozen=True)
class Plan:
    """A study's runs: each combination of the axes' values, for each seed.

    assignments: the hyperparameters given for all runs, no swept one among them. data_dir: folder
    or URL. num_epochs, mixed_precision, bucket_by_length: as of `checkpoints.RunInfo`.

    Raises:
      HParamsError: no axis or more than `MOST_AXES`, no seed, one given twice, an axis that the
        assignments set too, or hyperparameters that don't go together.
    """

    axes: tuple[Axis, ...]
    seeds: tuple[int, ...]
    assignments: Mapping[str, Any]
    data_dir: str
    num_epochs: float | None = None
    mixed_precision: bool = False
    bucket_by_length: bool = False

    def __post_init__(self) -> None:
        names = [axis.name for axis in self.axes]
        if not 1 <= len(names) <= MOST_AXES:
            raise HParamsError(f"a sweep has one or two hyperparameters, got {len(names)}.")
        if len(set(names)) < len(names):
            raise HParamsError(f"{names[0]} is swept twice: give all its values at once.")
        for name in names:
            if name in self.assignments:
                raise HParamsError(
                    f"{name} is swept, and set among the hyperparameters too: leave out one."
                )
        if not self.seeds:
            raise HParamsError("a sweep needs at least one seed.")
        if len(set(self.seeds)) < len(self.seeds):
            raise HParamsError("a seed is given twice.")
        conditional = [self.hparams(setting).conditional for setting in self.settings()]
        if "scale" in names and not any(conditional):
            raise HParamsError("scale has no effect with conditional=false: leave out one.")
        keys = [setting.key.lower() for setting in self.settings()]
        if len(set(keys)) < len(keys):
            raise HParamsError("two of the swept values would have the same folder.")

    def settings(self) -> list[Setting]:
        """All combinations of values, the last axis running fastest."""
        pairs: Sequence = [[(axis.name, value) for value in axis.values] for axis in self.axes]
        return [Setting(tuple(values)) for values in itertools.product(*pairs)]

    def trials(self) -> list[Trial]:
        """All runs, seed by seed, so that a study broken off has whole comparisons."""
        return [Trial(setting, seed) for seed in self.seeds for setting in self.settings()]

    def hparams(self, setting: Setting) -> HParams:
        """The hyperparameters of a setting's runs, as far as they don't follow from the data."""
        return HParams(**self.assignments, **dict(setting.values))

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "sweep": {axis.name: list(axis.values) for axis in self.axes},
            "seeds": list(self.seeds),
            "hparams": {
                name: list(value) if isinstance(value, tuple) else value
                for name, value in self.assignments.items()
            },
            "data_dir": self.data_dir,
            "num_epochs": self.num_epochs,
            "mixed_precision": self.mixed_precision,
            "bucket_by_length": self.bucket_by_length,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Plan:
        """From what `to_dict` gives. Raises HParamsError, KeyError, TypeError or AttributeError for
        anything else."""
        checked = {
            name: [getattr(HParams(**{name: value}), name) for value in axis]
            for name, axis in values["sweep"].items()
        }
        return cls(
            axes=tuple(Axis(name, tuple(axis)) for name, axis in checked.items()),
            seeds=tuple(values["seeds"]),
            assignments={
                name: getattr(HParams(**{name: value}), name)
                for name, value in values["hparams"].items()
            },
            data_dir=values["data_dir"],
            num_epochs=values["num_epochs"],
            mixed_precision=values["mixed_precision"],
            bucket_by_length=values["bucket_by_length"],
        )
