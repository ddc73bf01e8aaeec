"""Figures about the latent vector: sigma, noise, KL, active units."""

from __future__ import annotations

import dataclasses

from magenta_sketch.study.figures.over_settings import Curve, Figure, over_settings
from magenta_sketch.study.figures.picture import Picture
from magenta_sketch.study.summary import Summary

_SIGMA = Figure(
    "sigma",
    "latent",
    "Mean sigma",
    [Curve("mean_sigma", "all dimensions"), Curve("active_sigma", "active ones", ":")],
    from_zero=False,
)
# For studies of the noise scale.
_SIGMA_OF_SCALE = dataclasses.replace(
    _SIGMA,
    caption="Dashed: sigma ∝ 1/scale, the noise is undone completely. Dotted grey: constant "
    "sigma, the noise is not undone.",
    powers=(-1, 0),
    logarithmic=True,
)
_EFFECTIVE_NOISE = Figure(
    "effective_noise",
    "latent",
    "Effective noise, scale · mean sigma",
    [
        Curve("effective_noise", "all dimensions"),
        Curve("active_effective_noise", "active ones", ":"),
    ],
    "Dashed: constant, the noise is undone completely. Dotted grey: proportional to scale, the "
    "noise is not undone.",
    powers=(0, 1),
    logarithmic=True,
    from_zero=False,
)
_OTHERS = (
    Figure(
        "kl",
        "latent",
        "KL to N(0, 1), nats/dimension",
        [Curve("kl", "optimised"), Curve("kl_implied", "implied by the noise", "--")],
        "Optimised: the KL of N(mu, sigma²), which training minimises. Implied by the noise: the "
        "KL of N(mu, (scale · sigma)²), the distribution of the decoder's z.",
    ),
    Figure(
        "active_units",
        "latent",
        "Active units",
        [Curve("active_units", "active units")],
        "Latent dimensions whose mu has a variance above 0.01 over the test set.",
    ),
    Figure(
        "signal_to_noise",
        "latent",
        "Signal to noise",
        [Curve("signal_to_noise", "signal to noise")],
        "Spread of mu over the test set, divided by the effective noise.",
    ),
)


def latent_use(summary: Summary) -> list[Picture]:
    """Return the figures about the latent vector."""
    by_scale = summary.main.name == "scale"
    first = (_SIGMA_OF_SCALE, _EFFECTIVE_NOISE) if by_scale else (_SIGMA,)
    return over_settings(summary, (*first, *_OTHERS))
