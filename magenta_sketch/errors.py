"""All errors that a user can cause, with one base class.

A message is one line: what is wrong, the rule, what was given, what to do, as in "scale must be a
finite number >= 0, got '-1'; use for example scale=1.0". It has no full stop at its end and no
contractions.
"""

from __future__ import annotations


class SketchError(Exception):
    """Base class of all errors that a user can fix.

    A program that fails with it ends with `exit_status`: 2 if the request was wrong (a flag, a
    file, a hyperparameter), 1 if the work failed later.

    >>> try:
    ...     magenta_sketch.HParams(scale=-1)
    ... except SketchError as error:
    ...     print(error.exit_status)
    2
    """

    exit_status = 2


class UsageError(SketchError):
    """A command line that asks for something impossible.

    >>> UsageError.exit_status
    2
    """


class HParamsError(SketchError, ValueError):
    """Hyperparameters or run options that cannot be used.

    >>> magenta_sketch.HParams(scale=-1)
    Traceback (most recent call last):
    HParamsError: scale must be a finite number >= 0, got -1
    """


class ArgumentError(SketchError, ValueError):
    """An argument of a function that cannot be used; a ValueError too.

    >>> magenta_sketch.load_data_set(["lines.npz"], ".", max_seq_len="ten")
    Traceback (most recent call last):
    ArgumentError: max_seq_len must be a whole number >= 1, got 'ten'
    """


class DataError(SketchError, ValueError):
    """Sketches that cannot be used. The message says which ones, why, and what to do.

    >>> magenta_sketch.load_data_set("cat.npz", ".")
    Traceback (most recent call last):
    DataError: cat.npz: no such file
    """


class ModelFileError(SketchError, ValueError):
    """A model file that cannot be read, or a format that cannot hold the model.

    >>> magenta_sketch.load("lines.npz")
    Traceback (most recent call last):
    ModelFileError: lines.npz is not a model
    """


class PageError(SketchError, ValueError):
    """A web page that cannot be made.

    >>> issubclass(PageError, ValueError)
    True
    """


class BackendError(SketchError, ImportError):
    """Keras uses a backend other than TensorFlow.

    >>> issubclass(BackendError, ImportError)
    True
    """


class RunError(SketchError, RuntimeError):
    """A run's folder that cannot be used or written, or a run that failed.

    >>> magenta_sketch.load("no_such_run")
    Traceback (most recent call last):
    RunError: no_such_run holds no run
    """

    exit_status = 1
