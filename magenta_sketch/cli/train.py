"""Train a Sketch-RNN. The command line is Magenta's, with a few more options.

    sketch_rnn_train --preset=quickstart
    python sketch_rnn_train.py --flagfile=configs/quickstart.cfg
    python sketch_rnn_train.py --log_root=models/cats --data_dir=datasets \\
        --hparams="data_set=[cat.npz],scale=2.0,num_steps=10000"
    python sketch_rnn_train.py --log_root=models/cats --resume_training
    python sketch_rnn_train.py --log_root=models/birds --init_from=bird.gen.json \\
        --data_dir=datasets --hparams="data_set=[bird.npz],num_steps=2000"
"""

import sys

from absl import flags

from magenta_sketch.cli import launching, presets, program, run_flags, values, workers
from magenta_sketch.config.hparams import HParams
from magenta_sketch.config.run_config import RunConfig
from magenta_sketch.errors import UsageError
from magenta_sketch.training.run_folder import RunFolder

FLAGS = program.new_flags()
presets.define(FLAGS)
run_flags.define(FLAGS)
workers.define(FLAGS)
values.define_place(
    FLAGS,
    "log_root",
    "models/default",
    "Folder for the run: checkpoints, configuration, TensorBoard events, pictures.",
    kind="folder",
)
flags.DEFINE_boolean(
    "resume_training",
    False,
    "Resume the run in log_root. Omitted settings keep their saved values.",
    flag_values=FLAGS,
)
flags.DEFINE_boolean(
    "overwrite", False, "Delete the run in log_root and start a new one.", flag_values=FLAGS
)
values.define_place(
    FLAGS,
    "save_image_dir",
    None,
    "Folder for a picture at each evaluation: reconstructions and new sketches, as SVG.",
    kind="folder",
)

DOC = f"{__doc__}\nHyperparameters (--hparams), with their defaults:\n\n{HParams.describe()}"


def main() -> int:
    """Start or resume the run that the flags describe, train it, and list the files written."""
    if FLAGS.resume_training and FLAGS.overwrite:
        raise UsageError("give one of --resume_training and --overwrite, not both")
    if FLAGS.resume_training and (FLAGS.init_from or FLAGS.init_optimizer):
        raise UsageError(
            "leave out --init_from: a run that is resumed goes on from its own checkpoint"
        )
    if not FLAGS.log_root:
        raise UsageError("--log_root is empty: name the run's folder")
    folder = RunFolder(FLAGS.log_root)
    saved = folder.read() if FLAGS.resume_training and folder.run.exists() else None
    config: RunConfig = run_flags.read(FLAGS, saved)
    if FLAGS.resume_training:
        folder.use_its_onednn()  # before TensorFlow is imported, which reading Slurm's tasks does
    cluster = workers.read(FLAGS)
    if cluster is not None and len(cluster.addresses) > config.hparams.batch_size:
        raise UsageError(
            f"{len(cluster.addresses)} workers, but a batch has {config.hparams.batch_size} "
            "sketches (batch_size): each worker needs one or more"
        )
    # A chief for whom others wait must tell them of an error, so it checks the folder later.
    checks_first = cluster is None or cluster.is_here
    if checks_first:
        _check_folder(folder)
    if cluster is not None and cluster.is_here:
        return launching.launch(
            cluster.addresses, "magenta_sketch.cli.train", lambda: _advice(folder)
        )
    if cluster is None or cluster.number == 0:
        print(f"sketch_rnn_train: run in {FLAGS.log_root}; starting TensorFlow ...", flush=True)
    # TensorFlow takes seconds to import: check the flags and print a line first.
    from magenta_sketch import runs, shared_runs
    from magenta_sketch.training.failures import last_good
    from magenta_sketch.training.threads import make_deterministic

    def begun() -> runs.Run:
        if not checks_first:
            _check_folder(folder)
        if FLAGS.resume_training:
            return runs.resume(config, folder.root)
        return runs.begin(config, folder.root, overwrite=FLAGS.overwrite)

    with (
        workers.joined(cluster, config) as all_workers,
        all_workers.losses_reported(lambda: last_good(folder)),
    ):
        make_deterministic()
        run = shared_runs.begin_together(all_workers, begun, folder.root)
        return runs.train_run(run, image_dir=FLAGS.save_image_dir or None, workers=all_workers)


def _advice(folder: RunFolder) -> str:
    if folder.run.exists():
        return "go on with --resume_training"
    return "start the command again"


def _check_folder(folder: RunFolder) -> None:
    """Raise RunError if the folder's content contradicts the flags, as far as its names show."""
    if folder.run.exists() and not FLAGS.resume_training and not FLAGS.overwrite:
        folder.require_no_run()
    # A Magenta checkpoint is refused later, with advice of its own.
    if FLAGS.resume_training and not any(folder.root.glob("*.index")):
        folder.require_run()


def run() -> None:
    """Run the command and exit with its status."""
    sys.exit(program.run_program("sketch_rnn_train", DOC, FLAGS, main))


if __name__ == "__main__":
    run()
