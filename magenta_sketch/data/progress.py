"""A progress bar on a terminal, and nothing in a log file."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tqdm import tqdm


def progress_bar(what: str, total: int | None, **settings: Any) -> tqdm:
    """Return tqdm's bar on standard error; it is silent where that is not a terminal.

    Args:
      what: the work, a word before the bar.
      total: how much there is, see `unit`; None where it is not known.
      settings: more of tqdm's, `unit` for one.
    """
    from tqdm import tqdm

    shown = sys.stderr is not None and sys.stderr.isatty()
    sized = shown and _has_size()
    return tqdm(
        desc=what,
        total=total,
        disable=not shown,
        leave=False,
        file=sys.stderr,
        ncols=None if sized else 80,
        nrows=None if sized else 20,
        dynamic_ncols=sized,
        **settings,
    )


def past_bars(report: Callable[[str], None]) -> Callable[[str], None]:
    """Return `report` as a function that clears bars before a line, and draws them again after."""
    from tqdm import tqdm

    def told(line: str) -> None:
        with tqdm.external_write_mode():
            report(line)

    return told


def _has_size() -> bool:
    """Return whether the terminal has a width; some, of containers for one, say 0 columns."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns > 0
    except OSError:  # no file descriptor, or not one of a terminal
        return False
