import hashlib

import numpy as np
import pytest

from magenta_sketch.data import splitting

KEYS = [str(10**15 + 7 * i) for i in range(20_000)]


def test_the_rule_never_changes():
    """Recorded: whoever changes the rule makes old and new data sets leak into each other."""
    text = " ".join(splitting.split_of(key) for key in KEYS[:2000])
    assert hashlib.sha256(text.encode()).hexdigest().startswith("63af888cacc6a61b")


def test_the_shares_are_kept():
    places = np.array([splitting.hash_of(key.encode()) for key in KEYS], np.uint64)
    for shares in ((90, 5, 5), (70_000, 2500, 2500), (1, 1, 1)):
        found = splitting.splits_of(places, shares).tolist()
        for number, share in enumerate(shares):
            assert found.count(number) / len(KEYS) == pytest.approx(share / sum(shares), abs=0.015)


def test_one_by_one_and_all_at_once():
    places = np.array([splitting.hash_of(key.encode()) for key in KEYS[:500]], np.uint64)
    together = splitting.splits_of(places, (60, 30, 10))
    alone = [splitting.split_of(key, (60, 30, 10)) for key in KEYS[:500]]
    assert [("train", "valid", "test")[number] for number in together] == alone
