"""What a study trains: settings of hyperparameters, each with each seed."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import re
from collections.abc import Mapping
from typing import Any

from magenta_sketch.config.hparams import HParams
from magenta_sketch.config.kinds import show
from magenta_sketch.config.options import DEFAULT, Role, options_of
from magenta_sketch.config.run_config import RunConfig
from magenta_sketch.errors import HParamsError

MOST_AXES = 2
_LONGEST_KEY = 120  # file names may have up to 255 bytes
_WITH_OTHER_PAST = [
    name
    for name, one in options_of(RunConfig).items()
    if one.before is not DEFAULT and one.role is not Role.DERIVED
]


def value_text(value: Any) -> str:
    """Return a hyperparameter's value as text for people.

    >>> value_text(True), value_text(0.5), value_text(("a.npz", "b.npz"))
    ('true', '0.5', 'a.npz+b.npz')
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.12g}"
    if isinstance(value, (tuple, list)):
        return "+".join(map(str, value))
    return str(value)


@dataclasses.dataclass(frozen=True)
class Axis:
    """One hyperparameter and its values, in the order they were given.

    >>> Axis("scale", (0.5, 1.0)).values
    (0.5, 1.0)
    """

    name: str
    values: tuple[Any, ...]

    @classmethod
    def parse(cls, text: str) -> Axis:
        """Return the axis for a text such as "scale=0.5,1,2,4". A list in brackets is one value.

        Raises:
          HParamsError: the text has another form, the name is unknown or cannot be swept, or a
            value is out of range or given twice.

        >>> Axis.parse("z_size=8,32")
        Axis(name='z_size', values=(8, 32))
        """
        name, equals, rest = (part.strip() for part in text.partition("="))
        if not equals or not rest:
            raise _malformed(text)
        values = []
        for one in re.split(r",(?![^\[]*\])", rest):
            assigned = HParams.parse_assignments(f"{name}={one.strip()}")
            if name not in assigned:
                raise _malformed(text)
            if assigned[name] in values:
                raise HParamsError(
                    f"{name} is to take the value {one.strip()} twice: leave out one"
                )
            values.append(assigned[name])
        _require_free(name)
        return cls(name, tuple(values))


def parse_other(text: str) -> tuple[Setting, Setting | None]:
    """Return a setting and its partner for a text such as "scale=2,kl_mu_weight=0.25 vs scale=1".

    Raises:
      HParamsError: as for `Setting.parse`.

    >>> setting, partner = parse_other("scale=2,kl_mu_weight=0.25 vs scale=1")
    >>> partner.label
    'scale 1'
    """
    one, versus, other = text.partition(" vs ")
    return Setting.parse(one), Setting.parse(other) if versus else None


def _require_free(name: str) -> None:
    if options_of(HParams)[name].role is Role.DERIVED:
        raise HParamsError(f"{name} cannot be swept: it follows from the data or does nothing")


def _malformed(text: str) -> HParamsError:
    return HParamsError(
        f"a sweep must be a name and values, got {show(text)}; use for example scale=0.5,1,2,4"
    )


@dataclasses.dataclass(frozen=True)
class Setting:
    """Hyperparameters and their values. The runs of a setting differ only in their seed.

    >>> setting = Setting((("scale", 0.5), ("z_size", 32)))
    >>> setting.label, setting.key
    ('scale 0.5, z_size 32', 'scale-0.5_z_size-32')
    """

    values: tuple[tuple[str, Any], ...]

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Setting:
        """Return the setting with these hyperparameters.

        Raises:
          HParamsError: a name is unknown, or a value is invalid.

        >>> Setting.of({"scale": 2}).values
        (('scale', 2.0),)
        """
        config = RunConfig.of(**values)
        return cls(tuple((name, config[name]) for name in values))

    @classmethod
    def parse(cls, text: str) -> Setting:
        """Return the setting for a text such as "scale=2,kl_tolerance=0".

        Raises:
          HParamsError: the text is empty or malformed, a name is unknown, or a value is invalid.

        >>> Setting.parse("scale=2, kl_tolerance=0").label
        'scale 2, kl_tolerance 0'
        """
        values = HParams.parse_assignments(text)
        for name in values:
            _require_free(name)
        if not values:
            raise HParamsError(f"a setting must be name=value,..., got {show(text)}")
        return cls(tuple(values.items()))

    @property
    def label(self) -> str:
        """The setting's name for people."""
        return ", ".join(f"{name} {value_text(value)}" for name, value in self.values)

    @property
    def key(self) -> str:
        """The setting's name in file names."""
        text = "_".join(f"{name}-{value_text(value)}" for name, value in self.values)
        key = re.sub(r"[^\w.+-]", "+", text)
        if len(key) <= _LONGEST_KEY:
            return key
        return f"{key[:_LONGEST_KEY]}_{hashlib.sha256(text.encode()).hexdigest()[:8]}"


@dataclasses.dataclass(frozen=True)
class Trial:
    """One run of a study: a setting and a seed.

    >>> Trial(Setting((("scale", 0.5),)), seed=0).name
    'scale-0.5_seed-0'
    """

    setting: Setting
    seed: int

    @property
    def name(self) -> str:
        """The name of its folder."""
        return f"{self.setting.key}_seed-{self.seed}"


@dataclasses.dataclass(frozen=True)
class Plan:
    """A study's runs: each setting with each seed.

    Attributes:
      axes: hyperparameters to sweep: each combination of their values is a setting.
      seeds: seeds of the runs.
      base: the configuration of all runs. It must not set a swept hyperparameter; its seed is not
        used.
      others: settings besides those of the axes, such as controls, each with the setting that it is
        compared with, or None for the `reference`.

    Raises:
      HParamsError: there is no setting, more than `MOST_AXES` axes, no seed or one given twice; the
        base sets a swept hyperparameter; or hyperparameters contradict each other.

    >>> plan = Plan((Axis.parse("scale=1,2"),), (0, 1), RunConfig.of(z_size=8))
    >>> [trial.name for trial in plan.trials()]
    ['scale-1_seed-0', 'scale-2_seed-0', 'scale-1_seed-1', 'scale-2_seed-1']
    """

    axes: tuple[Axis, ...]
    seeds: tuple[int, ...]
    base: RunConfig
    others: tuple[tuple[Setting, Setting | None], ...] = ()

    def __post_init__(self) -> None:
        names = [axis.name for axis in self.axes]
        if len(names) > MOST_AXES or not (names or self.others):
            raise HParamsError(
                f"a sweep must have one or two hyperparameters, or other settings, got {len(names)}"
            )
        if len(set(names)) < len(names):
            raise HParamsError(f"{names[0]} is swept twice: give all its values at once")
        for name in names:
            if name in self.base.given:
                raise HParamsError(
                    f"{name} is swept, and set among the hyperparameters too: leave out one"
                )
        if not self.seeds:
            raise HParamsError("a sweep needs at least one seed: name some, such as 0-2")
        if len(set(self.seeds)) < len(self.seeds):
            raise HParamsError("a seed is given twice: leave out one")
        conditional = [self.config(setting).hparams.conditional for setting in self.settings()]
        if "scale" in names and not any(conditional):
            raise HParamsError("scale has no effect with conditional=false: leave out one")
        for setting, partner in self.others:
            if partner is not None and partner not in self.settings() or partner == setting:
                raise HParamsError(
                    f"{setting.label} is to be compared with {partner.label}, which is no other "
                    "setting of the sweep: add it"
                )
        keys = [setting.key.lower() for setting in self.settings()]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice:
            raise HParamsError(f"two settings would have the same folder, {twice}: leave out one")

    def settings(self) -> list[Setting]:
        """Return all combinations of the axes' values, the last axis fastest; then the others.

        >>> [one.key for one in Plan((Axis.parse("scale=1,2"),), (0,), RunConfig()).settings()]
        ['scale-1', 'scale-2']
        """
        pairs = [[(axis.name, value) for value in axis.values] for axis in self.axes]
        swept = itertools.product(*pairs) if pairs else ()
        return [
            *(Setting(tuple(values)) for values in swept),
            *(setting for setting, _ in self.others),
        ]

    @property
    def main(self) -> str:
        """The hyperparameter on the x axis of figures: the first that is swept.

        >>> Plan((Axis.parse("scale=1,2"),), (0,), RunConfig()).main
        'scale'
        """
        return self.axes[0].name if self.axes else self.others[0][0].values[0][0]

    @property
    def reference(self) -> Setting:
        """The setting that others are compared with: each axis at its default, or its first value.

        >>> Plan((Axis.parse("scale=0.5,1,2"),), (0,), RunConfig()).reference.label
        'scale 1'
        """
        if not self.axes:
            return self.settings()[0]
        defaults = [(axis, RunConfig()[axis.name]) for axis in self.axes]
        return Setting(
            tuple(
                (axis.name, default if default in axis.values else axis.values[0])
                for axis, default in defaults
            )
        )

    def partner(self, setting: Setting) -> Setting | None:
        """Return the setting that a setting is compared with; None for the reference.

        With two axes, it is the one that has the reference's value of the first axis.

        >>> plan = Plan((Axis.parse("scale=1,2"),), (0,), RunConfig())
        >>> plan.partner(plan.settings()[1]).label
        'scale 1'
        """
        others = dict(self.others)
        if others.get(setting) is not None:
            return others[setting]
        partner = self.reference
        if len(self.axes) == MOST_AXES and setting not in others:
            partner = Setting((partner.values[0], setting.values[1]))
        return None if partner == setting else partner

    def trials(self) -> list[Trial]:
        """Return all runs, seed by seed: an interrupted study then has whole comparisons."""
        return [Trial(setting, seed) for seed in self.seeds for setting in self.settings()]

    def config(self, of: Setting | Trial) -> RunConfig:
        """Return the configuration of a run or a setting, without what follows from the data.

        All options count as given, so that a resumed run must agree with its plan. With init_from
        this is not so, because that model decides the sizes that were not given. An option whose
        default runs of before do not have counts only if it was given.
        """
        setting = of.setting if isinstance(of, Trial) else of
        seed = {"seed": of.seed} if isinstance(of, Trial) else {}
        config = self.base.replace(**dict(setting.values), **seed)
        if config.init_from:
            return config
        whole = RunConfig.from_dict(config.to_dict())
        # The data decide max_seq_len, unless the user does.
        not_given = {"max_seq_len", *_WITH_OTHER_PAST} - config.given
        return dataclasses.replace(whole, given=whole.given - not_given)

    def to_dict(self) -> dict[str, Any]:
        """Return the plan in the types of JSON: given hyperparameters, and all other options.

        Of the options whose default runs of before do not have, it has those that were given.
        """
        hparams = self.base.hparams.to_dict()
        left_out = {"seed", *_WITH_OTHER_PAST} - (self.base.given - {"seed"})
        options = {
            name: value
            for name, value in self.base.options_to_dict().items()
            if options_of(RunConfig)[name].role is not Role.DERIVED and name not in left_out
        }
        return {
            "sweep": {axis.name: list(axis.values) for axis in self.axes},
            "others": [
                [dict(setting.values), dict(partner.values) if partner else None]
                for setting, partner in self.others
            ],
            "seeds": list(self.seeds),
            "hparams": {name: hparams[name] for name in hparams if name in self.base.given},
            **options,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Plan:
        """Return a plan from the result of `to_dict`. Missing options take their defaults.

        Raises HParamsError, KeyError, TypeError or AttributeError for any other value.

        >>> plan = Plan((Axis.parse("scale=1,2"),), (0, 1), RunConfig.of(z_size=8))
        >>> Plan.from_dict(plan.to_dict()).seeds
        (0, 1)
        """
        options = {name: values[name] for name in options_of(RunConfig) if name in values}
        return cls(
            axes=tuple(
                Axis(name, tuple(RunConfig.of(**{name: value})[name] for value in axis))
                for name, axis in values["sweep"].items()
            ),
            seeds=tuple(values["seeds"]),
            base=RunConfig.of(**values["hparams"], **options),
            others=tuple(
                (Setting.of(one), Setting.of(partner) if partner else None)
                for one, partner in values.get("others", ())
            ),
        )
