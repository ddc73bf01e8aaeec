"""How one option of a run is declared: its type, range, default, help and role.

`HParams` and `RunConfig` are tables of fields made by `option`. Everything else that knows about
options (the ``--hparams`` string, flags, help texts, files, the comparison on resume) reads these
declarations.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from magenta_sketch.config.kinds import Kind, Unfit, nearest, show
from magenta_sketch.errors import HParamsError


class Role(enum.Enum):
    """What an option decides, and so whether it may differ when a run is resumed."""

    ARCHITECTURE = "decides the shapes of the weights; fixed for a model"
    DATA = "decides which sketches are used; fixed for a run"
    TRAINING = "decides how the weights are found; fixed for a run"
    MAY_CHANGE = "may change when a run is resumed"
    DERIVED = "decided by the data or by the program, whatever the user says"

    @property
    def is_fixed(self) -> bool:
        """Whether a resumed run must agree with the saved one."""
        return self in (Role.ARCHITECTURE, Role.DATA, Role.TRAINING)


DEFAULT: Any = object()  # as `Option.before`


@dataclasses.dataclass(frozen=True)
class Option:
    """The declaration of one field.

    kind: type and range. help: its meaning, for people. role: see `Role`. optional: whether None
    is a value too. needs: an option of true or false without which this one has no effect. flag:
    whether programs that train have a flag of its name (hyperparameters stand in --hparams).
    required: whether every run.json has it, so that one without it is damaged. before: the value
    in runs saved before the option existed; `DEFAULT` for the default.
    """

    kind: Kind
    help: str
    role: Role
    optional: bool = False
    needs: str = ""
    flag: bool = False
    required: bool = False
    before: Any = DEFAULT

    @property
    def rule(self) -> str:
        """What completes "NAME must be ..."."""
        return self.kind.rule


def option(
    default: Any,
    kind: Kind,
    help: str,
    role: Role = Role.TRAINING,
    *,
    optional: bool = False,
    needs: str = "",
    flag: bool = False,
    required: bool = False,
    before: Any = DEFAULT,
) -> Any:
    """Return a dataclass field that is an `Option`."""
    declared = Option(kind, help, role, optional, needs, flag, required, before)
    return dataclasses.field(default=default, metadata={"option": declared})


def options_of(table: type | Any) -> dict[str, Option]:
    """Return the options of a dataclass by name, in their order."""
    return dict(_options(table if isinstance(table, type) else type(table)))


@functools.cache
def _options(table: type) -> dict[str, Option]:
    fields = dataclasses.fields(table)
    return {field.name: field.metadata["option"] for field in fields if "option" in field.metadata}


def check_fields(value: Any) -> None:
    """Check and convert all options of a frozen dataclass in place. Raises `HParamsError`."""
    for name in options_of(value):
        object.__setattr__(value, name, checked(type(value), name, getattr(value, name)))


def checked(table: type, name: str, value: Any, got: str | None = None) -> Any:
    """Return ``value`` as the field keeps it; ``got`` is how an error shows it."""
    declared = options_of(table)[name]
    if value is None and declared.optional:
        return None
    return attempt(table, name, declared.kind.check, value, got or show(value))


def attempt(table: type, name: str, convert: Callable[[Any], Any], value: Any, got: str) -> Any:
    """Return convert(value), with `Unfit` as an `HParamsError` that names the option."""
    try:
        return convert(value)
    except Unfit as unfit:
        rule = options_of(table)[name].rule
        advice = str(unfit) or f"use for example {example(table, name)}"
        raise HParamsError(f"{name} must be {rule}, got {got}; {advice}") from None


def example(table: type, name: str) -> str:
    """Return name=default, in the grammar of the --hparams string."""
    default = {field.name: field.default for field in dataclasses.fields(table)}[name]
    if default is None:
        return f"{name}=1"
    return f"{name}=[{', '.join(default)}]" if isinstance(default, tuple) else f"{name}={default}"


def to_json_types(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values in the types of JSON: lists for tuples."""
    return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}


def require_known(
    name: Any, known: Iterable[str], place: str = "", what: str = "hyperparameter"
) -> str:
    """Return ``name`` if it is known. Raises `HParamsError` with the nearest known name."""
    known = list(known)
    if isinstance(name, str) and name in known:
        return name
    near = nearest(name, known)
    advice = f"did you mean {near!r}?" if near else f"the known ones are {', '.join(known)}"
    raise HParamsError(f"unknown {what} {show(name)}{place}; {advice}")
