"""Make the next item on a thread while the current item is in use."""

from __future__ import annotations

import concurrent.futures
from collections.abc import Callable, Generator
from typing import TypeVar

Item = TypeVar("Item")


def prefetch(make: Callable[[int], Item], steps: range) -> Generator[Item, None, None]:
    """Yield make(step) for each of ``steps``. A thread makes the next item meanwhile.

    Nothing is made before the first item is requested. An error of ``make`` is raised in place of
    its item. To stop before the end, close the generator (`contextlib.closing`); the thread ends
    after at most one more item.

    >>> list(prefetch(lambda step: 10 * step, range(3)))
    [0, 10, 20]
    """
    if not steps:
        return
    with concurrent.futures.ThreadPoolExecutor(1, "prefetch") as thread:
        coming = thread.submit(make, steps[0])
        for following in steps[1:]:
            item, coming = coming.result(), thread.submit(make, following)
            yield item
        yield coming.result()
