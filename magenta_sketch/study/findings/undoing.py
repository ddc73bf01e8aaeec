"""The finding on whether training undoes the noise on z by shrinking sigma."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from magenta_sketch.study.findings.finding import Draft, Finding
from magenta_sketch.study.findings.phrases import change, few, names, verdict
from magenta_sketch.study.results import RunResult
from magenta_sketch.study.spread import FEWEST_SEEDS, Spread
from magenta_sketch.study.summary import SettingSummary, Slice, Summary, active_sigma
from magenta_sketch.study.wording import number, plus_minus, with_n

_COMPLETE = 0.8  # slopes above it, with their spread, count as 1


@dataclasses.dataclass(frozen=True)
class Undone:
    """How far training undid the noise, from seeds that have results at every scale.

    Attributes:
      slope: slope of log(mean sigma) over log(scale), times -1. 1: the noise is undone completely;
        0: not at all.
      active_slope: the same for active dimensions only.
      low, high: settings with the lowest and the highest scale above 0.
      factor: the highest scale divided by the lowest.
    """

    slope: Spread
    active_slope: Spread
    low: SettingSummary
    high: SettingSummary
    factor: float

    @classmethod
    def of(cls, one: Slice) -> Undone | None:
        """Return the slopes of a slice; None if it has fewer than two scales above 0."""
        scales = {_scale(s): s for s in one.settings if _scale(s) > 0 and s.scalars["mean_sigma"].n}
        if len(scales) < 2:
            return None
        low, high = scales[min(scales)], scales[max(scales)]
        return cls(
            _slopes(list(scales.values()), lambda run: run.measured.scalars.get("mean_sigma")),
            _slopes(list(scales.values()), active_sigma),
            low,
            high,
            _scale(high) / _scale(low),
        )


def _slopes(
    settings: Sequence[SettingSummary], sigma: Callable[[RunResult], float | None]
) -> Spread:
    """Return the slope of log(sigma) over log(scale), times -1, as a spread over seeds."""
    runs = [run for one in settings for run in one.runs]
    found = []
    for seed in {run.trial.seed for run in runs}:
        of_seed = [(_run_scale(run), sigma(run)) for run in runs if run.trial.seed == seed]
        points = [(x, y) for x, y in of_seed if y]
        if len(points) == len(settings):
            x, y = np.log(np.transpose(points))
            found.append(-float(np.polyfit(x, y, 1)[0]))
    return Spread.of(sorted(found))


def _scale(one: SettingSummary) -> float:
    return float(dict(one.setting.values)["scale"])


def _run_scale(run: RunResult) -> float:
    return float(dict(run.trial.setting.values)["scale"])


def undoing(summary: Summary) -> Finding | None:
    """Say how sigma changes with the noise scale."""
    draft = Draft("Does training undo the noise?")
    draft.explain(
        "z has the distribution N(mu, (scale · sigma)²), but the KL term contains only sigma. So a "
        "model can divide sigma by scale and undo the noise, at a cost of about log(scale) nats "
        "per dimension. The slope of log(mean sigma) over log(scale), times −1, measures this: 1 "
        "means undone completely (scale · sigma is constant), 0 not at all."
    )
    for one in summary.slices():
        found = Undone.of(one)
        if found is not None and found.slope.n > 0:
            _say(draft, one, found)
    return draft.finding()


def _say(draft: Draft, one: Slice, found: Undone) -> None:
    draft.answer(one, _how_far(found.slope))
    if found.active_slope.n >= FEWEST_SEEDS:
        active = _how_far(found.active_slope)
        active = active[:1].lower() + active[1:]
        draft.answer(one, f"For active dimensions only: {active}")
    draft.detail(one, f"The slope is {with_n(found.slope)}.")
    if found.active_slope.n:
        draft.detail(
            one,
            "Dimensions that the model does not use keep sigma near 1 at every scale. For active "
            f"dimensions only, the slope is {with_n(found.active_slope)}.",
        )
    for sentence in _effects(found):
        draft.detail(one, sentence)
    free = [s for s in one.settings if _is_at_tolerance(s)]
    if free:
        draft.detail(
            one,
            f"At {names(free)} the mean KL is at or below kl_tolerance (to within 5 %). There a "
            "smaller sigma costs nothing.",
        )


def _how_far(slope: Spread) -> str:
    if slope.n < FEWEST_SEEDS:
        return f"{few(slope.n)} too few to answer; the slope is {plus_minus(slope)}."
    low = slope.known_mean - 2 * slope.known_spread
    high = slope.known_mean + 2 * slope.known_spread
    if low <= 0 and high >= 1:
        return f"The data do not show it: 0 and 1 are both possible (slope {plus_minus(slope)})."
    if low > 1:
        return (
            "More than undone: sigma shrinks faster than the scale grows, so the effective noise "
            f"falls (slope {plus_minus(slope)})."
        )
    if high >= 1 and low >= _COMPLETE:
        return f"Yes, completely or nearly so (slope {plus_minus(slope)})."
    if high >= 1:
        return f"At least in part, perhaps completely (slope {plus_minus(slope)})."
    if high < 0:
        return f"No: sigma grows with the scale (slope {plus_minus(slope)})."
    if low <= 0:
        return f"The data do not show that it does (slope {plus_minus(slope)})."
    return (
        f"In part: sigma shrinks as 1/scale to the power of {plus_minus(slope)}. A power of 1 "
        "would undo the noise completely."
    )


def _effects(found: Undone) -> list[str]:
    low, high = found.low, found.high
    noise = [one.scalars["effective_noise"] for one in (low, high)]
    sentences = []
    if all(value.mean for value in noise):
        sentences.append(
            f"From {low.label} to {high.label}, the noise scale grows by a factor of "
            f"{number(found.factor, 1)}, and the effective noise (scale · mean sigma) by "
            f"{number(noise[1].known_mean / noise[0].known_mean, 2)}, from {with_n(noise[0])} to "
            f"{with_n(noise[1])}" + verdict(*noise)
        )
    sentences.append(
        change([low, high], "signal_to_noise", "the signal-to-noise ratio")
        + " A model can also resist noise with a larger spread of mu."
    )
    return sentences


def _is_at_tolerance(one: SettingSummary) -> bool:
    kl = one.scalars["kl"].mean
    tolerance = one.runs[0].hparams.get("kl_tolerance")
    return kl is not None and isinstance(tolerance, (int, float)) and kl <= 1.05 * tolerance
