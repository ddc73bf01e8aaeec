"""Runs of the training program, for its tests, and what they leave."""

import filecmp
import os
import subprocess
import sys

from forks import CHECKOUT

SCRIPT = "sketch_rnn_train.py"


DATA = CHECKOUT / "tests" / "data"


TINY = "enc_rnn_size=4,dec_rnn_size=4,z_size=2,num_mixture=2,batch_size=8"


# Everything random is on, as in a user's run.
RUN = f"--hparams=data_set=[tiny.npz],{TINY},use_input_dropout=1,use_output_dropout=1"


LENGTH = "--hparams=num_steps=24,save_every=8"


def fresh(*arguments, cwd, **environment):
    """The program as the first of a user's day: a Python of its own, both streams in one."""
    variables = {k: v for k, v in os.environ.items() if k not in ("KERAS_BACKEND",)}
    variables = {k: v for k, v in variables.items() if not k.startswith(("TF_", "MAGENTA_"))}
    done = subprocess.run(
        [sys.executable, str(CHECKOUT / SCRIPT), *arguments],
        cwd=cwd,
        env=variables | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.returncode, done.stdout


def checkpoints(place):
    return sorted(path.name for path in place.glob("*"))


def assert_same_run(root, other):
    """The same bits in every checkpoint there is in both, and the same numbers reported."""
    for kind in ("newest", "best"):
        last = sorted((root / kind).iterdir())[-1]
        # A step that was saved twice, as after a kill in between, stands in step-N.1.
        theirs = other / kind / last.name.partition(".")[0]
        names = [path.name for path in last.iterdir()]
        assert len(names) == 2
        _, different, missing = filecmp.cmpfiles(last, theirs, names, shallow=False)
        assert (different, missing) == ([], []), last
    assert (root / "history.jsonl").read_text() == (other / "history.jsonl").read_text()


def one_line(result, status):
    """The only line of an error's output; it stands on standard error."""
    assert result.status == status, result
    assert result.err.count("\n") == 1 and result.err.endswith("\n"), result.err
    assert "Traceback" not in result.err
    assert result.err.startswith("sketch_rnn_train: error: ")
    return result.err.strip()


# A drawing to be completed: an L of 100 x 80, and room for something that is not read as a stroke.
BEGUN = '<svg xmlns="http://www.w3.org/2000/svg"><path d="M10 5V85H110"/>%s</svg>'
