"""The verbs of sketch_rnn_convert, before any of them does anything."""

import pytest

from magenta_sketch.cli import convert


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_help_names_the_verbs(run_convert, arguments):
    status, out, errors = run_convert(*arguments)
    assert (status, errors) == (0, "")
    for verb, what in convert.VERBS.items():
        assert any(verb in line and what in line for line in out.splitlines())


@pytest.mark.parametrize("verb", convert.VERBS)
def test_each_verb_has_its_help(run_convert, verb):
    status, out, errors = run_convert(verb, "--help")
    assert (status, errors) == (0, "")
    assert f"sketch_rnn_convert {verb} " in out and "--out" in out
