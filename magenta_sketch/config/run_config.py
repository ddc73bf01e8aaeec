"""RunConfig: the whole configuration of a run, as one value.

Every option of a run is declared here or in `HParams`. Flags and their help, run.json,
model_config.json, the comparison on resume, a sweep's tasks and the arguments of
`magenta_sketch.train` follow from the declarations. To add an option, add a field and use it.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Mapping
from typing import Any, Protocol

from magenta_sketch.config.hparams import HParams
from magenta_sketch.config.kinds import (
    LARGEST_COUNT,
    POSITIVE,
    Choice,
    Place,
    Real,
    Switch,
    Text,
    Whole,
)
from magenta_sketch.config.options import (
    Option,
    Role,
    check_fields,
    option,
    options_of,
    require_known,
    to_json_types,
)
from magenta_sketch.errors import HParamsError

MAGENTA_DATA_URL = "https://github.com/hardmaru/sketch-rnn-datasets/raw/master/aaron_sheep/"


class HasDataProperties(Protocol):
    """The properties of a `magenta_sketch.data.DataSet` that a run stores."""

    @property
    def max_seq_len(self) -> int: ...

    @property
    def normalizing_factor(self) -> float: ...

    @property
    def fingerprint(self) -> str: ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunConfig:
    """The hyperparameters and all other options of a run; immutable and hashable.

    Attributes:
      given: names of the options that were set. Resuming compares these with the saved run.
        Equality ignores this field.

    Raises:
      HParamsError: a value breaks its rule.

    >>> config = RunConfig.of(scale=2, seed=3)
    >>> config.hparams.scale, config.seed, sorted(config.given)
    (2.0, 3, ['scale', 'seed'])
    """

    hparams: HParams = dataclasses.field(default_factory=HParams)
    seed: int = option(
        0,
        Whole(LARGEST_COUNT, smallest=0),
        "Seed of everything random: equal seeds give equal runs. Default: 0.",
        flag=True,
        required=True,
    )
    data_dir: str = option(
        MAGENTA_DATA_URL,
        Place(),
        "Folder or http(s) URL with the .npz files of the hyperparameter data_set. Default: "
        f"{MAGENTA_DATA_URL} for a new run, the saved value for a resumed run.",
        Role.MAY_CHANGE,
        flag=True,
        required=True,
    )
    num_epochs: float | None = option(
        None,
        Real(POSITIVE),
        "Stop after this many passes over the training set, if that is before num_steps. Saved "
        "with the run.",
        Role.MAY_CHANGE,
        optional=True,
        flag=True,
    )
    mixed_precision: bool = option(
        False,
        Switch(),
        "Compute the matrix products of training in bfloat16; all else stays in float32. This is "
        "faster on CPUs and GPUs with bfloat16 instructions. docs/performance.md compares the "
        "losses. Saved with the run. Default: off.",
        flag=True,
    )
    bucket_by_length: bool = option(
        False,
        Switch(),
        "Compute each training sketch only to its first end row, not to max_seq_len. The more the "
        "lengths differ, the faster this is. The pen loss then counts one end row of each sketch; "
        "the cost is still divided by batch size times max_seq_len. docs/performance.md compares "
        "the losses. Saved with the run. Default: off.",
        flag=True,
    )
    balance: bool = option(
        False,
        Switch(),
        "Draw training sketches from each file of data_set equally often, however many it has. "
        "docs/scaling.md says how. Saved with the run. Default: off, each sketch equally often.",
        flag=True,
    )
    evaluate_at_most: int = option(
        10_000,
        Whole(LARGEST_COUNT, smallest=0),
        "Evaluate at most this many validation sketches, and as many test sketches, if it is above "
        "0: a fixed random part, the same in all runs. Saved with the run. Default: 10000; runs of "
        "version 0.6 and before evaluate all.",
        flag=True,
        before=0,
    )
    jit: str = option(
        "auto",
        Choice("auto", "on", "off"),
        "Whether XLA compiles the training step and the drawing of sketches: on, off, or auto, "
        "which is on where TensorFlow finds a GPU. The numbers are equal up to rounding. Saved "
        "with the run. Default: auto.",
        Role.MAY_CHANGE,
        flag=True,
        before="off",
    )
    init_from: str = option(
        "",
        Place(of_model=True),
        "Start with the weights of this model: a run's log_root (its best checkpoint), a .keras "
        "file, a Magenta checkpoint directory or a Sketch-RNN-JS file. The run gets its sizes and "
        "cells; all other settings are as given or default.",
        flag=True,
    )
    init_optimizer: bool = option(
        False,
        Switch(),
        "With --init_from: also take Adam's state and the step count, to go on where that training "
        "stopped (a run's newest checkpoint). The schedules, num_steps and num_epochs count its "
        "steps too.",
        needs="init_from",
        flag=True,
    )
    encoder_cell: str = option(
        "",
        Text(),
        "A registered Keras RNN cell, as JSON, that replaces enc_model",
        Role.ARCHITECTURE,
        needs="conditional",
    )
    decoder_cell: str = option(
        "",
        Text(),
        "A registered Keras RNN cell, as JSON, that replaces dec_model",
        Role.ARCHITECTURE,
    )
    tanh_z: bool = option(
        False,
        Switch(),
        "Give the decoder tanh(z), as in models of Sketch-RNN-JS before version 6",
        Role.DERIVED,
    )
    validates_as_trained: bool = option(
        True,
        Switch(),
        "With bucket_by_length: validation and test losses, too, end at each sketch's first end "
        "row; in runs of version 0.2 and before they include all rows",
        Role.DERIVED,
        before=False,
    )
    draws_by_place: bool = option(
        True,
        Switch(),
        "Dropout masks and latent noise follow from a sketch's place in the batch; in runs of "
        "version 0.6 and before, from the part of the batch that it is in",
        Role.DERIVED,
        before=False,
    )
    onednn: bool | None = option(
        None,
        Switch(),
        "Whether TensorFlow used oneDNN for matrix products; None: unknown",
        Role.DERIVED,
        optional=True,
    )
    normalizing_factor: float | None = option(
        None,
        Real(POSITIVE),
        "Data units (pixels) in one model unit; None: unknown, sketches are in model units",
        Role.DERIVED,
        optional=True,
        required=True,
    )
    fingerprint: str = option(
        "", Text(), "SHA-256 of the sketches, in hex", Role.DERIVED, required=True
    )
    given: frozenset[str] = dataclasses.field(default=frozenset(), compare=False, repr=False)

    def __new__(cls, **values: Any) -> RunConfig:
        """Refuse names that are none before Python's constructor does, which knows no nearest."""
        for name in values:
            if name in options_of(HParams):
                raise HParamsError(f"{name} is a hyperparameter: RunConfig.of({name}=...) takes it")
            require_known(name, ("hparams", "given", *options_of(cls)), what="option")
        return super().__new__(cls)

    def __post_init__(self) -> None:
        check_fields(self)
        if self.init_optimizer and not self.init_from:
            raise HParamsError(
                "init_optimizer goes with init_from, which is missing: give both, or neither"
            )

    # ------------------------------------------------------------------------------- making

    @classmethod
    def of(cls, **settings: Any) -> RunConfig:
        """Return a configuration with these settings; all others have their defaults.

        Args:
          settings: hyperparameters and other options, by name.

        Raises:
          HParamsError: a name is unknown or a value is invalid.

        >>> RunConfig.of(z_size=8, bucket_by_length=True).modes()
        ['bucket_by_length']
        """
        return cls().replace(**settings)

    def replace(self, **changes: Any) -> RunConfig:
        """Return a copy with ``changes``, which also count as given.

        Args:
          changes: hyperparameters and other options, by name.

        Raises:
          HParamsError: a name is unknown or a value is invalid.

        >>> RunConfig().replace(scale=0).hparams.scale
        0.0
        """
        own: dict[str, Any] = {}
        hyper: dict[str, Any] = {}
        for name, value in changes.items():
            require_known(name, all_options(), what="option")
            (own if name in options_of(self) else hyper)[name] = value
        return dataclasses.replace(
            self,
            hparams=self.hparams.replace(**hyper),
            given=self.given | changes.keys(),
            **own,
        )

    def asked(self, **settings: Any) -> RunConfig:
        """Return a copy with ``settings``; only these count as given."""
        return dataclasses.replace(self, given=frozenset()).replace(**settings)

    # --------------------------------------------------------------------------- comparison

    @property
    def max_seq_len(self) -> int:
        """Return the largest number of points in a sketch, which the data decide."""
        return self.hparams.max_seq_len

    def __getitem__(self, name: str) -> Any:
        """Return an option or a hyperparameter by its name.

        >>> RunConfig.of(scale=2)["scale"]
        2.0
        """
        return getattr(self if name in options_of(self) else self.hparams, name)

    def architecture(self) -> dict[str, Any]:
        """Return the used options that decide the shapes of the weights, by name."""
        return {
            name: self[name]
            for name, declared in all_options().items()
            if declared.role is Role.ARCHITECTURE and (not declared.needs or self[declared.needs])
        }

    @property
    def evaluates_to_first_end(self) -> bool:
        """Return whether validation and test losses end at each sketch's first end row."""
        return self.bucket_by_length and self.validates_as_trained

    def modes(self) -> list[str]:
        """Return the names of the run's switches that are on, for messages."""
        return [
            name
            for name, declared in options_of(self).items()
            if isinstance(declared.kind, Switch)
            and declared.flag
            and not declared.needs
            and getattr(self, name)
        ]

    def differences(self, asked: RunConfig) -> list[str]:
        """Return a phrase for each option that ``asked`` sets to another value than this saved run.

        Options that may change on resume and derived options are not compared.

        >>> len(RunConfig().differences(RunConfig.of(seed=1)))
        1
        """
        return [
            f"{name}: the run has {self[name]!r}, now {asked[name]!r}"
            for name, declared in all_options().items()
            if name in asked.given and declared.role.is_fixed and self[name] != asked[name]
        ]

    def resumed_with(self, asked: RunConfig) -> RunConfig:
        """Return this saved configuration with the options set in ``asked`` that may change."""
        return self.replace(
            **{
                name: asked[name]
                for name, declared in all_options().items()
                if name in asked.given and declared.role is Role.MAY_CHANGE
            }
        )

    @property
    def given_max_seq_len(self) -> int | None:
        """Return max_seq_len if it was given, else None: then the data decide it."""
        return self.max_seq_len if "max_seq_len" in self.given else None

    def with_data(self, data: HasDataProperties) -> RunConfig:
        """Return a copy with the properties of the data, a `magenta_sketch.data.DataSet`."""
        return dataclasses.replace(
            self,
            hparams=self.hparams.replace(max_seq_len=data.max_seq_len),
            normalizing_factor=data.normalizing_factor,
            fingerprint=data.fingerprint,
        )

    def with_absolute_paths(self) -> RunConfig:
        """Return a copy whose paths are valid in any working directory."""
        names = ("data_dir", "init_from")
        paths: dict[str, Any] = {name: absolute_data_dir(self[name]) for name in names}
        return dataclasses.replace(self, **paths)

    # --------------------------------------------------------------------------------- JSON

    def to_dict(self) -> dict[str, Any]:
        """Return all options and hyperparameters by name, in JSON types."""
        return self.hparams.to_dict() | self.options_to_dict()

    def options_to_dict(self) -> dict[str, Any]:
        """Return the options other than hyperparameters, as in run.json."""
        return to_json_types({name: getattr(self, name) for name in options_of(self)})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RunConfig:
        """Return a configuration with these values, all given; omitted names get their defaults.

        Raises:
          HParamsError: a name is unknown or a value is invalid.

        >>> RunConfig.from_dict({"seed": 1}).seed
        1
        """
        return cls.of(**values)


def all_options() -> dict[str, Option]:
    """Return all options of a run by name, hyperparameters first."""
    return options_of(HParams) | options_of(RunConfig)


def absolute_data_dir(place: str) -> str:
    """Return a folder as an absolute path, or a URL unchanged.

    >>> absolute_data_dir("https://example.org/data")
    'https://example.org/data'
    """
    if not place or "://" in place:
        return place
    return str(pathlib.Path(os.path.expanduser(place)).resolve())
