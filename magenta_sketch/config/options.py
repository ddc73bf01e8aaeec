"""How an option of a run is declared: its type, range, default, help and role.

`HParams` and `RunConfig` are tables of fields made by `option`. The ``--hparams`` string, flags,
help texts, files and the comparison on resume all read these declarations.
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
    DERIVED = "decided by the data or the program, not by the user"

    @property
    def is_fixed(self) -> bool:
        """Return whether a resumed run must have the saved value."""
        return self in (Role.ARCHITECTURE, Role.DATA, Role.TRAINING)


DEFAULT: Any = object()  # a value of `Option.before`


@dataclasses.dataclass(frozen=True)
class Option:
    """The declaration of one field.

    Attributes:
      kind: type and range.
      help: its meaning, for users.
      role: see `Role`.
      optional: whether None is allowed.
      needs: a true/false option; if that is false, this option has no effect.
      flag: whether the training programs have a flag of this name (hyperparameters do not: they
        are set by --hparams).
      required: whether a run.json without it is damaged.
      before: the value in runs saved before the option existed; `DEFAULT` for the default.
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
        """Return the end of the sentence "NAME must be ..."."""
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
    """Return the options of a dataclass by name, in order."""
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
    """Return ``value`` as the field stores it. Errors show ``got`` instead of it, if given."""
    declared = options_of(table)[name]
    if value is None and declared.optional:
        return None
    return attempt(table, name, declared.kind.check, value, got or show(value))


def attempt(table: type, name: str, convert: Callable[[Any], Any], value: Any, got: str) -> Any:
    """Return convert(value). Turn `Unfit` into an `HParamsError` that names the option."""
    try:
        return convert(value)
    except Unfit as unfit:
        rule = options_of(table)[name].rule
        advice = str(unfit) or f"use for example {example(table, name)}"
        raise HParamsError(f"{name} must be {rule}, got {got}; {advice}") from None


def example(table: type, name: str) -> str:
    """Return name=default, as in the --hparams string."""
    default = {field.name: field.default for field in dataclasses.fields(table)}[name]
    if default is None:
        return f"{name}=1"
    return f"{name}=[{', '.join(default)}]" if isinstance(default, tuple) else f"{name}={default}"


def to_json_types(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values in JSON types: lists for tuples."""
    return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}


def require_known(
    name: Any, known: Iterable[str], place: str = "", what: str = "hyperparameter"
) -> str:
    """Return ``name`` if it is known. Else raise `HParamsError` with the most similar name."""
    known = list(known)
    if isinstance(name, str) and name in known:
        return name
    near = nearest(name, known)
    advice = f"did you mean {near!r}?" if near else f"the known ones are {', '.join(known)}"
    raise HParamsError(f"unknown {what} {show(name)}{place}; {advice}")
