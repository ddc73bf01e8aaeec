"""Findings about the latent vector: its KL, and how many dimensions are used."""

from __future__ import annotations

from magenta_sketch.study.findings.finding import Draft, Finding, place
from magenta_sketch.study.findings.phrases import best, change, listed, scalar, with_scalar
from magenta_sketch.study.summary import Summary, is_numeric
from magenta_sketch.study.wording import plus_minus, seeds


def two_kls(summary: Summary) -> Finding | None:
    """Say how much the KL that training minimises differs from that of the decoder's z."""
    draft = Draft("How much does the optimised KL differ from the KL implied by the noise?")
    draft.explain(
        "The optimised KL is that of N(mu, sigma²), as in Magenta's formula. But the decoder gets "
        "z = mu + scale · sigma · eps, which has the distribution N(mu, (scale · sigma)²). At "
        "scale 1 the two are equal."
    )
    for one in summary.slices():
        pair = with_scalar(one.settings, "kl")
        if len(pair) < 2:
            continue
        draft.answer(one, change(pair, "kl", "the optimised KL"))
        finite = with_scalar(pair, "kl_implied")
        if len(finite) > 1:
            draft.answer(one, change(finite, "kl_implied", "the KL implied by the noise"))
        for s in pair:
            optimised, implied = s.scalars["kl"], s.scalars["kl_implied"]
            found = plus_minus(implied) if implied.n else "infinite without noise"
            draft.explain(
                f"{place(one, s)}: optimised {plus_minus(optimised)}, implied {found}, in nats per "
                f"dimension ({seeds(optimised.n)})."
            )
    return draft.finding()


def active_units(summary: Summary) -> Finding | None:
    """Say how many latent dimensions the model uses."""
    draft = Draft("How many latent dimensions does the model use?")
    for one in summary.slices():
        used = with_scalar(one.settings, "active_units")
        if not used:
            continue
        get = scalar("active_units")
        if is_numeric(summary.main) and len(used) > 1:
            draft.answer(one, change(used, "active_units", "the number of active units"))
        else:
            draft.answer(one, best(used, get, "highest"))
        draft.detail(one, f"{listed(used, get)}.")
    draft.explain(
        "A unit is active if its mu has a variance above 0.01 over the test set (Burda et al. "
        "2016)."
    )
    return draft.finding()
