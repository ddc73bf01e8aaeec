"""The one place that imports TensorFlow and Keras: quietly, and on the right backend.

Every module that needs them does ``from magenta_sketch._backend import keras, tf``, so that
importing ``magenta_sketch`` itself stays light and TensorFlow's start-up messages stay away.
TensorFlow uses oneDNN where that is faster (`magenta_sketch.processor`).
Set ``MAGENTA_SKETCH_VERBOSE=1`` to see those messages.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

from magenta_sketch import processor
from magenta_sketch.errors import BackendError

VERBOSE_VARIABLE = "MAGENTA_SKETCH_VERBOSE"


def _check_keras_backend() -> None:
    loaded = sys.modules.get("keras")
    if loaded is not None:
        wanted, where = loaded.backend.backend(), "Keras was already imported with "
    else:
        # Without this, Keras would read a user's ~/.keras/keras.json, which may name another one.
        wanted = os.environ.setdefault("KERAS_BACKEND", "tensorflow")
        where = "the environment says KERAS_BACKEND="
    if wanted != "tensorflow":
        raise BackendError(
            f"magenta_sketch runs on Keras's TensorFlow backend, but {where}{wanted}: "
            "unset KERAS_BACKEND or set it to tensorflow, and start Python anew"
        )


@contextlib.contextmanager
def _standard_error_held_back() -> Iterator[None]:
    """Swallow what native code writes to standard error, and show it if the body fails.

    TensorFlow's C++ side writes its first lines before its log level can be set, so only
    redirecting the file descriptor keeps them away.
    """
    try:
        sys.stderr.flush()
        saved = os.dup(2)
    except (OSError, AttributeError, ValueError):  # no standard error at all: nothing to hold back
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(saved, 2)
            held.seek(0)
            os.write(2, held.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)


_check_keras_backend()
if "tensorflow" not in sys.modules:
    processor.choose_onednn()
if os.environ.get(VERBOSE_VARIABLE, "0") in ("", "0"):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _standard_error_held_back():
        import keras
        import tensorflow as tf
else:
    import keras
    import tensorflow as tf

__all__ = ["BackendError", "keras", "tf"]
