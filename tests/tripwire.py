"""Stopping a program at its n-th operation, for tests of what such a stop leaves behind."""

from __future__ import annotations

import os
import pathlib
import shutil
from typing import Any

import pytest

from magenta_sketch._backend import tf

FILE_OPERATIONS = (
    (os, "rename"),
    (os, "replace"),
    (os, "fsync"),
    (shutil, "rmtree"),
    (pathlib.Path, "mkdir"),
    (pathlib.Path, "unlink"),
    (tf.train.Checkpoint, "write"),
)


class Killed(BaseException):
    """Stands for SIGKILL: nothing of the program's clean-up works after it."""


class Tripwire:
    """Lets ``allowed`` of the operations ``targets`` happen, then acts on the next one.

    An exception is raised instead of the operation (if it is `Killed`, instead of all that follow,
    too); anything else is called before it.
    """

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        allowed: int,
        action: Any,
        targets: tuple[tuple[Any, str], ...] = FILE_OPERATIONS,
    ):
        self.left, self.action, self.sprung, self.operations = allowed, action, False, 0
        for owner, name in targets:
            monkeypatch.setattr(owner, name, self._wrapped(getattr(owner, name)))

    def _wrapped(self, original):
        def operation(*args, **kwargs):
            self.operations += 1
            killed = self.sprung and isinstance(self.action, Killed)
            if self.left == 0 or killed:
                self.left, self.sprung = -1, True
                if isinstance(self.action, BaseException):
                    if "ignore_errors" in kwargs and not isinstance(self.action, Killed):
                        return None
                    raise self.action
                self.action()
            self.left -= 1
            return original(*args, **kwargs)

        return operation
