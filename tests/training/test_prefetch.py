"""prefetch: what is made when, on which thread, and what is left of it."""

import contextlib
import threading

import pytest

from magenta_sketch.training.prefetch import prefetch


def working():
    return [thread for thread in threading.enumerate() if thread.name.startswith("prefetch")]


def test_the_next_item_is_made_while_one_is_in_use():
    made, begun = [], {step: threading.Event() for step in range(3, 7)}

    def make(step):
        assert working() == [threading.current_thread()]
        made.append(step)
        begun[step].set()
        return step * 10

    items = prefetch(make, range(3, 7))
    assert made == []
    for step in range(3, 7):
        assert next(items) == step * 10
        if step < 6:
            assert begun[step + 1].wait(60)  # though it has not been asked for
    assert next(items, "end") == "end"
    assert made == [3, 4, 5, 6] and working() == []


@pytest.mark.parametrize("used", [0, 1, 2, 3])
def test_leaving_early_ends_the_thread_and_makes_one_more_at_most(used):
    made = []
    with pytest.raises(KeyboardInterrupt):
        with contextlib.closing(prefetch(made.append, range(9))) as items:
            for _ in range(used):
                next(items)
            raise KeyboardInterrupt
    assert working() == []
    assert made == list(range(used + 1 if used else 0))


def test_an_error_comes_where_its_item_would_have():
    def make(step):
        if step >= 2:
            raise ValueError(f"no item {step}")
        return step

    items = prefetch(make, range(5))
    assert [next(items), next(items)] == [0, 1]
    with pytest.raises(ValueError, match="no item 2"):
        next(items)
    assert working() == []
    assert next(items, "end") == "end"


def test_nothing_to_make():
    assert list(prefetch(pytest.fail, range(4, 4))) == []
