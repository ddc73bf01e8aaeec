"""The hyperparameters of a run: one immutable value, checked whenever it is made.

Every field of `HParams` is declared once, with its default, type, range and meaning. Reading the
``--hparams`` string, reading ``model_config.json``, range checks and the help text all come from
that declaration. Whatever is wrong raises `HParamsError`, one line that names the parameter, the
rule, what came and what to do.

The string (``--hparams``)::

    data_set=[cat.npz, bus.npz], scale=0.5, use_recurrent_dropout=0

is a comma-separated list of ``name=value``, each name once, spaces allowed around names, values,
``=`` and ``,``, and a comma allowed at the end. A list stands in square brackets, its items
separated by commas and/or spaces. An item or value may be quoted with ' or ", which keeps spaces,
commas and brackets as they are (there are no escapes). Booleans are true, True, false, False or
an integer (0 is false).
"""

from __future__ import annotations

import dataclasses
import difflib
import json
import math
import numbers
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from magenta_sketch.errors import HParamsError

CELL_NAMES = ("lstm", "layer_norm", "hyper")


# ------------------------------------------------------------------- types and ranges of a field


class _Unfit(Exception):
    """A value breaks its setting's rule; the argument is a hint, possibly empty."""


@dataclasses.dataclass(frozen=True)
class _Interval:
    low: float
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False

    def __contains__(self, value: float) -> bool:
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        return above and below

    def __str__(self) -> str:
        if self.high == math.inf:
            return f"{'>' if self.open_low else '>='} {self.low}"
        left, right = "(" if self.open_low else "[", ")" if self.open_high else "]"
        return f"in {left}{self.low}, {self.high}{right}"


_POSITIVE = _Interval(0, open_low=True)
_NOT_NEGATIVE = _Interval(0)
_PROBABILITY = _Interval(0, 1)
_KEEP_PROBABILITY = _Interval(0, 1, open_low=True)
_DECAY = _Interval(0, 1, open_low=True)
_FRACTION_BELOW_1 = _Interval(0, 1, open_high=True)

_LARGEST_COUNT = 2**63 - 1  # the step counter is a 64-bit integer
_LARGEST_SIZE = 10**6  # beyond what any machine has the memory for
_LARGEST_REAL = 3.4e38  # single precision, in which the model computes
_TOO_LARGE = f"that is too large, the largest is {_LARGEST_REAL}"


class _Setting:
    """What one field holds: a row of the table below. Subclasses say how its type is read."""

    rule: str  # completes "NAME must be ..."
    is_list = False

    def __init__(self, meaning: str):
        self.meaning = meaning

    def read(self, text: str) -> Any:
        """The value written as `text` in a string; only the type is looked at here."""
        raise NotImplementedError

    def check(self, value: Any) -> Any:
        """`value` as the field keeps it, type and range checked."""
        raise NotImplementedError


def _is_whole_number(text: str) -> bool:
    digits = text[1:] if text[:1] in ("+", "-") else text
    return digits.isascii() and digits.isdigit()


def _in_digits(text: str) -> str:
    """A hint how to write 1e4 or 3.0 as a whole number."""
    try:
        value = float(text)
    except ValueError:
        return ""
    return f", as {value:.0f}" if value.is_integer() and abs(value) < 2**53 else ""


class _Switch(_Setting):
    rule = "true or false, or in a string an integer (0 is false)"

    def read(self, text: str) -> bool:
        if text in ("true", "True"):
            return True
        if text in ("false", "False"):
            return False
        if _is_whole_number(text):
            return text.lstrip("+-").strip("0") != ""
        raise _Unfit("")

    def check(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise _Unfit("")
        return value


class _Whole(_Setting):
    """A whole number from 1."""

    rule = "a whole number >= 1"

    def __init__(self, meaning: str, largest: int):
        super().__init__(meaning)
        self.largest = largest

    def read(self, text: str) -> int:
        if not _is_whole_number(text):
            raise _Unfit("write it in digits only" + _in_digits(text))
        digits = text.lstrip("+-").lstrip("0") or "0"
        if len(digits) > 19:  # more than 64 bits, and int() refuses thousands of digits
            raise _Unfit("" if text.startswith("-") else self._too_large())
        return -int(digits) if text.startswith("-") else int(digits)

    def check(self, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, numbers.Integral):
            raise _Unfit("")
        value = int(value)
        if value > self.largest:
            raise _Unfit(self._too_large())
        if value < 1:
            raise _Unfit("")
        return value

    def _too_large(self) -> str:
        return f"that is too large, the largest is {self.largest}"


class _Real(_Setting):
    def __init__(self, meaning: str, interval: _Interval):
        super().__init__(meaning)
        self.interval = interval
        self.rule = f"a finite number {interval}"

    def read(self, text: str) -> float:
        # float() alone also takes 1_000 and digits of other scripts.
        if not text.isascii() or "_" in text:
            raise _Unfit("")
        try:
            value = float(text)
        except ValueError:
            raise _Unfit("") from None
        if math.isinf(value) and text[-1].isdigit():
            raise _Unfit("" if text.startswith("-") else _TOO_LARGE)
        return value

    def check(self, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, numbers.Real):
            raise _Unfit("")
        try:
            value = float(value) + 0.0  # -0.0 becomes 0.0
        except OverflowError:
            value = math.inf if value > 0 else -math.inf
        if value not in self.interval or math.isinf(value):
            raise _Unfit("")
        if value > _LARGEST_REAL:
            raise _Unfit(_TOO_LARGE)
        return value


class _Choice(_Setting):
    def __init__(self, meaning: str, choices: tuple[str, ...]):
        super().__init__(meaning)
        self.choices = choices
        self.rule = f"one of {', '.join(choices)}"

    def read(self, text: str) -> str:
        return text

    def check(self, value: Any) -> str:
        if not isinstance(value, str) or value not in self.choices:
            near = _nearest(value, self.choices)
            raise _Unfit(f"did you mean {near!r}?" if near else "")
        return value


class _Names(_Setting):
    """A list of one or more names, kept as a tuple."""

    is_list = True
    rule = "a list of one or more names"

    def read(self, text: str) -> tuple[str, ...]:
        if not text:
            raise _Unfit("")
        return (text,)

    def check(self, value: Any) -> tuple[str, ...]:
        if isinstance(value, str):  # tuple("a.npz") would be its letters
            value = (value,)
        if not isinstance(value, (list, tuple)) or not value:
            raise _Unfit("")
        for item in value:
            if not isinstance(item, str) or not item.strip() or not item.isprintable():
                raise _Unfit(f"replace {_show(item)}, which is no name")
        return tuple(value)


def _field(default: Any, setting: _Setting) -> Any:
    return dataclasses.field(default=default, metadata={"setting": setting})


def _switch(default: bool, meaning: str) -> Any:
    return _field(default, _Switch(meaning))


def _count(default: int, meaning: str) -> Any:
    return _field(default, _Whole(meaning, _LARGEST_COUNT))


def _size(default: int, meaning: str) -> Any:
    return _field(default, _Whole(meaning, _LARGEST_SIZE))


def _real(default: float, interval: _Interval, meaning: str) -> Any:
    return _field(default, _Real(meaning, interval))


def _cell(default: str, meaning: str) -> Any:
    return _field(default, _Choice(meaning, CELL_NAMES))


# ------------------------------------------------------------------------------------ the table


@dataclasses.dataclass(frozen=True, kw_only=True)
class HParams:
    """All hyperparameters of a run, with Magenta's names and defaults; hashable.

    Lists are converted to tuples and whole numbers given for a float to floats. Raises
    `HParamsError` when a value breaks its rule. `HParams.describe()` lists the rules.
    """

    data_set: tuple[str, ...] = _field(
        ("aaron_sheep.npz",), _Names("files of the data set, joined into one")
    )
    num_steps: int = _count(10_000_000, "training ends after this many steps")
    save_every: int = _count(500, "steps between evaluations, each with a checkpoint")
    max_seq_len: int = _size(250, "accepted for compatibility, the data decide it")
    dec_rnn_size: int = _size(512, "units of the decoder")
    dec_model: str = _cell("lstm", "cell of the decoder")
    enc_rnn_size: int = _size(256, "units of the encoder, in each direction")
    enc_model: str = _cell("lstm", "cell of the encoder")
    z_size: int = _size(128, "length of the latent vector z")
    kl_weight: float = _real(0.5, _NOT_NEGATIVE, "weight of the KL term in the cost, in the end")
    kl_weight_start: float = _real(0.01, _NOT_NEGATIVE, "weight of the KL term at step 0")
    kl_tolerance: float = _real(0.2, _NOT_NEGATIVE, "KL below this is not reduced further, in nats")
    batch_size: int = _size(100, "sketches in a training batch")
    grad_clip: float = _real(1.0, _POSITIVE, "each entry of a gradient is clipped to +- this")
    num_mixture: int = _size(20, "Gaussians in the mixture for a pen offset")
    learning_rate: float = _real(0.001, _POSITIVE, "learning rate at step 0")
    decay_rate: float = _real(0.9999, _DECAY, "decay of the learning rate, per step")
    kl_decay_rate: float = _real(
        0.99995, _DECAY, "decay of the KL weight's distance from kl_weight, per step"
    )
    min_learning_rate: float = _real(
        1e-05, _NOT_NEGATIVE, "learning rate in the end, at most learning_rate"
    )
    use_recurrent_dropout: bool = _switch(True, "dropout of cell candidates, encoder and decoder")
    recurrent_dropout_prob: float = _real(
        0.9, _KEEP_PROBABILITY, "probability to keep a value under recurrent dropout"
    )
    use_input_dropout: bool = _switch(False, "dropout of the decoder's input")
    input_dropout_prob: float = _real(
        0.9, _KEEP_PROBABILITY, "probability to keep a value under input dropout"
    )
    use_output_dropout: bool = _switch(False, "dropout of the decoder's output")
    output_dropout_prob: float = _real(
        0.9, _KEEP_PROBABILITY, "probability to keep a value under output dropout"
    )
    random_scale_factor: float = _real(
        0.15, _FRACTION_BELOW_1, "training sketches are stretched by up to this fraction"
    )
    augment_stroke_prob: float = _real(
        0.1, _PROBABILITY, "probability to drop a point inside a stroke, in training"
    )
    conditional: bool = _switch(True, "with an encoder; false trains a decoder alone")
    is_training: bool = _switch(True, "accepted for compatibility, without effect")
    scale: float = _real(
        1.0, _NOT_NEGATIVE, "standard deviation of the noise in z, 0 makes z the mean"
    )
    reg_covar: float = _real(
        0.0, _NOT_NEGATIVE, "added to the mixture's variances in the loss, 0 is Magenta's loss"
    )

    def __post_init__(self) -> None:
        for name, setting in _SETTINGS.items():
            object.__setattr__(self, name, _checked(name, setting, getattr(self, name)))
        if self.min_learning_rate > self.learning_rate:
            raise HParamsError(
                f"min_learning_rate must be <= learning_rate, got {self.min_learning_rate} > "
                f"{self.learning_rate}; lower min_learning_rate or raise learning_rate"
            )

    # ------------------------------------------------------------------------------ strings

    @classmethod
    def parse(cls, text: str | Sequence[str], base: HParams | None = None) -> HParams:
        """`base` (default: the defaults) with the settings of the string(s) `text`.

        Several strings, as a repeated flag gives them, are read in order and later ones win; a
        name may stand only once in one string. Raises `HParamsError`.
        """
        return (cls() if base is None else base).replace(**cls.parse_assignments(text))

    @staticmethod
    def parse_assignments(text: str | Sequence[str]) -> dict[str, Any]:
        """The settings that stand in the string(s) `text`, checked one by one, in their order.

        Rules between settings are checked when an `HParams` is made. Raises `HParamsError`.
        """
        assignments: dict[str, Any] = {}
        for part in text if isinstance(text, (list, tuple)) else [text]:
            assignments.update(_Scanner(part).assignments())
        return assignments

    @staticmethod
    def describe() -> str:
        """One line for each hyperparameter: name=default, meaning and rule."""
        return "\n".join(
            f"{_example(name)}: {setting.meaning}; {setting.rule}"
            for name, setting in _SETTINGS.items()
        )

    # ------------------------------------------------------------------------------- values

    def replace(self, **changes: Any) -> HParams:
        """A copy with `changes`, checked. Raises `HParamsError`, for an unknown name too."""
        for name in changes:
            _require_known(name)
        return dataclasses.replace(self, **changes)

    def differences(self, other: HParams, ignore: Iterable[str] = ()) -> list[tuple[str, Any, Any]]:
        """(name, value here, value in `other`) where the two differ, names in `ignore` left out."""
        ignored = [ignore] if isinstance(ignore, str) else list(ignore)
        for name in ignored:
            _require_known(name)
        return [
            (name, getattr(self, name), getattr(other, name))
            for name in _SETTINGS
            if name not in ignored and getattr(self, name) != getattr(other, name)
        ]

    # --------------------------------------------------------------------------------- JSON

    def to_dict(self) -> dict[str, Any]:
        """All values under their names, in the types of JSON (lists for tuples)."""
        values = {name: getattr(self, name) for name in _SETTINGS}
        return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}

    def to_json(self) -> str:
        """The text of a model_config.json: one JSON object, a line for each name."""
        return json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> HParams:
        """From what `to_dict` gives; names left out take their defaults. Raises `HParamsError`."""
        if isinstance(values, list) and values and all(_is_known(name) for name in values):
            raise HParamsError(
                "hyperparameters must be a JSON object, got a list of their names without values, "
                "as current versions of Magenta write model_config.json; replace it by an object "
                'with the values of that run, such as {"dec_model": "lstm"}'
            )
        if not isinstance(values, Mapping):
            raise HParamsError(
                f"hyperparameters must be a JSON object, got {_show(values)}; "
                'write name and value, such as {"dec_model": "lstm"}'
            )
        return cls().replace(**{_require_known(name): value for name, value in values.items()})

    @classmethod
    def from_json(cls, text: str | bytes) -> HParams:
        """From the text of a model_config.json, Magenta's as well. Raises `HParamsError`."""
        try:
            values = json.loads(
                text, parse_constant=_refuse_constant, object_pairs_hook=_refuse_repeated
            )
        except HParamsError:
            raise
        except json.JSONDecodeError as error:
            raise HParamsError(
                f"hyperparameters are not valid JSON: {error.msg} at line {error.lineno}, "
                f"character {error.colno}; correct the file or restore it from a copy"
            ) from None
        except (ValueError, RecursionError):  # bytes that are no text, huge numbers, deep nesting
            raise HParamsError(
                "hyperparameters are not usable JSON (not UTF-8, nested too deeply, or a number "
                "too large); correct the file or restore it from a copy"
            ) from None
        return cls.from_dict(values)


_SETTINGS: dict[str, _Setting] = {
    field.name: field.metadata["setting"] for field in dataclasses.fields(HParams)
}
_DEFAULTS: dict[str, Any] = {field.name: field.default for field in dataclasses.fields(HParams)}


# --------------------------------------------------------------------------- checks and messages


def _checked(name: str, setting: _Setting, value: Any, got: str | None = None) -> Any:
    """`value` as the field keeps it; `got` is how an error shows it."""
    return _attempt(name, setting, setting.check, value, got or _show(value))


def _attempt(
    name: str, setting: _Setting, convert: Callable[[Any], Any], value: Any, got: str
) -> Any:
    try:
        return convert(value)
    except _Unfit as unfit:
        advice = str(unfit) or f"use for example {_example(name)}"
        raise HParamsError(f"{name} must be {setting.rule}, got {got}; {advice}") from None


def _example(name: str) -> str:
    """name=default, in the grammar of the string."""
    default = _DEFAULTS[name]
    return f"{name}=[{', '.join(default)}]" if isinstance(default, tuple) else f"{name}={default}"


def _is_known(name: Any) -> bool:
    return isinstance(name, str) and name in _SETTINGS


def _require_known(name: Any, place: str = "") -> str:
    if _is_known(name):
        return name
    near = _nearest(name, _SETTINGS)
    advice = f"did you mean {near!r}?" if near else f"the known ones are {', '.join(_SETTINGS)}"
    raise HParamsError(f"unknown hyperparameter {_show(name)}{place}; {advice}")


def _nearest(name: Any, known: Iterable[str]) -> str | None:
    if not isinstance(name, str) or len(name) > 100:
        return None
    word = name.strip().lower().replace("-", "_")
    return next(iter(difflib.get_close_matches(word, known, n=1)), None)


def _show(value: Any) -> str:
    """`value` for a message: one line, of a bounded length."""
    try:
        text = " ".join(repr(value).split())
    except ValueError:  # Python does not print integers of thousands of digits
        return "a number of thousands of digits"
    return text if len(text) <= 80 else f"{text[:40]}... ({len(text)} characters)"


def _refuse_constant(constant: str) -> None:
    raise HParamsError(f"hyperparameters must be finite, got {constant}; correct the JSON")


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise HParamsError(f"{_show(repeated)} stands more than once in the JSON; keep one of them")
    return values


# ----------------------------------------------------------------------- reading the string form


class _Scanner:
    """Reads one --hparams string from left to right; `at` is the place of the next character."""

    def __init__(self, text: str):
        if not isinstance(text, str):
            raise HParamsError(
                f"hyperparameters must be given as a string, got {_show(text)}; "
                "write them as 'name=value,name=value'"
            )
        self.text = text
        self.at = 0

    def assignments(self) -> dict[str, Any]:
        """The whole string: `name=value` separated by commas."""
        found: dict[str, Any] = {}
        self._skip_spaces()
        while not self._at_end():
            name, value = self._assignment(found)
            found[name] = value
            if not self._at_end():
                self.at += 1  # the comma
                self._skip_spaces()
        return found

    def _assignment(self, found: dict[str, Any]) -> tuple[str, Any]:
        start = self.at
        name = self._take_until("=,[]").rstrip()
        if not name or self._next() != "=":
            after_list = bool(found) and _SETTINGS[next(reversed(found))].is_list
            hint = " (several items go in square brackets, name=[a, b])" if after_list else ""
            raise self._malformed(f"expected name=value{hint}", start)
        _require_known(name, f" at {self._place(start)}")
        if name in found:
            raise self._malformed(f"{name} is set a second time, keep one of the two", start)
        self.at += 1
        self._skip_spaces()
        return name, self._value(name, _SETTINGS[name])

    def _value(self, name: str, setting: _Setting) -> Any:
        """The checked value, read up to the comma or the end that follows it."""
        start = self.at
        if self._next() == "[":
            if not setting.is_list:
                raise self._malformed(f"{name} takes one value, leave out the brackets")
            items = self._list(name)
            value = _checked(name, setting, items, _show(self.text[start : self.at]))
        elif self._next() in ("'", '"'):
            value = self._convert(name, setting, self._quoted(name))
        else:
            text = self._take_until(",[]").rstrip()
            if setting.is_list and len(text.split()) > 1:
                raise self._malformed(f"{name} has several items, put them in [ ]", start)
            if self._next() in ("[", "]"):
                raise self._malformed(f"{name} has a stray '{self._next()}', a list is [a, b]")
            value = self._convert(name, setting, text)
        self._skip_spaces()
        if not self._at_end() and self._next() != ",":
            raise self._malformed(f"expected a comma after the value of {name}")
        return value

    def _convert(self, name: str, setting: _Setting, text: str) -> Any:
        got = _show(text) if text else f"nothing at {self._place(self.at)}"
        if " " in text and "=" in text:  # two settings would look so
            got += " (is a comma missing?)"
        value = _attempt(name, setting, setting.read, text, got)
        return _checked(name, setting, value, got)

    def _list(self, name: str) -> list[str]:
        start = self.at
        self.at += 1
        items = []
        while True:
            while not self._at_end() and (self._next() == "," or self._next().isspace()):
                self.at += 1
            if self._at_end():
                raise self._malformed(f"{name} has a list without its end, add ']'", start)
            if self._next() == "]":
                self.at += 1
                return items
            if self._next() == "[":
                raise self._malformed(f"{name} has a list in a list, is a ']' missing before it?")
            items.append(self._item(name))

    def _item(self, name: str) -> str:
        if self._next() not in ("'", '"'):
            start = self.at
            while not self._at_end() and self._next() not in ",[]" and not self._next().isspace():
                self.at += 1
            return self.text[start : self.at]
        item = self._quoted(name)
        if not self._at_end() and self._next() not in ",]" and not self._next().isspace():
            raise self._malformed(f"{name} needs a comma or space after the closing quote")
        return item

    def _quoted(self, name: str) -> str:
        start, quote = self.at, self._next()
        end = self.text.find(quote, start + 1)
        if end < 0:
            raise self._malformed(f"{name} has a quote without its end, add {quote}", start)
        self.at = end + 1
        return self.text[start + 1 : end]

    def _at_end(self) -> bool:
        return self.at >= len(self.text)

    def _next(self) -> str:
        """The next character, empty at the end."""
        return self.text[self.at : self.at + 1]

    def _skip_spaces(self) -> None:
        while self._next().isspace():
            self.at += 1

    def _take_until(self, stops: str) -> str:
        start = self.at
        while not self._at_end() and self._next() not in stops:
            self.at += 1
        return self.text[start : self.at]

    def _malformed(self, what: str, at: int | None = None) -> HParamsError:
        place = self._place(self.at if at is None else at)
        return HParamsError(f"malformed hyperparameters: {what}; at {place}")

    def _place(self, at: int) -> str:
        """Where `at` is in the text, counted from 1, with the text on both sides."""
        before, after = self.text[max(0, at - 30) : at], self.text[at : at + 30]
        sides = [f"after {before!r}"] * bool(before) + [f"before {after!r}"] * bool(after)
        return f"character {at + 1}" + (f" ({', '.join(sides)})" if sides else "")
