"""Magenta's ``--hparams`` string.

    data_set=[cat.npz, bus.npz], scale=0.5, use_recurrent_dropout=0

It is a comma-separated list of ``name=value``, each name once. Spaces around names, values, ``=``
and ``,`` are allowed, and so is a comma at the end. A list has square brackets; commas or spaces
separate its items. In quotes, ' or ", an item or value may contain spaces, commas and brackets;
there are no escapes. Booleans are true, True, false, False or an integer (0 is false).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from magenta_sketch.config import typography
from magenta_sketch.config.kinds import Real, Whole, show
from magenta_sketch.config.options import Option, attempt, checked, options_of, require_known
from magenta_sketch.errors import HParamsError

# A number whose decimals, or thousands, stand behind a comma.
_REST_OF_A_NUMBER = re.compile(r"\s*,\s*\d[\d.eE+-]*\s*(,|$)")


def parse_assignments(
    table: type, text: str | Sequence[str], flags: Iterable[str] = ()
) -> dict[str, Any]:
    """Return the settings in one or more strings, by name and in their order.

    Each value is checked by itself. If there are several strings, later ones win. A name may
    occur only once in a string.

    Args:
      table: the dataclass that declares the options, `HParams`.
      text: a string or a list of strings.
      flags: names of the command's own flags, for the error if one is among the settings.

    Raises:
      HParamsError: a string is malformed, or a name or value is invalid.

    >>> from magenta_sketch.config.hparams import HParams
    >>> parse_assignments(HParams, "scale=2, data_set=[cat.npz]")
    {'scale': 2.0, 'data_set': ('cat.npz',)}
    """
    assignments: dict[str, Any] = {}
    parts: Sequence[Any] = text if isinstance(text, (list, tuple)) else [text]
    for part in parts:
        assignments.update(_Scanner(table, part, flags).assignments())
    return assignments


class _Scanner:
    """Read one string; ``at`` is the index of the next character."""

    def __init__(self, table: type, text: str, flags: Iterable[str] = ()):
        if not isinstance(text, str):
            raise HParamsError(
                f"hyperparameters must be given as a string, got {show(text)}; "
                "write them as 'name=value,name=value'"
            )
        self.table, self.options = table, options_of(table)
        self.text, self.flags = text, flags
        self.at = 0

    def assignments(self) -> dict[str, Any]:
        """Return the settings of the whole string by name."""
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
        self._require_keyboard(name, start)
        if not name or self._next() != "=":
            raise self._malformed(f"expected name=value{self._hint(name, found)}", start)
        if name in self.flags and name not in self.options:
            raise self._malformed(f"{name} is a flag of its own, --{name}=VALUE", start)
        require_known(name, self.options, f" at {self._place(start)}")
        if name in found:
            raise self._malformed(f"{name} is set a second time, keep one of the two", start)
        self.at += 1
        self._skip_spaces()
        return name, self._value(name, self.options[name])

    def _hint(self, name: str, found: dict[str, Any]) -> str:
        """Return what may have been meant by a part that is not name=value."""
        if found and self.options[next(reversed(found))].kind.is_list:
            return " (several items go in square brackets, name=[a, b])"
        if name in self.options and self._at_end():
            return f" (nothing follows {name}; a setting with spaces goes in quotes)"
        return ""

    def _require_keyboard(self, text: str, at: int, also: str = "") -> None:
        """Refuse what a word processor has put in place of the keyboard's characters."""
        if advice := typography.advice(text):
            raise self._malformed(advice + also, at)

    def _value(self, name: str, declared: Option) -> Any:
        """Read and check a value, up to the next comma or the end."""
        start = self.at
        if self._next() == "[":
            if not declared.kind.is_list:
                raise self._malformed(f"{name} takes one value, leave out the brackets")
            items = self._list(name)
            value = checked(self.table, name, items, show(self.text[start : self.at]))
        elif self._next() in ("'", '"'):
            value = self._convert(name, declared, self._quoted(name))
        else:
            text = self._take_until(",[]").rstrip()
            self._require_keyboard(text, start)
            if isinstance(declared.kind, (Whole, Real)) and self._rest_of_a_number():
                raise self._malformed(
                    f"{name} has a comma in its number, write 1000 or 0.001; a comma begins the "
                    "next setting",
                    start,
                )
            if declared.kind.is_list and text[:1] in ("(", "{"):
                raise self._malformed(f"a list stands in square brackets, {name}=[a, b]", start)
            if declared.kind.is_list and len(text.split()) > 1:
                raise self._malformed(f"{name} has several items, put them in [ ]", start)
            if self._next() in ("[", "]"):
                raise self._malformed(f"{name} has a stray '{self._next()}', a list is [a, b]")
            value = self._convert(name, declared, text)
        self._skip_spaces()
        if not self._at_end() and self._next() != ",":
            raise self._malformed(f"expected a comma after the value of {name}")
        return value

    def _convert(self, name: str, declared: Option, text: str) -> Any:
        got = show(text) if text else f"nothing at {self._place(self.at)}"
        if "=" in text:  # probably two settings
            got += " (is a comma missing?)"
        value = attempt(self.table, name, declared.kind.read, text, got)
        return checked(self.table, name, value, got)

    def _list(self, name: str) -> list[str]:
        start = self.at
        self.at += 1
        items: list[str] = []
        while True:
            while not self._at_end() and (self._next() == "," or self._next().isspace()):
                self.at += 1
            if self._at_end():
                raise self._malformed(
                    f"{name} has a list without its end, add ']', and quotes around all of it if "
                    "there are spaces",
                    start,
                )
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
            also = ", or put a name that has it in quotes"
            self._require_keyboard(self.text[start : self.at], start, also)
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

    def _rest_of_a_number(self) -> bool:
        return bool(_REST_OF_A_NUMBER.match(self.text, self.at))

    def _at_end(self) -> bool:
        return self.at >= len(self.text)

    def _next(self) -> str:
        """Return the next character; empty at the end."""
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
        """Return the position ``at`` for a message: counted from 1, with the text around it."""
        before, after = self.text[max(0, at - 30) : at], self.text[at : at + 30]
        sides = [f"after {before!r}"] * bool(before) + [f"before {after!r}"] * bool(after)
        return f"character {at + 1}" + (f" ({', '.join(sides)})" if sides else "")
