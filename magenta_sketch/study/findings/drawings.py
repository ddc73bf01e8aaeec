"""Findings about drawings: how much noise is visible, and whether new sketches are copies."""

from __future__ import annotations

import math
from collections.abc import Sequence

from magenta_sketch.study.findings.finding import Draft, Finding
from magenta_sketch.study.findings.phrases import (
    best,
    change,
    few,
    is_above,
    listed,
    names,
    scalar,
    with_scalar,
)
from magenta_sketch.study.spread import FEWEST_SEEDS
from magenta_sketch.study.summary import SettingSummary, Slice, Summary, is_numeric
from magenta_sketch.study.wording import capital, number

_DISTANCES = {
    "chamfer_without_noise": "a sketch and its reconstruction from z = mu",
    "chamfer_with_noise": "a sketch and its reconstruction with noise",
    "chamfer_repeats": "reconstructions of one sketch",
}


def surviving_noise(summary: Summary) -> Finding | None:
    """Say how much of the noise is visible in reconstructions."""
    draft = Draft("How much of the noise is visible in drawings (Chamfer distance, model units)?")
    for one in summary.slices():
        used = with_scalar(one.settings, "chamfer_repeats")
        if not used:
            continue
        if is_numeric(summary.main) and len(used) > 1:
            what = "the distance between reconstructions of one sketch with different noise"
            draft.answer(one, change(used, "chamfer_repeats", what))
        else:
            draft.answer(
                one,
                "Distance between reconstructions of one sketch: "
                + best(used, scalar("chamfer_repeats")),
            )
        nearest = best(used, scalar("chamfer_with_noise"))
        draft.answer(one, f"Distance between a sketch and its noisy reconstruction: {nearest}")
        for name, what in _DISTANCES.items():
            draft.detail(one, f"Distance between {what}: {listed(used, scalar(name))}.")
        paid = [
            s
            for s in used
            if is_above(s.scalars["chamfer_with_noise"], s.scalars["chamfer_without_noise"])
        ]
        draft.detail(
            one,
            f"Noise moves reconstructions away from the sketch at {names(paid)}."
            if paid
            else "The data do not show for any setting that noise moves reconstructions away "
            "from the sketch.",
        )
    others = summary.baseline("chamfer_repeats")
    if others is not None:
        draft.explain(f"The mean distance between two test sketches is {number(others)}.")
    return draft.finding()


def new_drawings(summary: Summary) -> Finding | None:
    """Say whether new sketches are copies of the training set, or of each other."""
    draft = Draft("Are new sketches copies of the training set, or of each other?")
    for one in summary.slices():
        _compare(draft, summary, one, "novelty", "to the nearest training sketch")
        _compare(draft, summary, one, "diversity", "to the nearest other new one")
        used = with_scalar(one.settings, "ended")
        if used:
            shares = listed(used, scalar("ended"))
            draft.detail(one, f"Share of new sketches that end before max_seq_len: {shares}.")
    draft.explain(
        "If a model copied, its sketches would be much nearer to the training set than test "
        "sketches are. If it always drew the same sketch, its diversity would be near 0."
    )
    return draft.finding()


def _compare(draft: Draft, summary: Summary, one: Slice, name: str, what: str) -> None:
    used = with_scalar(one.settings, name)
    if not used:
        return
    real = summary.baseline(name)
    beside = f"; from a test sketch: {number(real)}." if real is not None else "."
    draft.detail(one, f"Distance from a new sketch {what}: {listed(used, scalar(name))}{beside}")
    if name == "novelty" and all(s.baseline(name) for s in used):
        draft.answer(one, _copying(used))
    else:
        draft.answer(one, f"{capital(name)}: {best(used, scalar(name), 'highest')}")


def _copying(used: Sequence[SettingSummary]) -> str:
    """Say whether new sketches are nearer to the training set than test sketches are."""
    certain = [s for s in used if s.scalars["novelty"].n >= FEWEST_SEEDS]
    if not certain:
        return f"{few(max(s.scalars['novelty'].n for s in used))} too few to answer."
    near: list[SettingSummary] = []
    far: list[SettingSummary] = []
    same: list[SettingSummary] = []
    ratios = set()
    for s in certain:
        value, real = s.scalars["novelty"], s.baseline("novelty")
        if not real:  # `_compare` has checked it, but not for the type checker
            continue
        # For test sketches there are no seeds, so the standard error takes the spread's place.
        error = math.hypot(value.known_spread, s.baselines.get("novelty_error") or 0.0)
        apart = abs(value.known_mean - real) > 2 * error
        (same if not apart else near if value.known_mean < real else far).append(s)
        ratios.add(number(value.known_mean / real, 2))
    parts = [
        f"{how} at {names(group)}"
        for how, group in (
            ("nearer than test sketches", near),
            ("farther than test sketches", far),
            ("not different from test sketches", same),
        )
        if group
    ]
    ordered = sorted(ratios)
    span = ordered[0] if len(ordered) == 1 else f"{ordered[0]} to {ordered[-1]}"
    return (
        f"In their distance to the nearest training sketch, new sketches are {', '.join(parts)} "
        f"({span} times the distance)."
    )
