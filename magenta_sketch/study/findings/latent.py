"""How much is paid for the latent vector, and how much of it is used."""

from __future__ import annotations

from magenta_sketch.study.findings.finding import Draft, Finding, place
from magenta_sketch.study.findings.phrases import best, change, listed, scalar, with_scalar
from magenta_sketch.study.summary import Summary, is_numeric
from magenta_sketch.study.wording import plus_minus, seeds


def two_kls(summary: Summary) -> Finding | None:
    """Say how far the KL that is optimised is from that of the z which the decoder gets."""
    draft = Draft("How far is the KL that is optimised from the one the noise implies?")
    draft.explain(
        "They differ because the KL term is that of N(mu, sigma²), as Magenta's formula has it, "
        "but the decoder is given mu + scale · sigma · eps, which is drawn from "
        "N(mu, (scale · sigma)²); at scale 1 they are the same."
    )
    for one in summary.slices():
        pair = with_scalar(one.settings, "kl")
        if len(pair) < 2:
            continue
        draft.answer(one, change(pair, "kl", "the KL that is optimised"))
        finite = with_scalar(pair, "kl_implied")
        if len(finite) > 1:
            draft.answer(one, change(finite, "kl_implied", "the one that the noise implies"))
        for s in pair:
            optimised, implied = s.scalars["kl"], s.scalars["kl_implied"]
            found = plus_minus(implied) if implied.n else "without noise an infinite one"
            draft.explain(
                f"{place(one, s)}: {plus_minus(optimised)} optimised, "
                f"{found} implied, nats per dimension ({seeds(optimised.n)})."
            )
    return draft.finding()


def active_units(summary: Summary) -> Finding | None:
    """Say how many latent dimensions are in use."""
    draft = Draft("How many latent dimensions are in use?")
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
        "A unit counts as active where mu varies by more than 0.01 over the test set (Burda et al. "
        "2016)."
    )
    return draft.finding()
