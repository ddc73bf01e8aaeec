"""Every command that a page of the documentation shows is one that its program understands."""

import argparse
import copy
import importlib
import pathlib
import re
import shlex
import sys

import pytest
from absl import flags

from magenta_sketch.cli import convert, draw, sweep, train
from magenta_sketch.config.hparams import HParams

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
PROGRAMS = {
    "sketch_rnn_train": train,
    "sketch_rnn_train.py": train,
    "sketch_rnn_draw": draw,
    "sketch_rnn_sweep": sweep,
}
STARTS = re.compile(r"(?:\$ )?((?:python|pytest|sketch_rnn_\w+) .*)")


def commands():
    """Yield (page, command): lines of code that begin with one of our programs, and code spans."""
    for page in PAGES:
        text = page.read_text("utf-8").replace("\\\n", " ")
        fenced = re.findall(r"^```\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
        lines = [line.strip() for part in fenced for line in part.splitlines()]
        lines += [line.strip() for line in text.splitlines() if line.startswith("    ")]
        lines += re.findall(r"`([^`\n]+)`", text)
        for line in lines:
            for part in re.split(r" && | \| ", line):
                match = STARTS.fullmatch(part)
                if match and not match[1].split()[1].endswith(":"):  # that is output
                    yield page.name, match[1]


ALL = sorted(set(commands()))


def words_of(command):
    words = shlex.split(re.sub(r"\s#.*", "", command))
    if any("{" in word for word in words):  # braces, which a shell expands
        words = [word for word in words if "{" not in word] + ["some.ndjson"]
    return [word for word in words if word != "..."]


def test_there_are_commands_of_every_program():
    text = "\n".join(command for _, command in ALL)
    for program in ("train", "draw", "sweep", *(f"convert {verb}" for verb in convert.VERBS)):
        assert f"sketch_rnn_{program}" in text, program
    for benchmark in (ROOT / "benchmarks").glob("*.py"):
        if "def main()" in benchmark.read_text("utf-8"):
            assert f"python benchmarks/{benchmark.name}" in text, benchmark.name


@pytest.mark.parametrize("page, command", ALL)
def test_it_is_understood(page, command, monkeypatch):
    words = words_of(command)
    if words[0] == "python":
        words = words[1:]
    if words[0] in ("-m", "-c"):
        return
    if words[0] == "pytest":
        paths = [word for word in words[1:] if not word.startswith("-") and "/" in word]
        assert all((ROOT / path.split("::")[0]).exists() for path in paths)
    elif words[0].startswith("examples/"):
        assert (ROOT / words[0]).exists() and not words[1:]
    elif words[0].startswith("benchmarks/"):
        parse_as_benchmark(words, monkeypatch)
    elif words[0] == "sketch_rnn_convert":
        module = importlib.import_module(f"magenta_sketch.cli.convert.{words[1]}")
        rest = parse(module, words[1:])
        assert module.TAKES_FILES or not rest
    else:
        assert not parse(PROGRAMS[words[0]], words)


def parse(module, words):
    """Parse flags as the program does; return what is no flag."""
    values = copy.deepcopy(module.FLAGS)
    words = [word.replace("=configs/", f"={ROOT}/configs/") for word in words]
    try:
        rest = values(words)[1:]
    except flags.Error as error:
        pytest.fail(str(error))
    if "hparams" in values:
        HParams(**{k: v for given in values.hparams for k, v in given.items()})
    return rest


def parse_as_benchmark(words, monkeypatch):
    class Understood(Exception):
        pass

    understand = argparse.ArgumentParser.parse_args

    def parse_args(self, *args):
        understand(self, *args)
        raise Understood

    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_args)
    monkeypatch.setattr(sys, "argv", words)
    module = importlib.import_module(pathlib.Path(words[0]).stem)
    with pytest.raises(Understood):
        module.main()
