import dataclasses
import math
import statistics

import made_up
import numpy as np
import pytest
from magenta_sketch.study.findings import findings
from magenta_sketch.study.limits import limits
from magenta_sketch.study.spread import Spread, differs
from magenta_sketch.study.summary import summarise

from magenta_sketch.study import wording


def answers(result):
    return {one.question: " ".join(one.answers) for one in findings(summarise(result))}


def answer(result, start):
    (found,) = (text for question, text in answers(result).items() if question.startswith(start))
    return found


def with_scalar(name, values, **study):
    """A study over scale 1 and 2 in which a scalar has these values, {scale: one for each seed}."""

    def measured(seed, scale, **given):
        return made_up.measures(seed, scale=scale, **given, **{name: values[scale][seed]})

    seeds = range(len(next(iter(values.values()))))
    return made_up.study(("scale=" + ",".join(f"{s:g}" for s in values),), seeds, measured=measured)


# ------------------------------------------------------------------------- means, spreads, the rule


def test_a_spread_is_the_sample_standard_deviation():
    values = [0.3, 0.7, 0.2, 0.9]
    found = Spread.of(values)
    assert found.mean == pytest.approx(statistics.fmean(values))
    assert found.spread == pytest.approx(statistics.stdev(values))
    assert found.n == 4


def test_values_that_are_no_finite_numbers_are_left_out_and_not_counted():
    assert Spread.of([1.0, None, math.nan, 3.0, math.inf]) == (2.0, pytest.approx(math.sqrt(2)), 2)
    assert Spread.of([None, 5.0]) == (5.0, None, 1)
    assert Spread.of([None]) == (None, None, 0)


def test_the_rule_is_twice_the_combined_spread_with_three_seeds():
    combined = math.hypot(0.3, 0.4)
    a = Spread(1.0, 0.3, 3)
    assert not differs(a, Spread(1.0 + 1.99 * combined, 0.4, 3))
    assert differs(a, Spread(1.0 + 2.01 * combined, 0.4, 3))
    assert differs(Spread(1.0 + 2.01 * combined, 0.4, 3), a)
    assert not differs(a, Spread(100.0, 0.4, 2))
    assert not differs(Spread(1.0, None, 1), Spread(2.0, None, 1))


def test_settings_are_in_the_order_of_their_numbers_and_slices_hold_the_second_axis():
    summary = summarise(made_up.study(("scale=4,0.5,2", "z_size=16,8"), seeds=(0,)))
    assert [one.setting.label for one in summary.settings] == [
        f"scale {scale}, z_size {z}" for scale in ("0.5", "2", "4") for z in (8, 16)
    ]
    assert [one.label for one in summary.slices()] == ["z_size 8", "z_size 16"]
    assert [s.label for s in summary.slices()[0].settings] == ["scale 0.5", "scale 2", "scale 4"]


def test_dimensions_are_sorted_within_runs_before_the_mean_over_seeds():
    result = made_up.study(("scale=1,2",))
    summary = summarise(result)
    rows = [
        sorted(run.measures.latent["variance"], reverse=True)
        for run in result.runs
        if run.trial.setting == summary.settings[0].setting
    ]
    found = [value.mean for value in summary.settings[0].latent["variance"]]
    np.testing.assert_allclose(found, np.mean(rows, axis=0))


def test_only_finished_and_measured_runs_count():
    result = made_up.study()
    for status in ("failed", "stopped", "waiting"):
        less = made_up.without(result, "scale-1_seed-1", status)
        counts = {one.label: len(one.runs) for one in summarise(less).settings}
        assert counts == {"scale 0.5": 3, "scale 1": 2, "scale 2": 3, "scale 4": 3}


# --------------------------------------------------------------------------- does training undo it


def exact(power, wobble=0.0):
    """Measures whose mean sigma is 0.5 · scale**-power, by seed a little more or less."""

    def measured(seed, scale, **given):
        sigma = 0.5 * scale ** -(power + wobble * (seed - 1))
        made = made_up.measures(seed, scale=scale, **given, mean_sigma=sigma)
        scalars = made.scalars | {"effective_noise": scale * sigma}
        latent = made.latent | {"sigma": [sigma] * 16, "mu_variance": [0.5] * 16}
        return dataclasses.replace(made, scalars=scalars, latent=latent)

    return measured


@pytest.mark.parametrize(
    ("power", "wobble", "said"),
    [
        (1.0, 0.05, "completely or nearly so (slope 1.00\u00a0±\u00a00.05)"),
        (0.6, 0.05, "In part: sigma shrinks as 1/scale to the power of 0.600\u00a0±\u00a00.050"),
        (0.0, 0.05, "do not show that it does"),
        (0.5, 0.3, "The data do not show it: 0 and 1 are both possible"),
        (0.7, 0.2, "At least in part, perhaps completely (slope 0.70\u00a0±\u00a00.20)"),
        (1.5, 0.05, "More than undone"),
        (-0.5, 0.05, "No: sigma grows"),
    ],
)
def test_the_noise_undone_is_the_slope_of_sigma_on_scale(power, wobble, said):
    result = made_up.study(measured=exact(power, wobble))
    found = answer(result, "Does training undo")
    assert said in found
    if power == 0.6:
        (details,) = (
            one.details
            for one in findings(summarise(result))
            if one.question.startswith("Does training undo")
        )
        # Effective noise grows by 8**0.4 where scale grows by 8; the mean over seeds is near that.
        growth = np.mean([8 ** (0.4 - w) * 0.25 * 2 ** (0.6 + w) for w in (-0.05, 0, 0.05)])
        growth /= np.mean([0.25 * 2 ** (0.6 + w) for w in (-0.05, 0, 0.05)])
        assert any(f"8.0, and the effective noise (scale · mean sigma) by {growth:.2f}" in d
                   for d in details)  # fmt: skip


def test_a_seed_without_all_scales_has_no_slope():
    result = made_up.without(made_up.study(measured=exact(1.0, 0.05)), "scale-4_seed-2")
    assert "Two seeds are too few to answer" in answer(result, "Does training undo")


def test_scale_0_is_left_out_of_the_slope():
    def measured(seed, scale, **given):
        if scale == 0:
            return made_up.measures(seed, scale=1.0, **given, mean_sigma=0.9, effective_noise=0.0)
        return exact(0.6, 0.05)(seed, scale, **given)

    result = made_up.study(("scale=0,1,2,4",), measured=measured)
    assert "to the power of 0.60" in answer(result, "Does training undo")


def test_a_grid_has_an_answer_for_each_value_of_the_other_axis():
    def measured(seed, scale, z_size, conditional):
        made = exact({8: 1.0, 16: 0.5}[z_size], 0.05)(seed, scale)
        return dataclasses.replace(made)

    result = made_up.study(("scale=0.5,1,2", "z_size=8,16"), measured=measured)
    (found,) = (
        one for one in findings(summarise(result)) if one.question.startswith("Does training undo")
    )
    assert len(found.answers) == 2
    assert found.answers[0].startswith("z_size 8: Yes")
    assert found.answers[1].startswith("z_size 16: In part")


# -------------------------------------------------------------------------------- claims and spread


def test_a_difference_within_the_spread_is_not_claimed():
    result = with_scalar("masked_recon", {1.0: [-0.3, -0.2, -0.1], 2.0: [-0.25, -0.15, -0.05]})
    found = answer(result, "Which setting has the lowest")
    assert "At its own noise: the data do not show a difference" in found
    assert "masked_recon" in limits(result, summarise(result))[-1]


def test_a_clear_difference_is_claimed():
    result = with_scalar("masked_recon", {1.0: [-0.3, -0.31, -0.32], 2.0: [-0.1, -0.11, -0.12]})
    assert "lowest at scale 1, different from all" in answer(result, "Which setting")
    assert not any("No difference between settings" in s and " masked_recon," in s
                   for s in limits(result, summarise(result)))  # fmt: skip


def test_what_is_the_lowest_names_those_it_can_not_be_told_from():
    values = {1.0: [0.1, 0.11, 0.12], 2.0: [0.11, 0.12, 0.13], 4.0: [0.8, 0.81, 0.82]}
    found = answer(with_scalar("masked_recon", values), "Which setting")
    assert "the lowest mean is at scale 1; the data do not show a difference from scale 2." in found


def test_a_rise_is_said_only_beyond_the_spread():
    clear = with_scalar("active_units", {1.0: [3, 4, 3], 2.0: [9, 10, 9]})
    covered = with_scalar("active_units", {1.0: [3, 8, 5], 2.0: [9, 4, 7]})
    assert "active units rises from" in answer(clear, "How many latent")
    assert "do not show a difference" in answer(covered, "How many latent")
    assert "rises" not in answer(covered, "How many latent")


def test_copies_would_be_called_nearer_than_test_sketches():
    values = {1.0: [0.01, 0.011, 0.012], 2.0: [0.29, 0.3, 0.31]}  # test sketches: 0.3
    found = answer(with_scalar("novelty", values), "Are new sketches")
    assert "nearer than test sketches at scale 1, not different from test sketches at" in found


@pytest.mark.parametrize("seeds", [(0,), (0, 1)])
def test_fewer_than_three_seeds_claim_nothing(seeds):
    result = made_up.study(seeds=seeds)
    text = " ".join(answers(result).values())
    assert text
    for claim in (" rises ", " falls ", "from all others", "nearer", "farther", "In part", "Yes"):
        assert claim not in text
    assert f"n\u00a0=\u00a0{len(seeds)}" in text
    assert "no difference can be claimed" in limits(result, summarise(result))[0]


def test_kl_at_or_below_the_tolerance_is_free():
    def measured(seed, scale, **given):
        return made_up.measures(seed, scale=scale, **given, kl={1: 0.22, 2: 0.1, 4: 0.205}[scale])

    result = made_up.study(measured=measured, sweep=("scale=1,2,4",))  # the tolerance is 0.2
    details = findings(summarise(result))[0].details
    (said,) = (sentence for sentence in details if "kl_tolerance" in sentence)
    assert said.startswith("At scale 2 and 4 the mean KL")


def test_unconditional_models_have_no_latent_findings():
    result = made_up.study(("dec_rnn_size=64,128",), conditional=False)
    assert [q.split()[0] for q in answers(result)] == ["Which", "Are"]


def test_each_data_set_is_compared_with_its_own_baselines():
    real = {"a.npz": {"novelty": 0.3}, "b.npz": {"novelty": 0.9}}
    result = made_up.study(("data_set=a.npz,b.npz",), baselines=real)
    summary = summarise(result)
    assert [one.baseline("novelty") for one in summary.settings] == [0.3, 0.9]
    assert summary.baseline("novelty") is None
    found = answer(result, "Are new sketches")  # novelty is about 0.31 in both
    assert "nearer than test sketches at data_set b.npz" in found
    assert "not different from test sketches at data_set a.npz" in found
    assert summarise(made_up.study()).baseline("novelty") == 0.3


# -------------------------------------------------------------------------------------------- words


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Spread(0.80741, 0.00872, 3), "0.807 ± 0.009"),
        (Spread(-0.3994, 0.0047, 3), "−0.399 ± 0.005"),
        (Spread(123.4, 6.78, 3), "123 ± 7"),
        (Spread(0.5, None, 1), "0.500"),
        (Spread(2.0, 0.0, 3), "2.00 ± 0.00"),
        (Spread(None, None, 0), "–"),
        (Spread(-0.00001, 0.21, 3), "0.00 ± 0.21"),
    ],
)
def test_numbers_in_words(value, text):
    assert wording.plus_minus(value).replace("\u00a0", " ") == text


def test_times_in_words():
    assert wording.duration(4.21) == "4.2 s"
    assert wording.duration(200) == "3 min 20 s"
    assert wording.duration(7500) == "2 h 5 min"


# ----------------------------------------------------------------------- what the ends do not show


def scalar_by_scale(name, by_scale):
    """Measures with one scalar given for each scale, by seed a little more or less."""

    def measured(seed, scale, **given):
        made = made_up.measures(seed, scale=scale or 1.0, **given)
        value = by_scale[scale]
        value = None if value is None else value + 0.01 * (seed - 1)
        return dataclasses.replace(made, scalars=made.scalars | {name: value})

    return measured


def test_a_change_between_the_ends_is_told():
    units = {0.5: 31.0, 1.0: 11.0, 2.0: 31.0, 4.0: 31.0}
    found = answer(
        made_up.study(measured=scalar_by_scale("active_units", units)), "How many latent"
    )
    assert "lowest value is 11.00\u00a0±\u00a00.01 at scale 1, the highest 31.00" in found
    flat = dict.fromkeys(units, 31.0)
    found = answer(made_up.study(measured=scalar_by_scale("active_units", flat)), "How many latent")
    assert "the data do not show a difference." in found and "lowest value" not in found


def test_the_infinite_kl_of_no_noise_is_called_so():
    implied = {0.0: None, 1.0: 0.3, 2.0: 0.9}
    result = made_up.study(("scale=0,1,2",), measured=scalar_by_scale("kl_implied", implied))
    (found,) = (one for one in findings(summarise(result)) if "optimised KL" in one.question)
    text = " ".join([*found.answers, *found.details])
    assert "rises from 0.300" in text and "not measured" not in text
    assert "Scale 0: " in text and "implied infinite without noise" in text


def test_new_sketches_are_told_from_real_ones_only_beyond_the_error_of_both():
    novelty = dict.fromkeys((0.5, 1.0, 2.0, 4.0), 0.30)
    result = made_up.study(measured=scalar_by_scale("novelty", novelty))
    for error, said in ((0.001, "farther than test sketches at"), (0.05, "not different from")):
        real = result.baselines | {"novelty": 0.25, "novelty_error": error}
        one = dataclasses.replace(result, baselines=real)
        assert said in answer(one, "Are new sketches")
