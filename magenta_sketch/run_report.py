"""What a run says of itself, in lines: what it trains, and the files that it wrote."""

from __future__ import annotations

import os
import pathlib
import shlex
import sys

from magenta_sketch import processor
from magenta_sketch._backend import tf
from magenta_sketch.config.run_config import RunConfig
from magenta_sketch.training.run_folder import RunFolder


def describe(
    config: RunConfig, count: int, total_steps: int, parameters: int, uses_xla: bool = False
) -> list[str]:
    """Return lines on a run: its model, its length, its modes, and warnings.

    Args:
      config: of the run.
      count: training sketches.
      total_steps: the step at which the run ends.
      parameters: how many the model has.
      uses_xla: whether XLA compiles the training step.
    """
    hps = config.hparams
    encoder = f"encoder {hps.enc_model} {hps.enc_rnn_size}, z {hps.z_size}, "
    lines = [
        f"model: {encoder if hps.conditional else 'unconditional, '}decoder {hps.dec_model} "
        f"{hps.dec_rnn_size}, {hps.num_mixture} mixture components, noise scale {hps.scale:g}; "
        f"{parameters:,} parameters",
        f"run: {total_steps} steps of {min(hps.batch_size, count)} sketches, seed {config.seed}",
    ]
    if config.modes():
        lines.append(f"modes: {', '.join(config.modes())}")
    if uses_xla:
        lines.append("XLA compiles the training step: the first step takes longer")
    if config.bucket_by_length:
        lines.append(f"validation and test: {_evaluated_form(config)}")
    no_gain = config.mixed_precision and processor.has_bfloat16() is False
    if no_gain and not tf.config.list_physical_devices("GPU"):
        lines.append(
            "warning: this processor has no bfloat16 instructions: mixed_precision makes training "
            "no faster here"
        )
    if hps.batch_size > count:
        lines.append(
            f"warning: batch_size is {hps.batch_size}, but there are {count} training "
            "sketches: each batch holds all of them"
        )
    return lines


def describe_evaluation(config: RunConfig, valid: int, test: int) -> list[str]:
    """Return a line on the sketches that evaluations use, if these are not all; else nothing.

    Args:
      config: of the run.
      valid, test: validation and test sketches.
    """
    most = config.evaluate_at_most
    if not most or max(valid, test) <= most:
        return []
    parts = [
        f"{min(most, count):,} of {count:,} {name}"
        for name, count in (("validation", valid), ("test", test))
    ]
    return [
        f"evaluation: {' and '.join(parts)} sketches, a fixed random part (evaluate_at_most; 0 for "
        "all)"
    ]


def _evaluated_form(config: RunConfig) -> str:
    if config.evaluates_to_first_end:
        return "recon to the first end row of each sketch, as in training"
    return (
        "recon over all rows up to max_seq_len, unlike in training (as this run was begun); "
        "masked_recon compares"
    )


def files_written(
    folder: RunFolder, step: int, image_dir: str | os.PathLike[str] | None
) -> list[str]:
    """Return lines on what a run of ``step`` steps has left, and a command to try next."""
    written = [
        ("newest/, best/", "checkpoints"),
        (folder.config.name, "hyperparameters"),
        ("events.out.tfevents.*", f"for tensorboard --logdir={folder.root}"),
        (folder.curve.name, "training curve"),
        (folder.sketches.name, "test sketches, reconstructions, new sketches: for a browser"),
    ]
    if image_dir is not None:
        written.append((str(image_dir), "the same picture at each evaluation"))
    return [
        f"done: {step} steps. Written to {folder.root}:",
        *(f"  {name:<24}{what}" for name, what in written),
        f"next: {next_command(folder)} --count=20",
    ]


def next_command(folder: RunFolder) -> str:
    """Return a command that draws with the model of a run."""
    program = "sketch_rnn_draw"
    beside = pathlib.Path(sys.executable).with_name(program)
    # Outside an activated virtual environment, the name needs its folder.
    on_path = any((pathlib.Path(place) / program).exists() for place in os.get_exec_path() if place)
    command = program if on_path or not beside.exists() else str(beside)
    return f"{shlex.quote(command)} --model_dir={shlex.quote(str(folder.root))}"
