"""The numbers that are measured of each run, by name: what each is, and its unit."""

from __future__ import annotations

# Name -> (what it is, in a line; unit).
SCALARS: dict[str, tuple[str, str]] = {
    "cost": (
        "cost as trained: recon + KL weight · max(KL, tolerance), KL weight reached at that step, "
        "at the run's own noise",
        "nats/point",
    ),
    "recon": (
        "reconstruction loss in the form that is trained (with bucket_by_length, one end row a "
        "sketch), at the run's own noise",
        "nats/point",
    ),
    "masked_recon": (
        "reconstruction loss without the pen loss of padding, at the run's own noise",
        "nats/point",
    ),
    "masked_recon_without_noise": (
        "reconstruction loss without the pen loss of padding, at z = mu",
        "nats/point",
    ),
    "kl": (
        "KL(N(mu, sigma²) || N(0, 1)), the one that is optimised, before the tolerance",
        "nats/dimension",
    ),
    "kl_with_tolerance": ("the larger of kl and kl_tolerance", "nats/dimension"),
    "kl_implied": (
        "KL(N(mu, (scale·sigma)²) || N(0, 1)), of the z that the decoder gets",
        "nats/dimension",
    ),
    "active_units": (
        "latent dimensions whose mu varies by more than 0.01 over the test set",
        "dimensions",
    ),
    "mean_sigma": ("mean of sigma over sketches and dimensions", ""),
    "effective_noise": ("scale · mean sigma", ""),
    "mu_spread": ("root of the mean over dimensions of the variance of mu", ""),
    "signal_to_noise": ("mu_spread / effective noise", ""),
    "chamfer_without_noise": (
        "distance of a sketch and its greedy reconstruction from z = mu",
        "model units",
    ),
    "chamfer_with_noise": (
        "distance of a sketch and its greedy reconstruction at the run's own noise",
        "model units",
    ),
    "chamfer_repeats": (
        "mean distance among greedy reconstructions of one sketch, each with its own noise",
        "model units",
    ),
    "diversity": ("mean distance of a new sketch to the nearest other new one", "model units"),
    "novelty": ("mean distance of a new sketch to the nearest training sketch", "model units"),
    "ended": ("share of new sketches that end before max_seq_len", ""),
    "ended_reconstructions": (
        "share of greedy reconstructions at the run's own noise that end before max_seq_len",
        "",
    ),
}
# Those that follow from others, see `summary`.
DERIVED: dict[str, tuple[str, str]] = {
    "active_sigma": ("mean of sigma over sketches and active dimensions", ""),
    "active_effective_noise": ("scale · active_sigma", ""),
}
MEANINGS = SCALARS | DERIVED
