"""Check every word of the command line before absl parses it.

absl reports bad values in the words of Python's converters, and takes some typing errors for
values. Here each error is one line: the flag, its rule, what was given, what to do.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

from absl import flags

from magenta_sketch.cli import presets
from magenta_sketch.cli.flag_files import Word, expand
from magenta_sketch.cli.values import PlaceParser
from magenta_sketch.config import typography
from magenta_sketch.config.hparams import HParams
from magenta_sketch.config.kinds import NOT_NEGATIVE, Real, Unfit, Whole, nearest, show
from magenta_sketch.config.options import options_of
from magenta_sketch.errors import SketchError, UsageError

# The same thing has different names in different commands.
_SAME = {"log_root": "model_dir", "model_dir": "log_root"}
_HELP = {"--help", "-help", "--h", "-h"}
_BRIEF = 100  # characters of a word that a message repeats


def read(
    values: flags.FlagValues, arguments: Sequence[str], *, takes_files: bool = False
) -> list[str]:
    """Parse the command line into ``values``, and return the words that are not flags.

    Args:
      arguments: what follows the program's name.
      takes_files: whether the command takes words that are not flags.

    Raises:
      UsageError: a word is invalid.
    """
    expanded = expand(presets.expand(arguments, values))
    helped = not _HELP.isdisjoint(word.text for word in expanded)  # then other words do not matter
    words = iter(expanded)
    rest: list[Word] = []
    given: list[str] = []
    before = Word("")
    for word in words:
        if word.text == "--":
            rest += words
            break
        _require_keyboard(word)
        if word.text.startswith("-") and word.text.strip("-"):
            given.append(_flag(values, word, words))
        elif takes_files or helped:
            _require_no_flag(values, word)
            rest.append(word)
        else:
            raise word.error(f"what is {_brief(word.text)}? {_advice(values, given, word, before)}")
        before = word
    try:
        values(["program", *given])
    except flags.Error as error:  # not expected: all words were checked
        raise UsageError(str(error)) from error
    return [word.text for word in rest]


def _brief(text: str) -> str:
    return repr(text if len(text) <= _BRIEF else f"{text[:_BRIEF]}...")


def _require_keyboard(word: Word) -> None:
    """Raise UsageError if a word starts with a dash or quotation mark of a word processor."""
    text = word.text
    if text[:1] in typography.DASHES:
        raise word.error(
            f"what is {_brief(text)}? {text[0]!r} comes from a word processor: type "
            f"{typography.typed(text)[:_BRIEF]}"
        )
    if text[:1] in typography.QUOTES and not os.path.exists(text):
        raise word.error(f"what is {_brief(text)}? {typography.advice(text)}")


def _require_no_flag(values: flags.FlagValues, word: Word) -> None:
    name = word.text.partition("=")[0]
    if name in values and "=" in word.text and not os.path.exists(word.text):
        raise word.error(f"what is {_brief(word.text)}? did you mean --{word.text[:_BRIEF]}?")
    if word.text == "=":
        raise word.error("what is '='? leave out the spaces around =, --name=value")


def _advice(values: flags.FlagValues, given: list[str], word: Word, before: Word) -> str:
    """Return advice for a word that is not a flag, if the command takes only flags."""
    text, name = word.text[:_BRIEF], word.text.partition("=")[0].strip()
    if text == "=":
        return "leave out the spaces around =, --name=value"
    if "=" in text and name in values:
        return f"did you mean --{text}?"
    if "=" in text and "hparams" in values and name in options_of(HParams):
        return f"did you mean --{'sweep' if 'sweep' in values else 'hparams'}={text}?"
    if text.endswith(".cfg"):
        return f"did you mean --flagfile={text}?"
    if before.text.startswith("-") and before.text.endswith("="):
        return f"leave out the spaces around =, {before.text}{text}"
    if before.text.startswith("-") and before.text.endswith(","):
        return f"a value with spaces goes in quotes: '{before.text} {text}'"
    has_model = any(flag.startswith("--model_dir=") for flag in given)
    if "model_dir" in values and not has_model and os.path.exists(text):
        return f"did you mean --model_dir={text}?"
    return "all settings are flags, --name=value"


# ------------------------------------------------------------------------------------- one flag


def _flag(values: flags.FlagValues, word: Word, words: Iterator[Word]) -> str:
    """Return a flag as --name=value after checking its value, which may be the next word."""
    name, equals, text = word.text[2 if word.text.startswith("--") else 1 :].partition("=")
    flag = values[name] if name in values else None
    if flag is None and name.startswith("no") and name[2:] in values:
        if values[name[2:]].boolean:
            if equals:
                raise word.error(f"--{name} takes no value; write --{name}, or --{name[2:]}={text}")
            return f"--{name}"
    if flag is None:
        raise word.error(_unknown(values, name, equals + text))
    if not equals:
        if flag.boolean:
            return f"--{name}"
        text = _next_value(values, name, word, words)
    _require_value(flag, name, text, word)
    return f"--{name}={text}"


def _next_value(values: flags.FlagValues, name: str, word: Word, words: Iterator[Word]) -> str:
    # In a flag file the next line is the next flag.
    following = Word("--") if word.place else next(words, Word("--"))
    text = following.text
    if text.startswith("--") and (text == "--" or text[2:].partition("=")[0] in values):
        raise word.error(f"--{name} has no value; write --{name}=VALUE")
    if text.strip() == "=":
        raise word.error(f"--{name} = ...: leave out the spaces around =, --{name}=VALUE")
    return text


def _unknown(values: flags.FlagValues, name: str, value: str) -> str:
    plain, inner = name.strip(), name.split()
    if plain in values and plain != name:
        return f"--{plain} {value[:_BRIEF]}: leave out the spaces around =, --{plain}=VALUE"
    if len(inner) > 1 and inner[0] in values:
        return f"unknown flag --{name[:_BRIEF]}; write --{inner[0]}={' '.join(inner[1:])}{value}"
    if "hparams" in values and plain in options_of(HParams):
        value = value or "=VALUE"
        return f"unknown flag --{name}; it is a hyperparameter: --hparams={plain}{value[:_BRIEF]}"
    near = _SAME.get(plain)
    if near is None or near not in values:
        begun = [flag for flag in values if len(plain) > 2 and flag.startswith(plain)]
        near = next(iter(begun), None) or nearest(plain, list(values))
    advice = f"did you mean --{near}?" if near else "--help lists all flags"
    return f"unknown flag --{name[:_BRIEF]}; {advice}"


def _require_value(flag: flags.Flag[Any], name: str, text: str, word: Word) -> None:
    """Raise UsageError unless ``text`` is a value that the flag can take."""
    parser = flag.parser
    if text[:1] in typography.QUOTES and not os.path.exists(text):
        raise word.error(f"--{name}={text[:_BRIEF]}: {typography.advice(text)}, or leave it out")
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" and not os.path.exists(text):
        raise word.error(
            f"--{name}={text[:_BRIEF]}: leave out the {text[0]} around the value, which a shell "
            "would take away and a flag file does not"
        )
    if text[:1].isspace() and "=" not in text:
        raise word.error(f"--{name}={text[:_BRIEF]}: leave out the spaces around =")
    try:
        parser.parse(text)
        if isinstance(parser, PlaceParser):
            parser.check(text)
    except Unfit as unfit:
        raise word.error(
            f"--{name} must be {parser.syntactic_help}, got {show(text)}; {unfit}"
        ) from None
    except SketchError as error:
        # The message of an option starts with its name, that of --hparams with a hyperparameter.
        own = str(error).startswith(f"{name} must ")
        raise word.error(f"--{name}: {error}" if not own else f"--{error}") from error
    except (ValueError, TypeError, OverflowError):
        rule, advice = _rule(parser, text)
        raise word.error(
            f"--{name} must be {rule}, got {show(text)}" + (f"; {advice}" if advice else "")
        ) from None


def _rule(parser: flags.ArgumentParser[Any], text: str) -> tuple[str, str]:
    """Return, for one of absl's parsers, what a value must be, and advice about ``text``."""
    advice = typography.advice(text)
    if isinstance(parser, flags.BooleanParser):
        return "true or false", advice
    if isinstance(parser, flags.EnumParser):
        near = nearest(text, parser.enum_values)
        return f"one of {', '.join(parser.enum_values)}", f"did you mean {near!r}?" if near else ""
    if not isinstance(parser, (flags.IntegerParser, flags.FloatParser)):
        return parser.syntactic_help or parser.flag_type(), advice
    whole = isinstance(parser, flags.IntegerParser)
    low, high = getattr(parser, "lower_bound", None), getattr(parser, "upper_bound", None)
    rule = "a whole number" if whole else "a number"
    if low is not None:
        rule += f" from {low:g} to {high}" if high is not None else f" >= {low:g}"
    try:
        (Whole() if whole else Real(NOT_NEGATIVE)).read(text)
    except Unfit as unfit:
        advice = advice or str(unfit)
    return rule, advice
