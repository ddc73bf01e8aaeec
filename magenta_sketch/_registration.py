"""Have Keras know our model and layers as soon as both packages are imported.

``keras.saving.load_model`` makes registered classes only, and a class is registered when its module
is imported. `magenta_sketch` itself must stay light to import, so its modules that need TensorFlow
are imported when Keras is, which brings TensorFlow with it, and not before.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.abc
import importlib.util
import sys
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_MODULE = "magenta_sketch.nn.sketch_rnn"


def register_with_keras() -> None:
    """Import what registers our classes: now, if Keras is imported already, else right after it."""
    if "keras" in sys.modules:
        _register()
    else:
        sys.meta_path.insert(0, _AfterKeras())


def _register() -> None:
    # Where our own door to TensorFlow is importing Keras, the network's modules come next anyway.
    if "magenta_sketch._backend" not in sys.modules:
        with contextlib.suppress(ImportError):  # Keras has another backend: nothing of ours works
            importlib.import_module(_MODULE)


class _AfterKeras(importlib.abc.MetaPathFinder):
    """Finds Keras as Python does, and has `_register` called when it is imported; once."""

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        if fullname != "keras":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_register(module: ModuleType) -> None:
                execute(module)
                _register()

            # Of this one loader, which is not the class's any more.
            spec.loader.exec_module = execute_and_register  # type: ignore[method-assign]
        return spec
