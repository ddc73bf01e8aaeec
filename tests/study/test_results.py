"""The numbers of a study by setting and seed, and which settings are compared."""

import dataclasses
import math

import made_up
import numpy as np
import pytest

from magenta_sketch.measures.scalars import SCALARS
from magenta_sketch.study.statistics import compare, estimate, holm


def given(name, by_label):
    """Measures with one scalar given by scale, [seeds]."""

    def measured(seed, scale, **others):
        return made_up.measures(seed, scale=scale, **others, **{name: by_label[scale][seed]})

    return measured


def settings(result):
    return {one.label: one for one in result.plan.settings()}


def test_values_are_in_the_order_of_the_plans_seeds():
    rows = {1.0: {7: 0.7, 0: 0.0, 3: 0.3}, 2.0: {7: 1.7, 0: 1.0, 3: 1.3}}
    result = made_up.study(("scale=1,2",), (7, 0, 3), measured=given("masked_recon", rows))
    mixed = dataclasses.replace(result, runs=result.runs[::-1])
    for one in (result, mixed):
        found = settings(one)
        np.testing.assert_array_equal(one.values(found["scale 1"], "masked_recon"), [0.7, 0.0, 0.3])
        np.testing.assert_array_equal(one.values(found["scale 2"], "masked_recon"), [1.7, 1.0, 1.3])
        assert [run.trial.seed for run in one.runs_of(found["scale 1"])] == [7, 0, 3]


@pytest.mark.parametrize("status", ["failed", "stopped", "waiting"])
def test_a_run_without_measures_is_nan_and_drops_its_pair(status):
    whole = made_up.study(("scale=1,2",), range(5))
    less = made_up.without(whole, "scale-2_seed-1", status)
    one, two = less.plan.settings()
    a, b = less.values(two, "kl"), whole.values(two, "kl")
    assert math.isnan(a[1]) and np.delete(a, 1).tolist() == np.delete(b, 1).tolist()
    assert less.estimate(two, "kl") == estimate(np.delete(b, 1))
    assert less.estimate(one, "kl") == whole.estimate(one, "kl")
    found = less.comparisons("kl")[two]
    expected = compare(np.delete(b, 1), np.delete(whole.values(one, "kl"), 1),
                       margin=SCALARS["kl"].margin)  # fmt: skip
    assert found == expected and found.difference.n == 4


def test_a_setting_without_results_is_not_measured():
    result = made_up.study(("scale=1,2,4",), (0, 1))
    for seed in (0, 1):
        result = made_up.without(result, f"scale-2_seed-{seed}")
    assert [one.label for one in result.measured] == ["scale 1", "scale 4"]
    assert set(result.comparisons("kl")) == {settings(result)["scale 4"]}
    # Without the reference there is nothing to compare with.
    for seed in (0, 1):
        result = made_up.without(result, f"scale-1_seed-{seed}")
    assert result.comparisons("kl") == {}


def test_numbers_that_were_not_measured():
    def measured(seed, **others):
        return made_up.measures(seed, **others, cost=None, kl=math.nan)

    result = made_up.study(("scale=1,2",), measured=measured)
    assert not result.has("cost") and not result.has("kl") and result.has("recon")
    assert result.comparisons("kl") == {}
    assert not result.estimate(result.plan.settings()[0], "cost").known


def test_settings_are_compared_with_their_partners_after_holm():
    result = made_up.study(
        seeds=range(8), others=("scale=2,kl_mu_weight=0.25 vs scale=2", "kl_weight=0.1")
    )
    found = settings(result)
    partners = {
        "scale 0.5": "scale 1",
        "scale 2": "scale 1",
        "scale 4": "scale 1",
        "scale 2, kl_mu_weight 0.25": "scale 2",
        "kl_weight 0.1": "scale 1",
    }
    for name in ("masked_recon", "signal_to_noise", "bound_standard"):
        expected = holm(
            [
                compare(
                    result.values(found[one], name),
                    result.values(found[other], name),
                    is_ratio=SCALARS[name].is_ratio,
                    margin=SCALARS[name].margin,
                )
                for one, other in partners.items()
            ]
        )
        for label, one in zip(partners, expected, strict=True):
            made = result.comparisons(name)[found[label]]
            assert made._replace(difference=None) == one._replace(difference=None)
            # Resamples that tie with the mean are counted as rounding has it.
            np.testing.assert_allclose(made.difference, one.difference, rtol=0.01)
    made = result.comparisons("masked_recon")
    # made_up gives a control the numbers of its scale: here those of its partner.
    assert made[found["scale 2, kl_mu_weight 0.25"]].verdict == "equal"
    # The least p-value of eight pairs, times five comparisons.
    assert made[found["scale 4"]].verdict == "greater" and made[found["scale 4"]].p == 5 * 2 / 2**8


def test_a_grid_compares_the_first_axis_at_each_value_of_the_second():
    result = made_up.study(("scale=0.5,1", "z_size=8,16"), range(3))
    found = settings(result)
    made = result.comparisons("kl")
    assert set(made) == {found["scale 0.5, z_size 8"], found["scale 0.5, z_size 16"]}
    expected = np.mean(
        result.values(found["scale 0.5, z_size 16"], "kl")
        - result.values(found["scale 1, z_size 16"], "kl")
    )
    assert made[found["scale 0.5, z_size 16"]].difference.value == pytest.approx(expected)


def test_losses_at_each_noise_and_known_factors():
    result = made_up.without(made_up.study(("scale=1,2",)), "scale-2_seed-0")
    two = result.plan.settings()[1]
    for place, noise in enumerate(result.settings.noises):
        found = result.at_noise(two, noise)
        assert math.isnan(found[0])
        assert found[2] == result.runs_of(two)[1].measures.masked_recon[place]
    np.testing.assert_allclose(result.factor(two, "size"), [math.nan, 0.7, 0.7])
    assert np.isnan(result.factor(two, "colour")).all()


def test_latent_measures_are_those_of_each_run_that_has_them():
    result = made_up.study(("conditional=1,0",), (0, 1))
    one, none = result.plan.settings()
    rows = result.latent(one, "mu_variance")
    assert [row.tolist() for row in rows] == [
        run.measures.latent["mu_variance"] for run in result.runs_of(one)
    ]
    assert result.latent(none, "mu_variance") == []
    assert np.isnan(result.at_noise(none, 1.0)).all()
    assert np.isnan(result.values(none, "mutual_information")).all()


def test_each_data_set_has_its_own_baselines():
    real = {"a.npz": {"novelty": 0.3}, "b.npz": {"novelty": 0.9, "diversity": math.nan}}
    result = made_up.study(("data_set=a.npz,b.npz",), (0,), baselines=real)
    one, two = result.plan.settings()
    assert [result.baseline(s, "novelty") for s in (one, two)] == [0.3, 0.9]
    assert result.baseline(one, "diversity") is result.baseline(two, "diversity") is None
    alone = made_up.study(("scale=1,2",), (0,))
    assert alone.baseline(alone.plan.settings()[1], "novelty") == 0.3
