"""The --hparams string, its checks and messages, and model_config.json."""

import dataclasses
import json
import math
import pathlib
import re

import pytest

from magenta_sketch.config.hparams import HParams
from magenta_sketch.errors import HParamsError

CASES = json.loads(
    (pathlib.Path(__file__).resolve().parents[1] / "data" / "hparams_cases.json").read_text(
        encoding="utf-8"
    )
)

# The hyperparameters that neither Magenta nor its fork has.
OURS = {"reg_covar": 0.0, "kl_mu_weight": 1.0, "decoder_z_scale": 1.0}
# Magenta's names and defaults, in Magenta's order, then ours.
DEFAULTS = {
    "data_set": ("aaron_sheep.npz",),
    "num_steps": 10000000,
    "save_every": 500,
    "max_seq_len": 250,
    "dec_rnn_size": 512,
    "dec_model": "lstm",
    "enc_rnn_size": 256,
    "enc_model": "lstm",
    "z_size": 128,
    "kl_weight": 0.5,
    "kl_weight_start": 0.01,
    "kl_tolerance": 0.2,
    "batch_size": 100,
    "grad_clip": 1.0,
    "num_mixture": 20,
    "learning_rate": 0.001,
    "decay_rate": 0.9999,
    "kl_decay_rate": 0.99995,
    "min_learning_rate": 0.00001,
    "use_recurrent_dropout": True,
    "recurrent_dropout_prob": 0.9,
    "use_input_dropout": False,
    "input_dropout_prob": 0.9,
    "use_output_dropout": False,
    "output_dropout_prob": 0.9,
    "random_scale_factor": 0.15,
    "augment_stroke_prob": 0.1,
    "conditional": True,
    "is_training": True,
    "scale": 1.0,
    **OURS,
}

# What the message says, for each case that is refused.
MESSAGES = {
    "num_steps=1e4": r"num_steps must be a whole number >= 1, got '1e4'; .* as 10000$",
    "num_steps=3.0": r"num_steps must be a whole number >= 1, got '3.0'; .* as 3$",
    "scale=": r"scale must be a finite number >= 0, got nothing at character 7",
    "nope=3": r"unknown hyperparameter 'nope' at character 1 .*known ones are data_set, num_steps",
    "scale=1,scale=2": r"scale is set a second time.* character 9 \(after 'scale=1,'",
    "use_recurrent_dropout=yes": r"use_recurrent_dropout must be true or false.*, got 'yes'",
    "data_set=[a.npz": r"data_set has a list without its end.* 10 \(after 'data_set=', before '\[a",
    "dec_model=lstm z_size=3": (
        r"dec_model must be one of lstm, layer_norm, hyper, got 'lstm z_size=3' \(is a comma miss"
    ),
    "scale=nan": r"scale must be a finite number >= 0, got 'nan'; use for example scale=1.0",
    "scale=-1": r"scale must be a finite number >= 0, got '-1'",
    "data_set=[]": r"data_set must be a list of one or more names, got '\[\]'",
    "batch_size=0": r"batch_size must be a whole number >= 1, got '0'",
    "recurrent_dropout_prob=0": r"recurrent_dropout_prob must be .* in \(0, 1\], got '0'",
}


def label(value):
    """A short name for a parameter of a test, of which some have thousands of digits."""
    if isinstance(value, int) and abs(value) > 10**20:
        return "huge"
    return ascii(value).strip("'")[:40]


def refusal(function, *args, **kwargs):
    """The message of the HParamsError that the call raises, which is one line."""
    with pytest.raises(HParamsError) as caught:
        function(*args, **kwargs)
    message = str(caught.value)
    assert message.isprintable() and len(message) < 1000
    return message


def test_defaults_and_their_order():
    values = {f.name: f.default for f in dataclasses.fields(HParams)}
    assert list(values.items()) == list(DEFAULTS.items())
    assert all(type(values[name]) is type(default) for name, default in DEFAULTS.items())


def test_defaults_are_the_recorded_ones(shared):
    recorded = json.loads((shared / "baselines.json").read_text())["hparam_defaults"]
    assert list(HParams().to_dict().items()) == [*recorded.items(), *OURS.items()]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["text"] or "empty")
def test_case(case):
    text, expected = case["text"], case.get("set", case.get("here"))
    if isinstance(expected, str):
        assert expected.startswith("error")
        assert re.search(MESSAGES[text], refusal(HParams.parse, text))
        return
    result = HParams.parse(text)
    assert result.to_dict() == HParams().to_dict() | expected
    given = HParams.parse_assignments(text)
    assert {k: list(v) if isinstance(v, tuple) else v for k, v in given.items()} == expected
    assert all(type(given[name]) is type(DEFAULTS[name]) for name in given)


def test_the_cases_of_shared_are_the_ones_tested(shared):
    assert json.loads((shared / "hparams_cases.json").read_text()) == CASES


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("scale=1e-3", "scale", 0.001),
        ("scale=+.5", "scale", 0.5),
        ("scale = 2", "scale", 2.0),
        ("scale=-0.0", "scale", 0.0),
        ("batch_size=+007", "batch_size", 7),
        ("num_steps=9223372036854775807", "num_steps", 2**63 - 1),
        ("conditional=-1", "conditional", True),
        ("conditional=00", "conditional", False),
        ("conditional=" + "9" * 400, "conditional", True),
        ("dec_model='hyper'", "dec_model", "hyper"),
        ("data_set='a b.npz'", "data_set", ("a b.npz",)),
        ("data_set=a=b.npz", "data_set", ("a=b.npz",)),
        ("data_set=[a=b.npz,]", "data_set", ("a=b.npz",)),
        ("data_set = [ a.npz ,\n b.npz ] ,", "data_set", ("a.npz", "b.npz")),
        (
            "data_set=['a, b].npz' \"it's.npz\" d'or.npz]",
            "data_set",
            ("a, b].npz", "it's.npz", "d'or.npz"),
        ),
        ("data_set=[../x/a-1.npz,C:\\b.npz]", "data_set", ("../x/a-1.npz", "C:\\b.npz")),
        ("random_scale_factor=0", "random_scale_factor", 0.0),
        ("augment_stroke_prob=1", "augment_stroke_prob", 1.0),
        ("recurrent_dropout_prob=1", "recurrent_dropout_prob", 1.0),
        ("is_training=false", "is_training", False),
        ("max_seq_len=10", "max_seq_len", 10),
    ],
    ids=label,
)
def test_accepted(text, name, value):
    result = HParams.parse_assignments(text)
    assert result == {name: value}
    assert type(result[name]) is type(value)
    assert getattr(HParams.parse(text), name) == value


def test_negative_zero_is_zero():
    assert math.copysign(1, HParams.parse("scale=-0.0").scale) == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("scal=2", r"unknown hyperparameter 'scal' at character 1 .*; did you mean 'scale'\?"),
        ("scale=1,Z-Size=2", r"'Z-Size' at character 9 .*; did you mean 'z_size'\?"),
        ("x" * 500 + "=1", r"unknown hyperparameter 'x{39}\.\.\. \(502 characters\)"),
        ("a\nb=1", r"unknown hyperparameter 'a\\nb'"),
        (",", r"expected name=value; at character 1 \(before ','\)"),
        ("scale=1,,z_size=2", r"expected name=value; at character 9"),
        ("=3", r"expected name=value; at character 1"),
        ("scale", r"expected name=value \(nothing follows scale; .*\); at character 1 \(before"),
        ("scale=1 z_size=2", r"scale must be .*, got '1 z_size=2' \(is a comma missing\?\)"),
        ("scale==1", r"scale must be a finite number >= 0, got '=1'"),
        ("scale=[1]", r"scale takes one value, leave out the brackets; at character 7"),
        ("scale=1]", r"scale has a stray ']'.* character 8"),
        ("data_set=a[1]", r"data_set has a stray '\['.* character 11"),
        ("data_set[0]=a", r"expected name=value"),
        ("data_set=[a,[b]]", r"data_set has a list in a list.* character 13"),
        ("data_set=[a,scale=1", r"a list without its end, add ']', .*; at character 10"),
        ("data_set=[a]scale=1", r"expected a comma after the value of data_set; at character 13"),
        ("data_set=[a] scale=1", r"expected a comma .* \(after 'data_set=\[a\] ', before 'scale"),
        ("data_set=a,b", r"square brackets, name=\[a, b\]\); at character 12"),
        ("data_set=a b", r"data_set has several items, put them in \[ \]; at character 10"),
        ("data_set=['a]", r"data_set has a quote without its end, add '; at character 11"),
        ("data_set=['a'b]", r"data_set needs a comma or space after the closing quote; .* 14"),
        ("data_set=", r"data_set must be a list of one or more names, got nothing .* 10"),
        ("data_set=['']", r"data_set must be .*; replace '', which is no name"),
        ("data_set=[a\0b]", r"data_set must be .*; replace 'a\\x00b', which is no name"),
        ("dec_model='hyper' lstm", r"expected a comma after the value of dec_model"),
        ("dec_model=LayerNorm", r"dec_model must be one of .*; did you mean 'layer_norm'\?"),
        ("enc_model=gru", r"enc_model must be one of lstm, layer_norm, hyper, got 'gru'; use for"),
        ("conditional=", r"conditional must be true or false.*, got nothing at character 13"),
        ("conditional=TRUE", r"conditional must be true or false.*, got 'TRUE'"),
        ("conditional=1.0", r"conditional must be true or false.*, got '1.0'"),
        ("z_size=1_0", r"z_size must be a whole number >= 1, got '1_0'"),
        ("z_size=\u0661", r"z_size must be a whole number >= 1"),
        ("z_size=--1", r"z_size must be a whole number >= 1, got '--1'"),
        ("z_size=2147483648", r"z_size must .*too large, the largest is 1000000"),
        ("num_steps=9223372036854775808", r"the largest is 9223372036854775807"),
        ("z_size=" + "9" * 400, r"z_size must .* \(402 characters\); that is too large"),
        ("z_size=" + "9" * 9000, r"z_size must .* \(9002 characters\); that is too large"),
        ("z_size=-" + "9" * 9000, r"z_size must be a whole number >= 1, got '-999"),
        ("scale=" + "9" * 400, r"scale must .* \(402 characters\); that is too large"),
        ("scale=1e400", r"scale must .*, got '1e400'; that is too large, the largest is 3.4e\+38"),
        ("scale=1e39", r"scale must .*; that is too large"),
        ("scale=inf", r"scale must be a finite number >= 0, got 'inf'"),
        ("scale=1_0", r"scale must be a finite number >= 0, got '1_0'"),
        ("scale=0x10", r"scale must be a finite number >= 0, got '0x10'"),
        ("learning_rate=1e-6", r"min_learning_rate must be <= learning_rate, got 1e-05 > 1e-06"),
        ("min_learning_rate=1", r"min_learning_rate must be <= learning_rate"),
    ],
    ids=label,
)
def test_refused(text, message):
    assert re.search(message, refusal(HParams.parse, text))


WHOLE = [n for n, v in DEFAULTS.items() if type(v) is int]
SWITCHES = [n for n, v in DEFAULTS.items() if type(v) is bool]
CELLS = ["dec_model", "enc_model"]
NOT_NEGATIVE = ["kl_weight", "kl_weight_start", "kl_tolerance", "min_learning_rate"]
NOT_NEGATIVE += ["scale", "reg_covar", "kl_mu_weight"]
POSITIVE = ["grad_clip", "learning_rate", "decoder_z_scale"]
ABOVE_0_TO_1 = ["decay_rate", "kl_decay_rate", "recurrent_dropout_prob", "input_dropout_prob"]
ABOVE_0_TO_1 += ["output_dropout_prob"]
OUTSIDE = (
    [(name, bad) for name in WHOLE for bad in (0, -1, 2**63, 10**5000, 3.0, True, "3", None)]
    + [(name, bad) for name in SWITCHES for bad in (1, 0.0, "true", None)]
    + [(name, bad) for name in CELLS for bad in ("gru", "", 1, None, ["lstm"])]
    + [(name, bad) for name in NOT_NEGATIVE for bad in (-1e-9,)]
    + [(name, bad) for name in POSITIVE for bad in (0, -1)]
    + [(name, bad) for name in ABOVE_0_TO_1 for bad in (0, -0.1, 1.0001)]
    + [("random_scale_factor", bad) for bad in (-0.1, 1)]
    + [("augment_stroke_prob", bad) for bad in (-0.1, 1.1)]
    + [("data_set", bad) for bad in ([], "", [" "], [1], ["a\n"], None, 3, {"a": 1})]
    + [
        (name, bad)
        for name, default in DEFAULTS.items()
        if type(default) is float
        for bad in (math.nan, math.inf, -math.inf, 10**5000, -(10**400), True, "1", None, [1.0])
    ]
)


def test_every_field_has_a_value_it_refuses():
    assert {name for name, _ in OUTSIDE} == set(DEFAULTS)


@pytest.mark.parametrize(("name", "bad"), OUTSIDE, ids=label)
def test_values_are_checked_however_they_come(name, bad):
    for make in (
        lambda: HParams(**{name: bad}),
        lambda: HParams().replace(**{name: bad}),
        lambda: HParams.from_dict({name: bad}),
    ):
        assert refusal(make).startswith(f"{name} must be ")


def test_ranges_reach_their_ends():
    HParams(
        **dict.fromkeys(WHOLE, 1),
        **dict.fromkeys(NOT_NEGATIVE, 0),
        **dict.fromkeys(POSITIVE, 1e-9),
        **dict.fromkeys(ABOVE_0_TO_1, 1),
        random_scale_factor=0,
        augment_stroke_prob=1,
    )


def test_kept_types_are_those_of_the_defaults():
    hparams = HParams(scale=2, data_set=["a.npz", "b.npz"])
    assert type(hparams.scale) is float
    assert hparams.data_set == ("a.npz", "b.npz")
    assert HParams(data_set="a.npz").data_set == ("a.npz",)


def test_numpy_numbers_become_python_numbers():
    numpy = pytest.importorskip("numpy")
    hparams = HParams(z_size=numpy.int64(4), scale=numpy.float32(0.5))
    assert type(hparams.z_size) is int and type(hparams.scale) is float
    assert HParams.from_json(hparams.to_json()) == hparams


def test_is_an_immutable_hashable_value():
    hparams = HParams(data_set=["a.npz"], scale=2)
    same = HParams.parse("scale=2.0,data_set=[a.npz]")
    assert hparams == same and hash(hparams) == hash(same)
    assert hparams != HParams()
    with pytest.raises(dataclasses.FrozenInstanceError):
        hparams.scale = 1.0


# ---------------------------------------------------------------------------- several strings


def test_later_strings_win_and_keep_what_they_do_not_name():
    result = HParams.parse(["scale=1,z_size=4", "scale=2", ""])
    assert (result.scale, result.z_size) == (2.0, 4)
    assert HParams.parse_assignments(("scale=1", "scale=2")) == {"scale": 2.0}


def test_rules_between_settings_hold_for_the_strings_together():
    result = HParams.parse(["min_learning_rate=0.01", "learning_rate=0.1"])
    assert (result.min_learning_rate, result.learning_rate) == (0.01, 0.1)


def test_a_string_changes_its_base():
    base = HParams(z_size=4, learning_rate=1.0)
    assert HParams.parse("min_learning_rate=0.5", base) == base.replace(min_learning_rate=0.5)
    assert HParams.parse("", base) == base
    assert base.min_learning_rate == DEFAULTS["min_learning_rate"]


@pytest.mark.parametrize("text", [None, 3, b"scale=1", ["scale=1", None]])
def test_what_is_no_string_is_refused(text):
    assert "must be given as a string" in refusal(HParams.parse, text)


# ------------------------------------------------------------------------- replace, describe


def test_replace_refuses_unknown_names():
    assert "did you mean 'scale'?" in refusal(HParams().replace, scal=1)


def test_describe_has_a_line_for_each_with_its_default_and_rule():
    lines = HParams.describe().splitlines()
    assert [line.split("=")[0] for line in lines] == list(DEFAULTS)
    assert HParams.parse([line.split(": ")[0] for line in lines]) == HParams()
    assert lines[list(DEFAULTS).index("recurrent_dropout_prob")].endswith("in (0, 1]")


# ---------------------------------------------------------------------------------------- JSON


def test_json_round_trip_is_an_object_with_all_names():
    hparams = HParams.parse("data_set=[a.npz b.npz],scale=0.1,conditional=0,reg_covar=1e-6")
    read = json.loads(hparams.to_json())
    assert list(read) == list(DEFAULTS)
    assert read["data_set"] == ["a.npz", "b.npz"] and read["conditional"] is False
    assert HParams.from_json(hparams.to_json()) == hparams
    assert HParams.from_dict(hparams.to_dict()) == hparams


def test_files_of_magenta_and_the_fork_take_defaults_for_what_they_lack():
    values = HParams(z_size=4).to_dict()
    del values["reg_covar"], values["scale"]
    values["is_training"] = False
    result = HParams.from_json(json.dumps(values))
    assert (result.z_size, result.scale, result.reg_covar) == (4, 1.0, 0.0)
    assert HParams.from_json('{"learning_rate": 1}').learning_rate == 1.0
    assert HParams.from_json("{}") == HParams()


@pytest.mark.parametrize("run", ["cond_layer_norm", "cond_lstm", "uncond_hyper", "uncond_lstm"])
def test_configs_of_real_runs_are_read(shared, run):
    text = (shared / "checkpoints" / run / "model_config.json").read_text()
    hparams = HParams.from_json(text)
    assert (hparams.dec_rnn_size, hparams.enc_rnn_size, hparams.scale) == (12, 8, 0.0)
    assert hparams.conditional == run.startswith("cond_")
    assert hparams.to_dict() == {**json.loads(text), **OURS}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (json.dumps(list(DEFAULTS)[:-1]), r"list of their names without values, .*Magenta.*object"),
        ("[]", r"must be a JSON object, got \[\]; write name and value"),
        ('["a"]', r"must be a JSON object, got \['a'\]"),
        ("null", r"must be a JSON object, got None"),
        ('{"scal": 1}', r"unknown hyperparameter 'scal'; did you mean 'scale'\?"),
        ('{"scale": "1"}', r"scale must be a finite number >= 0, got '1'"),
        ('{"z_size": 4.0}', r"z_size must be a whole number >= 1, got 4.0"),
        ('{"conditional": "no"}', r"conditional must be true or false.*, got 'no'"),
        ('{"data_set": ["a", 3]}', r"data_set must be .*; replace 3, which is no name"),
        ('{"scale": NaN}', r"must be finite, got NaN"),
        ('{"scale": -Infinity}', r"must be finite, got -Infinity"),
        ('{"scale": 1e400}', r"scale must be a finite number >= 0, got inf"),
        ('{"scale": 1, "scale": 2}', r"'scale' stands more than once"),
        ('{"scale": 1,\n}', r"not valid JSON: .* at line \d, character \d+; correct the file"),
        ("", r"not valid JSON: .* at line 1"),
        ("[" * 100_000, r"nested too deeply"),
        ('{"z_size": ' + "9" * 9000 + "}", r"too large"),
        (b'{"scale": "\xff"}', r"not UTF-8"),
    ],
    ids=label,
)
def test_json_refused(text, message):
    assert re.search(message, refusal(HParams.from_json, text))
