"""What the processor can do, from a /proc/cpuinfo, and the choice of oneDNN that follows."""

import os
import pathlib
import subprocess
import sys

import pytest

from magenta_sketch import processor
from magenta_sketch.config.run_config import RunConfig
from magenta_sketch.training.run_folder import RunFolder

DATA = pathlib.Path(__file__).parent / "data"
LAPTOP = "processor\t: 0\nflags\t\t: fpu sse2 fma avx avx2\nbugs\t\t: none\n"
OLD = "flags\t\t: fpu sse2 avx\n"
SERVER = "flags\t\t: avx2 avx512f avx512_vnni avx512_bf16\n"
ARM = "Features\t: fp asimd bf16\n"


@pytest.fixture
def machine(tmp_path, monkeypatch):
    def pretend(cpuinfo, kind="x86_64", variable=None):
        file = tmp_path / "cpuinfo"
        if cpuinfo is not None:
            file.write_text(cpuinfo)
        monkeypatch.setattr(processor, "_CPUINFO", file)
        monkeypatch.setattr(processor.platform, "machine", lambda: kind)
        monkeypatch.setattr(processor.platform, "system", lambda: "Linux")
        # A copy, so that nothing chosen here outlives the test.
        rest = {k: v for k, v in os.environ.items() if k != processor.ONEDNN_VARIABLE}
        chosen = {} if variable is None else {processor.ONEDNN_VARIABLE: variable}
        monkeypatch.setattr(processor.os, "environ", rest | chosen)
        processor.features.cache_clear()

    yield pretend
    monkeypatch.undo()
    processor.features.cache_clear()


@pytest.mark.parametrize(
    "cpuinfo, kind, bfloat16",
    [
        (LAPTOP, "x86_64", False),
        (SERVER, "x86_64", True),
        (ARM, "aarch64", True),
        (None, "x86_64", None),
        ("nothing of use\n", "x86_64", None),
    ],
)
def test_bfloat16(machine, cpuinfo, kind, bfloat16):
    machine(cpuinfo, kind)
    assert processor.has_bfloat16() is bfloat16


@pytest.mark.parametrize(
    "cpuinfo, kind, variable, chosen, on",
    [
        (LAPTOP, "x86_64", None, "1", True),
        (LAPTOP, "x86_64", "0", "0", False),  # the user's
        (OLD, "x86_64", None, None, False),
        (SERVER, "x86_64", None, None, True),  # TensorFlow's own choice
        (SERVER, "x86_64", "0", "0", False),
        (ARM, "aarch64", None, None, None),
    ],
)
def test_onednn_is_chosen_where_it_helps(machine, cpuinfo, kind, variable, chosen, on):
    machine(cpuinfo, kind, variable)
    processor.choose_onednn()
    assert os.environ.get(processor.ONEDNN_VARIABLE) == chosen
    assert processor.onednn_is_on() is on


@pytest.mark.parametrize(
    "cpuinfo, variable, begun_with, on",
    [
        (LAPTOP, None, True, True),
        (LAPTOP, None, False, False),
        (LAPTOP, None, None, False),  # of before the choice: TensorFlow had left it off
        (SERVER, None, None, True),
        (SERVER, None, False, False),
        (LAPTOP, "0", True, False),  # the user's
    ],
)
def test_a_run_resumes_with_what_it_was_begun_with(machine, cpuinfo, variable, begun_with, on):
    machine(cpuinfo, variable=variable)
    processor.resume_onednn(begun_with)
    processor.choose_onednn()  # as when TensorFlow is imported
    assert processor.onednn_is_on() is on


@pytest.mark.parametrize("saved, on", [(True, True), (False, False), (None, False)])
def test_a_runs_folder_says_what_it_was_begun_with(machine, tmp_path, saved, on):
    machine(LAPTOP)
    folder = RunFolder(tmp_path / "run")
    folder.use_its_onednn()  # no run is there yet: nothing to choose
    assert processor.ONEDNN_VARIABLE not in os.environ
    folder.create(RunConfig(onednn=saved, normalizing_factor=1.0))
    folder.use_its_onednn()
    assert processor.onednn_is_on() is on


@pytest.mark.slow
def test_tensorflow_is_told(tmp_path):
    """In a process of its own: what TensorFlow was told is what we say of it."""
    code = (
        "from magenta_sketch import processor, _backend\n"
        "from tensorflow.python.util import _pywrap_util_port as port\n"
        "assert processor.onednn_is_on() in (None, bool(port.IsMklEnabled()))\n"
    )
    for variable in ("0", None):
        rest = {k: v for k, v in os.environ.items() if k != processor.ONEDNN_VARIABLE}
        chosen = {} if variable is None else {processor.ONEDNN_VARIABLE: variable}
        subprocess.run([sys.executable, "-c", code], env=rest | chosen, check=True)


@pytest.mark.slow
def test_the_command_resumes_with_the_runs_own_choice(tmp_path):
    command = [sys.executable, "-m", "magenta_sketch.cli.train", "--log_root=run"]
    sizes = "enc_rnn_size=2,dec_rnn_size=2,z_size=2,num_mixture=1,save_every=1"
    begin = [f"--data_dir={DATA}", f"--hparams=data_set=[tiny.npz],num_steps=1,{sizes}"]
    unset = {k: v for k, v in os.environ.items() if k != processor.ONEDNN_VARIABLE}

    def train(*arguments, **variables):
        done = subprocess.run(
            [*command, *arguments], cwd=tmp_path, env=unset | variables, stdout=subprocess.PIPE
        )
        assert done.returncode == 0
        return done.stdout.decode()

    train(*begin, **{processor.ONEDNN_VARIABLE: "0"})
    resume = ["--resume_training", "--hparams=num_steps="]
    assert "oneDNN" not in train(*resume[:1], resume[1] + "2")
    said = train(*resume[:1], resume[1] + "3", **{processor.ONEDNN_VARIABLE: "1"})
    assert "begun with oneDNN off, and goes on with it on" in said


@pytest.mark.slow
@pytest.mark.parametrize("given, expected", [(None, "true"), ("false", "false")])
def test_a_gpu_s_memory_is_taken_as_it_is_needed(given, expected):
    """The variable that TensorFlow reads is set, unless the user has set it."""
    name = "TF_FORCE_GPU_ALLOW_GROWTH"
    code = f"import os; from magenta_sketch._backend import tf; print(os.environ['{name}'])"
    environment = {key: value for key, value in os.environ.items() if key != name}
    environment |= {} if given is None else {name: given}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{expected}\n"
