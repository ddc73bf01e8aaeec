"""Made-up studies with plausible numbers and real drawings: no model was trained for them."""

import dataclasses
import math
import pathlib

import numpy as np

from magenta_sketch.config.run_config import RunConfig
from magenta_sketch.data import read_npz
from magenta_sketch.measures.result import Measures, MeasureSettings
from magenta_sketch.measures.scalars import PRIORS, SCALARS
from magenta_sketch.study.plan import Axis, Plan, parse_other
from magenta_sketch.study.results import RunResult, StudyResult

TINY = pathlib.Path(__file__).parents[1] / "data" / "tiny.npz"
SIZES = {"enc_rnn_size": 64, "dec_rnn_size": 128, "z_size": 16, "num_steps": 2000}
SETTINGS = MeasureSettings(shown=4)
# What an unconditional model has.
UNCONDITIONAL = {"cost", "recon", "masked_recon"} | {
    f"{name}_standard"
    for name in ("precision", "recall", "f", "ended", "novelty", "diversity", "copying")
}


def measures(seed=0, scale=1.0, undone=0.8, z_size=16, conditional=True, drawings=TINY, **changes):
    """Of one run; `changes` replaces scalars."""
    rng = np.random.default_rng([seed, round(1000 * scale), z_size])
    used = rng.random(z_size) < 0.6
    used[0] = True
    sigma = np.where(used, 0.35 * scale**-undone, 0.97) * np.exp(0.04 * rng.normal(size=z_size))
    spread = np.where(used, np.maximum(1 - sigma**2, 0.2), 0.001)
    spread *= np.exp(0.1 * rng.normal(size=z_size))
    mean = 0.05 * rng.normal(size=z_size)

    def kl(s):
        return float(np.mean(0.5 * (s**2 + spread + mean**2 - 1 - 2 * np.log(s))))

    def loss(noise):
        own = noise * float(sigma[used].mean()) if used.any() else 0
        return -0.42 + 0.05 * math.log1p(scale) + 0.6 * own**2 + 0.004 * rng.normal()

    masked = [loss(noise) for noise in SETTINGS.noises]
    own = loss(scale)
    information = 6.0 / (1 + scale) + 0.1 * rng.normal()
    scalars = {
        "cost": own + 0.11 + 0.5 * kl(sigma),
        "recon": own + 0.11,
        "masked_recon": own,
        "masked_recon_without_noise": masked[0],
        "kl": kl(sigma),
        "mutual_information": information,
        "active_units": float(np.sum(spread > 0.01)),
        "mean_sigma": float(sigma.mean()),
        "active_sigma": float(sigma[used].mean()),
        "other_sigma": 0.97 if not used.all() else None,
        "mu_spread": float(np.sqrt(spread.mean())),
        "signal_to_noise": float(np.sqrt(spread.mean()) / sigma.mean() / scale),
        "balance": float(np.mean(spread + mean**2 + sigma**2)),
        "chamfer_without_noise": 0.21 + 0.01 * scale + 0.005 * rng.normal(),
        "chamfer_with_noise": 0.24 + 0.03 * scale + 0.008 * rng.normal(),
        "chamfer_repeats": 0.1 + 0.05 * scale + 0.006 * rng.normal(),
        "ended_reconstructions": min(1, 0.97 + 0.01 * rng.normal()),
        "factor_r2": 0.7 - 0.1 * scale,
        "factor_mig": 0.1,
    }
    for prior in PRIORS:
        better = 0.1 * (prior == "aggregate")
        scalars |= {
            f"rate_{prior}": information + 0.5 - better,
            f"marginal_kl_{prior}": 0.5 - better,
            f"bound_{prior}": -120.0 + 5 * better + rng.normal(),
            f"precision_{prior}": 0.6 + better + 0.02 * rng.normal(),
            f"recall_{prior}": 0.5 + better + 0.02 * rng.normal(),
            f"f_{prior}": 0.55 + better + 0.02 * rng.normal(),
            f"ended_{prior}": min(1, 0.95 + 0.02 * rng.normal()),
            f"novelty_{prior}": 0.31 + 0.01 * rng.normal(),
            f"diversity_{prior}": 0.33 + 0.01 * rng.normal(),
            f"copying_{prior}": 0.4 + 0.01 * rng.normal(),
        }
    latent = {
        "mean": mean,
        "mu_variance": spread,
        "sigma": sigma,
        "sigma_square": sigma**2,
        "kl": 0.5 * (sigma**2 + spread + mean**2 - 1 - 2 * np.log(sigma)),
    }
    sketches = list(read_npz(drawings)["test"])
    shown = SETTINGS.shown
    kept = {
        "originals": sketches[:shown],
        "without_noise": [_shaken(s, 0.1, rng) for s in sketches[:shown]],
        "with_noise": [_shaken(s, 0.1 + 0.1 * scale, rng) for s in sketches[:shown]],
        "ladder": [_shaken(sketches[0], 0.2 * noise, rng) for noise in SETTINGS.noises],
        **{
            f"new_{prior}": [_shaken(s, 0.3, rng) for s in sketches[shown : 2 * shown]]
            for prior in PRIORS
        },
    }
    factors = {"size": 0.9 - 0.1 * scale, "rotation": 0.5}
    if not conditional:
        latent, masked, factors = {}, [], {}
        kept = {"new_standard": kept["new_standard"]}
        scalars |= dict.fromkeys(set(SCALARS) - UNCONDITIONAL)
    scalars |= changes
    assert set(scalars) == set(SCALARS)
    return Measures(
        step=2000,
        settings=SETTINGS,
        scalars={name: scalars[name] for name in SCALARS},
        masked_recon=masked,
        latent={name: values.tolist() for name, values in latent.items()},
        factors=factors,
        drawings=kept,
        test_indices=list(range(3, 3 + shown)) if conditional else [],
    )


def _shaken(sketch, much, rng):
    shaken = np.array(sketch, np.float32)
    shaken[:, :2] += much * np.abs(shaken[:, :2]).mean() * rng.normal(size=(len(shaken), 2))
    return shaken


def history(seed, scale, steps=2000, conditional=True):
    rng = np.random.default_rng([7, seed, round(1000 * scale)])
    rows = []
    for step in range(0, steps + 1, 200):
        masked = -0.4 + 0.05 * math.log1p(scale) + 1.6 * math.exp(-step / 250)
        masked += 0.01 * rng.normal()
        row = {"step": step, "split": "valid", "recon": masked + 0.11, "masked_recon": masked}
        row["kl"] = 0.9 * (1 - math.exp(-step / 400)) + 0.2 * scale if conditional else 0.0
        row["cost"] = row["recon"] + 0.5 * row["kl"]
        rows.append(row | {"lr": 0.001, "klw": 0.5})
    rows.append({"step": steps, "split": "test", "recon": 0.0, "kl": 0.0})
    return rows


def study(
    sweep=("scale=0.5,1,2,4",),
    seeds=(0, 1, 2),
    others=(),
    assignments=None,
    conditional=True,
    measured=measures,
    **changes,
):
    """A StudyResult in which every run is done."""
    given = {"data_set": ("tiny.npz",), **SIZES, **(assignments or {})}
    axes = tuple(Axis.parse(text) for text in sweep)
    for axis in axes:
        given.pop(axis.name, None)
    base = RunConfig.of(**given, data_dir="datasets")
    plan = Plan(axes, tuple(seeds), base, tuple(map(parse_other, others)))
    runs = []
    for trial in plan.trials():
        hparams = plan.config(trial).hparams.to_dict()
        hparams["max_seq_len"] = 14
        has_z = hparams["conditional"] and conditional
        scale, z_size = hparams["scale"], hparams["z_size"]
        runs.append(
            RunResult(
                trial=trial,
                hparams=hparams,
                status="done",
                message="",
                seconds=300.0 + trial.seed,
                history=history(trial.seed, scale, conditional=has_z),
                measures=measured(trial.seed, scale=scale, z_size=z_size, conditional=has_z),
                log_root=f"runs/{trial.name}",
            )
        )
    result = StudyResult(
        plan=plan,
        command="sketch_rnn_sweep --flagfile=configs/noise_scale.cfg --jobs=2",
        data={
            "names": ["tiny.npz"],
            "fingerprint": "3b" * 32,
            "train": 40,
            "valid": 13,
            "test": 11,
            "max_seq_len": 14,
            "normalizing_factor": 31.25,
        },
        baselines={"chamfer_others": 0.52, "diversity": 0.34, "novelty": 0.3},
        runs=runs,
        settings=SETTINGS,
        versions={"magenta_sketch": "0.1", "tensorflow": "2.20.0", "keras": "3.12.0"},
        began="2026-01-02T03:04:05Z",
        ended="2026-01-02T04:16:00Z",
        seconds=sum(run.seconds for run in runs),
        machine="2 cores, Linux x86_64",
    )
    return dataclasses.replace(result, **changes)


def without(result, name, status="failed", message="the loss was not finite at step 17"):
    """The study with one run that came to nothing."""
    runs = [
        dataclasses.replace(run, status=status, message=message, measures=None)
        if run.trial.name == name
        else run
        for run in result.runs
    ]
    assert runs != result.runs
    return dataclasses.replace(result, runs=runs)
