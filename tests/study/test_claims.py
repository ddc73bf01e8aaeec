"""What the first screen of a report says, and how numbers are written."""

import made_up
import pytest

from magenta_sketch.study import wording
from magenta_sketch.study.claims import answer, claim
from magenta_sketch.study.statistics import Estimate, compare


def spaces(text):
    return text.replace("\u00a0", " ")


def by_name(result):
    return {one.name: one for one in answer(result)}


def with_masked_recon(by_scale, others=()):
    """A study in which this loss has these values, {scale: one for each seed}."""

    def measured(seed, scale, **given):
        return made_up.measures(seed, scale=scale, **given, masked_recon=by_scale[scale][seed])

    seeds = range(len(next(iter(by_scale.values()))))
    sweep = "scale=" + ",".join(f"{scale:g}" for scale in by_scale)
    return made_up.study((sweep,), seeds, others, measured=measured)


def steps(start, count=10):
    return [start + 0.001 * i for i in range(count)]


def test_a_claim_has_estimate_interval_and_number_of_pairs():
    spread = [0.1, -0.1] * 5
    result = with_masked_recon(
        {
            1.0: steps(0.30),
            2.0: [value + 0.5 + part for value, part in zip(steps(0.30), spread, strict=True)],
            4.0: [value - 0.2 for value in steps(0.30)],
        }
    )
    found = by_name(result)["masked_recon"]
    assert found.title == "Reconstruction loss, own noise (nats/point)"
    label, text = found.reference
    ends = result.estimate(result.plan.reference, "masked_recon")
    assert label == "scale 1"
    assert spaces(text) == f"0.304 [{ends.low:.3f}, {ends.high:.3f}]" and ends.low < 0.303
    (_, more), (_, less) = found.others
    assert [label for label, _ in found.others] == ["scale 2", "scale 4"]
    assert spaces(more).startswith("+0.50 [+0.4") and more.endswith("] ▲")
    assert spaces(less) == "−0.200 [−0.200, −0.200] ▼" or spaces(less) == "−0.20 ▼"
    # The pairs of scale 2 vary by 0.105: (2.262 + 0.883) · 0.105 / √10 = 0.10.
    assert spaces(found.note) == "n = 10 pairs; smallest difference to be seen 0.10"


def test_a_ratio_is_written_as_one():
    found = by_name(made_up.study(seeds=range(8)))["signal_to_noise"]
    assert found.title == "Signal to noise"
    assert not found.reference[1].startswith("×")
    assert all(text.startswith("×") for _, text in found.others)
    assert "smallest difference to be seen ×" in found.note


def test_differences_within_the_margin_are_called_equal_and_others_undecided():
    wide = [0.5 * (-1) ** i for i in range(10)]
    result = with_masked_recon(
        {1.0: steps(0.3), 2.0: [x + 0.001 * (-1) ** i for i, x in enumerate(steps(0.3))],
         4.0: [x + w for x, w in zip(steps(0.3), wide, strict=True)]}
    )  # fmt: skip
    (_, same), (_, unknown) = by_name(result)["masked_recon"].others
    assert same.endswith(" =")
    assert unknown.endswith("]") and spaces(unknown).startswith("0.0")


@pytest.mark.parametrize("seeds", [(0,), (0, 1), (0, 1, 2)])
def test_few_seeds_claim_no_difference(seeds):
    result = made_up.study(seeds=seeds)
    found = by_name(result)
    text = "".join(text for one in found.values() for _, text in one.others)
    assert text and "▲" not in text and "▼" not in text
    if len(seeds) == 1:
        assert "[" not in text and "=" not in text
    ending = ": too few to call any difference"
    pairs = f"n = {len(seeds)} pair{'s' * (len(seeds) > 1)}"
    assert {spaces(one.note) for one in found.values()} == {pairs + ending}


def test_a_single_setting_has_the_number_of_its_seeds():
    found = by_name(made_up.study(("scale=1",), (0, 1, 2)))["masked_recon"]
    assert (found.others, spaces(found.note)) == ([], "n = 3")


def test_pairs_of_settings_with_failed_runs_are_counted():
    result = made_up.study(("scale=1,2,4",), range(8))
    for seed in (1, 5):
        result = made_up.without(result, f"scale-4_seed-{seed}")
    assert spaces(by_name(result)["masked_recon"].note).startswith("n = 6–8 pairs; ")


def test_the_first_screen_has_five_measures_and_no_controls():
    others = ("scale=2,kl_mu_weight=0.25 vs scale=1", "kl_weight=0.1 vs scale=2")
    found = answer(made_up.study(seeds=range(8), others=others))
    assert [one.name for one in found] == [
        *("masked_recon", "mutual_information", "active_units", "signal_to_noise", "f_standard")
    ]
    for one in found:
        labels = [label for label, _ in one.others]
        assert labels == ["scale 0.5", "scale 2", "scale 4"]


def test_without_a_sweep_all_settings_are_compared():
    (found, *_) = answer(made_up.study((), (0, 1), others=("scale=2", "scale=2,kl_weight=0.1")))
    assert found.reference[0] == "scale 2"
    assert [label for label, _ in found.others] == ["scale 2, kl_weight 0.1"]


def test_the_reference_is_one_that_has_results():
    result = made_up.study(("scale=1,2,4",), (0,))
    result = made_up.without(result, "scale-1_seed-0")
    found = by_name(result)["masked_recon"]
    assert (found.reference[0], found.others) == ("scale 2", [])


def test_an_unconditional_study_has_its_losses_and_new_sketches():
    found = by_name(made_up.study(("dec_rnn_size=64,128",), range(8), conditional=False))
    assert list(found) == ["recon", "masked_recon", "f_standard", "novelty_standard"]
    assert [label for label, _ in found["recon"].others] == ["dec_rnn_size 128"]


def test_a_claim_of_some_settings_begins_with_the_first():
    result = made_up.study(others=("scale=1,kl_tolerance=0", "scale=2,kl_tolerance=0 vs "
                                   "scale=1,kl_tolerance=0"))  # fmt: skip
    some = result.plan.settings()[-2:]
    found = claim(result, "kl", some)
    assert found.reference[0] == "scale 1, kl_tolerance 0"
    assert [label for label, _ in found.others] == ["scale 2, kl_tolerance 0"]


# ------------------------------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Estimate(0.80741, 0.801, 0.816, 3), "0.807 [0.801, 0.816]"),
        (Estimate(-0.3994, -0.4041, -0.3947, 3), "−0.399 [−0.404, −0.395]"),
        (Estimate(123.4, 103.4, 143.4, 3), "123 [103, 143]"),
        (Estimate(1234.5, 1000.0, 1500.0, 3), "1,234 [1,000, 1,500]"),
        (Estimate(0.5, float("nan"), float("nan"), 1), "0.500"),
        (Estimate(float("nan"), float("nan"), float("nan"), 0), "–"),
        (Estimate(-0.00001, -0.21, 0.22, 3), "0.00 [−0.21, 0.22]"),
    ],
)
def test_estimates_in_words(value, text):
    assert spaces(wording.with_interval(value)) == text


def test_differences_have_their_sign():
    assert spaces(wording.with_interval(Estimate(0.5, -0.1, 1.1, 9), signed=True)) == (
        "+0.5 [−0.1, +1.1]"
    )
    assert wording.compared(compare([2.0], [1.0])) == "+1.00"
    assert wording.compared(compare([2.0], [1.0], is_ratio=True)) == "×2.00"
    assert wording.compared(compare([], [])) == "–"
