"""What a study's numbers say, in sentences, question by question.

All sentences about differences follow `spread.RULE`.
"""

from __future__ import annotations

from collections.abc import Callable

from magenta_sketch.study.findings import drawings, latent, losses, undoing
from magenta_sketch.study.findings.finding import Finding
from magenta_sketch.study.summary import Summary

__all__ = ["Finding", "findings"]


def findings(summary: Summary) -> list[Finding]:
    """Return the findings of a study; none if nothing was measured."""
    if not summary.measured:
        return []
    parts: list[Callable[[Summary], Finding | None]]
    if not any(one.conditional for one in summary.measured):
        parts = [losses.reconstruction, drawings.new_drawings]
    else:
        by_scale = summary.main.name == "scale"
        parts = [
            *([undoing.undoing] if by_scale else []),
            losses.reconstruction,
            *([latent.two_kls] if by_scale else []),
            latent.active_units,
            losses.robustness,
            drawings.surviving_noise,
            drawings.new_drawings,
        ]
    return [found for part in parts if (found := part(summary)) is not None]
