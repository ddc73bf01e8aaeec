"""What all commands share: parsing flags, help, and one clear line for each user's mistake."""

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
    """Return a new set of flags, with the ones that every command has."""
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
    """Parse the command line into ``values``, call ``main``, and return the exit status.

    A SketchError is printed as one line on standard error; the status is its ``exit_status``. For
    wrong flags it is 2, for files that cannot be read or written and for lack of memory 1.

    Args:
      name: the command's name, for messages.
      doc: the first part of the help.
      arguments: the command line without the name. None: that of ``sys.argv``.
      takes_files: whether ``main`` gets the arguments that are no flags, as a list of strings.
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
        logging.getLogger("tensorflow").setLevel(logging.ERROR)  # warnings of its Python code
    try:
        if values.help:
            print(f"{doc.strip()}\n\n{_flag_help(values)}")
            return 0
        return main(rest) if takes_files else main()
    except KeyboardInterrupt:
        return _fail(name, "interrupted", 130)
    except BrokenPipeError:
        return 1  # nobody reads our output any more
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
        # Errors of an open file do not name it.
        place = error.filename or ("standard output" if _cannot_print() else None)
        return error.strerror if place is None else f"{place}: {error.strerror}"
    return str(error)


def _is_lack_of_memory(error: Exception) -> bool:
    tensorflow = sys.modules.get("tensorflow")  # without importing it
    kinds = () if tensorflow is None else (tensorflow.errors.ResourceExhaustedError,)
    return isinstance(error, (MemoryError, *kinds))


def _cannot_print() -> bool:
    # Text that could not be written is still in the buffer: flushing fails again.
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
    """Make printing safe for closed streams (``>&-``), files, and encodings with few letters."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            # Otherwise the next file opened, perhaps a checkpoint, would get this number, and
            # native code would print into it. os.open takes the lowest free number: this one.
            os.open(os.devnull, os.O_RDWR)
    for stream in ("stdout", "stderr"):
        if getattr(sys, stream) is None:
            setattr(sys, stream, open(os.devnull, "w"))
        reconfigure = getattr(getattr(sys, stream), "reconfigure", None)
        if reconfigure is not None:
            # With line buffering, a log file has each line as soon as it is printed.
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
        if flag_name != flag.name:  # a short name
            continue
        default = ",".join(flag.default) if isinstance(flag.default, list) else flag.default
        shown = "" if default in (None, False, "") else f" [default: {default}]"
        text = (flag.help or "").partition(";\n")[0]  # absl adds a line to repeatable flags
        lines.append(f"  --{flag_name}: {text}{shown}")
    lines.append("  --flagfile: Read flags from a file: one --flag=value per line, # for comments.")
    if "preset" in values:
        lines += ["", presets.describe(values)]
    return "\n".join(lines)
