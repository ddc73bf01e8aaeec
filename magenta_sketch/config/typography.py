"""Characters that a word processor puts in place of those of the keyboard."""

from __future__ import annotations

DASHES = dict.fromkeys("‐‑‒–—―−﹣－", "-")
QUOTES = dict.fromkeys("“”„‟«»″＂", '"') | dict.fromkeys("‘’‚‛‹›′＇", "'")
_OTHERS = {"＝": "=", "，": ",", "、": ",", "；": ",", "［": "[", "］": "]"}
_PLAIN = DASHES | QUOTES | _OTHERS


def advice(text: str) -> str:
    """Return what to type in place of the first such character of ``text``; empty without one.

    >>> advice("1e–3")
    "'–' comes from a word processor: type -"
    """
    found = next((character for character in text if character in _PLAIN), None)
    return found and f"{found!r} comes from a word processor: type {_PLAIN[found]}" or ""


def typed(text: str) -> str:
    """Return ``text`` as the keyboard has it; of a dash that begins it, two hyphens.

    >>> typed("—hparams=num_steps=5")
    '--hparams=num_steps=5'
    """
    start = "--" if text[:1] in DASHES else ""
    body = text.lstrip("".join(DASHES) + "-") if start else text
    return start + "".join(_PLAIN.get(character, character) for character in body)
