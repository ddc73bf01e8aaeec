"""Every error that a user can cause, under one base class that carries the program's exit status.

A message is one line: what is wrong, the rule, what came, what to do, as in "scale must be a finite
number >= 0, got '-1'; use for example scale=1.0". No full stop at its end, and no contractions.
"""

from __future__ import annotations


class SketchError(Exception):
    """Something that a user can mend; ``exit_status`` is what a program ends with.

    2: the request was wrong (a flag, a file, a hyperparameter). 1: the work broke off.
    """

    exit_status = 2


class UsageError(SketchError):
    """The command line asks for something that cannot be done."""


class HParamsError(SketchError, ValueError):
    """Hyperparameters or run options that cannot be used."""


class ArgumentError(SketchError, ValueError):
    """An argument of a function that cannot be used."""


class DataError(SketchError, ValueError):
    """Sketches that cannot be used: which, what is wrong and what to do."""


class ModelFileError(SketchError, ValueError):
    """A model file that cannot be read, or a format that cannot hold a model of ours."""


class PageError(SketchError, ValueError):
    """A web page that cannot be made."""


class BackendError(SketchError, ImportError):
    """Keras is set up for a backend that this project does not run on."""


class RunError(SketchError, RuntimeError):
    """A run's folder that cannot be used as asked or written, or a run that broke off."""

    exit_status = 1
