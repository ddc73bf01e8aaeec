"""Every flag file in configs/, read as its command reads it."""

import copy
import pathlib

import pytest

from magenta_sketch.cli import sweep, values
from magenta_sketch.cli import train as sketch_rnn_train
from magenta_sketch.config.hparams import HParams
from magenta_sketch.config.run_config import RunConfig
from magenta_sketch.study.plan import Axis, Plan, parse_other

CONFIGS = pathlib.Path(__file__).resolve().parents[2] / "configs"
FILES = sorted(CONFIGS.glob("*.cfg"))
STUDIES = [path for path in FILES if "--sweep=" in path.read_text(encoding="ascii")]
RUNS = [path for path in FILES if path not in STUDIES]
FULL_SIZE = CONFIGS / "noise_full_size.cfg"
CONTROLLED = ["noise_kanji", "noise_shapes"]
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


def plan_of(path):
    """The study that a flag file describes."""
    flags = read(path)
    given = {name: value for one in flags.hparams for name, value in one.items()}
    return Plan(
        tuple(map(Axis.parse, flags.sweep)),
        tuple(values.parse_numbers(flags.seeds, "seeds", what="seeds", most=1000)),
        RunConfig.of(**given, data_dir=flags.data_dir, bucket_by_length=flags.bucket_by_length),
        tuple(map(parse_other, flags.setting)),
    )


def test_the_studies_of_the_noise():
    assert {path.stem for path in STUDIES} == {
        "noise_scale",
        "noise_full_size",
        *("noise_shapes", "noise_kanji", "noise_sheep", "noise_quickdraw"),
    }


def test_the_full_size_is_magentas_and_the_rest_is_that_of_kanji():
    full, small = settings("noise_full_size"), settings("noise_kanji")
    sizes = ("enc_rnn_size", "dec_rnn_size", "z_size", "num_mixture", "batch_size")
    assert [full.to_dict()[name] for name in sizes] == [HParams().to_dict()[name] for name in sizes]
    own = {*sizes, "save_every"}
    for name, value in small.to_dict().items():
        assert name in own or full.to_dict()[name] == value
    assert plan_of(FULL_SIZE).seeds == (0,)


@pytest.mark.parametrize(
    "path", [one for one in STUDIES if one != FULL_SIZE], ids=lambda path: path.stem
)
def test_a_study_has_the_forks_scales_and_ten_seeds(path):
    plan = plan_of(path)
    assert read(path).out == f"studies/{path.stem}"
    assert plan.axes == (Axis("scale", (0.5, 1.0, 2.0, 4.0)),)
    assert plan.seeds == tuple(range(10))
    runs = 170 if path.stem in CONTROLLED else 40
    assert len(plan.trials()) == runs
    assert f": {runs} runs of" in path.read_text(encoding="ascii").partition("\n")[0]


def controls(plan, *names):
    """The other settings with these hyperparameters: their values and those of their partners."""
    found = [
        (dict(one.values), dict(plan.partner(one).values))
        for one, _ in plan.others
        if tuple(name for name, _ in one.values) == names
    ]
    return sorted(found, key=str)


@pytest.mark.parametrize("name", CONTROLLED)
def test_the_controls_are_those_of_the_predictions(name):
    """docs/noise_predictions.md, P2, P4 and P5."""
    plan, scales = plan_of(CONFIGS / f"{name}.cfg"), (0.5, 2.0, 4.0)
    kl_weight = plan.base.hparams.kl_weight
    own_prior = controls(plan, "scale", "kl_mu_weight")  # P2a
    assert own_prior == [({"scale": s, "kl_mu_weight": 1 / s**2}, {"scale": 1.0}) for s in scales]
    weighted = controls(plan, "scale", "kl_mu_weight", "decoder_z_scale")  # P2b
    assert sorted(one["decoder_z_scale"] for one, _ in weighted) == list(scales)
    for one, partner in weighted:
        assert one["scale"] == 1.0 and one["kl_mu_weight"] == one["decoder_z_scale"] ** 2
        assert partner == {"scale": one["decoder_z_scale"]}
    free = controls(plan, "scale", "kl_tolerance")  # P4
    of_scale_1 = {"scale": 1.0, "kl_tolerance": 0.0}
    assert free == [
        ({"scale": s, "kl_tolerance": 0.0}, {"scale": 1.0} if s == 1 else of_scale_1)
        for s in (0.5, 1.0, 2.0, 4.0)
    ]
    priced = controls(plan, "scale", "kl_weight")  # P5
    assert len(priced) == 3 and all(one["scale"] == 1.0 for one, _ in priced)
    for one, partner in priced:
        assert one["kl_weight"] == pytest.approx(kl_weight * partner["scale"] ** 2)
    assert len(plan.others) == 3 + 3 + 4 + 3


def test_the_other_studies_have_no_controls():
    for path in STUDIES:
        assert bool(plan_of(path).others) is (path.stem in CONTROLLED)


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
