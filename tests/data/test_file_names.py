"""Patterns and lists of file names."""

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
    with pytest.raises(DataError, match=message):
        load_data_set([name], folder, report=silent)
    with pytest.raises(DataError, match=message):
        require_files(folder, [name])


@pytest.mark.parametrize("name, what", [("q/*.npz", "a pattern"), ("@c.txt", "a list of names")])
def test_a_url_has_neither(name, what):
    with pytest.raises(DataError, match=f"{what}, which needs a folder.*https://host/data; name"):
        load_data_set([name], "https://user:secret@host/data", report=silent)
