"""Progress bars: on a terminal only, so none in a log file."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tqdm import tqdm


def progress_bar(what: str, total: int | None, **settings: Any) -> tqdm:
    """Return a tqdm bar on standard error; it is silent if that is not a terminal.

    Args:
      what: the work, shown before the bar.
      total: the amount of work, in `unit`s. None: unknown.
      settings: other arguments of tqdm, such as `unit`.
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
    """Return `report` as a function that clears bars before a line and then redraws them."""
    from tqdm import tqdm

    def report_past_bars(line: str) -> None:
        with tqdm.external_write_mode():
            report(line)

    return report_past_bars


def _has_size() -> bool:
    """Return whether the terminal has a width. In some containers it is 0 columns."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns > 0
    except OSError:  # no file descriptor, or not a terminal
        return False
