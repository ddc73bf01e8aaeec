"""Making the next item on a thread while the one before is in use."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable, Generator
from typing import TypeVar

Item = TypeVar("Item")


def prefetch(make: Callable[[int], Item], steps: range) -> Generator[Item, None, None]:
    """Yield make(step) for each of ``steps``, made on a thread while the one before is in use.

    Nothing is made before the first item is asked for, nor beyond the last step. An error of
    ``make`` is raised where its item would have come. Close the iterator (`contextlib.closing`)
    if it may be left before its end: the thread ends with it, after at most one item.
    """
    if not steps:
        return
    with concurrent.futures.ThreadPoolExecutor(1, "prefetch") as thread:
        coming = thread.submit(make, steps[0])
        for following in steps[1:]:
            item, coming = coming.result(), thread.submit(make, following)
            yield item
        yield coming.result()
