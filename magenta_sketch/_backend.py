"""Import TensorFlow and Keras: without start-up messages, and with the right backend.

All modules use ``from magenta_sketch._backend import keras, tf``, so that importing
``magenta_sketch`` itself stays light. TensorFlow uses oneDNN where that is faster
(`magenta_sketch.processor`). ``MAGENTA_SKETCH_VERBOSE=1`` shows the start-up messages.
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
        # Without this, Keras would read ~/.keras/keras.json, which may name another backend.
        wanted = os.environ.setdefault("KERAS_BACKEND", "tensorflow")
        where = "the environment says KERAS_BACKEND="
    if wanted != "tensorflow":
        raise BackendError(
            f"magenta_sketch runs on Keras's TensorFlow backend, but {where}{wanted}: "
            "unset KERAS_BACKEND or set it to tensorflow, and start Python anew"
        )


@contextlib.contextmanager
def _hidden_standard_error() -> Iterator[None]:
    """Hide what native code writes to standard error; show it if the block fails.

    TensorFlow's C++ code writes its first lines before its log level can be set. Only redirecting
    the file descriptor hides them.
    """
    try:
        sys.stderr.flush()
        saved = os.dup(2)
    except (OSError, AttributeError, ValueError):  # there is no standard error
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
# A GPU's memory is taken as it is needed, not all at once, so that several programs can share it.
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
if "tensorflow" not in sys.modules:
    processor.choose_onednn()
if os.environ.get(VERBOSE_VARIABLE, "0") in ("", "0"):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _hidden_standard_error():
        import keras
        import tensorflow as tf
else:
    import keras
    import tensorflow as tf

__all__ = ["BackendError", "keras", "tf"]
