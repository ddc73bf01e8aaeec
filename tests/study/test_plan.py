"""What a study trains."""

import json

import pytest

from magenta_sketch.config.hparams import HParams
from magenta_sketch.config.run_config import RunConfig
from magenta_sketch.errors import HParamsError
from magenta_sketch.study.plan import Axis, Plan, Setting, Trial


def plan(*sweeps, seeds=(0, 1), **assignments):
    base = RunConfig.of(**assignments, data_dir="datasets")
    return Plan(tuple(map(Axis.parse, sweeps)), seeds, base)


def test_values_are_parsed_as_hyperparameters_are():
    assert Axis.parse("scale=0.5, 1,2 ,4e0") == Axis("scale", (0.5, 1.0, 2.0, 4.0))
    assert Axis.parse("dec_model=lstm,hyper").values == ("lstm", "hyper")
    assert Axis.parse("use_recurrent_dropout=0,1").values == (False, True)
    assert Axis.parse("z_size=8").values == (8,)
    files = Axis.parse("data_set=[a.npz],[a.npz, b.npz],c.npz").values
    assert files == (("a.npz",), ("a.npz", "b.npz"), ("c.npz",))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("scale", "must be a name and values, got"),
        ("scale=", "must be a name and values, got"),
        ("=1,2", "name"),
        ("scael=1,2", "scale"),
        ("scale=1,-2", "scale"),
        ("scale=1,,2", "scale"),
        ("scale=1,1.0", "twice"),
        ("z_size=1,2.5", "z_size"),
        ("max_seq_len=100,200", "cannot be swept"),
        ("is_training=0,1", "cannot be swept"),
    ],
)
def test_a_sweep_that_is_none_is_refused(text, message):
    with pytest.raises(HParamsError, match=message):
        Axis.parse(text)


def test_trials_are_every_value_for_every_seed_seed_by_seed():
    names = [trial.name for trial in plan("scale=0.5,1,2,4", seeds=(0, 7)).trials()]
    scales = ["0.5", "1", "2", "4"]
    assert names == [f"scale-{scale}_seed-{seed}" for seed in (0, 7) for scale in scales]


def test_a_grid_of_two_is_every_pair():
    grid = plan("scale=1,2", "dec_model=lstm,hyper", seeds=(3,))
    assert [setting.label for setting in grid.settings()] == [
        "scale 1, dec_model lstm",
        "scale 1, dec_model hyper",
        "scale 2, dec_model lstm",
        "scale 2, dec_model hyper",
    ]
    assert grid.trials()[1] == Trial(grid.settings()[1], 3)
    assert grid.trials()[1].name == "scale-1_dec_model-hyper_seed-3"


def test_each_setting_has_its_own_hyperparameters_and_what_all_share():
    given = plan("scale=0.5,4", z_size=8, num_steps=5)
    found = [given.config(setting).hparams for setting in given.settings()]
    assert found == [HParams(scale=scale, z_size=8, num_steps=5) for scale in (0.5, 4.0)]


def test_names_are_safe_as_folders():
    setting = Setting((("data_set", ("a b.npz", "../c.npz")),))
    assert setting.key == "data_set-a+b.npz+..+c.npz"


def test_long_names_stay_apart_and_fit_into_a_file_name():
    many = [tuple(f"a{number}.npz" for number in range(count)) for count in (60, 61)]
    first, second = (Setting((("data_set", names),)).key for names in many)
    assert len(first) < 140 and len(second) < 140 and first != second


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: plan(), "one or two"),
        (lambda: plan("scale=1,2", "z_size=1,2", "kl_weight=0,1"), "one or two"),
        (lambda: plan("scale=1,2", "scale=3"), "swept twice"),
        (lambda: plan("scale=1,2", scale=1.0), "leave out one"),
        (lambda: plan("scale=1,2", seeds=()), "at least one seed"),
        (lambda: plan("scale=1,2", conditional=False), "no effect with conditional=false"),
        (lambda: plan("scale=1,2", seeds=(1, 1)), "seed is given twice"),
        (lambda: plan("min_learning_rate=0.1,0.5", learning_rate=0.2), "min_learning_rate"),
        (lambda: plan("data_set=[a b.npz],[a+b.npz]"), "same folder"),
    ],
)
def test_a_plan_that_can_t_be_is_refused(make, message):
    with pytest.raises(HParamsError, match=message):
        make()


def test_a_plan_as_json_and_back():
    whole = plan("data_set=[a.npz],[b.npz]", "scale=1,2", seeds=(4,), z_size=8)
    assert Plan.from_dict(json.loads(json.dumps(whole.to_dict()))) == whole
    text = json.dumps(plan("data_set=[a.npz],[b.npz]", seeds=(4,), z_size=8).to_dict())
    values = json.loads(text)
    assert values["sweep"] == {"data_set": [["a.npz"], ["b.npz"]]}
    assert values["seeds"] == [4] and values["hparams"] == {"z_size": 8}
