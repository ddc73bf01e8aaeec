"""Fixtures shared by all tests."""

import os
import pathlib

import pytest


@pytest.fixture(scope="session")
def shared() -> pathlib.Path:
    """The folder of real inputs and reference numbers beside the checkout; skips when absent."""
    default = pathlib.Path(__file__).resolve().parents[2] / "shared"
    folder = pathlib.Path(os.environ.get("MAGENTA_SKETCH_SHARED", default))
    if not (folder / "REFERENCE.md").exists():
        pytest.skip(f"needs the reference files, which are not in {folder}")
    return folder


@pytest.fixture(scope="session")
def tiny_folder() -> pathlib.Path:
    """A folder with tiny.npz, some dozen small kanji."""
    return pathlib.Path(__file__).parent / "data"


def _train(root, folder, **changes):
    """Train once for all processes that tests run side by side in; return ``root``."""
    import fcntl

    root.parent.mkdir(exist_ok=True)
    with open(root.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.exists():
            _train_here(root.with_suffix(".new"), folder, **changes)
            root.with_suffix(".new").rename(root)
    return root


def _train_here(root, folder, **changes):
    from magenta_sketch import runs
    from magenta_sketch.config import RunConfig

    sizes = {"enc_rnn_size": 8, "dec_rnn_size": 12, "z_size": 4, "num_mixture": 2}
    given = {"data_set": ("tiny.npz",), "num_steps": 6, "save_every": 3, "batch_size": 8}
    config = RunConfig.of(**given | sizes | changes, data_dir=str(folder), seed=1)
    assert runs.train_run(runs.begin(config, root)) == 0


@pytest.fixture(scope="session")
def _runs(tmp_path_factory) -> pathlib.Path:
    """The folder of the trained runs, which all processes of the tests share."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "trained_runs"


@pytest.fixture(scope="session")
def trained_run(_runs, tiny_folder) -> pathlib.Path:
    """The log root of a small conditional model after six steps."""
    return _train(_runs / "conditional", tiny_folder)


@pytest.fixture(scope="session")
def unconditional_run(_runs, tiny_folder) -> pathlib.Path:
    """The log root of a small decoder-only model after six steps."""
    return _train(_runs / "unconditional", tiny_folder, conditional=False, dec_model="layer_norm")
