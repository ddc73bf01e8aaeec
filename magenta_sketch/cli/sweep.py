"""Train each value of a hyperparameter with several seeds, measure all models, write a report.

    sketch_rnn_sweep --preset=noise_shapes --jobs=2
    sketch_rnn_sweep --out=studies/z --sweep=z_size=8,32,128 --seeds=0-2 --data_dir=datasets \\
        --hparams="data_set=[cat.npz],num_steps=5000"
    sketch_rnn_sweep --out=studies/grid --sweep=scale=1,2 --sweep=kl_weight=0.2,0.5 ...

The report is OUT/report/index.html. Each run has its own folder in OUT/runs, as sketch_rnn_train
makes it. Running the command again keeps finished runs, resumes unfinished ones, and adds new
values of --sweep and --seeds.
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
# --seeds replaces --seed, and a sweep starts with random weights.
run_flags.define(FLAGS, leave_out=("seed", "init_from", "init_optimizer"))
values.define_place(
    FLAGS, "out", None, "Folder for the study: its runs, measures and report.", kind="folder"
)
flags.DEFINE_multi_string(
    "sweep",
    ["scale=0.5,1,2,4"],
    "A hyperparameter and its values: name=value,value,... Give it twice for a grid of two "
    "hyperparameters; the first is on the x axis of figures. For the same one, the last counts.",
    flag_values=FLAGS,
)
flags.DEFINE_multi_string(
    "setting",
    [],
    "One more setting, besides those of --sweep: name=value,... It replaces values of --hparams. "
    "The report compares it with the default of --sweep, or with the setting after ' vs ': "
    '"kl_weight=0.1 vs scale=2". Repeat the flag for several settings.',
    flag_values=FLAGS,
)
flags.DEFINE_string(
    "seeds",
    "0-2",
    "Seeds to train each value with, such as 0,1,7-9. Three give a first look; ten can show "
    "differences that are not chance.",
    flag_values=FLAGS,
)
flags.DEFINE_integer(
    "jobs",
    1,
    "How many runs to train at a time on this machine. They share the cores. Small models are "
    "fastest with one run per core, if there is enough memory.",
    lower_bound=1,
    flag_values=FLAGS,
)
flags.DEFINE_string(
    "ray_address",
    None,
    "Run on a Ray cluster: auto, or the address of its head. All machines need "
    "pip install -e '.[ray]', and must see the folders --out and --data_dir.",
    flag_values=FLAGS,
)
flags.DEFINE_integer(
    "ray_cpus", 1, "Cores for each run on a Ray cluster.", lower_bound=1, flag_values=FLAGS
)
flags.DEFINE_float(
    "ray_gpus",
    0.0,
    "GPUs for each run on a Ray cluster; 0.5 lets two runs share one.",
    lower_bound=0.0,
    flag_values=FLAGS,
)
flags.DEFINE_integer(
    "ray_retries",
    3,
    "How many times Ray retries a run whose machine or process died.",
    lower_bound=0,
    flag_values=FLAGS,
)
flags.DEFINE_enum(
    "checkpoint",
    "newest",
    ["newest", "best"],
    "Which checkpoint to measure: the newest, or the one with the lowest validation cost (best).",
    flag_values=FLAGS,
)
flags.DEFINE_list(
    "noises",
    ["0", "0.5", "1", "2", "4"],
    "Noise scales at which to evaluate every model.",
    flag_values=FLAGS,
)
flags.DEFINE_integer(
    "draws", 5, "Noise draws to average each loss over.", lower_bound=1, flag_values=FLAGS
)
flags.DEFINE_integer(
    "importance",
    1000,
    "Draws of the importance-weighted bound; 0: do not measure it.",
    lower_bound=0,
    flag_values=FLAGS,
)
flags.DEFINE_integer(
    "bounded",
    20,
    "Test sketches with an importance-weighted bound.",
    lower_bound=1,
    flag_values=FLAGS,
)
flags.DEFINE_integer(
    "reconstructed",
    100,
    "Test sketches to reconstruct and compare with their reconstructions.",
    lower_bound=2,
    flag_values=FLAGS,
)
flags.DEFINE_integer(
    "repeats",
    5,
    "Reconstructions of each of these sketches, compared with each other.",
    lower_bound=2,
    flag_values=FLAGS,
)
flags.DEFINE_integer(
    "new", 100, "New sketches to draw from each prior.", lower_bound=4, flag_values=FLAGS
)
flags.DEFINE_float(
    "temperature", 0.3, "Temperature of the new sketches, in (0, 1].", flag_values=FLAGS
)
flags.DEFINE_integer(
    "training",
    1000,
    "Training sketches, chosen at random, to compare the new sketches with.",
    lower_bound=1,
    flag_values=FLAGS,
)
flags.DEFINE_integer(
    "shown", 8, "Sketches of each kind to show in the report.", lower_bound=2, flag_values=FLAGS
)
flags.DEFINE_boolean(
    "report_only",
    False,
    "Train and measure nothing: write the report of the finished runs in --out, with the study's "
    "saved settings. Of the other flags only --data_dir is used, for data that have moved. Works "
    "while the sweep is running.",
    flag_values=FLAGS,
)

DOC = (
    f"{__doc__}\nHyperparameters (--hparams, --sweep), with their defaults:\n\n{HParams.describe()}"
)


def main() -> int:
    """Run the study that the flags describe."""
    from magenta_sketch.study.plan import Axis, Plan, parse_other  # without TensorFlow

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
        # The last --sweep of a name counts, so that flags can override those of a flag file.
        axes = {axis.name: axis for axis in map(Axis.parse, filter(None, FLAGS.sweep))}
        others = tuple(map(parse_other, FLAGS.setting))
        base = run_flags.read(FLAGS, check_data="data_set" not in axes)
        plan = Plan(tuple(axes.values()), seeds, base, others)
    except HParamsError as error:
        raise UsageError(str(error)) from error
    _check_ray()
    runs = len(plan.trials())
    print(f"{NAME}: {runs} runs in {FLAGS.out}; starting TensorFlow ...", flush=True)
    # TensorFlow takes seconds to import: check the flags and print a line first.
    from magenta_sketch.measures.result import MeasureSettings
    from magenta_sketch.study.definition import Study
    from magenta_sketch.study.folder import StudyFolder
    from magenta_sketch.study.sweep import Stopped, run_study

    study = Study(
        StudyFolder(FLAGS.out),
        plan,
        MeasureSettings(
            checkpoint=FLAGS.checkpoint,
            noises=noises,
            draws=FLAGS.draws,
            importance=FLAGS.importance,
            bounded=FLAGS.bounded,
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


def _check_ray() -> None:
    """Raise UsageError if the flags about Ray cannot be followed."""
    if FLAGS.ray_gpus > 1 and FLAGS.ray_gpus % 1:
        raise UsageError(
            f"--ray_gpus={FLAGS.ray_gpus:g}: give a part of one, such as 0.5, or whole ones"
        )
    if FLAGS.ray_address and importlib.util.find_spec("ray") is None:
        raise UsageError(
            "--ray_address needs Ray, which is not installed here: pip install -e '.[ray]'"
        )


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
    """Return the engine that the flags ask for."""
    if FLAGS.ray_address:
        from magenta_sketch.study.on_ray import RayEngine

        return RayEngine(
            FLAGS.ray_address, cpus=FLAGS.ray_cpus, gpus=FLAGS.ray_gpus, retries=FLAGS.ray_retries
        )
    from magenta_sketch.study.local import LocalEngine
    from magenta_sketch.training.threads import own_cores

    cores = own_cores()
    if FLAGS.jobs > len(cores):
        raise UsageError(
            f"--jobs={FLAGS.jobs}: there are {len(cores)} cores, and each run needs one of its own"
        )
    return LocalEngine(FLAGS.jobs, cores)


def run() -> None:
    """Run the command and exit with its status."""
    sys.exit(program.run_program(NAME, DOC, FLAGS, main))


if __name__ == "__main__":
    run()
