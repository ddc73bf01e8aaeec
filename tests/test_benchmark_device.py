"""The benchmarks' --device, and those that also run without an accelerator."""

import argparse
import importlib
import os
import pathlib
import subprocess
import sys

import pytest

BENCHMARKS = pathlib.Path(__file__).resolve().parents[1] / "benchmarks"
TINY = "--device=cpu --cells=lstm --units=4 --batch=4".split()


@pytest.fixture
def module(monkeypatch):
    """Returns a module of benchmarks/ by name."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module


@pytest.fixture
def parse(module, monkeypatch):
    """Parses words as a benchmark does; returns the options. The environment is put back."""
    measure = module("measure")
    for name in (measure.VISIBLE, measure.GPU_NEEDED):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)

    def parse_words(*words):
        monkeypatch.setattr(sys, "argv", ["benchmark", *words])
        return measure.parse(argparse.ArgumentParser())

    return parse_words


@pytest.mark.parametrize(
    ("device", "visible"), [("", None), ("cpu", "-1"), ("gpu", "0"), ("gpu:2", "2"), ("GPU:1", "1")]
)
def test_the_device_is_chosen_for_all_processes(parse, device, visible):
    parse(*([f"--device={device}"] if device else []))
    assert os.environ.get("CUDA_VISIBLE_DEVICES") == visible


def test_the_number_is_that_of_a_visible_gpu(parse, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    parse("--device=gpu:1")
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "6"


@pytest.mark.parametrize("device", ["tpu", "gpu:", "gpu:x", "cpu:0", "0"])
def test_other_names_are_refused_in_one_line(parse, device, capsys):
    with pytest.raises(SystemExit):
        parse(f"--device={device}")
    last = capsys.readouterr().err.strip().splitlines()[-1]
    assert f"--device must be cpu, gpu or gpu:NUMBER, got '{device}'" in last


@pytest.mark.parametrize("path", sorted(BENCHMARKS.glob("*.py")), ids=lambda path: path.stem)
def test_every_benchmark_takes_it(path):
    text = path.read_text("utf-8")
    if "def main()" in text:
        assert "parse(parser)" in text and "parser.parse_args()" not in text


PROGRAM = """\
HloModule a_step, is_scheduled=true

%inner (p: f32[2,3]) -> f32[2,3] {
  %p = f32[2,3]{1,0} parameter(0)
  ROOT %t = f32[2,3]{1,0} tanh(%p)
}

%parallel (p.1: f32[2,3]) -> f32[2,2] {
  %p.1 = f32[2,3]{1,0} parameter(0)
  ROOT %d = f32[2,2]{1,0} dot(%p.1, %p.1), lhs_contracting_dims={1}, rhs_contracting_dims={1}
}

%body (arg: (s32[], /*index=1*/f32[2,3])) -> (s32[], f32[2,3]) {
  %arg = (s32[], /*index=1*/f32[2,3]{1,0}) parameter(0)
  %x = f32[2,3]{1,0} get-tuple-element(%arg), index=1
  %f = f32[2,3]{1,0} fusion(%x), kind=kLoop, calls=%inner, metadata={op_name="tanh(x)"}
  %c = f32[2,3]{1,0} copy(%f)
  %g = f32[2,2]{1,0} call(%c), to_apply=%parallel
  ROOT %out = (s32[], f32[2,3]{1,0}) tuple(%x, %c)
}

ENTRY %main (a: f32[2,3]) -> f32[2,3] {
  %a = f32[2,3]{1,0} parameter(0)
  %w = (s32[], f32[2,3]{1,0}) while(%a), condition=%condition, body=%body,
    backend_config={"known_trip_count":{"n":"7"}}
  %s = f32[2,3]{1,0} sort(%a), dimensions={1}
  ROOT %r = f32[2,3]{1,0} conditional(%s, %a, %a), branch_computations={%inner, %body}
}
"""


def test_kernels_are_counted_by_what_they_do(module):
    kernels = module("kernels")
    program = kernels.computations(PROGRAM)
    assert set(program) == {"inner", "parallel", "body", "ENTRY"}
    ((times, of_a_step),) = kernels.loops(program)
    assert (times, of_a_step) == (7, {"fusions": 1, "copies": 1, "products": 1})
    # The sort, and the longer branch.
    outside = kernels.count(program["ENTRY"], program)
    assert outside == {"other": 1, "fusions": 1, "copies": 1, "products": 1}


def run(name, *words):
    done = subprocess.run(
        [sys.executable, BENCHMARKS / name, *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_accelerator_runs_on_a_cpu():
    said = run(
        "accelerator.py",
        *TINY,
        *"--times=5 --types=float32,tf32 --steps=1 --rounds=1 --counts=1,2 --points=3".split(),
    )
    for program in ("XLA", "no XLA", "plain loop", "keras.layers.LSTM"):
        assert f"lstm, 5, float32, {program} " in said
    assert "tf32 is left out: only a GPU has it" in said
    assert "lstm, 2 sketches" in said and "equal bits" in said


@pytest.mark.slow
def test_kernels_of_a_compiled_step():
    said = run("kernels.py", *TINY, "--time=5")
    lines = [line.split("|") for line in said.splitlines() if line.startswith("|")]
    rows = {line[1].strip(): line[2:-1] for line in lines}
    for loop in ("encoder, forward", "decoder, forward", "decoder, backward", "encoder, backward"):
        times, products, *_ = map(int, rows[f"lstm: {loop}"])
        assert (times, products) == (5, 1)
    assert int(rows["lstm: whole step"][-1]) > 100
    with_xla, fast, plain = map(int, rows["lstm"])
    assert 0 < with_xla < fast < plain


@pytest.mark.slow
def test_parts_are_measured_for_the_cores_there_are():
    said = run("parts.py", "--rounds=1", "--units=4")
    assert "threads of each" in said and "chosen" in said
