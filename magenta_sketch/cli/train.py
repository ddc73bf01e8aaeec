"""Train a Sketch-RNN: Magenta's command line, and a little more.

    python sketch_rnn_train.py --flagfile=configs/quickstart.cfg
    python sketch_rnn_train.py --log_root=models/cats --data_dir=datasets \\
        --hparams="data_set=[cat.npz],scale=2.0,num_steps=10000"
    python sketch_rnn_train.py --log_root=models/cats --resume_training
    python sketch_rnn_train.py --log_root=models/birds --init_from=bird.gen.json \\
        --data_dir=datasets --hparams="data_set=[bird.npz],num_steps=2000"
"""

import sys

from absl import flags

from magenta_sketch.cli import common, run_flags
from magenta_sketch.config.hparams import HParams

FLAGS = common.new_flags()
run_flags.define(
    FLAGS,
    data_dir=f"Default: {common.MAGENTA_DATA_URL} for a new run, the run's own for a resumed one.",
)
flags.DEFINE_string(
    "log_root",
    "models/default",
    "Folder for the run: checkpoints, configuration, TensorBoard events, pictures.",
    flag_values=FLAGS,
)
flags.DEFINE_boolean(
    "resume_training", False, "Go on with the run that log_root holds.", flag_values=FLAGS
)
flags.DEFINE_boolean(
    "overwrite", False, "Delete the run that log_root holds and begin anew.", flag_values=FLAGS
)
flags.DEFINE_string(
    "init_from",
    None,
    "Begin with the weights of this model: a run's log_root (its best checkpoint), a Magenta "
    "checkpoint directory or a Sketch-RNN-JS file. Its sizes and cells are the run's; all else is "
    "as given or default.",
    flag_values=FLAGS,
)
flags.DEFINE_boolean(
    "init_optimizer",
    False,
    "With --init_from: take Adam's moments and the step count too, from which the schedules "
    "follow: go on where that training stopped (a run's newest checkpoint). num_steps and "
    "num_epochs count its steps as well.",
    flag_values=FLAGS,
)
flags.DEFINE_integer(
    "seed",
    None,
    "Seed of everything random: equal seeds give equal runs. Default: 0.",
    lower_bound=0,
    upper_bound=2**63 - 1,
    flag_values=FLAGS,
)
flags.DEFINE_string(
    "save_image_dir",
    None,
    "Folder for an SVG grid of reconstructions and new sketches at each evaluation.",
    flag_values=FLAGS,
)

DOC = f"{__doc__}\nHyperparameters (--hparams), with their defaults:\n\n{HParams.describe()}"


def main() -> int:
    """Begin or resume the run that the flags describe, train it, and say what was written."""
    given = run_flags.given_hparams(FLAGS)
    if FLAGS.resume_training and FLAGS.overwrite:
        raise common.UsageError("give one of --resume_training and --overwrite, not both.")
    if FLAGS.resume_training and (FLAGS.init_from or FLAGS.init_optimizer):
        raise common.UsageError(
            "leave out --init_from: a run that is resumed goes on from its own checkpoint."
        )
    if FLAGS.init_optimizer and not FLAGS.init_from:
        raise common.UsageError("--init_optimizer goes with --init_from, which is missing.")
    if not FLAGS.log_root:
        raise common.UsageError("--log_root is empty: name the run's folder.")
    common.require_finite(FLAGS, "num_epochs")
    if not FLAGS.resume_training:
        HParams(**given)  # together they must be consistent, before any work is done
    print(f"sketch_rnn_train: run in {FLAGS.log_root}; starting TensorFlow ...", flush=True)
    # Here, because TensorFlow takes seconds to import: first the flags, and a word to the user.
    from magenta_sketch import runs
    from magenta_sketch.training.run_folder import RunFolder
    from magenta_sketch.training.step import make_deterministic, use_threads

    use_threads()
    make_deterministic()
    folder = RunFolder(FLAGS.log_root)
    if FLAGS.resume_training:
        info, data = runs.resume(
            folder,
            given,
            data_dir=FLAGS.data_dir,
            seed=FLAGS.seed,
            num_epochs=FLAGS.num_epochs,
            mixed_precision=FLAGS.mixed_precision,
            bucket_by_length=FLAGS.bucket_by_length,
        )
    else:
        info, data = runs.begin(
            folder,
            given,
            data_dir=FLAGS.data_dir or common.MAGENTA_DATA_URL,
            seed=FLAGS.seed or 0,
            overwrite=FLAGS.overwrite,
            num_epochs=FLAGS.num_epochs,
            mixed_precision=bool(FLAGS.mixed_precision),
            bucket_by_length=bool(FLAGS.bucket_by_length),
            init_from=FLAGS.init_from or None,
            init_optimizer=FLAGS.init_optimizer,
        )
    return runs.train(
        folder,
        info,
        data,
        resumed=FLAGS.resume_training,
        image_dir=FLAGS.save_image_dir or None,
    )


def run() -> None:
    """Entry point of the console script."""
    sys.exit(common.run_program("sketch_rnn_train", DOC, FLAGS, main))


if __name__ == "__main__":
    run()
