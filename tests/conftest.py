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
    from magenta_sketch import runs
    from magenta_sketch.config import RunConfig

    sizes = {"enc_rnn_size": 8, "dec_rnn_size": 12, "z_size": 4, "num_mixture": 2}
    given = {"data_set": ("tiny.npz",), "num_steps": 6, "save_every": 3, "batch_size": 8}
    config = RunConfig.of(**given | sizes | changes, data_dir=str(folder), seed=1)
    assert runs.train_run(runs.begin(config, root)) == 0
    return root


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory, tiny_folder) -> pathlib.Path:
    """The log root of a small conditional model after six steps."""
    return _train(tmp_path_factory.mktemp("runs") / "conditional", tiny_folder)


@pytest.fixture(scope="session")
def unconditional_run(tmp_path_factory, tiny_folder) -> pathlib.Path:
    """The log root of a small decoder-only model after six steps."""
    root = tmp_path_factory.mktemp("runs") / "unconditional"
    return _train(root, tiny_folder, conditional=False, dec_model="layer_norm")
