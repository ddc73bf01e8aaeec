"""The names of all measured numbers, with their meanings and units."""

from __future__ import annotations

# Name -> (meaning in one line, unit).
SCALARS: dict[str, tuple[str, str]] = {
    "cost": (
        "cost as in training: recon + KL weight · max(kl, kl_tolerance), with the KL weight of the "
        "checkpoint's step, at the run's own noise",
        "nats/point",
    ),
    "recon": (
        "reconstruction loss as in training (with bucket_by_length: one end row per sketch), at "
        "the run's own noise",
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
        "KL(N(mu, sigma²) || N(0, 1)), which training minimises, before the tolerance",
        "nats/dimension",
    ),
    "kl_with_tolerance": ("the larger of kl and kl_tolerance", "nats/dimension"),
    "kl_implied": (
        "KL(N(mu, (scale·sigma)²) || N(0, 1)), for the z that the decoder gets",
        "nats/dimension",
    ),
    "active_units": (
        "latent dimensions whose mu has a variance above 0.01 over the test set",
        "dimensions",
    ),
    "mean_sigma": ("mean of sigma over sketches and dimensions", ""),
    "effective_noise": ("scale · mean sigma", ""),
    "mu_spread": ("square root of the variance of mu, averaged over dimensions", ""),
    "signal_to_noise": ("mu_spread / effective_noise", ""),
    "chamfer_without_noise": (
        "distance between a sketch and its greedy reconstruction from z = mu",
        "model units",
    ),
    "chamfer_with_noise": (
        "distance between a sketch and its greedy reconstruction at the run's own noise",
        "model units",
    ),
    "chamfer_repeats": (
        "distance between greedy reconstructions of one sketch, each with its own noise",
        "model units",
    ),
    "diversity": ("distance from a new sketch to the nearest other new one", "model units"),
    "novelty": ("distance from a new sketch to the nearest training sketch", "model units"),
    "ended": ("share of new sketches that end before max_seq_len", ""),
    "ended_reconstructions": (
        "share of greedy reconstructions at the run's own noise that end before max_seq_len",
        "",
    ),
}
# Numbers that `summary` computes from others.
DERIVED: dict[str, tuple[str, str]] = {
    "active_sigma": ("mean of sigma over sketches and active dimensions", ""),
    "active_effective_noise": ("scale · active_sigma", ""),
}
MEANINGS = SCALARS | DERIVED
