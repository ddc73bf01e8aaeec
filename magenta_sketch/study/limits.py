"""What cannot be concluded from a study."""

from __future__ import annotations

from magenta_sketch.study.plan import value_text
from magenta_sketch.study.results import StudyResult
from magenta_sketch.study.spread import FEWEST_SEEDS, differs
from magenta_sketch.study.summary import Summary


def limits(result: StudyResult, summary: Summary) -> list[str]:
    """Return sentences about what cannot be concluded from this study."""
    plan = result.plan
    counts = [len(one.runs) for one in summary.settings]
    trained = f"{len(plan.seeds)} seed{'s' if len(plan.seeds) != 1 else ''}"
    said = [
        f"{trained} per setting: a spread from so few seeds is uncertain, and differences below "
        "about twice the spread cannot be seen."
        if len(plan.seeds) >= FEWEST_SEEDS
        else f"{trained} per setting: no difference can be claimed; train at least {FEWEST_SEEDS}."
    ]
    short = [one for one, n in zip(summary.settings, counts, strict=True) if n < len(plan.seeds)]
    if short:
        gaps = ", ".join(f"{one.label} ({len(one.runs)})" for one in short)
        said.append(f"Some runs have no results. Settings with fewer than {trained}: {gaps}.")
    if "data_set" not in {axis.name for axis in plan.axes}:
        names = result.data.get("names")
        names = value_text(names) if isinstance(names, (list, tuple)) else names
        said.append(
            f"One data set{f', {names}' if names else ''}: other data sets, and other splits of "
            "this one, may give other results."
        )
    said.append(_trained(result))
    said.append(
        f"The {result.settings.checkpoint} checkpoint of each run was measured. Another one may "
        "rank the settings differently."
    )
    silent = _undecided(summary)
    if silent:
        said.append(
            "No difference between settings is larger than chance may explain for: "
            + ", ".join(silent)
            + "."
        )
    return said


def _trained(result: StudyResult) -> str:
    swept = {axis.name for axis in result.plan.axes}
    hparams = result.runs[0].hparams if result.runs else {}
    sizes = [
        f"{name} {value_text(hparams[name])}"
        for name in ("enc_rnn_size", "dec_rnn_size", "z_size", "num_mixture", "num_steps")
        if name in hparams and name not in swept
    ]
    steps = sorted({run.measures.step for run in result.runs if run.measures is not None})
    if steps:
        span = f"{steps[0]:,}" + (f" to {steps[-1]:,}" if len(steps) > 1 else "")
        sizes.append(f"measured after {span} steps")
    return (
        f"One model size and one training length ({', '.join(sizes)}): larger models or longer "
        "training may behave differently."
    )


def _undecided(summary: Summary) -> list[str]:
    """Return the main measures for which no two settings with enough seeds differ."""
    silent = []
    for name in ("cost", "masked_recon", "masked_recon_without_noise", "kl", "active_units"):
        found = [one.scalars[name] for one in summary.measured if one.scalars[name].n]
        enough = [value for value in found if value.n >= FEWEST_SEEDS]
        if len(enough) > 1 and not any(differs(a, b) for a in enough for b in enough):
            silent.append(name)
    return silent
