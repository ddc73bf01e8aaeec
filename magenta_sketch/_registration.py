"""Register our model and layers with Keras as soon as both packages are imported.

``keras.saving.load_model`` can only make registered classes, and a class is registered when its
module is imported. Our modules need TensorFlow, but `magenta_sketch` must stay light to import. So
they are imported right after Keras, which imports TensorFlow anyway.
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
    """Register our classes: now if Keras is imported already, else right after its import."""
    if "keras" in sys.modules:
        _register()
    else:
        sys.meta_path.insert(0, _AfterKeras())


def _register() -> None:
    # If `_backend` is importing Keras, the network's modules are imported next anyway.
    if "magenta_sketch._backend" not in sys.modules:
        with contextlib.suppress(ImportError):  # Keras has another backend: our classes cannot work
            importlib.import_module(_MODULE)


class _AfterKeras(importlib.abc.MetaPathFinder):
    """Import hook that calls `_register` once, after Keras is imported."""

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

            # Changes this loader only, not its class.
            spec.loader.exec_module = execute_and_register  # type: ignore[method-assign]
        return spec
