"""RunConfig: what a run is, as one value. Every option of a run is declared here or in `HParams`.

From these declarations come the flags of the programs that train and their help, run.json and
model_config.json, the comparison on resume, the tasks of a sweep, and the arguments of
`magenta_sketch.train`. To add an option, add a field, and use it where it has its effect.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Mapping
from typing import Any, Protocol

from magenta_sketch.config.hparams import HParams
from magenta_sketch.config.kinds import LARGEST_COUNT, POSITIVE, Place, Real, Switch, Text, Whole
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
    """What a run takes from its data; a `magenta_sketch.data.DataSet` has it."""

    @property
    def max_seq_len(self) -> int: ...

    @property
    def normalizing_factor(self) -> float: ...

    @property
    def fingerprint(self) -> str: ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunConfig:
    """The hyperparameters of a run and its other options; hashable.

    given: names of the options that somebody set, which a resumed run must agree with. It is not
    a part of the value: configurations with equal options are equal.

    Raises `HParamsError` when a value breaks its rule.

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
        "Folder or http(s) URL that holds the .npz files of the hyperparameter data_set. Default: "
        f"{MAGENTA_DATA_URL} for a new run, the run's own for a resumed one.",
        Role.MAY_CHANGE,
        flag=True,
        required=True,
    )
    num_epochs: float | None = option(
        None,
        Real(POSITIVE),
        "End after as many steps as hold the training set this often, if that comes before "
        "num_steps. Kept with the run.",
        Role.MAY_CHANGE,
        optional=True,
        flag=True,
    )
    mixed_precision: bool = option(
        False,
        Switch(),
        "Matrix products of training in bfloat16 (state, loss and variables stay float32; "
        "evaluation and drawing too): faster on CPUs and GPUs with bfloat16; reaches the same "
        "masked validation loss at the same number of steps, within the spread of seeds "
        "(docs/performance.md). Kept with the run. Default: off.",
        flag=True,
    )
    bucket_by_length: bool = option(
        False,
        Switch(),
        "At each time step of a training batch, compute only the sketches that are that long, "
        "each to its first end row: faster, the more the lengths differ. The cost is still divided "
        "by batch size times max_seq_len, but its pen loss counts one end row of a sketch in place "
        "of all up to max_seq_len; reaches the same masked validation loss at the same number of "
        "steps, within the spread of seeds (docs/performance.md). Kept with the run. Default: off.",
        flag=True,
    )
    init_from: str = option(
        "",
        Place(of_model=True),
        "Begin with the weights of this model: a run's log_root (its best checkpoint), a .keras "
        "file, a Magenta checkpoint directory or a Sketch-RNN-JS file. Its sizes and cells are the "
        "run's; all else is as given or default.",
        flag=True,
    )
    init_optimizer: bool = option(
        False,
        Switch(),
        "With --init_from: take Adam's moments and the step count too, from which the schedules "
        "follow: go on where that training stopped (a run's newest checkpoint). num_steps and "
        "num_epochs count its steps as well.",
        needs="init_from",
        flag=True,
    )
    encoder_cell: str = option(
        "",
        Text(),
        "A registered Keras RNN cell in place of enc_model, as JSON",
        Role.ARCHITECTURE,
        needs="conditional",
    )
    decoder_cell: str = option(
        "", Text(), "A registered Keras RNN cell in place of dec_model, as JSON", Role.ARCHITECTURE
    )
    tanh_z: bool = option(
        False,
        Switch(),
        "Give the decoder tanh(z), as models of Sketch-RNN-JS's versions before 6",
        Role.DERIVED,
    )
    validates_as_trained: bool = option(
        True,
        Switch(),
        "With bucket_by_length: validation and test take the loss in the form that is trained too, "
        "to each sketch's first end row; runs of version 0.2 and before take it over all rows",
        Role.DERIVED,
        before=False,
    )
    onednn: bool | None = option(
        None,
        Switch(),
        "Whether TensorFlow used oneDNN for matrix products; None: not known",
        Role.DERIVED,
        optional=True,
    )
    normalizing_factor: float | None = option(
        None,
        Real(POSITIVE),
        "Data units (pixels) in one model unit; None: not known, sketches are in model units",
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
        """Return the configuration with these settings, the others at their defaults.

        Hyperparameters and the other options stand side by side, by name. Raises `HParamsError`,
        for an unknown name too.
        """
        return cls().replace(**settings)

    def replace(self, **changes: Any) -> RunConfig:
        """Return a copy with ``changes``, hyperparameters among them, which count as given."""
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
        """Return this saved or default configuration with ``settings``, they alone as given."""
        return dataclasses.replace(self, given=frozenset()).replace(**settings)

    # --------------------------------------------------------------------------- comparison

    @property
    def max_seq_len(self) -> int:
        """The most points that a sketch can have, decided by the data."""
        return self.hparams.max_seq_len

    def __getitem__(self, name: str) -> Any:
        """Return the value of an option or a hyperparameter by its name."""
        return getattr(self if name in options_of(self) else self.hparams, name)

    def architecture(self) -> dict[str, Any]:
        """Return what decides the shapes of the weights, without what has no effect."""
        return {
            name: self[name]
            for name, declared in all_options().items()
            if declared.role is Role.ARCHITECTURE and (not declared.needs or self[declared.needs])
        }

    @property
    def evaluates_to_first_end(self) -> bool:
        """Whether validation and test leave out what comes after a sketch's first end row."""
        return self.bucket_by_length and self.validates_as_trained

    def modes(self) -> list[str]:
        """Return the names of the run's switches that are on, for people."""
        return [
            name
            for name, declared in options_of(self).items()
            if isinstance(declared.kind, Switch)
            and declared.flag
            and not declared.needs
            and getattr(self, name)
        ]

    def differences(self, asked: RunConfig) -> list[str]:
        """Return, in a phrase each, where ``asked`` has given what this saved run has otherwise.

        What may change on resume, and what is derived, is not compared.
        """
        return [
            f"{name}: the run has {self[name]!r}, now {asked[name]!r}"
            for name, declared in all_options().items()
            if name in asked.given and declared.role.is_fixed and self[name] != asked[name]
        ]

    def resumed_with(self, asked: RunConfig) -> RunConfig:
        """Return this saved configuration with what ``asked`` has given and may change."""
        return self.replace(
            **{
                name: asked[name]
                for name, declared in all_options().items()
                if name in asked.given and declared.role is Role.MAY_CHANGE
            }
        )

    def with_data(self, data: HasDataProperties) -> RunConfig:
        """Return a copy with the properties of a `magenta_sketch.data.DataSet`."""
        return dataclasses.replace(
            self,
            hparams=self.hparams.replace(max_seq_len=data.max_seq_len),
            normalizing_factor=data.normalizing_factor,
            fingerprint=data.fingerprint,
        )

    def with_absolute_paths(self) -> RunConfig:
        """Return a copy that is as good in another working directory."""
        names = ("data_dir", "init_from")
        paths: dict[str, Any] = {name: absolute_data_dir(self[name]) for name in names}
        return dataclasses.replace(self, **paths)

    # --------------------------------------------------------------------------------- JSON

    def to_dict(self) -> dict[str, Any]:
        """Return all options under their names, side by side, in the types of JSON."""
        return self.hparams.to_dict() | self.options_to_dict()

    def options_to_dict(self) -> dict[str, Any]:
        """Return the options that are not hyperparameters, as run.json has them."""
        return to_json_types({name: getattr(self, name) for name in options_of(self)})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RunConfig:
        """Return what `to_dict` was made of, all of it given; omitted names take their defaults.

        Raises:
          HParamsError: an unknown name, or a value that cannot be used.
        """
        return cls.of(**values)


def all_options() -> dict[str, Option]:
    """Return all options of a run by name: hyperparameters first."""
    return options_of(HParams) | options_of(RunConfig)


def absolute_data_dir(place: str) -> str:
    """Return a folder or URL as it is kept with a run: good in another working directory too.

    >>> absolute_data_dir("https://example.org/data")
    'https://example.org/data'
    """
    if not place or "://" in place:
        return place
    return str(pathlib.Path(os.path.expanduser(place)).resolve())
