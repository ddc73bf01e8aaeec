"""A progress bar on a terminal, and nothing in a log file."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tqdm import tqdm

__all__ = ["progress_bar"]


def progress_bar(what: str, total: int, **settings: Any) -> tqdm:
    """Returns tqdm's bar on standard error; it is silent where that is no terminal.

    Args:
      what: the work, a word before the bar.
      total: how much there is, see `unit`.
      settings: more of tqdm's, `unit` for one.
    """
    from tqdm import tqdm

    shown = sys.stderr is not None and sys.stderr.isatty()
    # Some terminals, of containers for one, say that they have no columns and no rows.
    sized = shown and os.get_terminal_size(sys.stderr.fileno()).columns > 0
    return tqdm(
        desc=what,
        total=total,
        disable=not shown,
        leave=False,
        ncols=None if sized else 80,
        nrows=None if sized else 20,
        dynamic_ncols=sized,
        **settings,
    )
