"""All measured numbers: names, meanings, units, and how settings are compared on them."""

from __future__ import annotations

from typing import NamedTuple

PRIORS = ("standard", "scaled", "aggregate")  # of new sketches; the first is the default


class Scalar(NamedTuple):
    """What a measured number means.

    Attributes:
      meaning: one line.
      unit: "" for none.
      group: the table of the report.
      margin: settings that differ by less count as equal; None: never.
      is_ratio: settings are compared by their quotient; the margin is a factor.

    >>> SCALARS["active_units"].unit
    'units'
    """

    meaning: str
    unit: str
    group: str
    margin: float | None = None
    is_ratio: bool = False


LOSSES, INFORMATION, LATENT = "Losses", "Information", "Latent vector"
DRAWINGS, NEW, FACTORS = "Reconstructions", "New sketches", "Known factors"
_POINT, _DIMENSION, _SKETCH, _LENGTH = "nats/point", "nats/dimension", "nats/sketch", "model units"

SCALARS: dict[str, Scalar] = {
    "cost": Scalar(
        "cost as in training: recon + KL weight · max(kl, kl_tolerance), with the KL weight of the "
        "checkpoint's step, at the run's own noise",
        *(_POINT, LOSSES),
    ),
    "recon": Scalar(
        "reconstruction loss as in training (with bucket_by_length: one end row per sketch), at "
        "the run's own noise",
        *(_POINT, LOSSES),
    ),
    "masked_recon": Scalar(
        "reconstruction loss without the pen loss of padding, at its own noise: the distortion",
        *(_POINT, LOSSES, 0.02),
    ),
    "masked_recon_without_noise": Scalar(
        "reconstruction loss without the pen loss of padding, at z = mu",
        *(_POINT, LOSSES, 0.02),
    ),
    "kl": Scalar(
        "the KL term that training minimises, before the tolerance",
        *(_DIMENSION, LOSSES, 0.03),
    ),
    "mutual_information": Scalar(
        "mutual information of sketches and z, at the run's own noise; at most the log of the "
        "number of sketches",
        *(_SKETCH, INFORMATION, 0.3),
    ),
    **{
        f"{name}_{prior}": Scalar(text.format(prior), _SKETCH, INFORMATION)
        for name, text in (
            ("rate", "rate: KL of z given the sketch, at the run's own noise, to the {} prior"),
            ("marginal_kl", "KL of the aggregate posterior to the {} prior: rate − information"),
            ("bound", "importance-weighted bound of log p(sketch), in data units, {} prior"),
        )
        for prior in PRIORS
    },
    "active_units": Scalar(
        "latent dimensions whose mu has a variance above 0.01 over the test set",
        *("units", LATENT, 1.5),
    ),
    "mean_sigma": Scalar("mean of sigma over sketches and dimensions", "", LATENT, None, True),
    "active_sigma": Scalar("the same over active dimensions", "", LATENT, None, True),
    "other_sigma": Scalar("the same over all other dimensions", "", LATENT, None, True),
    "mu_spread": Scalar(
        "square root of the variance of mu, averaged over dimensions", "", LATENT, None, True
    ),
    "signal_to_noise": Scalar("mu_spread / (scale · mean sigma)", "", LATENT, 1.25, True),
    "balance": Scalar(
        "mean of mu² + sigma² over sketches and dimensions: 1 at a minimum without tolerance",
        *("", LATENT),
    ),
    "chamfer_without_noise": Scalar(
        "distance between a sketch and its greedy reconstruction from z = mu", _LENGTH, DRAWINGS
    ),
    "chamfer_with_noise": Scalar(
        "distance between a sketch and its greedy reconstruction at the run's own noise",
        *(_LENGTH, DRAWINGS),
    ),
    "chamfer_repeats": Scalar(
        "distance between greedy reconstructions of one sketch, each with its own noise",
        *(_LENGTH, DRAWINGS),
    ),
    "ended_reconstructions": Scalar(
        "share of greedy reconstructions at the run's own noise that end before max_seq_len",
        *("", DRAWINGS),
    ),
    **{
        f"{name}_{prior}": Scalar(f"{text}; z from the {prior} prior", unit, NEW)
        for name, text, unit in (
            ("precision", "share of new sketches within the nearest neighbours of real ones", ""),
            ("recall", "share of real sketches within the nearest neighbours of new ones", ""),
            ("f", "harmonic mean of precision and recall", ""),
            ("ended", "share of new sketches that end before max_seq_len", ""),
            ("novelty", "distance from a new sketch to the nearest training sketch", _LENGTH),
            ("diversity", "distance from a new sketch to the nearest other new one", _LENGTH),
            (
                "copying",
                "probability that a new sketch is nearer to the training set than a test sketch",
                "",
            ),
        )
        for prior in PRIORS
    },
    "factor_r2": Scalar(
        "R² of a linear probe of the known factors from z, at the run's own noise, on test "
        "sketches; mean over factors",
        *("", FACTORS),
    ),
    "factor_mig": Scalar("mutual information gap of the known factors", "", FACTORS),
}
