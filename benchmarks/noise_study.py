"""Decide the predictions of docs/noise_predictions.md, from the results of the noise studies.

    python benchmarks/noise_study.py docs/noise_study/*.json*

It prints a table: for each prediction and data set, the numbers and whether it holds. Names of
files are names of data sets. A results.json of a report decides P1 to P5, the file that
noise_kept.py has written decides P6.
"""

from __future__ import annotations

import argparse
import pathlib
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from measure import parse, rows_of

from magenta_sketch.measures import linear_theory
from magenta_sketch.measures.latent import ACTIVE
from magenta_sketch.measures.scalars import SCALARS
from magenta_sketch.study.export import read_results
from magenta_sketch.study.plan import Setting
from magenta_sketch.study.results import StudyResult, of
from magenta_sketch.study.statistics import (
    Comparison,
    Estimate,
    compare,
    compare_rows,
    estimate,
    holm,
)
from magenta_sketch.study.wording import compared, with_interval

SCALES = (0.5, 1.0, 2.0, 4.0)
HOLDS, FAILS, UNDECIDED = "holds", "fails", "undecided"
EQUAL = tuple(name for name, scalar in SCALARS.items() if scalar.margin)


class Outcome(NamedTuple):
    """What a data set says about a prediction."""

    prediction: str
    data: str
    verdict: str
    numbers: str


def of_scale(scale: float, **more: float) -> Setting:
    """Return the setting of a scale, with other hyperparameters."""
    return Setting.of({"scale": scale, **more})


def all_of(verdicts: Iterable[str], wanted: str, opposite: Iterable[str]) -> str:
    """Return whether all verdicts are the wanted one, or one is an opposite, or neither."""
    found = list(verdicts)
    if any(one in opposite for one in found):
        return FAILS
    return HOLDS if found and all(one == wanted for one in found) else UNDECIDED


# ----------------------------------------------------------------------------------- predictions


def falls(result: StudyResult, name: str, settings: list[Setting]) -> tuple[str, str]:
    """Decide whether a measure falls from each setting to the next."""
    rows = [result.values(one, name) for one in settings]
    ratio = SCALARS[name].is_ratio
    found = holm(compare_rows(rows[1:], rows[:-1], is_ratio=ratio))
    verdict = all_of((one.verdict for one in found), "less", ("greater",))
    return verdict, f"{name}: {'; '.join(map(compared, found))}"


def p1(result: StudyResult) -> Iterable[tuple[str, str, str]]:
    """Decide P1."""
    swept = [of_scale(scale) for scale in SCALES]
    yield "P1a", *falls(result, "signal_to_noise", swept)
    logs = np.log([result.values(one, "mean_sigma") for one in swept])
    logs = logs[:, np.isfinite(logs).all(axis=0)]
    power = estimate(np.polyfit(np.log(SCALES), logs, 1)[0])
    inside = -0.15 < power.low and power.high < 0.15
    outside = power.high < -0.15 or power.low > 0.15
    yield "P1b", HOLDS if inside else FAILS if outside else UNDECIDED, f"p = {with_interval(power)}"
    active = compare(
        result.values(of_scale(2.0), "active_sigma"),
        result.values(of_scale(1.0), "active_sigma"),
        is_ratio=True,
    )
    text = f"sigma of active units, scale 2 over 1: {compared(active)}"
    verdict = all_of([active.verdict], "less", ("greater",))
    if (free := of_scale(4.0, kl_tolerance=0.0)) in result.measured:
        others = estimate(result.values(free, "other_sigma"))
        text += f"; other units at scale 4 without tolerance: {with_interval(others)}"
        verdict = FAILS if others.high < 0.95 else verdict
    yield "P1c", verdict, text
    found = [falls(result, name, swept) for name in ("mutual_information", "active_units")]
    yield "P1d", worst(one for one, _ in found), "; ".join(text for _, text in found)


def p2(result: StudyResult) -> Iterable[tuple[str, str, str]]:
    """Decide P2: equivalence within the margins."""
    for scale in (0.5, 2.0, 4.0):
        of_own_prior = of_scale(scale, kl_mu_weight=scale**-2)
        weighted = of_scale(1.0, kl_mu_weight=scale**2, decoder_z_scale=scale)
        for name, one, other, unit in (
            ("P2a", of_own_prior, of_scale(1.0), 1 / scale),
            ("P2b", weighted, of_scale(scale), scale),
        ):
            if one not in result.measured:
                continue
            found = {measure: equivalent(result, measure, one, other, unit) for measure in EQUAL}
            texts = [
                f"{measure} {compared(c)} {'within' if c.equal else 'not within'}"
                for measure, c in found.items()
                if c is not None
            ]
            verdicts = [verdict_of(c) for c in found.values() if c is not None]
            yield f"{name}, s = {scale:g}", worst(verdicts), "; ".join(texts)


def equivalent(
    result: StudyResult, name: str, one: Setting, other: Setting, unit: float = 1.0
) -> Comparison | None:
    """Return the comparison with its margin; None where the measure says nothing.

    unit: the factor that brings mu of the first setting to the unit of the other's.
    """
    counts = [active_units(result, setting, u) for setting, u in ((one, unit), (other, 1.0))]
    if name == "signal_to_noise" and min(map(np.nanmin, counts)) < 1:
        return None
    declared = SCALARS[name]
    values = [result.values(setting, name) for setting in (one, other)]
    return compare(
        *(counts if name == "active_units" else values),
        is_ratio=declared.is_ratio,
        margin=declared.margin,
    )


def active_units(result: StudyResult, setting: Setting, unit: float) -> np.ndarray:
    """Return the active units of each run, [seeds], with mu times ``unit``."""
    found = {
        run.trial.seed: np.count_nonzero(unit**2 * np.array(of(run).latent["mu_variance"]) > ACTIVE)
        for run in result.runs_of(setting)
    }
    return np.array([found.get(seed, np.nan) for seed in result.plan.seeds], float)


def verdict_of(found: Comparison) -> str:
    """Return whether settings are equal within the margin, surely not, or neither."""
    return HOLDS if found.equal else FAILS if found.verdict in ("greater", "less") else UNDECIDED


def p3(result: StudyResult) -> Iterable[tuple[str, str, str]]:
    """Decide P3: where new sketches come from."""

    def gap(scale: float, name: str, first: str, second: str) -> Comparison:
        setting = of_scale(scale)
        return compare(
            result.values(setting, f"{name}_{first}"), result.values(setting, f"{name}_{second}")
        )

    verdicts, texts = [], []
    for scale in SCALES:
        means = {
            prior: float(np.nanmean(result.values(of_scale(scale), f"marginal_kl_{prior}")))
            for prior in ("standard", "scaled", "aggregate")
        }
        texts.append(f"{scale:g}: " + ", ".join(f"{name} {v:.2f}" for name, v in means.items()))
        verdicts.append(means["aggregate"] <= min(means.values()))
        if scale in (0.5, 2.0):
            verdicts.append(means["standard"] < means["scaled"])
    yield "P3a", HOLDS if all(verdicts) else FAILS, "marginal KL, nats: " + "; ".join(texts)
    found = [gap(scale, "f", "aggregate", "standard") for scale in (0.5, 2.0, 4.0)]
    text = "F of aggregate less standard: " + "; ".join(map(compared, holm(found)))
    yield "P3b", all_of((c.verdict for c in holm(found)), "greater", ("less",)), text
    found = [gap(scale, "f", "scaled", "aggregate") for scale in (2.0, 4.0)]
    text = "F of scaled less aggregate: " + "; ".join(map(compared, holm(found)))
    known = all(c.difference.has_interval for c in found)
    higher = any(c.verdict == "greater" for c in holm(found))
    yield "P3c", FAILS if higher else HOLDS if known else UNDECIDED, text
    at_1 = gap(1.0, "f", "aggregate", "standard")
    yield "P3, scale 1", at_1.verdict, f"F of aggregate less standard: {compared(at_1)}"


def p4(result: StudyResult) -> Iterable[tuple[str, str, str]]:
    """Decide P4: without the tolerance."""
    free = [of_scale(scale, kl_tolerance=0.0) for scale in SCALES]
    if free[1] not in result.measured:
        return
    names = ("mutual_information", "active_units", "signal_to_noise")
    found = [falls(result, name, free) for name in names]
    yield "P4a", worst(one for one, _ in found), "; ".join(text for _, text in found)
    balance = [estimate(result.values(one, "balance")) for one in free]
    inside = [0.9 < one.low and one.high < 1.1 for one in balance]
    outside = [one.high < 0.9 or one.low > 1.1 for one in balance]
    verdict = FAILS if any(outside) else HOLDS if all(inside) else UNDECIDED
    yield "P4b", verdict, "; ".join(map(with_interval, balance))
    units = [
        compare(
            result.values(of_scale(scale, kl_tolerance=0.0), "active_units"),
            result.values(of_scale(scale), "active_units"),
        )
        for scale in (2.0, 4.0)
    ]
    text = "active units without less with: " + "; ".join(map(compared, holm(units)))
    yield "P4c", all_of((c.verdict for c in holm(units)), "less", ("greater",)), text
    errors = theory_errors(result, free)
    best = errors["formula"].value < min(errors["stays"].value, errors["1/s"].value)
    text = ", ".join(f"{name} {with_interval(value)}" for name, value in errors.items())
    yield "P4d", HOLDS if best else FAILS, f"mean error of the information, nats: {text}"


def theory_errors(result: StudyResult, settings: list[Setting]) -> dict[str, Estimate]:
    """Return mean absolute errors of three predictions of the information, over seeds."""
    measured = [result.values(one, "mutual_information") for one in settings]
    errors: dict[str, list[float]] = {"formula": [], "stays": [], "1/s": []}
    for run in result.runs_of(settings[1]):
        seed = result.plan.seeds.index(run.trial.seed)
        variance, square = (of(run).latent[name] for name in ("mu_variance", "sigma_square"))
        at_1 = linear_theory.predict(variance, np.sqrt(square), 1.0)
        # Factors are correlated, so the sum over dimensions is not the information at scale 1.
        factor = measured[1][seed] / max(at_1.information, 1e-9)
        for name in errors:
            apart = []
            for scale, values in zip(SCALES, measured, strict=True):
                if scale == 1.0:
                    continue
                expected = {
                    "formula": linear_theory.predict(variance, np.sqrt(square), scale).information,
                    "stays": at_1.information,
                    "1/s": float(np.sum(0.5 * np.log1p(at_1.ratio / scale**2))),
                }[name]
                apart.append(abs(factor * expected - values[seed]))
            errors[name].append(float(np.mean(apart)))
    return {name: estimate(values) for name, values in errors.items()}


def p5(result: StudyResult) -> Iterable[tuple[str, str, str]]:
    """Decide P5: the KL weight in place of the noise."""
    base = result.plan.base.hparams.kl_weight
    weights = {
        scale: of_scale(1.0, kl_weight=float(f"{base * scale**2:g}")) for scale in (0.5, 2.0, 4.0)
    }
    if weights[2.0] not in result.measured:
        return
    units = {
        scale: equivalent(result, "active_units", one, of_scale(scale))
        for scale, one in weights.items()
    }
    text = "active units, weight less scale: " + "; ".join(
        f"{compared(c)} at s = {scale:g}" for scale, c in units.items() if c is not None
    )
    yield "P5a", worst(verdict_of(c) for c in units.values() if c is not None), text
    line = [weights[0.5], of_scale(1.0), weights[2.0], weights[4.0]]
    for scale in (0.5, 2.0):
        excess = at_equal_information(result, line, of_scale(scale))
        text = f"loss of scale {scale:g} less that of kl_weight: {with_interval(excess)} nats/point"
        below = excess.high < 0 or excess.low > 0.02
        inside = 0 <= excess.value and excess.high < 0.02
        verdict = FAILS if below else HOLDS if inside else UNDECIDED
        yield f"P5b, s = {scale:g}", verdict if scale == 2.0 else "not predicted", text
    apart = {
        scale: compare(
            result.values(of_scale(scale), "mutual_information"),
            result.values(one, "mutual_information"),
        )
        for scale, one in weights.items()
    }
    corrected = dict(zip(apart, holm(list(apart.values())), strict=True))
    wanted = {0.5: "less", 2.0: "greater", 4.0: "greater"}
    right = [c.verdict == wanted[scale] for scale, c in corrected.items()]
    wrong = [c.verdict in {"less", "greater"} - {wanted[s]} for s, c in corrected.items()]
    verdict = FAILS if any(wrong) else HOLDS if all(right) else UNDECIDED
    text = "; ".join(f"{compared(c)} at s = {scale:g}" for scale, c in corrected.items())
    yield "P5c", verdict, f"information, scale less weight, nats: {text}"


def at_equal_information(result: StudyResult, line: list[Setting], one: Setting) -> Estimate:
    """Return a setting's loss less that of a line of settings at the same information, by seed."""
    rates = np.array([result.values(s, "mutual_information") for s in line])
    losses = np.array([result.values(s, "masked_recon") for s in line])
    own = result.values(one, "mutual_information"), result.values(one, "masked_recon")
    apart = []
    for seed, (rate, loss) in enumerate(zip(*own, strict=True)):
        order = np.argsort(rates[:, seed])
        known = rates[order, seed], losses[order, seed]
        if np.isfinite(known).all() and known[0][0] <= rate <= known[0][-1]:
            apart.append(loss - np.interp(rate, *known))
    return estimate(apart)


def worst(verdicts: Iterable[str]) -> str:
    """Return fails if one fails, holds if all hold, else undecided."""
    found = list(verdicts)
    if FAILS in found:
        return FAILS
    return HOLDS if found and all(one == HOLDS for one in found) else UNDECIDED


def decide(paths: list[pathlib.Path]) -> list[Outcome]:
    """Return the outcome of every prediction in every data set."""
    deciders: tuple[Callable[[StudyResult], Iterable[tuple[str, str, str]]], ...]
    deciders = (p1, p2, p3, p4, p5)
    made = []
    for path in paths:
        result = read_results(path)
        for decider in deciders:
            made += [Outcome(name, path.stem, *rest) for name, *rest in decider(result)]
    return sorted(made, key=lambda one: one.prediction)


def p6(path: pathlib.Path) -> list[Outcome]:
    """Decide P6 from the file that `keep` has written."""
    rows = {(row["seed"], row["arm"]): row for row in rows_of(path)}
    seeds = sorted({seed for seed, _ in rows if (seed, "kept") in rows and (seed, "start") in rows})
    made = []
    for name, measures, wanted in (
        ("P6a", ("active_units", "mutual_information"), "greater"),
        ("P6b", ("cost",), "less"),
    ):
        found = {
            measure: compare(
                [rows[seed, "kept"][measure] for seed in seeds],
                [rows[seed, "start"][measure] for seed in seeds],
            )
            for measure in measures
        }
        opposite = ("less",) if wanted == "greater" else ("greater",)
        verdict = all_of((c.verdict for c in found.values()), wanted, opposite)
        text = "; ".join(f"{measure}: {compared(c)}" for measure, c in found.items())
        made.append(Outcome(name, path.stem, verdict, f"{text} (n = {len(seeds)})"))
    return made


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", nargs="+", type=pathlib.Path)
    args = parse(parser)
    outcomes = decide([path for path in args.results if path.suffix == ".json"])
    for path in args.results:
        outcomes += p6(path) if path.suffix == ".jsonl" else []
    print("| prediction | data | outcome | numbers |\n| --- | --- | --- | --- |")
    for one in outcomes:
        print(f"| {one.prediction} | {one.data} | {one.verdict} | {one.numbers} |")


if __name__ == "__main__":
    main()
