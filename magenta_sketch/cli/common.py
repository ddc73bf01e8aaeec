"""What the command-line programs share: flags in, one clear line out when something is wrong."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import pathlib
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from absl import flags

from magenta_sketch.errors import UsageError

if TYPE_CHECKING:  # these import TensorFlow
    from magenta_sketch.data import DataSet
    from magenta_sketch.inference.trained_model import TrainedModel

MAGENTA_DATA_URL = "https://github.com/hardmaru/sketch-rnn-datasets/raw/master/aaron_sheep/"


_NOT_FOLDERS = {".png", ".jpg", ".jpeg", ".gif", ".webp", ".pdf", ".json", ".npz", ".ndjson"}


def new_flags() -> flags.FlagValues:
    """An empty set of flags with those that every program has."""
    values = flags.FlagValues()
    flags.DEFINE_boolean("help", False, "Show this help.", short_name="h", flag_values=values)
    flags.DEFINE_boolean(
        "verbose_tensorflow", False, "Show TensorFlow's own start-up messages.", flag_values=values
    )
    return values


def require_finite(values: flags.FlagValues, *names: str) -> None:
    """Raises UsageError when one of these flags is given and is not finite."""
    for name in names:
        value = values[name].value
        if value is not None and not math.isfinite(value):
            raise UsageError(f"--{name} must be a finite number, got {value}.")


def define_model(values: flags.FlagValues) -> None:
    """Define --model_dir and --checkpoint, which say what `trained.load` loads."""
    flags.DEFINE_string(
        "model_dir",
        None,
        "The --log_root of a trained run, a Magenta checkpoint directory, or a Sketch-RNN-JS file.",
        flag_values=values,
    )
    flags.DEFINE_enum(
        "checkpoint",
        "best",
        ["best", "newest"],
        "Of a run: lowest validation cost, or latest.",
        flag_values=values,
    )


def define_data(values: flags.FlagValues, purpose: str, default: str) -> None:
    """Define --data_dir and --data_set, for `with_data`."""
    flags.DEFINE_string(
        "data_dir",
        None,
        f"Folder or URL of the data {purpose}. Default: {default}.",
        flag_values=values,
    )
    flags.DEFINE_list(
        "data_set",
        None,
        "The .npz files there, with commas between. Default: those the model was trained on.",
        flag_values=values,
    )


def require(values: flags.FlagValues, *names: str) -> None:
    """Raises UsageError unless these flags are given."""
    for name in names:
        if not values[name].value:
            text = values[name].help
            raise UsageError(f"--{name} is missing: {text[0].lower()}{text[1:]}")


def require_model(values: flags.FlagValues) -> None:
    """Raises UsageError unless --model_dir is given and something is there, before it is loaded."""
    require(values, "model_dir")
    place = values["model_dir"].value
    if not os.path.exists(place) and not os.path.exists(f"{place}.index"):  # one checkpoint
        raise UsageError(f"--model_dir={place}: there is no such file or folder.")


def require_apart(values: flags.FlagValues, *outs: str | os.PathLike[str]) -> None:
    """Raises UsageError when writing one of ``outs`` would replace a part of --model_dir."""
    model = pathlib.Path(values["model_dir"].value).resolve()
    if not model.exists():  # one checkpoint of a directory
        model = model.parent
    for out in outs:
        place = pathlib.Path(out).resolve()
        if model.is_relative_to(place):
            raise UsageError(f"--out={out} is the model itself, or holds it: name another place.")
        if place.exists() and place.is_relative_to(model):
            raise UsageError(f"{out} is in the model's own folder: name another place.")


def is_one_svg(out: str) -> bool:
    """Whether ``out`` asks for one SVG file, and not for a folder of them.

    Raises:
      UsageError: it looks like another kind of file, or something else is there.
    """
    path = pathlib.Path(out)
    if path.suffix.lower() in _NOT_FOLDERS:
        raise UsageError(
            f"--out={out}: drawings are SVG; choose a name that ends in .svg, or a folder."
        )
    one = path.suffix.lower() == ".svg"
    if one and path.is_dir():
        raise UsageError(f"--out={out} is a folder; name a file in it, or another folder.")
    if not one and path.exists() and not path.is_dir():
        raise UsageError(f"--out={out} is a file; name a folder, or a file that ends in .svg.")
    return one


def with_data(
    trained: TrainedModel, model_dir: str, data_dir: str | None, data_set: list[str] | None
) -> tuple[TrainedModel, DataSet]:
    """The data a model was trained on, or those named, and the model with their normalizing factor
    where its own is not known.

    Args:
      trained: from `trained.load`, of ``model_dir``.
      data_dir, data_set: folder or URL, and names in it; None takes what the model says.

    Raises:
      UsageError: the model does not say, and nothing is named.
      DataError: the data can't be read.
    """
    from magenta_sketch.data import load_data_set

    info = trained.info
    if not data_dir and not info.data_dir:
        raise UsageError(f"{model_dir} does not say where its data are: give --data_dir.")
    if not data_set and not trained.data_known:
        raise UsageError(f"{model_dir} does not say what its data are: give --data_set.")
    data = load_data_set(
        list(data_set or info.hparams.data_set),
        data_dir or info.data_dir,
        max_seq_len=info.max_seq_len,
        normalizing_factor=info.normalizing_factor if trained.units_known else None,
    )
    if not trained.units_known:
        trained = trained.with_normalizing_factor(data.normalizing_factor)
    return trained, data


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
        return _run(name, doc, values, main, [name, *arguments], takes_files)
    finally:
        _flush_output()


def _run(
    name: str,
    doc: str,
    values: flags.FlagValues,
    main: Callable[..., int],
    arguments: list[str],
    takes_files: bool,
) -> int:
    try:
        rest = values(arguments)[1:]
    except (flags.Error, UnicodeError) as error:
        return _fail(name, str(error).removeprefix("ERROR:: "), 2)  # absl's, of a flag file
    if rest and not takes_files and not values.help:
        return _fail(name, f"what is {rest[0]!r}? All settings are flags: --name=value.", 2)
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
        return _fail(name, "interrupted.", 130)
    except BrokenPipeError:
        return 1  # the reader of our output has gone; nothing more can be said to it
    except Exception as error:
        status = _status(error)
        if status is None:
            raise
        return _fail(name, _message(error), status)


def _message(error: Exception) -> str:
    if _is_lack_of_memory(error):
        return (
            "the memory is too small for what is asked: ask for fewer sketches, smaller batches "
            "or a smaller model, or stop other programs."
        )
    if isinstance(error, OSError) and error.strerror:
        # An open file's name is not in its errors.
        place = error.filename or ("standard output" if _cannot_print() else None)
        return f"{error.strerror}." if place is None else f"{place}: {error.strerror}."
    return str(error)


def _is_lack_of_memory(error: Exception) -> bool:
    kinds = {(kind.__module__.partition(".")[0], kind.__name__) for kind in type(error).__mro__}
    # By name, so that asking does not import TensorFlow.
    return bool(kinds & {("builtins", "MemoryError"), ("tensorflow", "ResourceExhaustedError")})


def _cannot_print() -> bool:
    # What could not be written is still in the stream's buffer, so that it fails once more.
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        return True
    return False


def _status(error: Exception) -> int | None:
    """Exit status of an error that is a user's or the machine's; None for one of ours."""
    # By name, so that asking does not import TensorFlow.
    statuses = {"UsageError": 2, "HParamsError": 2, "DataError": 2, "BackendError": 2}
    statuses |= {"ModelFileError": 2, "PageError": 2, "RunError": 1}
    for kind in type(error).__mro__:
        if kind.__module__.startswith("magenta_sketch") and kind.__name__ in statuses:
            return statuses[kind.__name__]
    return 1 if isinstance(error, OSError) or _is_lack_of_memory(error) else None


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
    """Write what is left; give it up when it can't be, so that Python does not try it again."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def parse_numbers(
    text: str, flag: str, *, most: int = 100_000, what: str = "sketches"
) -> list[int]:
    """``"0,7,20-23"``, the value of a flag, as [0, 7, 20, 21, 22, 23], in the order given.

    Raises:
      UsageError: the text is something else, or names more than ``most``.
    """
    numbers: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        # Twenty digits name more than there can be, and int refuses thousands of them.
        if len(part) > 40 or not first.isdecimal() or (dash and not last.isdecimal()):
            part = part if len(part) <= 40 else f"{part[:40]}..."
            text = text if len(text) <= 80 else f"{text[:80]}..."
            raise UsageError(
                f"--{flag}={text}: {part.strip()!r} is not a number or a range; write "
                "something like 0,7,20-23."
            )
        start, stop = int(first), int(last if dash else first) + 1
        if not start < stop <= start + 10_000:
            raise UsageError(
                f"--{flag}={text}: the range {part.strip()} is not usable: it must rise, by "
                "less than 10000."
            )
        numbers += range(start, stop)
        if len(numbers) > most:
            raise UsageError(f"--{flag} names more than {most} {what}: take them in several goes.")
    return numbers


def _flag_help(values: flags.FlagValues) -> str:
    lines = ["Flags:"]
    for flag_name in sorted(values):
        flag = values[flag_name]
        if flag_name != flag.name:  # a short name, listed with its long one
            continue
        default = "" if flag.default in (None, False, []) else f" [default: {flag.default}]"
        lines.append(f"  --{flag_name}: {flag.help}{default}")
    lines.append("  --flagfile: a file with one --flag=value a line, # comments (see configs/).")
    return "\n".join(lines)
