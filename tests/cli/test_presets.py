"""--preset: the files of configs/ by name."""

import copy

import pytest

from magenta_sketch.cli import draw, presets, program, sweep, train

FILES = {path.stem for path in presets.folder().glob("*.cfg")}


def parse(*arguments, program=train):
    values = copy.deepcopy(program.FLAGS)
    values(presets.expand(["program", *arguments], values))
    return values.flag_values_dict()


def test_each_file_is_a_preset_of_one_command():
    assert "quickstart" in FILES
    of_train, of_sweep = presets.presets(train.FLAGS), presets.presets(sweep.FLAGS)
    assert set(of_train) | set(of_sweep) == FILES and not set(of_train) & set(of_sweep)
    assert "preset" not in draw.FLAGS


@pytest.mark.parametrize("command", [train, sweep])
def test_a_preset_is_its_flag_file(command):
    for name, path in presets.presets(command.FLAGS).items():
        by_name = parse(f"--preset={name}", program=command)
        assert by_name == parse(f"--flagfile={path}", program=command)


@pytest.mark.parametrize("preset", [["--preset=quickstart"], ["--preset", "quickstart"]])
def test_flags_after_it_win(preset):
    before, after = "--hparams=num_steps=5", "--hparams=num_steps=7"
    given = parse("--log_root=a", before, *preset, after, "--data_dir=b")
    assert (given["log_root"], given["data_dir"]) == ("models/quickstart", "b")
    steps = [one["num_steps"] for one in given["hparams"] if "num_steps" in one]
    assert (steps[0], steps[-1], len(steps)) == (5, 7, 3)


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("quikstart", "did you mean 'quickstart'? The presets are aaron_sheep, hyper,"),
        ("noise_scale", "this command has no such preset; the presets are aaron_sheep,"),
        ("", "this command has no such preset; the presets are aaron_sheep,"),
    ],
)
def test_an_unknown_name(name, advice, capsys):
    error = failed(f"--preset={name}", capsys)
    assert error.startswith(f"train: error: --preset={name}: ") and advice in error


def test_a_flag_file_cannot_name_one(tmp_path, capsys):
    (tmp_path / "mine.cfg").write_text("--preset=quickstart\n")
    error = failed(f"--flagfile={tmp_path / 'mine.cfg'}", capsys)
    assert "a flag file cannot name a preset; write --flagfile= and its path there" in error


def test_one_without_a_name(capsys):
    assert "--preset has no value; write --preset=VALUE" in failed("--preset", capsys)


def failed(argument, capsys):
    values = copy.deepcopy(train.FLAGS)
    assert program.run_program("train", "", values, lambda: 0, arguments=[argument]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_help_has_a_line_for_each(capsys):
    values = copy.deepcopy(sweep.FLAGS)
    assert program.run_program("sweep", "", values, lambda: 0, arguments=["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    listed = lines[lines.index("Presets (--preset), each a file in configs/:") + 1 :]
    assert [line.partition(":")[0].strip() for line in listed] == [
        "noise_full_size",
        "noise_kanji",
        "noise_quickdraw",
        "noise_scale",
        "noise_shapes",
        "noise_sheep",
    ]
    assert listed[1].startswith("  noise_kanji: The study of the noise in z, with its controls, on")
