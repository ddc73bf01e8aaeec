"""What a study says: every claim is made from one template, an estimate with interval and n."""

from __future__ import annotations

import dataclasses

import numpy as np

from magenta_sketch.measures.scalars import SCALARS
from magenta_sketch.study import wording
from magenta_sketch.study.plan import Setting
from magenta_sketch.study.results import StudyResult
from magenta_sketch.study.statistics import LEVEL

# The measures of the first screen. Those that were not measured are left out.
_ANSWER = ("masked_recon", "mutual_information", "active_units", "signal_to_noise", "f_standard")
_WITHOUT_Z = ("recon", "masked_recon", "f_standard", "novelty_standard")
_TITLES = {
    "masked_recon": "Reconstruction loss, own noise",
    "mutual_information": "Mutual information of sketch and z",
    "active_units": "Active units",
    "signal_to_noise": "Signal to noise",
    "f_standard": "New sketches, F of precision and recall",
    "novelty_standard": "New sketches, distance to training",
    "recon": "Reconstruction loss as in training",
}


@dataclasses.dataclass(frozen=True)
class Claim:
    """A measure at one setting, and how other settings differ from it.

    Attributes:
      name: the measure.
      title: its name for people, with the unit.
      reference: (label, estimate) as text.
      others: (label, difference) as text, one for each other setting.
      note: the number of pairs, and the smallest difference that they could have shown.
    """

    name: str
    title: str
    reference: tuple[str, str]
    others: list[tuple[str, str]]
    note: str


def answer(result: StudyResult) -> list[Claim]:
    """Return the claims of the first screen: up to five measures of the swept settings."""
    names = [name for name in _ANSWER if result.has(name)]
    if len(names) < 3:  # without a latent vector
        names = list(filter(result.has, _WITHOUT_Z))
    return [claim(result, name, result.swept) for name in names]


def claim(result: StudyResult, name: str, settings: list[Setting]) -> Claim:
    """Return the claim about a measure for some settings; the first is taken as the reference.

    It is the plan's reference, if that is among them.
    """
    unit = SCALARS[name].unit
    reference = result.plan.reference
    if reference not in settings:
        reference = settings[0]
    found = result.comparisons(name)
    near = [one for one in settings if result.plan.partner(one) == reference]
    others = [(one, found[one]) for one in near if one in found]
    smallest = [one.smallest for _, one in others if np.isfinite(one.smallest)]
    counts = [one.difference.n for _, one in others]
    pairs = sorted({min(counts), max(counts)}) if counts else []
    note = f"n = {result.estimate(reference, name).n}"
    if pairs:
        note = f"n = {'–'.join(map(str, pairs))} pair{'s' * (pairs != [1])}"
    if pairs and 2 / 2 ** pairs[-1] * len(found) >= 1 - LEVEL:
        note += ": too few to call any difference"
    elif smallest:
        sign = "×" if SCALARS[name].is_ratio else ""
        note += f"; smallest difference to be seen {sign}{wording.number(max(smallest), 2)}"
    title = _TITLES.get(name, name)
    return Claim(
        name,
        f"{title} ({unit})" if unit else title,
        (reference.label, wording.with_interval(result.estimate(reference, name))),
        [(one.label, wording.compared(comparison)) for one, comparison in others],
        note.replace(" ", "\u00a0", 1),
    )
