"""The flags that say what a run is, for the programs that train: one run, or many."""

from __future__ import annotations

from typing import Any

from absl import flags

from magenta_sketch.config.hparams import HParams


class HParamsParser(flags.ArgumentParser):
    """absl's parser of one --hparams string: the values it assigns, by name."""

    syntactic_help = "a comma-separated list of name=value"

    def parse(self, argument: Any) -> dict[str, Any]:
        return argument if isinstance(argument, dict) else HParams.parse_assignments(argument)

    def flag_type(self) -> str:
        return "hyperparameters"


def define(values: flags.FlagValues, data_dir: str) -> None:
    """Define the flags that say what a run is, besides its folder and its seed.

    ``data_dir`` ends the help of that flag: where data come from without it.
    """
    flags.DEFINE_string(
        "data_dir",
        None,
        "Folder or http(s) URL that holds the .npz files of the hyperparameter data_set. "
        f"{data_dir}",
        flag_values=values,
    )
    flags.DEFINE_multi(
        HParamsParser(),
        flags.ArgumentSerializer(),
        "hparams",
        [],
        "Hyperparameters as name=value,name=value; may be repeated, later ones win.",
        flag_values=values,
    )
    flags.DEFINE_float(
        "num_epochs",
        None,
        "End after as many steps as hold the training set this often, if that comes before "
        "num_steps. Kept with the run.",
        lower_bound=1e-6,
        flag_values=values,
    )
    flags.DEFINE_boolean(
        "mixed_precision",
        None,
        "Matrix products of training in bfloat16 (state, loss and variables stay float32; "
        "evaluation and drawing too): faster on CPUs and GPUs with bfloat16; reaches the same "
        "masked validation loss at the same number of steps, within the spread of seeds "
        "(docs/performance.md). Kept with the run. Default: off.",
        flag_values=values,
    )
    flags.DEFINE_boolean(
        "bucket_by_length",
        None,
        "At each point of a training batch, compute those sketches alone that are as long as that, "
        "each to its first end row: faster, the more the lengths differ. The cost is still divided "
        "by batch size times max_seq_len, but its pen loss counts one end row of a sketch in place "
        "of all up to max_seq_len; reaches the same masked validation loss at the same number of "
        "steps, within the spread of seeds (docs/performance.md). Kept with the run. Default: off.",
        flag_values=values,
    )


def given_hparams(values: flags.FlagValues) -> dict[str, Any]:
    """What all --hparams together assign, by name; later ones win."""
    return {name: value for one in values["hparams"].value for name, value in one.items()}
