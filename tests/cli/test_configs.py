"""Every flag file in configs/ is read as its program reads it."""

import copy
import pathlib

import pytest

from magenta_sketch.cli import sweep
from magenta_sketch.cli import train as sketch_rnn_train
from magenta_sketch.config.hparams import HParams
from magenta_sketch.config.run_config import RunConfig
from magenta_sketch.study.plan import Axis, Plan

CONFIGS = pathlib.Path(__file__).resolve().parents[2] / "configs"
FILES = sorted(CONFIGS.glob("*.cfg"))
STUDIES = [path for path in FILES if "--sweep=" in path.read_text(encoding="ascii")]
RUNS = [path for path in FILES if path not in STUDIES]
NAMED = ["aaron_sheep", "layer_norm", "hyper", "unconditional", "six_classes", "pytorch_port"]
FORK_EXAMPLE = (
    "data_set=[apple.npz, donut.npz, bus.npz, table.npz, calculator.npz, power_outlet.npz],"
    "scale=1.0, num_steps=10000,save_every=100,use_recurrent_dropout=0,kl_decay_rate=0.9999,"
    "min_learning_rate=0.0001"
)


def read(path, *later):
    """The flags of its program after --flagfile=path and then `later`."""
    values = copy.deepcopy(sweep.FLAGS if path in STUDIES else sketch_rnn_train.FLAGS)
    rest = values(["program", f"--flagfile={path}", *later])
    assert rest == ["program"]
    return values


def hparams(values):
    return HParams(**{name: value for given in values.hparams for name, value in given.items()})


def settings(name):
    return hparams(read(CONFIGS / f"{name}.cfg"))


def test_the_named_configurations_exist():
    assert set(NAMED) <= {path.stem for path in FILES}


@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.stem)
def test_is_read_and_has_its_own_log_root(path):
    values = read(path)
    assert values.log_root == f"models/{path.stem}"
    assert not values.resume_training and not values.overwrite
    assert values.hparams
    hparams(values)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_setting_stands_once_below_its_reason(path):
    text = path.read_text(encoding="ascii")  # absl reads it in whatever encoding the system has
    names = [name for given in read(path).hparams for name in given]
    assert len(names) == len(set(names))
    for block in text.split("\n\n"):
        lines = block.strip().splitlines()
        assert lines[0].startswith("#"), f"{path.name}: no reason above {lines[0]}"
        assert all(line.startswith(("# ", "--")) for line in lines)


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_a_study_is_of_the_fork_s_scales_with_three_seeds(path):
    values = read(path)
    assert values.out == f"studies/{path.stem}" and values.seeds == "0-2"
    axes = tuple(map(Axis.parse, values.sweep))
    given = {name: value for one in values.hparams for name, value in one.items()}
    plan = Plan(axes, (0, 1, 2), RunConfig.of(**given, data_dir=values.data_dir))
    assert axes == (Axis("scale", (0.5, 1.0, 2.0, 4.0)),) and len(plan.trials()) == 12


def different(hparams, others):
    """The hyperparameters that have another value there, with the value here."""
    return dict(vars(hparams).items() - vars(others).items())


def test_the_study_of_six_classes_differs_from_the_fork_s_example_in_how_often_it_looks():
    (path,) = [path for path in STUDIES if path.stem == "noise_scale"]
    assert different(settings("noise_scale"), HParams.parse(FORK_EXAMPLE)) == {"save_every": 1000}
    assert read(path).bucket_by_length


@pytest.mark.parametrize("path", RUNS, ids=lambda path: path.stem)
def test_flags_after_the_file_win(path):
    values = read(path, "--log_root=elsewhere", "--hparams=num_steps=7,data_set=[a.npz, b.npz]")
    changed = hparams(values)
    assert values.log_root == "elsewhere"
    assert changed == hparams(read(path)).replace(num_steps=7, data_set=["a.npz", "b.npz"])


def test_aaron_sheep_is_all_defaults():
    assert settings("aaron_sheep") == HParams()
    assert read(CONFIGS / "aaron_sheep.cfg").data_dir is None


def test_six_classes_is_the_example_of_the_fork():
    assert settings("six_classes") == HParams.parse(FORK_EXAMPLE)
    assert read(CONFIGS / "six_classes.cfg").data_dir == "datasets"


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("layer_norm", {"enc_model": "layer_norm", "dec_model": "layer_norm"}),
        ("hyper", {"enc_model": "layer_norm", "dec_model": "hyper"}),
        ("unconditional", {"dec_model": "layer_norm", "conditional": False}),
        ("pytorch_port", {"dec_model": "layer_norm", "reg_covar": 1e-6}),
    ],
)
def test_what_differs_from_the_defaults(name, changes):
    assert different(settings(name), HParams()) == changes
