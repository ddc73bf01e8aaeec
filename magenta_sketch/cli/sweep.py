"""Train every value of a hyperparameter for several seeds, measure the models, write a report.

    sketch_rnn_sweep --preset=noise_scale_kanji --jobs=2
    sketch_rnn_sweep --out=studies/z --sweep=z_size=8,32,128 --seeds=0-2 --data_dir=datasets \\
        --hparams="data_set=[cat.npz],num_steps=5000"
    sketch_rnn_sweep --out=studies/grid --sweep=scale=1,2 --sweep=kl_weight=0.2,0.5 ...

Each run is an ordinary log root in OUT/runs. The same command, given again after anything, keeps
what is finished, goes on with what was broken off, and adds what is new in --sweep or --seeds.
OUT/report/index.html is the report.
"""

from __future__ import annotations

import importlib.util
import math
import shlex
import sys
from typing import TYPE_CHECKING

from absl import flags

from magenta_sketch.cli import presets, program, run_flags, values
from magenta_sketch.config.hparams import HParams
from magenta_sketch.errors import HParamsError, UsageError
from magenta_sketch.training.run_folder import RunFolder

if TYPE_CHECKING:  # it imports TensorFlow
    from magenta_sketch.study.task import Engine

NAME = "sketch_rnn_sweep"
FLAGS = program.new_flags()
presets.define(FLAGS)
# --seeds has its place; a sweep begins with random weights.
run_flags.define(FLAGS, leave_out=("seed", "init_from", "init_optimizer"))
values.define_place(
    FLAGS, "out", None, "Folder of the study: its runs, measures and report.", kind="folder"
)
flags.DEFINE_multi_string(
    "sweep",
    ["scale=0.5,1,2,4"],
    "A hyperparameter and its values, name=value,value,...; two of them make a grid; given again "
    "for the same hyperparameter, the later wins.",
    flag_values=FLAGS,
)
flags.DEFINE_string(
    "seeds", "0-2", "Each value is trained with each of these, such as 0,1,7-9.", flag_values=FLAGS
)
flags.DEFINE_integer(
    "jobs",
    1,
    "Runs at a time on this machine, the cores shared out among them. One for each core is the "
    "fastest for small models, if the memory is enough.",
    lower_bound=1,
    flag_values=FLAGS,
)
flags.DEFINE_string(
    "ray_address",
    None,
    "Run on a Ray cluster in place of this machine alone: auto, or the address of its head. Needs "
    "pip install -e '.[ray]' on all its machines, and --out and --data_dir in folders "
    "that all of them see.",
    flag_values=FLAGS,
)
flags.DEFINE_integer(
    "ray_cpus", 1, "Cores of the cluster for each run.", lower_bound=1, flag_values=FLAGS
)
flags.DEFINE_integer(
    "ray_retries",
    3,
    "How often Ray takes up a run again whose machine or process has died.",
    lower_bound=0,
    flag_values=FLAGS,
)
flags.DEFINE_enum(
    "checkpoint",
    "newest",
    ["newest", "best"],
    "What is measured of each run: its end, or its lowest validation cost.",
    flag_values=FLAGS,
)
flags.DEFINE_list(
    "noises",
    ["0", "0.5", "1", "2", "4"],
    "Noise scales at which every model is evaluated, whatever it was trained at.",
    flag_values=FLAGS,
)
flags.DEFINE_integer(
    "draws", 5, "Noise draws that a loss is the mean of.", lower_bound=1, flag_values=FLAGS
)
flags.DEFINE_integer(
    "reconstructed",
    100,
    "Test sketches that are compared with their reconstructions.",
    lower_bound=2,
    flag_values=FLAGS,
)
flags.DEFINE_integer(
    "repeats",
    5,
    "Reconstructions of each, compared with each other.",
    lower_bound=2,
    flag_values=FLAGS,
)
flags.DEFINE_integer("new", 100, "New sketches from the prior.", lower_bound=2, flag_values=FLAGS)
flags.DEFINE_float(
    "temperature", 0.3, "Temperature of the new sketches, in (0, 1].", flag_values=FLAGS
)
flags.DEFINE_integer(
    "training",
    10_000,
    "Training sketches, chosen at random, that new ones are compared with.",
    lower_bound=1,
    flag_values=FLAGS,
)
flags.DEFINE_integer(
    "shown", 8, "Sketches of each kind that the report shows.", lower_bound=2, flag_values=FLAGS
)
flags.DEFINE_boolean(
    "report_only",
    False,
    "Train and measure nothing: write the report of the study in --out, as it was last begun, from "
    "the runs that are finished. Besides --out, --data_dir alone is looked at, for data that have "
    "moved. A sweep may be at work on it.",
    flag_values=FLAGS,
)

DOC = (
    f"{__doc__}\nHyperparameters (--hparams, --sweep), with their defaults:\n\n{HParams.describe()}"
)


def main() -> int:
    """Carry out the study that the flags describe."""
    from magenta_sketch.study.plan import Axis, Plan  # standard library alone

    values.require(FLAGS, "out")
    if RunFolder(FLAGS.out).holds_run():
        raise UsageError(f"--out={FLAGS.out} is the folder of a single run: name another one")
    if FLAGS.report_only:
        return _report_only()
    if not 0 < FLAGS.temperature <= 1:
        raise UsageError(f"--temperature must be in (0, 1], got {FLAGS.temperature:g}")
    noises = _noises()
    seeds = tuple(values.parse_numbers(FLAGS.seeds, "seeds", what="seeds", most=1000))
    try:
        # Later ones win, as among --hparams, so that a flag file's can be changed.
        axes = {axis.name: axis for axis in map(Axis.parse, FLAGS.sweep)}
        base = run_flags.read(FLAGS, check_data="data_set" not in axes)
        plan = Plan(tuple(axes.values()), seeds, base)
    except HParamsError as error:
        raise UsageError(str(error)) from error
    if FLAGS.ray_address and importlib.util.find_spec("ray") is None:
        raise UsageError(
            "--ray_address needs Ray, which is not installed here: pip install -e '.[ray]'"
        )
    runs = len(plan.trials())
    print(f"{NAME}: {runs} runs in {FLAGS.out}; starting TensorFlow ...", flush=True)
    # Here, because TensorFlow takes seconds to import: first the flags, and a word to the user.
    from magenta_sketch.study.definition import Study
    from magenta_sketch.study.folder import StudyFolder
    from magenta_sketch.study.measures import MeasureSettings
    from magenta_sketch.study.sweep import Stopped, run_study

    study = Study(
        StudyFolder(FLAGS.out),
        plan,
        MeasureSettings(
            checkpoint=FLAGS.checkpoint,
            noises=noises,
            draws=FLAGS.draws,
            reconstructed=FLAGS.reconstructed,
            repeats=FLAGS.repeats,
            new=FLAGS.new,
            temperature=FLAGS.temperature,
            training=FLAGS.training,
            shown=FLAGS.shown,
        ),
        shlex.join([NAME, *sys.argv[1:]]),
    )
    try:
        failed = run_study(study, _engine())
    except Stopped as stop:
        print(stop)
        return 128 + stop.signal_number
    if failed:
        print(f"{failed} of {runs} runs failed: the report says why; the same command tries again")
    return 1 if failed else 0


def _report_only() -> int:
    from magenta_sketch.study.folder import StudyFolder  # standard library alone

    if not StudyFolder(FLAGS.out).plan.exists():
        raise UsageError(f"--out={FLAGS.out} holds no study: run one there, without --report_only")
    from magenta_sketch.study.collecting import write_study_report
    from magenta_sketch.study.definition import Study

    study = Study.read(StudyFolder(FLAGS.out))
    if FLAGS.data_dir:
        study = study.with_data_in(FLAGS.data_dir)
    write_study_report(study)
    return 0


def _noises() -> tuple[float, ...]:
    try:
        noises = tuple(float(text) for text in FLAGS.noises)
    except ValueError:
        noises = (-1.0,)
    if not noises or not all(0 <= noise < math.inf for noise in noises):
        raise UsageError(
            f"--noises must be numbers >= 0, got {','.join(FLAGS.noises)!r}; use for example "
            "--noises=0,0.5,1"
        )
    return tuple(sorted(set(noises)))


def _engine() -> Engine:
    """Return the engine that was asked for."""
    if FLAGS.ray_address:
        from magenta_sketch.study.on_ray import RayEngine

        return RayEngine(FLAGS.ray_address, cpus=FLAGS.ray_cpus, retries=FLAGS.ray_retries)
    from magenta_sketch.study.local import LocalEngine
    from magenta_sketch.training.threads import own_cores

    cores = own_cores()
    if FLAGS.jobs > len(cores):
        raise UsageError(
            f"--jobs={FLAGS.jobs}: there are {len(cores)} cores, and each run needs one of its own"
        )
    return LocalEngine(FLAGS.jobs, cores)


def run() -> None:
    """Entry point of the console script."""
    sys.exit(program.run_program(NAME, DOC, FLAGS, main))


if __name__ == "__main__":
    run()
