"""What a study's numbers say, in words.

Every sentence that claims a difference does so by `summary.RULE`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence

import numpy as np

from magenta_sketch.study.plan import value_text
from magenta_sketch.study.results import RunResult, StudyResult
from magenta_sketch.study.summary import (
    FEWEST_SEEDS,
    SettingSummary,
    Slice,
    Spread,
    Summary,
    active_sigma,
    differs,
    is_numeric,
)
from magenta_sketch.study.wording import capital, number, plus_minus, seeds, with_n


@dataclasses.dataclass(frozen=True)
class Finding:
    """A question, what the data say (a paragraph for each value of a second axis), and sentences
    with the numbers."""

    question: str
    answers: tuple[str, ...]
    details: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Undone:
    """How far training undid the noise, over seeds that have results at every scale.

    slope: of log(mean sigma) on log(scale), times -1: 1 is wholly, 0 not at all. active_slope: the
    same for sigma of active dimensions alone. factor: scale, from the lowest to the highest.
    """

    slope: Spread
    active_slope: Spread
    low: SettingSummary
    high: SettingSummary
    factor: float


def findings(result: StudyResult, summary: Summary) -> list[Finding]:
    """All that can be said, question by question; none where nothing was measured."""
    if not summary.measured:
        return []
    by_scale = summary.main.name == "scale"
    latent = any(one.conditional for one in summary.measured)
    parts: list[Callable[[], Finding | None]] = []
    if latent and by_scale:
        parts.append(lambda: _undoing(summary))
    parts.append(lambda: _reconstruction(summary, latent))
    if latent:
        if by_scale:
            parts.append(lambda: _two_kls(summary))
        parts.append(lambda: _units(summary))
        parts.append(lambda: _robustness(summary))
        parts.append(lambda: _survival(summary))
    parts.append(lambda: _new_drawings(summary))
    return [found for part in parts if (found := part()) is not None]


def undone(one: Slice) -> Undone | None:
    """How far training undid the noise; None with fewer than two scales above 0."""
    scales = {_scale(s): s for s in one.settings if _scale(s) > 0 and s.scalars["mean_sigma"].n}
    if len(scales) < 2:
        return None
    low, high = scales[min(scales)], scales[max(scales)]

    def slopes(sigma: Callable[[RunResult], float | None]) -> Spread:
        found = []
        for seed in {run.trial.seed for s in scales.values() for run in s.runs}:
            runs = [run for s in scales.values() for run in s.runs if run.trial.seed == seed]
            points = [(_run_scale(run), sigma(run)) for run in runs]
            points = [(x, y) for x, y in points if y]
            if len(points) == len(scales):
                found.append(-float(np.polyfit(*np.log(np.transpose(points)), 1)[0]))
        return Spread.of(sorted(found))

    return Undone(
        slopes(lambda run: run.measures.scalars.get("mean_sigma")),
        slopes(active_sigma),
        low,
        high,
        _scale(high) / _scale(low),
    )


def _scale(one: SettingSummary) -> float:
    return float(dict(one.setting.values)["scale"])


def _run_scale(run: RunResult) -> float:
    return float(dict(run.trial.setting.values)["scale"])


# ------------------------------------------------------------------------------ one finding each


def _undoing(summary: Summary) -> Finding | None:
    details = [
        "z is drawn from N(mu, (scale · sigma)²), while the KL term pays for sigma alone: a model "
        "can shrink sigma by the factor scale and have its old noise back, for log(scale) nats per "
        "dimension. The slope of log(mean sigma) on log(scale), times −1, says how far it does: "
        "1 is wholly (scale · sigma stays as it was), 0 not at all."
    ]
    answers = []
    for one in summary.slices():
        found = undone(one)
        if found is None or found.slope.n == 0:
            continue
        answers.append((one, _how_far(found.slope)))
        if found.active_slope.n >= FEWEST_SEEDS:
            active = _lower(_how_far(found.active_slope))
            answers.append((one, f"For active dimensions alone: {active}"))
        details.append(_with(one, f"The slope is {with_n(found.slope)}."))
        if found.active_slope.n:
            details.append(
                _with(
                    one,
                    "Dimensions that the model does not use keep sigma near 1 whatever the scale; "
                    f"for the active ones alone the slope is {with_n(found.active_slope)}.",
                )
            )
        details += [_with(one, sentence) for sentence in _effects(found)]
        free = [s for s in one.settings if _at_tolerance(s)]
        if free:
            details.append(
                _with(
                    one,
                    f"At {_names(free)} the mean KL is at or below kl_tolerance (to within 5 %), "
                    "which the KL term does not reduce further: as long as it stays there, a "
                    "smaller sigma costs nothing.",
                )
            )
    if not answers:
        return None
    return Finding("Does training undo the noise?", _paragraphs(answers), tuple(details))


_WHOLLY = 0.8  # a slope that can't be below it is near enough to 1


def _how_far(slope: Spread) -> str:
    if slope.n < FEWEST_SEEDS:
        return f"{_few(slope.n)} says nothing for certain; the slope found is {plus_minus(slope)}."
    low, high = slope.mean - 2 * slope.spread, slope.mean + 2 * slope.spread
    if low <= 0 and high >= 1:
        return "The data do not tell: the spread covers both wholly and not at all."
    if low > 1:
        return (
            "More than undone: sigma shrinks faster than the scale grows, so the effective noise "
            f"falls (slope {plus_minus(slope)})."
        )
    if high >= 1 and low >= _WHOLLY:
        return f"Yes: as far as the spread tells, wholly (slope {plus_minus(slope)})."
    if high >= 1:
        return (
            f"At least in part (slope {plus_minus(slope)}); whether wholly, the data do not tell."
        )
    if high < 0:
        return f"No: sigma grows with the scale (slope {plus_minus(slope)})."
    if low <= 0:
        return f"The data do not show that it does (slope {plus_minus(slope)})."
    return (
        f"In part: sigma shrinks as the scale to the power of {plus_minus(slope)}, where 1 would "
        "undo the noise wholly."
    )


def _effects(found: Undone) -> list[str]:
    low, high = found.low, found.high
    noise = [one.scalars["effective_noise"] for one in (low, high)]
    sentences = []
    if all(value.mean for value in noise):
        sentences.append(
            f"From {low.label} to {high.label} the noise scale grows by a factor "
            f"of {number(found.factor, 1)}, the effective noise scale · sigma by "
            f"{number(noise[1].mean / noise[0].mean, 2)}: from {with_n(noise[0])} to "
            f"{with_n(noise[1])}" + _verdict(*noise)
        )
    sentences.append(
        _change([low, high], "signal_to_noise", "the signal-to-noise ratio")
        + " A model may also spread mu, which pays for noise as a smaller sigma does."
    )
    return sentences


def _reconstruction(summary: Summary, latent: bool) -> Finding | None:
    names = {"masked_recon": "at its own noise"}
    if latent:
        names = {"masked_recon_without_noise": "at z = mu"} | names
    else:
        names = {"masked_recon": "on the test set"}
    answers, details = [], []
    for one in summary.slices():
        for name, where in names.items():
            get = _scalar(name)
            if any(get(s).n for s in one.settings):
                answers.append((one, f"{capital(where)}: {_best(one.settings, get)}"))
                details.append(_with(one, f"{capital(where)}: {_list(one.settings, get)}."))
    if not answers:
        return None
    question = "Which setting has the lowest masked reconstruction loss (nats/point)?"
    return Finding(question, _paragraphs(answers), tuple(details))


def _two_kls(summary: Summary) -> Finding | None:
    answers, details = [], []
    for one in summary.slices():
        pair = [s for s in one.settings if s.scalars["kl"].n]
        if len(pair) < 2:
            continue
        answers.append((one, _change(pair, "kl", "the KL that is optimised")))
        finite = [s for s in pair if s.scalars["kl_implied"].n]
        if len(finite) > 1:
            answers.append((one, _change(finite, "kl_implied", "the one that the noise implies")))
        for s in pair:
            optimised, implied = s.scalars["kl"], s.scalars["kl_implied"]
            found = plus_minus(implied) if implied.n else "without noise an infinite one"
            details.append(
                f"{_place(one, s)}: {plus_minus(optimised)} optimised, "
                f"{found} implied, nats per dimension ({seeds(optimised.n)})."
            )
    if not answers:
        return None
    why = (
        "They differ because the KL term is that of N(mu, sigma²), as Magenta's formula has it, "
        "but the decoder is given mu + scale · sigma · eps, which is drawn from "
        "N(mu, (scale · sigma)²); at scale 1 they are the same."
    )
    question = "How far is the KL that is optimised from the one the noise implies?"
    return Finding(question, _paragraphs(answers), (why, *details))


def _units(summary: Summary) -> Finding | None:
    answers, details = [], []
    for one in summary.slices():
        used = [s for s in one.settings if s.scalars["active_units"].n]
        if not used:
            continue
        get = _scalar("active_units")
        if is_numeric(summary.main) and len(used) > 1:
            answers.append((one, _change(used, "active_units", "the number of active units")))
        else:
            answers.append((one, _best(used, get, "highest")))
        details.append(_with(one, f"{_list(used, get)}."))
    if not answers:
        return None
    details.append(
        "A unit counts as active where mu varies by more than 0.01 over the test set (Burda et al. "
        "2016)."
    )
    return Finding("How many latent dimensions are in use?", _paragraphs(answers), tuple(details))


def _robustness(summary: Summary) -> Finding | None:
    """Models at noises they were not trained at."""
    answers, details = [], []
    for one in summary.slices():
        rows = [s for s in one.settings if any(v.n for v in s.matrix["masked_recon"])]
        if len(rows) < 2 or len(summary.noises) < 2:
            continue
        ends = sorted((min(summary.noises), max(summary.noises)))
        for noise in ends:
            get = _entry(summary, noise)
            answers.append((one, f"Evaluated at noise {value_text(noise)}: {_best(rows, get)}"))
        low, high = (_entry(summary, noise) for noise in ends)
        for s in rows:
            details.append(
                f"{_place(one, s)}: {plus_minus(low(s))} at noise "
                f"{value_text(ends[0])}, {plus_minus(high(s))} at noise {value_text(ends[1])} "
                f"({seeds(low(s).n)})."
            )
    if not answers:
        return None
    details.append(
        "Noise e means z = mu + e · sigma · eps with the model's own sigma: one that has shrunk "
        "its sigma meets less noise at the same e."
    )
    question = "How do models bear noise that they were not trained at (masked reconstruction)?"
    return Finding(question, _paragraphs(answers), tuple(details))


def _survival(summary: Summary) -> Finding | None:
    """How much of the noise is seen in reconstructions."""
    answers, details = [], []
    names = {
        "chamfer_without_noise": "a sketch and its reconstruction from mu",
        "chamfer_with_noise": "a sketch and its reconstruction with noise",
        "chamfer_repeats": "reconstructions of one sketch among each other",
    }
    for one in summary.slices():
        used = [s for s in one.settings if s.scalars["chamfer_repeats"].n]
        if not used:
            continue
        get = _scalar("chamfer_repeats")
        if is_numeric(summary.main) and len(used) > 1:
            what = "the distance among reconstructions of one sketch, each with its own noise,"
            answers.append((one, _change(used, "chamfer_repeats", what)))
        else:
            answers.append((one, "Least of it: " + _best(used, get)))
        nearest = _best(used, _scalar("chamfer_with_noise"))
        answers.append((one, f"Distance of a sketch and its reconstruction with noise: {nearest}"))
        details += [
            _with(one, f"Distance between {what}: {_list(used, _scalar(name))}.")
            for name, what in names.items()
        ]
        paid = [
            s
            for s in used
            if _above(s.scalars["chamfer_with_noise"], s.scalars["chamfer_without_noise"])
        ]
        details.append(
            _with(
                one,
                f"Noise moves reconstructions away from the sketch at {_names(paid)}."
                if paid
                else "At no setting do the data show that noise moves reconstructions away from "
                "the sketch.",
            )
        )
    if not answers:
        return None
    others = summary.baseline("chamfer_repeats")
    if others is not None:
        details.append(f"Two different test sketches are {number(others)} apart on average.")
    question = "How much of the noise survives into the drawing (Chamfer distance, model units)?"
    return Finding(question, _paragraphs(answers), tuple(details))


def _new_drawings(summary: Summary) -> Finding | None:
    answers, details = [], []
    names = {
        "novelty": "to the nearest training sketch",
        "diversity": "to the nearest other new one",
    }
    for one in summary.slices():
        for name, what in names.items():
            used = [s for s in one.settings if s.scalars[name].n]
            if not used:
                continue
            real = summary.baseline(name)
            details.append(
                _with(one, f"Distance of a new sketch {what}: {_list(used, _scalar(name))}")
                + (f"; of a test sketch: {number(real)}." if real is not None else ".")
            )
            if name == "novelty" and all(s.baseline(name) for s in used):
                answers.append((one, _copying(used)))
            else:
                answers.append((one, f"{capital(name)}: {_best(used, _scalar(name), '')}"))
        used = [s for s in one.settings if s.scalars["ended"].n]
        if used:
            details.append(
                _with(one, f"Share that ends before max_seq_len: {_list(used, _scalar('ended'))}.")
            )
    if not details:
        return None
    details.append(
        "A model that copies would be far nearer to the training set than test sketches are; one "
        "that draws the same over and over would have a diversity near 0."
    )
    question = "Are new sketches copies of the training set, or of each other?"
    return Finding(question, _paragraphs(answers), tuple(details))


def _copying(used: Sequence[SettingSummary]) -> str:
    """Whether new sketches are nearer to the training set than real ones: a fixed number."""
    certain = [s for s in used if s.scalars["novelty"].n >= FEWEST_SEEDS]
    if not certain:
        return f"{_few(max(s.scalars['novelty'].n for s in used))} says nothing for certain."
    near, far, same = [], [], []
    for s in certain:
        value, real = s.scalars["novelty"], s.baseline("novelty")
        # That of real ones is a mean over a sample, whose error is no spread of seeds.
        error = math.hypot(value.spread, s.baselines.get("novelty_error") or 0.0)
        apart = abs(value.mean - real) > 2 * error
        (same if not apart else near if value.mean < real else far).append(s)
    parts = [
        f"{how} at {_names(group)}"
        for how, group in (
            ("nearer than test sketches", near),
            ("farther than test sketches", far),
            ("not told apart from test sketches", same),
        )
        if group
    ]
    ratios = sorted({number(s.scalars["novelty"].mean / s.baseline("novelty"), 2) for s in certain})
    span = ratios[0] if len(ratios) == 1 else f"{ratios[0]} to {ratios[-1]}"
    return (
        f"By their distance to the nearest training sketch, new ones are {', '.join(parts)} "
        f"({span} times as far)."
    )


# -------------------------------------------------------------------------------------- sentences


def _scalar(name: str) -> Callable[[SettingSummary], Spread]:
    return lambda one: one.scalars[name]


def _entry(summary: Summary, noise: float) -> Callable[[SettingSummary], Spread]:
    column = summary.noises.index(noise)
    return lambda one: one.matrix["masked_recon"][column]


def _change(settings: Sequence[SettingSummary], name: str, what: str) -> str:
    """How a measure changes from one end of the axis to the other, or in between."""
    low, high = settings[0], settings[-1]
    a, b = low.scalars[name], high.scalars[name]
    if not a.n or not b.n:
        return f"{capital(what)} was not measured at both ends."
    ends = f"from {plus_minus(a)} at {low.label} to {plus_minus(b)} at {high.label}"
    ends += f" ({seeds(a.n)}{' each' if a.n == b.n else f' and {b.n}'})"
    if differs(a, b):
        return f"{capital(what)} {'rises' if b.mean > a.mean else 'falls'} {ends}."
    found = [s for s in settings if s.scalars[name].n]
    least, most = (pick(found, key=lambda s: s.scalars[name].mean) for pick in (min, max))
    if differs(least.scalars[name], most.scalars[name]):
        return (
            f"{capital(what)} goes {ends}, but is {plus_minus(least.scalars[name])} at "
            f"{least.label} and {plus_minus(most.scalars[name])} at {most.label}."
        )
    return f"{capital(what)} goes {ends}" + _verdict(a, b)


def _above(a: Spread, b: Spread) -> bool:
    return differs(a, b) and a.mean > b.mean


def _verdict(a: Spread, b: Spread) -> str:
    """Ends a sentence that gave two numbers."""
    if differs(a, b):
        return "."
    if min(a.n, b.n) < FEWEST_SEEDS:
        return f"; with fewer than {FEWEST_SEEDS} seeds each, no difference is claimed."
    return "; the data do not show a difference."


def _best(
    settings: Sequence[SettingSummary],
    get: Callable[[SettingSummary], Spread],
    which: str = "lowest",
) -> str:
    """Which setting is the lowest (or highest, also for ""), and of which that can't be said."""
    found = [one for one in settings if get(one).n]
    if len(found) == 1:
        return f"{plus_minus(get(found[0]))} at {found[0].label}, with none to compare."
    sign = 1 if which == "lowest" else -1
    best = min(found, key=lambda one: sign * get(one).mean)
    same = [one for one in found if one is not best and not differs(get(best), get(one))]
    which = which or "highest"
    if not same:
        return f"{which} at {best.label}, apart from all others."
    if all(min(get(best).n, get(one).n) < FEWEST_SEEDS for one in same):
        return (
            f"the {which} mean is at {best.label}, but with fewer than {FEWEST_SEEDS} "
            "seeds each no difference is claimed."
        )
    if len(same) == len(found) - 1:
        return "the data do not show a difference between the best setting and any other."
    return (
        f"the {which} mean is at {best.label}; the data do not show a difference to {_names(same)}."
    )


def _at_tolerance(one: SettingSummary) -> bool:
    kl = one.scalars["kl"].mean
    tolerance = one.runs[0].hparams.get("kl_tolerance")
    return kl is not None and isinstance(tolerance, (int, float)) and kl <= 1.05 * tolerance


def _list(settings: Sequence[SettingSummary], get: Callable[[SettingSummary], Spread]) -> str:
    """ "0.1 ± 0.01 at scale 0.5, 0.2 ± 0.01 at scale 1 (n = 3 each)"."""
    found = [one for one in settings if get(one).n]
    counts = {get(one).n for one in found}
    if len(counts) == 1:
        items = [f"{plus_minus(get(one))} at {one.label}" for one in found]
        return f"{', '.join(items)} ({seeds(counts.pop())}{' each' if len(found) > 1 else ''})"
    return ", ".join(f"{with_n(get(one))} at {one.label}" for one in found)


def _names(settings: Sequence[SettingSummary]) -> str:
    labels = [one.label for one in settings]
    first = labels[0].split(" ", 1)[0]
    if len(labels) > 1 and all("," not in label for label in labels):  # one axis: name it once
        labels = [labels[0], *(label.removeprefix(f"{first} ") for label in labels[1:])]
    return labels[0] if len(labels) == 1 else f"{', '.join(labels[:-1])} and {labels[-1]}"


def _paragraphs(answers: Sequence[tuple[Slice, str]]) -> tuple[str, ...]:
    """Sentences of the same slice in one paragraph, which names it once."""
    found: dict[str, list[str]] = {}
    for one, sentence in answers:
        found.setdefault(one.label, []).append(capital(sentence))
    return tuple(
        f"{label}: {' '.join(sentences)}" if label else " ".join(sentences)
        for label, sentences in found.items()
    )


def _with(one: Slice, sentence: str) -> str:
    return f"{capital(one.label)}: {sentence}" if one.label else capital(sentence)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _few(n: int) -> str:
    return "One seed" if n == 1 else f"{n} seeds: that"


def _place(one: Slice, s: SettingSummary) -> str:
    return capital(f"{one.label}, {s.label}" if one.label else s.label)
