"""What a study's numbers do not say."""

from __future__ import annotations

from magenta_sketch.study.plan import value_text
from magenta_sketch.study.results import StudyResult
from magenta_sketch.study.spread import FEWEST_SEEDS, differs
from magenta_sketch.study.summary import Summary


def limits(result: StudyResult, summary: Summary) -> list[str]:
    """Return what cannot be concluded from this study, a sentence each."""
    plan = result.plan
    counts = [len(one.runs) for one in summary.settings]
    trained = f"{len(plan.seeds)} seed{'s' if len(plan.seeds) != 1 else ''}"
    said = [
        f"{trained} a setting: a spread from so few is itself uncertain, and differences smaller "
        "than about twice it cannot be seen."
        if len(plan.seeds) >= FEWEST_SEEDS
        else f"{trained} a setting: no difference can be claimed; train at least {FEWEST_SEEDS}."
    ]
    short = [one for one, n in zip(summary.settings, counts, strict=True) if n < len(plan.seeds)]
    if short:
        gaps = ", ".join(f"{one.label} ({len(one.runs)})" for one in short)
        said.append(f"Some runs have no results; those with fewer than {trained}: {gaps}.")
    if "data_set" not in {axis.name for axis in plan.axes}:
        names = result.data.get("names")
        names = value_text(names) if isinstance(names, (list, tuple)) else names
        said.append(
            f"One data set{f', {names}' if names else ''}: nothing is known of others, nor of "
            "other splits of it."
        )
    said.append(_trained(result))
    said.append(
        f"The {result.settings.checkpoint} checkpoint of each run was measured; another one may "
        "rank the settings otherwise."
    )
    silent = _undecided(summary)
    if silent:
        said.append(
            "The spread covers every difference between settings for: " + ", ".join(silent) + "."
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
        f"One size of model and length of training ({', '.join(sizes)}): larger models, or longer "
        "training, may behave otherwise."
    )


def _undecided(summary: Summary) -> list[str]:
    """Return main measures in which no two settings with enough seeds differ by the rule."""
    silent = []
    for name in ("cost", "masked_recon", "masked_recon_without_noise", "kl", "active_units"):
        found = [one.scalars[name] for one in summary.measured if one.scalars[name].n]
        enough = [value for value in found if value.n >= FEWEST_SEEDS]
        if len(enough) > 1 and not any(differs(a, b) for a in enough for b in enough):
            silent.append(name)
    return silent
