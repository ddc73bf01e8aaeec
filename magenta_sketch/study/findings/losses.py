"""Findings about losses: which setting reconstructs best, at its own noise and at other noise."""

from __future__ import annotations

from magenta_sketch.study.findings.finding import Draft, Finding, place
from magenta_sketch.study.findings.phrases import Getter, best, listed, scalar
from magenta_sketch.study.plan import value_text
from magenta_sketch.study.summary import Summary
from magenta_sketch.study.wording import capital, plus_minus, seeds


def reconstruction(summary: Summary) -> Finding | None:
    """Say which setting has the lowest reconstruction loss."""
    draft = Draft("Which setting has the lowest masked reconstruction loss (nats/point)?")
    names = {"masked_recon": "on the test set"}
    if any(one.conditional for one in summary.measured):
        names = {"masked_recon_without_noise": "at z = mu", "masked_recon": "at its own noise"}
    for one in summary.slices():
        for name, where in names.items():
            get = scalar(name)
            if any(get(s).n for s in one.settings):
                draft.answer(one, f"{capital(where)}: {best(one.settings, get)}")
                draft.detail(one, f"{capital(where)}: {listed(one.settings, get)}.")
    return draft.finding()


def robustness(summary: Summary) -> Finding | None:
    """Say how models do at noise scales that they were not trained at."""
    draft = Draft(
        "How good are the models at other noise scales (masked reconstruction loss, nats/point)?"
    )
    for one in summary.slices():
        rows = [s for s in one.settings if any(v.n for v in s.matrix["masked_recon"])]
        if len(rows) < 2 or len(summary.noises) < 2:
            continue
        ends = sorted((min(summary.noises), max(summary.noises)))
        low, high = (_at_noise(summary, noise) for noise in ends)
        for noise, get in zip(ends, (low, high), strict=True):
            draft.answer(one, f"Evaluated at noise {value_text(noise)}: {best(rows, get)}")
        for s in rows:
            draft.explain(
                f"{place(one, s)}: {plus_minus(low(s))} at noise "
                f"{value_text(ends[0])}, {plus_minus(high(s))} at noise {value_text(ends[1])} "
                f"({seeds(low(s).n)})."
            )
    draft.explain(
        "Noise e means z = mu + e · sigma · eps, with the model's own sigma. So a model with a "
        "smaller sigma gets less noise at the same e."
    )
    return draft.finding()


def _at_noise(summary: Summary, noise: float) -> Getter:
    column = summary.noises.index(noise)
    return lambda one: one.matrix["masked_recon"][column]
