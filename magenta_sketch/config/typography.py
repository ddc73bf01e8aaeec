"""Characters that word processors put in place of the typed ones."""

from __future__ import annotations

DASHES = dict.fromkeys("‐‑‒–—―−﹣－", "-")
QUOTES = dict.fromkeys("“”„‟«»″＂", '"') | dict.fromkeys("‘’‚‛‹›′＇", "'")
_OTHERS = {"＝": "=", "，": ",", "、": ",", "；": ",", "［": "[", "］": "]"}
_PLAIN = DASHES | QUOTES | _OTHERS


def advice(text: str) -> str:
    """Return what to type instead of the first such character in ``text``; "" if there is none.

    >>> advice("1e–3")
    "'–' comes from a word processor: type -"
    """
    found = next((character for character in text if character in _PLAIN), None)
    return f"{found!r} comes from a word processor: type {_PLAIN[found]}" if found else ""


def typed(text: str) -> str:
    """Return ``text`` with typed characters. A dash at its start becomes two hyphens.

    >>> typed("—hparams=num_steps=5")
    '--hparams=num_steps=5'
    """
    start = "--" if text[:1] in DASHES else ""
    body = text.lstrip("".join(DASHES) + "-") if start else text
    return start + "".join(_PLAIN.get(character, character) for character in body)
