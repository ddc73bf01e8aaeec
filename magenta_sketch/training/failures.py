"""What goes wrong while a run writes, as one line that says what to do."""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Iterator

from magenta_sketch._backend import tf
from magenta_sketch.errors import RunError
from magenta_sketch.training.places import saved_steps
from magenta_sketch.training.run_folder import RunFolder


@contextlib.contextmanager
def writing(folder: RunFolder, what: str) -> Iterator[None]:
    """Make a failure of the body, which writes ``what``, a `RunError` that says what to do.

    But not BrokenPipeError: that the reader has gone is no fault of the place.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except (OSError, tf.errors.OpError) as error:
        # By the text, which is all that TensorFlow's errors have of the system's.
        full = reason(error) in map(os.strerror, (errno.ENOSPC, errno.EDQUOT, errno.EFBIG))
        raise RunError(
            f"{what} cannot be written: {reason(error)}; {last_good(folder)}; "
            f"{'make room' if full else 'mend that'} and go on with --resume_training"
        ) from error


def reason(error: BaseException) -> str:
    """The gist of an exception in one line."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = getattr(error, "message", None) or str(error) or type(error).__name__
    line = text.strip().splitlines()[0]
    # TensorFlow adds where in its machinery it was; a file's name is said by our own message.
    line = re.sub(r"^\{\{.*?\}\} ?|\s*\[Op:\w+\].*$", "", line)
    return line.rpartition("; ")[2].rstrip(". ")[:200]


def last_good(folder: RunFolder) -> str:
    """Return a clause that names the last good checkpoint."""
    steps = saved_steps(folder.newest)
    if not steps:
        return "no checkpoint had been written before"
    return f"the last good checkpoint, of step {steps[-1]}, is intact"
