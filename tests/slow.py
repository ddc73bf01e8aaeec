"""Which cases of a test are for `pytest -m slow` alone: they go the same ways as the others."""

import pytest


def slow_but(values, *kept):
    """``values`` for a test's or a fixture's parameters: all are slow but those ``kept``."""
    return [v if v in kept else pytest.param(v, marks=pytest.mark.slow) for v in values]
