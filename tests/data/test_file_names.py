"""Patterns and lists of file names."""

import os

import pytest
from npz_files import SKETCHES, silent

from magenta_sketch.data import load_data_set, write_npz
from magenta_sketch.data.data_dir import require_files
from magenta_sketch.data.factors import Factors, write_factors
from magenta_sketch.data.file_names import file_names
from magenta_sketch.errors import DataError


@pytest.fixture
def folder(tmp_path):
    """Data with the files quick/b.npz, quick/a.npz, quick/B.npz, c.npz, and others beside them."""
    (tmp_path / "quick" / "deeper.npz").mkdir(parents=True)
    for name in ("quick/b", "quick/a", "quick/B", "c", "quick/.hidden", "air craft", "a[1]"):
        write_npz(tmp_path / f"{name}.npz", train=SKETCHES, valid=SKETCHES, test=SKETCHES[:1])
    factors = Factors(("size",), *([[1.0]] * count for count in (3, 3, 1)))
    write_factors(tmp_path / "quick" / "a.npz", factors)
    return tmp_path


@pytest.mark.parametrize(
    "names, expected",
    [
        (["quick/*.npz"], ["quick/B.npz", "quick/a.npz", "quick/b.npz"]),
        (["quick/?.npz", "c.npz"], ["quick/B.npz", "quick/a.npz", "quick/b.npz", "c.npz"]),
        (["quick/b.npz", "quick/*.npz"], ["quick/b.npz", "quick/B.npz", "quick/a.npz"]),
        (["quick/*.npz", "quick/b.npz"], ["quick/B.npz", "quick/a.npz", "quick/b.npz"]),
        (["c.npz", "c.npz"], ["c.npz", "c.npz"]),  # as it always was
        (["quick/../c.npz", "./c.*"], ["quick/../c.npz"]),  # one file, written in two ways
        (["a[1].npz"], ["a[1].npz"]),
        (["a[1]*"], ["a[1].npz"]),
        (["*craft*"], ["air craft.npz"]),
    ],
)
def test_patterns(folder, names, expected):
    assert file_names(names, folder) == expected


def test_a_pattern_is_a_name_where_a_file_has_it(folder):
    write_npz(folder / "c*.npz", train=SKETCHES, valid=SKETCHES, test=SKETCHES)
    assert file_names(["c*.npz"], folder) == ["c*.npz"]


def test_a_list_of_names(folder):
    text = "# classes\nair craft\n\nc.npz  # with a suffix\nquick/?.npz\nc\n"
    for encoding in ("utf-8", "utf-16"):
        (folder / "classes.txt").write_text(text, encoding=encoding)
        assert file_names(["@classes.txt"], folder) == [
            "air craft.npz",
            "c.npz",
            "quick/B.npz",
            "quick/a.npz",
            "quick/b.npz",
        ]


def test_the_files_are_loaded_as_if_named(folder):
    named = load_data_set(["quick/B.npz", "quick/a.npz", "quick/b.npz"], folder, report=silent)
    found = load_data_set("quick/*.npz", folder, report=silent)
    assert found.fingerprint == named.fingerprint
    assert found.files == named.files == ("quick/B.npz", "quick/a.npz", "quick/b.npz")
    assert found.train.parts.tolist() == [0, 3, 6, 9]
    require_files(folder, ["quick/*.npz"])


@pytest.mark.parametrize(
    "name, message",
    [
        ("none/*.npz", "none/\\*.npz: no file in .* matches this pattern; check the pattern"),
        ("*.factors.npz", "no file in .* matches"),
        ("@clases.txt", "no such list of names; did you mean classes.txt?"),
        ("@nested.txt", "@classes.txt is a list in a list"),
        ("@empty.txt", "names no file"),
        ("@c.npz", "not a text|is no name"),
        ("@quick", "cannot be read"),
        ("@bad.txt", "no file in .* matches"),
        ("@missing.txt", "zebra.npz: no such file"),
        ("/no/such/zebra.npz", "^/no/such/zebra.npz: no such file, because there is no folder"),
        ("x" * 300, "^x{40}...: no such file; check the name"),
        ("x" * 300 + "*", "no file in .* matches"),
        ("quick/gone*", "gone.npz: no such file"),  # a link to an absent disk is not left out
    ],
)
def test_what_cannot_be_found_is_said(folder, name, message):
    for file, text in (
        ("classes", "c"),
        ("nested", "@classes.txt"),
        ("empty", "# nothing\n"),
        ("bad", "x*"),
        ("missing", "zebra"),
    ):
        (folder / f"{file}.txt").write_text(text)
    (folder / "quick" / "gone.npz").symlink_to("/no/such/disk/gone.npz")
    with pytest.raises(DataError, match=message):
        load_data_set([name], folder, report=silent)
    with pytest.raises(DataError, match=message):
        require_files(folder, [name])


@pytest.mark.parametrize("name, what", [("q/*.npz", "a pattern"), ("@c.txt", "a list of names")])
def test_a_url_has_neither(name, what):
    with pytest.raises(DataError, match=f"{what}, which needs a folder.*https://host/data; name"):
        load_data_set([name], "https://user:secret@host/data", report=silent)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads all")
@pytest.mark.parametrize("name", ["quick/a.npz", "quick/*.npz", "@quick/list.txt"])
def test_a_folder_that_may_not_be_read_is_named(folder, name):
    (folder / "quick").chmod(0)
    try:
        with pytest.raises(DataError, match="quick.*(may not be read|Permission denied)"):
            load_data_set([name], folder, report=silent)
    finally:
        (folder / "quick").chmod(0o700)
