"""What a study trains."""

import json

import pytest

from magenta_sketch.config.hparams import HParams
from magenta_sketch.config.run_config import RunConfig
from magenta_sketch.errors import HParamsError
from magenta_sketch.study.plan import Axis, Plan, Setting, Trial, parse_other


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


# ------------------------------------------------------------------ settings besides the axes


def with_others(*others, sweeps=("scale=0.5,1,2,4",), seeds=(0, 1), **assignments):
    base = RunConfig.of(**assignments, data_dir="datasets")
    return Plan(tuple(map(Axis.parse, sweeps)), seeds, base, tuple(map(parse_other, others)))


def test_a_setting_is_parsed_with_its_partner():
    setting, partner = parse_other("scale=2, kl_mu_weight=0.25 vs scale=1")
    assert setting == Setting((("scale", 2.0), ("kl_mu_weight", 0.25)))
    assert partner == Setting((("scale", 1.0),))
    alone, none = parse_other("dec_model=hyper,data_set=[a.npz, b.npz]")
    assert alone == Setting((("dec_model", "hyper"), ("data_set", ("a.npz", "b.npz"))))
    assert none is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"a setting must be name=value,..., got ''"),
        (" vs scale=1", r"a setting must be name=value,..., got ''"),
        ("scale=1 vs ", r"a setting must be name=value,..., got ''"),
        ("scael=1", "did you mean 'scale'"),
        ("scale=1 vs scael=1", "did you mean 'scale'"),
        ("scale=-1", "scale must be a finite number >= 0"),
        ("scale", "scale"),
        ("max_seq_len=9", "max_seq_len cannot be swept"),
        ("scale=1 vs is_training=0", "is_training cannot be swept"),
        ("scale=1 vs scale=2 vs scale=4", "scale"),
    ],
)
def test_a_malformed_setting_is_refused(text, message):
    with pytest.raises(HParamsError, match=message):
        parse_other(text)


def test_other_settings_follow_those_of_the_axes_and_have_every_seed():
    found = with_others("scale=2,kl_mu_weight=0.25 vs scale=1", "kl_weight=0.1", seeds=(0, 3))
    labels = ["scale 0.5", "scale 1", "scale 2", "scale 4"]
    labels += ["scale 2, kl_mu_weight 0.25", "kl_weight 0.1"]
    assert [one.label for one in found.settings()] == labels
    assert [trial.name for trial in found.trials()][-2:] == [
        "scale-2_kl_mu_weight-0.25_seed-3",
        "kl_weight-0.1_seed-3",
    ]
    assert len(found.trials()) == 12


def test_other_settings_replace_what_is_given_for_all():
    found = with_others("kl_weight=0.1", kl_weight=0.7, z_size=8)
    first, *_, last = (found.config(one).hparams for one in found.settings())
    assert first == HParams(scale=0.5, kl_weight=0.7, z_size=8)
    assert last == HParams(kl_weight=0.1, z_size=8)


def partners(one):
    found = {setting.label: one.partner(setting) for setting in one.settings()}
    return {label: partner and partner.label for label, partner in found.items()}


def test_each_setting_is_compared_with_its_partner_or_the_reference():
    found = with_others("scale=2,kl_mu_weight=0.25 vs scale=4", "kl_weight=0.1")
    assert found.reference.label == "scale 1" and found.main == "scale"
    assert partners(found) == {
        "scale 0.5": "scale 1",
        "scale 1": None,
        "scale 2": "scale 1",
        "scale 4": "scale 1",
        "scale 2, kl_mu_weight 0.25": "scale 4",
        "kl_weight 0.1": "scale 1",
    }


def test_other_settings_can_be_compared_with_each_other():
    found = with_others(
        "scale=1,kl_tolerance=0", "scale=2,kl_tolerance=0 vs scale=1,kl_tolerance=0"
    )
    assert partners(found)["scale 2, kl_tolerance 0"] == "scale 1, kl_tolerance 0"
    assert partners(found)["scale 1, kl_tolerance 0"] == "scale 1"


def test_without_the_default_the_first_value_is_the_reference():
    assert plan("z_size=8,32").reference.label == "z_size 8"
    assert plan("z_size=8,128").reference.label == "z_size 128"


def test_with_two_axes_the_first_is_compared_at_each_value_of_the_second():
    grid = plan("scale=0.5,1", "z_size=8,16")  # 128, the default, is not among them
    assert grid.reference.label == "scale 1, z_size 8"
    assert partners(grid) == {
        "scale 0.5, z_size 8": "scale 1, z_size 8",
        "scale 0.5, z_size 16": "scale 1, z_size 16",
        "scale 1, z_size 8": None,
        "scale 1, z_size 16": None,
    }


def test_another_setting_of_two_values_beside_two_axes():
    grid = with_others("scale=2,kl_weight=0.1", sweeps=("scale=0.5,1", "z_size=8,128"))
    assert partners(grid)["scale 2, kl_weight 0.1"] == "scale 1, z_size 128"


def test_settings_without_a_sweep():
    found = with_others("kl_weight=0.1", "kl_weight=0.4,scale=2", sweeps=())
    assert (found.main, found.reference.label) == ("kl_weight", "kl_weight 0.1")
    assert partners(found) == {"kl_weight 0.1": None, "kl_weight 0.4, scale 2": "kl_weight 0.1"}


@pytest.mark.parametrize(
    ("others", "message"),
    [
        (["scale=2"], "two settings would have the same folder, scale-2: leave out one"),
        (["kl_weight=0.1", "kl_weight=0.1"], "the same folder, kl_weight-0.1: leave out one"),
        (
            ["kl_weight=0.1 vs scale=3"],
            "compared with scale 3, which is no other setting of the sweep: add it",
        ),
        (["min_learning_rate=0.1"], "min_learning_rate"),
    ],
)
def test_other_settings_that_cannot_be(others, message):
    with pytest.raises(HParamsError, match=message):
        with_others(*others)


def test_neither_a_sweep_nor_a_setting():
    with pytest.raises(HParamsError, match="one or two hyperparameters, or other settings, got 0"):
        with_others(sweeps=())


def test_other_settings_as_json_and_back():
    whole = with_others(
        "data_set=[a.npz],scale=2 vs scale=1",
        "dec_model=hyper",
        "use_recurrent_dropout=0",
        z_size=8,
    )
    values = json.loads(json.dumps(whole.to_dict()))
    assert Plan.from_dict(values) == whole
    assert values["others"] == [
        [{"data_set": ["a.npz"], "scale": 2.0}, {"scale": 1.0}],
        [{"dec_model": "hyper"}, None],
        [{"use_recurrent_dropout": False}, None],
    ]


def test_an_option_that_is_new_counts_only_if_it_is_given():
    """So that a study whose runs are of before can go on."""
    for given in ({}, {"evaluate_at_most": 7}):
        one = plan("scale=1,2", seeds=(4,), z_size=8, **given)
        for each in (one, Plan.from_dict(one.to_dict())):
            config = each.config(each.trials()[0])
            assert ("evaluate_at_most" in config.given) == bool(given)
            assert config.evaluate_at_most == given.get("evaluate_at_most", 10_000)


def test_a_plan_from_before_there_were_other_settings():
    values = plan("scale=1,2", seeds=(4,), z_size=8).to_dict()
    del values["others"]
    assert Plan.from_dict(values) == plan("scale=1,2", seeds=(4,), z_size=8)


@pytest.mark.parametrize(
    "others", [[[{"scael": 1}, None]], [[{"scale": 2}]], [None], 5, [[[1], None]]]
)
def test_damaged_other_settings_are_refused(others):
    values = plan("scale=1,2").to_dict() | {"others": others}
    with pytest.raises((HParamsError, KeyError, TypeError, AttributeError, ValueError)):
        Plan.from_dict(values)
