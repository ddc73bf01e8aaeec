"""A command-line program: flags in, one clear line out when something is wrong."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Sequence

from absl import flags

from magenta_sketch.cli import command_line, presets
from magenta_sketch.errors import SketchError


def new_flags() -> flags.FlagValues:
    """An empty set of flags with those that every program has."""
    values = flags.FlagValues()  # type: ignore[no-untyped-call]  # absl left out its types
    flags.DEFINE_boolean("help", False, "Show this help.", short_name="h", flag_values=values)
    flags.DEFINE_boolean(
        "verbose_tensorflow", False, "Show TensorFlow's own start-up messages.", flag_values=values
    )
    return values


def run_program(
    name: str,
    doc: str,
    values: flags.FlagValues,
    main: Callable[..., int],
    *,
    arguments: Sequence[str] | None = None,
    takes_files: bool = False,
) -> int:
    """Parse the command line into ``values`` and call ``main``; the program's exit status.

    A user's mistake (a flag, a file, a hyperparameter) ends in one line on standard error and
    status 2; something that broke the work off in status 1.

    Args:
      arguments: what follows the program's name; None takes it from ``sys.argv``.
      takes_files: whether ``main`` takes what is not a flag, as a list of strings.
    """
    _mend_standard_streams()
    try:
        arguments = sys.argv[1:] if arguments is None else arguments
        return _run(name, doc, values, main, arguments, takes_files)
    finally:
        _flush_output()


def _run(
    name: str,
    doc: str,
    values: flags.FlagValues,
    main: Callable[..., int],
    arguments: Sequence[str],
    takes_files: bool,
) -> int:
    try:
        rest = command_line.read(values, arguments, takes_files=takes_files)
    except SketchError as error:
        return _fail(name, str(error), error.exit_status)
    if values.verbose_tensorflow:
        os.environ["MAGENTA_SKETCH_VERBOSE"] = "1"
    else:
        logging.getLogger("tensorflow").setLevel(logging.ERROR)  # its Python side's warnings
    try:
        if values.help:
            print(f"{doc.strip()}\n\n{_flag_help(values)}")
            return 0
        return main(rest) if takes_files else main()
    except KeyboardInterrupt:
        return _fail(name, "interrupted", 130)
    except BrokenPipeError:
        return 1  # the reader of our output has gone; nothing more can be said to it
    except SketchError as error:
        return _fail(name, str(error), error.exit_status)
    except Exception as error:
        if not (isinstance(error, OSError) or _is_lack_of_memory(error)):
            raise
        return _fail(name, _message(error), 1)


def _message(error: Exception) -> str:
    if _is_lack_of_memory(error):
        return (
            "the memory is too small for what is asked: ask for fewer sketches, smaller batches "
            "or a smaller model, or stop other programs"
        )
    if isinstance(error, OSError) and error.strerror:
        # An open file's name is not in its errors.
        place = error.filename or ("standard output" if _cannot_print() else None)
        return error.strerror if place is None else f"{place}: {error.strerror}"
    return str(error)


def _is_lack_of_memory(error: Exception) -> bool:
    tensorflow = sys.modules.get("tensorflow")  # asking does not import it
    kinds = () if tensorflow is None else (tensorflow.errors.ResourceExhaustedError,)
    return isinstance(error, (MemoryError, *kinds))


def _cannot_print() -> bool:
    # What could not be written is still in the stream's buffer, so that it fails once more.
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        return True
    return False


def _fail(name: str, message: str, status: int) -> int:
    with contextlib.suppress(OSError):
        line = " ".join(message.split())
        print(f"{name}: error: {line}", file=sys.stderr, flush=True)
    return status


def _mend_standard_streams() -> None:
    """Make printing safe whatever the streams are: closed (``>&-``), a file, of few letters."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # Else the next file to be opened, a checkpoint say, would get this number, and with it
            # all that native code prints. open gives the lowest free number: this one.
            os.open(os.devnull, os.O_RDWR)
    for stream in ("stdout", "stderr"):
        if getattr(sys, stream) is None:
            setattr(sys, stream, open(os.devnull, "w"))
        reconfigure = getattr(getattr(sys, stream), "reconfigure", None)
        if reconfigure is not None:
            # Lines reach a log file when they are printed.
            reconfigure(line_buffering=True, errors="backslashreplace")


def _flush_output() -> None:
    """Write what is left; give it up when that fails, so that Python does not try it again."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _flag_help(values: flags.FlagValues) -> str:
    lines = ["Flags:"]
    for flag_name in sorted(values):
        flag = values[flag_name]
        if flag_name != flag.name:  # a short name, listed with its long one
            continue
        default = "" if flag.default in (None, False, []) else f" [default: {flag.default}]"
        lines.append(f"  --{flag_name}: {flag.help}{default}")
    lines.append("  --flagfile: a file with one --flag=value a line, # comments (see configs/).")
    if "preset" in values:
        lines += ["", presets.describe(values)]
    return "\n".join(lines)
