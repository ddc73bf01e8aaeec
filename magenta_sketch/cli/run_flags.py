"""Flags of a run: defined from the options of `RunConfig`, and read back into a `RunConfig`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from absl import flags

from magenta_sketch.cli import model_flags
from magenta_sketch.config.hparams import HParams
from magenta_sketch.config.kinds import Place, Switch, show
from magenta_sketch.config.options import attempt, checked, options_of
from magenta_sketch.config.run_config import RunConfig
from magenta_sketch.data.data_dir import require_files


class _HParamsParser(flags.ArgumentParser[dict[str, Any]]):
    """Parser of one --hparams string. Its result is a dict: name -> value."""

    syntactic_help = "a comma-separated list of name=value"

    def parse(self, argument: Any) -> dict[str, Any]:
        if isinstance(argument, dict):
            return argument
        flagged = [name for name, one in options_of(RunConfig).items() if one.flag]
        return HParams.parse_assignments(argument, flags=flagged)

    def flag_type(self) -> str:
        return "hyperparameters"


class _OptionParser(flags.ArgumentParser[Any]):
    """Parser of one option of `RunConfig`."""

    def __init__(self, name: str):
        super().__init__()
        self.name, self.kind = name, options_of(RunConfig)[name].kind
        self.syntactic_help = self.kind.rule

    def parse(self, argument: Any) -> Any:
        if not isinstance(argument, str):
            return checked(RunConfig, self.name, argument)
        if isinstance(self.kind, Place):
            argument = os.path.expanduser(argument)
        value = attempt(RunConfig, self.name, self.kind.read, argument, show(argument))
        return checked(RunConfig, self.name, value, show(argument))

    def flag_type(self) -> str:
        return self.kind.rule


def define(values: flags.FlagValues, leave_out: Iterable[str] = ()) -> None:
    """Define --hparams, and a flag for each option of `RunConfig` that has one."""
    flags.DEFINE_multi(
        _HParamsParser(),
        flags.ArgumentSerializer(),
        "hparams",
        [],
        "Hyperparameters: name=value,name=value. May be given several times: later values win.",
        flag_values=values,
    )
    for name, declared in options_of(RunConfig).items():
        if not declared.flag or name in leave_out:
            continue
        if isinstance(declared.kind, Switch):
            flags.DEFINE_boolean(name, None, declared.help, flag_values=values)
        else:
            serializer: flags.ArgumentSerializer[Any] = flags.ArgumentSerializer()
            flags.DEFINE(_OptionParser(name), name, None, declared.help, values, serializer)


def read(
    values: flags.FlagValues, base: RunConfig | None = None, *, check_data: bool = True
) -> RunConfig:
    """Return ``base`` with the values of the flags. Options of these flags count as given.

    Files are checked as far as that is possible without TensorFlow.

    Args:
      base: None for the defaults.
      check_data: whether the files of the data set must be there.

    Raises:
      HParamsError: the settings contradict each other.
      DataError: files of the data set are missing.
      UsageError, RunError: a flag for a model names something else.
    """
    given: list[dict[str, Any]] = values["hparams"].value or []
    settings = {name: value for one in given for name, value in one.items()}
    for name, declared in options_of(RunConfig).items():
        # An empty path counts as omitted: a flag file may have one.
        if declared.flag and name in values and values[name].value not in (None, ""):
            settings[name] = values[name].value
            if isinstance(declared.kind, Place) and declared.kind.of_model:
                model_flags.require_model_at(name, str(values[name].value))
    config = (base or RunConfig()).asked(**settings)
    if check_data:
        require_files(config.data_dir, config.hparams.data_set)
    return config
