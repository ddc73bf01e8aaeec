"""Reading and writing data sets: every writer's files, damaged ones, and crafted attacks."""

import builtins
import io
import os
import pickle
import pickletools
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from magenta_sketch import data as datasets
from magenta_sketch.data import (
    BUILDERS,
    SketchSet,
    load_data_set,
    npz,
    read_npz,
    write_npz,
)
from magenta_sketch.data import (
    safe_pickle as array_pickle,
)
from magenta_sketch.errors import DataError

ROOT = Path(__file__).resolve().parents[2]
SKETCHES = [
    np.array([[1, -2, 0], [300, -400, 1]], np.int16),
    np.array([[5, 6, 1]], np.int16),
    np.array([[0, 0, 0], [114, 0, 0], [10, 13, 1]], np.int16),
]


def objects(items):
    array = np.empty(len(items), object)
    array[:] = items
    return array


def silent(line):
    del line


def npy(payload, shape=(3,), descr="|O"):
    """A `.npy` file: the header of an array, then any bytes."""
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": descr, "fortran_order": False, "shape": shape}
    )
    return file.getvalue() + payload


def npy_of(array):
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def archive(path, **members):
    """A zip file with sound splits, but for those given as bytes, or None to leave them out."""
    whole = {split: npy_of(objects(SKETCHES)) for split in ("train", "valid", "test")}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for split, data in {**whole, **members}.items():
            if data is not None:
                file.writestr(f"{split}.npy", data)
    return path


def python2_array(item):
    """An inner array as cPickle of Python 2 writes it, every name and type in full."""
    data, code = item.tobytes(), item.dtype.str[1:].encode()
    string = b"T" + struct.pack("<I", len(data)) if len(data) > 255 else b"U" + bytes([len(data)])
    dtype = b"cnumpy\ndtype\nU" + bytes([len(code)]) + code + b"K\x00K\x01\x87R"
    dtype += b"(K\x03U\x01" + item.dtype.str[:1].replace("|", "|").encode()
    dtype += b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    shape = b"".join(b"J" + struct.pack("<i", n) for n in item.shape)
    return (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        + b"(K\x01(" + shape + b"t" + dtype + b"\x89" + string + data + b"tb"
    )  # fmt: skip


def python2_npy(items):
    outer = b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    outer += b"(K\x01J" + struct.pack("<i", len(items)) + b"\x85cnumpy\ndtype\nU\x02O8K\x00K\x01"
    outer += b"\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK?tb\x89]("
    payload = outer + b"".join(python2_array(np.asarray(item)) for item in items) + b"etb."
    return npy(payload, (len(items),))


def pickled(array, protocol, module="numpy"):
    """The array pickled with a protocol, its names as NumPy 1 (numpy.core) or 2 write them."""
    data = pickle.dumps(array, protocol)
    for name in (b"multiarray", b"numeric"):
        old, new = b"numpy._core." + name, b"numpy.core." + name
        if module == "numpy.core":
            # Text names end with a newline; others have their length in the byte before.
            data = data.replace(b"c" + old + b"\n", b"c" + new + b"\n")
            data = data.replace(bytes([len(old)]) + old, bytes([len(new)]) + new)
    if protocol >= 4:
        # A frame's length would have to shrink with the names; frames can be left out.
        assert data[2:3] == b"\x95"
        data = data[:2] + data[11:]
    return data


def assert_same(result, expected):
    assert len(result) == len(expected)
    for one, other in zip(result, expected, strict=True):
        assert one.dtype == np.float32
        np.testing.assert_array_equal(one, np.asarray(other, np.float32))


@pytest.mark.parametrize("dtype", ["<i2", ">i2", "<f8", "<f4", "|i1", "<i8"])
def test_python_2(tmp_path, dtype):
    items = [np.clip(item, -100, 127).astype(dtype) for item in SKETCHES]
    items.append(np.tile(items[0], (90, 1)))  # over 255 bytes: another string opcode
    path = archive(tmp_path / "a.npz", train=python2_npy(items))
    assert_same(read_npz(path)["train"], items)
    with np.load(path, allow_pickle=True, encoding="latin1") as check:
        assert_same(read_npz(path)["train"], list(check["train"]))


@pytest.mark.parametrize("module", ["numpy.core", "numpy"])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_python_3(tmp_path, protocol, module):
    items = [*SKETCHES, np.asfortranarray(SKETCHES[0])]
    payload = pickled(objects(items), protocol, module)
    assert module == "numpy" or b"numpy._core" not in payload
    path = archive(tmp_path / "a.npz", train=npy(payload, (4,)))
    assert_same(read_npz(path)["train"], items)


def test_number_types_may_differ_from_item_to_item(tmp_path):
    items = [SKETCHES[0], SKETCHES[1].astype(np.float64), SKETCHES[2].astype(np.uint8)]
    path = archive(tmp_path / "a.npz", train=npy_of(objects(items)))
    assert_same(read_npz(path)["train"], items)


def test_items_as_lists_and_as_object_arrays(tmp_path):
    items = [[[1, 2, 0], [0.5, 1, 1]], np.array([[1, 2, 1]], object), SKETCHES[0]]
    path = archive(tmp_path / "a.npz", train=npy_of(objects(items)))
    assert_same(read_npz(path)["train"], items)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["i2", "f8", object])
def test_sketches_of_one_length_as_one_array(tmp_path, dtype, order):
    block = np.array([SKETCHES[0], SKETCHES[0] * [2, 2, 1]], dtype, order=order)
    path = archive(tmp_path / "a.npz", train=npy_of(block))
    assert_same(read_npz(path)["train"], list(block))


def test_headers_of_python_2_with_long_numbers(tmp_path):
    data = python2_npy(SKETCHES).replace(b"(3,), ", b"(3L,),", 1)
    assert b"3L" in data
    assert_same(read_npz(archive(tmp_path / "a.npz", train=data))["train"], SKETCHES)


def test_large_offsets_are_clamped(tmp_path):
    item = np.array([[1e300, -1e300, 0], [1000.5, -999.5, 1]])
    path = archive(tmp_path / "a.npz", train=npy_of(objects([item])))
    assert read_npz(path)["train"][0].tolist() == [[1000, -1000, 0], [1000, -999.5, 1]]


# Attacks. Each would leave a mark if it ran; reading must fail and leave none.


class Mark:
    """A pickle of it calls `call` with `arguments`."""

    def __init__(self, call, *arguments):
        self.reduced = call, arguments

    def __reduce__(self):
        return self.reduced


def name(module, attribute):
    return f"c{module}\n{attribute}\n".encode()


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def stack_global(module, attribute):
    return text(module) + text(attribute) + b"\x93"


def attacks(mark):
    """Name -> pickle, each of which tries to make the file `mark`."""
    command = f"touch {mark}"
    code = f"open({str(mark)!r}, 'w')"
    ndarray, dtype = name("numpy", "ndarray"), name("numpy", "dtype")
    reconstruct = name("numpy.core.multiarray", "_reconstruct")
    one = text(command) + b"\x85"
    crafted = {
        "reduce": name("os", "system") + one + b"R",
        "posix": name("posix", "system") + one + b"R",
        "eval": name("builtins", "eval") + text(code) + b"\x85R",
        "python 2's eval": name("__builtin__", "eval") + text(code) + b"\x85R",
        "numpy's own": name("numpy.testing._private.utils", "runstring")
        + text(code) + b"}\x86R",
        "numpy.testing": name("numpy.testing", "os.system") + one + b"R",
        "dotted": stack_global("numpy", "testing.os.system") + one + b"R",
        "dotted from ndarray": stack_global("numpy", "ndarray.__class__.__base__") + b")R",
        "dotted module": stack_global("numpy.core.multiarray", "_reconstruct.__globals__"),
        "inst": b"(" + text(command) + b"ios\nsystem\n",
        "obj": b"(" + name("os", "system") + text(command) + b"o",
        "newobj": name("subprocess", "Popen") + text(command) + b"\x85\x81",
        "newobj_ex": stack_global("subprocess", "Popen") + text(command) + b"\x85}\x92",
        "persistent id": b"Pos.system\n",
        "extension": b"\x82\x01",
        "codecs": name("_codecs", "decode") + text("x") + text("unicode_escape") + b"\x86R",
        "import": name("importlib", "import_module") + text("this") + b"\x85R",
        "load": name("numpy", "load") + text(str(mark)) + b"\x85R",
        "setattr": name("builtins", "setattr") + ndarray + text("x") + b"K\x01\x87R",
        "array of a class": reconstruct + name("builtins", "object") + b"K\x00\x85U\x01b\x87R",
        # What stands in for NumPy must not be changed for the rest of the program either.
        "build a class": ndarray + b"}" + text("of") + b"K\x01sb",
        "build with slots": dtype + b"N}" + text("__new__") + b"K\x01s\x86b",
        "build a function": reconstruct + b"N}" + text("__defaults__") + b")s\x86b",
        "build the encoder": name("_codecs", "encode") + b"N}" + text("x") + b"K\x01s\x86b",
    }  # fmt: skip
    return {key: b"\x80\x04" + value + b"." for key, value in crafted.items()}


@pytest.mark.parametrize("inside", [False, True], ids=["outside", "inside an array"])
@pytest.mark.parametrize("attack", list(attacks(Path("mark"))))
def test_attacks_run_nothing(tmp_path, monkeypatch, attack, inside):
    mark = tmp_path / "mark"
    payload = attacks(mark)[attack]
    if inside:  # as the first item of an object array that is sound otherwise
        sound = python2_npy([SKETCHES[0]])
        sound = sound[sound.index(b"\x80\x02") :]
        payload = sound.replace(b"](", b"](" + payload[2:-1], 1)
    path = archive(tmp_path / "a.npz", valid=npy(payload, (1,)))
    imported = set(sys.modules)
    monkeypatch.setattr(os, "system", lambda command: pytest.fail("it ran"))
    before = [dict(vars(stand_in)) for stand_in in array_pickle._STAND_INS.values()]
    with pytest.raises(DataError, match="a.npz, valid: ") as caught:
        read_npz(path)
    assert len(str(caught.value).splitlines()) == 1
    assert not mark.exists()
    assert set(sys.modules) == imported
    assert [dict(vars(stand_in)) for stand_in in array_pickle._STAND_INS.values()] == before
    # And the reader still works.
    assert_same(read_npz(archive(tmp_path / "b.npz"))["train"], SKETCHES)


def test_a_real_pickle_of_a_command(tmp_path):
    mark = tmp_path / "mark"
    for number, call in enumerate([(os.system, f"touch {mark}"), (builtins.exec, "1/0")]):
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            payload = pickle.dumps(objects([SKETCHES[0], Mark(*call)]), protocol)
            path = archive(tmp_path / f"{number}{protocol}.npz", test=npy(payload, (2,)))
            with pytest.raises(DataError, match="do not trust this file"):
                read_npz(path)
    assert not mark.exists()


def test_a_dtype_that_lies_about_objects(tmp_path):
    """With NumPy's own classes these flags make eight bytes be taken for a pointer."""
    dtype = b"cnumpy\ndtype\nU\x02O8K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xff"
    dtype += b"J\xff\xff\xff\xffK\x00tb"
    payload = b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    payload += b"(K\x01K\x01\x85" + dtype + b"\x89U\x08AAAAAAAAtb."
    with pytest.raises(DataError, match="do not fit its shape"):
        read_npz(archive(tmp_path / "a.npz", train=npy(payload, (1,))))


def test_an_item_repeated_until_memory_is_full(tmp_path, monkeypatch):
    monkeypatch.setattr(npz, "MAX_SPLIT_BYTES", 1 << 20)
    large = np.zeros((10000, 3), np.int16)  # 60 kB, in the file once
    data = npy_of(objects([large] * 1000))
    assert len(data) < 1 << 17
    with pytest.raises(DataError, match="over 1,048,576 bytes"):
        read_npz(archive(tmp_path / "a.npz", train=data))


def test_one_list_repeated_is_converted_once(tmp_path, monkeypatch):
    large = [[1, 2, 0]] * 1000
    items = [large] * 500 + [np.array(large, object)] * 2 + [[[1, 2, 0]]]
    converted, convert = [], npz._array_of_numbers
    monkeypatch.setattr(
        npz, "_array_of_numbers", lambda *args: converted.append(args[1]) or convert(*args)
    )
    path = archive(tmp_path / "a.npz", train=npy_of(objects(items)))
    assert_same(read_npz(path)["train"], items)
    assert len(converted) == 3
    monkeypatch.setattr(npz, "MAX_SPLIT_BYTES", 1 << 20)
    with pytest.raises(DataError, match="train: over 1,048,576 bytes"):
        read_npz(path)
    assert len(converted) == 3


SOUND = pickle.dumps(objects(SKETCHES), 2)


@pytest.mark.parametrize(
    "opcodes",
    [
        b"r" + struct.pack("<I", 1 << 28),
        b"r" + struct.pack("<I", 1 << 17),
        b"p268435456\n",
        b"p99999\n",
        b"p 268435456\n",
        b"p268_435_456\n",
        b"X" + struct.pack("<I", 1 << 31),
        b"\x96" + struct.pack("<Q", 1 << 34),
    ],
)
@pytest.mark.parametrize("where", [0, 2, len(SOUND) - 1])
def test_a_memo_or_string_larger_than_the_file(tmp_path, opcodes, where):
    payload = SOUND[:where] + (b"N" if where == 0 else b"") + opcodes + SOUND[where:]
    with pytest.raises(DataError, match="train: unsupported or damaged pickle .cut short, or not"):
        read_npz(archive(tmp_path / "a.npz", train=npy(payload)))


def test_memo_indices_as_large_as_the_file_warrants(tmp_path):
    # Over 65,536 entries, with indices of four bytes in protocol 2 and as text in protocol 0.
    items = [np.array([[i % 99, 1, 1]], np.int16) for i in range(17000)]
    for protocol in (0, 2, 4):
        payload = npy(pickle.dumps(objects(items), protocol), (17000,))
        path = archive(tmp_path / f"{protocol}.npz", train=payload)
        assert_same(read_npz(path)["train"], items)


def test_every_opcode_is_known():
    strings = {-2: bytes(1), -3: bytes(4), -4: bytes(4), -5: bytes(8)}
    for opcode in pickletools.opcodes:
        kind = opcode.arg
        arguments = b"" if kind is None else strings.get(kind.n, bytes(max(kind.n, 0)) or b"1\n")
        if kind is not None and kind.name == "stringnl_noescape_pair":
            arguments += b"1\n"
        array_pickle._check_opcodes(opcode.code.encode("latin1") + arguments + b".", 0)
    with pytest.raises(pickle.UnpicklingError):
        array_pickle._check_opcodes(b"\xff.", 0)


def test_data_copied_again_and_again(tmp_path):
    """One text, encoded anew for every item, would take any multiple of the file's size."""
    payload = b"\x80\x02" + name("_codecs", "encode") + b"q\x00" + text("x" * 60000) + b"q\x01("
    payload += (b"h\x00h\x01" + text("latin1") + b"\x86R") * 20 + b"t."
    with pytest.raises(DataError, match="unpacks to far more than it holds"):
        read_npz(archive(tmp_path / "a.npz", train=npy(payload)))


def test_a_split_that_unpacks_to_too_much(tmp_path, monkeypatch):
    monkeypatch.setattr(npz, "MAX_SPLIT_BYTES", 1 << 16)
    path = archive(tmp_path / "a.npz", train=npy(bytes(1 << 17)))
    with pytest.raises(DataError, match="a.npz, train: 131,200 bytes when unpacked"):
        read_npz(path)


def test_a_split_larger_than_it_declares(tmp_path):
    data = npy(bytes(1 << 20))
    path = archive(tmp_path / "a.npz", train=data)
    raw = path.read_bytes()
    # The uncompressed size is in the local header and in the directory.
    raw = raw.replace(struct.pack("<I", len(data)), struct.pack("<I", 300))
    path.write_bytes(raw)
    with pytest.raises(DataError, match="a.npz, train: damaged"):
        read_npz(path)


# Damage and wrong contents, each with a line that says where.


def first(item):
    return npy_of(objects([SKETCHES[0], np.asarray(item)]))


@pytest.mark.parametrize(
    "data, message",
    [
        (None, r"no split train, expected train, valid and test; the file has valid.npy, test"),
        (npy_of(objects([])), r"train: the split is empty"),
        (npy_of(np.zeros((0, 4, 3))), r"train: the split is empty"),
        (first(np.zeros((4, 2))), r"train\[1\]: expected .* \[n, 3\], got shape \[4, 2\]"),
        (first(np.zeros(3)), r"train\[1\]: expected .* got shape \[3\]"),
        (first(np.zeros((0, 3), np.int16)), r"train\[1\]: the sketch has no points"),
        (first([[0, 0, 0], [0, np.nan, 1]]), r"train\[1\]: point 1 .* not finite: \[0.0, nan"),
        (first([[np.inf, 0, 0.0]]), r"train\[1\]: point 0 .* not finite"),
        (first([[0, 0, 1], [0, 0, 2]]), r"train\[1\]: point 1 has the lift 2"),
        (first([[0, 0, 0.5]]), r"train\[1\]: point 0 has the lift 0.5"),
        (first(np.zeros((1, 3), complex)), r"train: unsupported .*numbers of the type c16"),
        (first(np.zeros((1, 3), "U1")), r"train: unsupported .*numbers of the type U1"),
        (npy_of(objects([SKETCHES[0], "x"])), r"train\[1\]: .* got an object \(str\)"),
        (npy_of(objects([SKETCHES[0], [[1, 2]]])), r"train\[1\]: .* got other lists"),
        (npy_of(objects([[["1", 2, 0]]])), r"train\[0\]: expected numbers only"),
        (npy_of(objects([[[10**400, 2, 0]]])), r"train\[0\]: a number is too large"),
        (npy_of(np.zeros((4, 3))), r"train: expected an object array .* got shape \[4, 3\]"),
        (npy_of(np.zeros((4, 2, 5))), r"train\[0\]: expected .* got shape \[2, 5\]"),
        (npy_of(np.zeros((4, 0, 3))), r"train\[0\]: the sketch has no points"),
        (npy_of(np.zeros((2, 2, 3), complex)), r"train: .* the type complex128"),
        (npy_of(np.zeros(2, "i2,O")), r"train: .* real numbers, got the type"),
        (npy(b"", (1 << 40, 5, 3), "<f8"), r"train: 0 bytes of data"),
        (npy(pickle.dumps([1, 2]), (2,)), r"train: the pickle is not an object array"),
        (npy(pickle.dumps(objects(SKETCHES)), (4,)), r"train: .* object array of shape \[4\]"),
        (npy(pickle.dumps(objects(SKETCHES))[:-20]), r"train: unsupported or damaged pickle"),
        (npy(b""), r"train: unsupported or damaged pickle"),
        (b"not an array", r"train: not an array in .npy format"),
        (b"", r"train: not an array in .npy format"),
        (b"\x93NUMPY\x03\x00\x02\x00\x00\x00{}", r"train: not an array in .npy format"),
    ],
)
def test_wrong_contents(tmp_path, data, message):
    path = archive(tmp_path / "a.npz", train=data)
    with pytest.raises(DataError, match=r"a\.npz.*" + message) as caught:
        read_npz(path)
    assert len(str(caught.value).splitlines()) == 1


def test_files_that_are_no_archives(tmp_path):
    whole = archive(tmp_path / "whole.npz").read_bytes()
    (tmp_path / "text.npz").write_text("<html>404</html>")
    (tmp_path / "empty.npz").write_bytes(b"")
    (tmp_path / "folder.npz").mkdir()
    for name in ("text", "empty"):
        with pytest.raises(DataError, match=f"{name}.npz: not a zip archive"):
            read_npz(tmp_path / f"{name}.npz")
    (tmp_path / "gnoe.npz").touch()
    with pytest.raises(DataError, match=r"gone.npz: no such file; did you mean gnoe\.npz\?"):
        read_npz(tmp_path / "gone.npz")
    with pytest.raises(DataError, match="folder.npz: cannot be read"):
        read_npz(tmp_path / "folder.npz")
    cut = tmp_path / "cut.npz"
    for size in range(1, len(whole), 37):
        cut.write_bytes(whole[:size])
        with pytest.raises(DataError, match="cut.npz: not a zip archive, or cut short"):
            read_npz(cut)


def test_damage_anywhere_gives_a_data_error_or_the_data(tmp_path):
    whole = archive(tmp_path / "whole.npz").read_bytes()
    path = tmp_path / "damaged.npz"
    for position in range(0, len(whole), 3):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x55]) + whole[position + 1 :])
        try:
            result = read_npz(path)
        except DataError as error:
            assert "damaged.npz" in str(error)
        else:
            assert_same(result["train"], SKETCHES)


# Writing


@pytest.mark.parametrize("dtype, written", [("i2", "<i2"), ("f4", "<i2"), ("f8", "<i2")])
def test_written_files_are_read_by_numpy_and_here(tmp_path, dtype, written):
    items = [*(item.astype(dtype) for item in SKETCHES), np.tile(SKETCHES[2], (400, 1))]
    path = tmp_path / "a.npz"
    write_npz(path, train=items, valid=SKETCHES, test=SketchSet.from_sketches(SKETCHES))
    assert_same(read_npz(path)["train"], items)
    with np.load(path, allow_pickle=True) as check:
        assert sorted(check.files) == ["test", "train", "valid"]
        assert check["train"].dtype == object
        for mine, item in zip(check["train"], items, strict=True):
            assert mine.dtype.str == written and mine.shape == item.shape
            np.testing.assert_array_equal(mine, item)
    with zipfile.ZipFile(path) as check:  # as Python 2 and NumPy 1 need it
        data = check.read("train.npy")
    assert b"\x80\x02" in data and b"numpy._core" not in data


def test_fractions_are_written_as_float32(tmp_path):
    write_npz(tmp_path / "a.npz", train=[[[0.5, 0, 1]]], valid=SKETCHES, test=SKETCHES)
    with np.load(tmp_path / "a.npz", allow_pickle=True) as check:
        assert {check[split][0].dtype.str for split in check.files} == {"<f4"}
    assert read_npz(tmp_path / "a.npz")["train"][0].tolist() == [[0.5, 0, 1]]


def test_writing_is_repeatable(tmp_path):
    for name in ("a.npz", "b.npz"):
        write_npz(tmp_path / name, train=SKETCHES, valid=SKETCHES, test=SKETCHES)
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize("bad, message", [([], "a.npz, test: no sketches"), ([[[1, 2]]], "test")])
def test_failed_writing_leaves_the_old_file_alone(tmp_path, bad, message):
    path = tmp_path / "a.npz"
    path.write_text("old")
    with pytest.raises(DataError, match=message):
        write_npz(path, train=SKETCHES, valid=SKETCHES, test=bad)
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["a.npz"]


def test_a_full_disk_leaves_the_old_file_alone(tmp_path, monkeypatch):
    path = tmp_path / "a.npz"
    path.write_text("old")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DataError, match="a.npz: cannot be written: No space left"):
        write_npz(path, train=SKETCHES, valid=SKETCHES, test=SKETCHES)
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["a.npz"]


def test_writing_into_no_folder(tmp_path):
    with pytest.raises(DataError, match="cannot be written: No such file"):
        write_npz(tmp_path / "no" / "a.npz", train=SKETCHES, valid=SKETCHES, test=SKETCHES)


# SketchSet


def test_a_sketch_set():
    sketches = SketchSet.from_sketches(SKETCHES)
    assert len(sketches) == 3 and sketches.lengths.tolist() == [2, 1, 3]
    assert_same(list(sketches), SKETCHES)
    assert_same([sketches[-1]], SKETCHES[-1:])
    assert np.shares_memory(sketches[0], sketches.points)
    assert_same(sketches.take([2, 0, 2]), [SKETCHES[2], SKETCHES[0], SKETCHES[2]])
    assert len(sketches.take([])) == 0
    joined = SketchSet.concatenate([sketches, sketches.take([]), sketches.take([1])])
    assert_same(joined, [*SKETCHES, SKETCHES[1]])
    assert len(SketchSet.concatenate([])) == 0
    with pytest.raises(IndexError):
        sketches[3]
    with pytest.raises(ValueError, match="read-only"):
        sketches[0][0, 0] = 1


@pytest.mark.parametrize("starts", [[0, 2, 2, 6], [1, 6], [0, 5], [0, 7], [], [[0, 6]]])
def test_a_sketch_set_checks_its_starts(starts):
    with pytest.raises(DataError, match="starts"):
        SketchSet(np.zeros((6, 3), np.float32), np.array(starts, np.int64))


# load_data_set


def write(folder, name, train=SKETCHES, valid=SKETCHES[:2], test=SKETCHES[1:]):
    write_npz(folder / name, train=train, valid=valid, test=test)


def test_files_are_joined_in_order_and_measured(tmp_path):
    other = np.array([[2, 2, 0], [4, -6, 0], [1, 1, 0], [1, 1, 1]])
    write(tmp_path, "a.npz")
    write(tmp_path, "b.npz", train=[other])
    lines = []
    data = load_data_set(["a.npz", "b.npz"], tmp_path, report=lines.append)
    assert_same(data.train, [*SKETCHES, other])
    assert_same(data.valid, [*SKETCHES[:2]] * 2)
    assert data.max_seq_len == 4
    offsets = np.concatenate([*SKETCHES, other])[:, :2].astype(float)
    assert data.normalizing_factor == pytest.approx(offsets.std(), rel=1e-12)
    assert lines[0] == "loaded 3/2/2 train/valid/test sketches from a.npz"


def test_max_seq_len_is_the_longest_of_every_split(tmp_path):
    write(tmp_path, "a.npz", valid=[np.tile(SKETCHES[0], (5, 1))])
    assert load_data_set("a.npz", tmp_path, report=silent).max_seq_len == 10


def test_longer_sketches_are_dropped_and_reported(tmp_path):
    write(tmp_path, "a.npz")
    lines = []
    data = load_data_set(
        "a.npz", tmp_path, max_seq_len=2, normalizing_factor=7, report=lines.append
    )
    assert_same(data.train, SKETCHES[:2])
    assert_same(data.test, SKETCHES[1:2])
    assert (data.max_seq_len, data.normalizing_factor) == (2, 7.0)
    assert "dropped 1 train sketches of a.npz with more than 2 points" in lines
    with pytest.raises(DataError, match=r"a.npz, valid: no sketch has at most 1 points"):
        write(tmp_path, "a.npz", valid=SKETCHES[:1])
        load_data_set("a.npz", tmp_path, max_seq_len=1, report=silent)


def test_fingerprint_is_of_the_contents(tmp_path):
    write(tmp_path, "a.npz")
    archive(tmp_path / "same.npz", valid=npy_of(objects(SKETCHES[:2])),
            test=npy_of(objects(SKETCHES[1:])))  # fmt: skip
    write(tmp_path, "order.npz", train=SKETCHES[::-1])
    # The same points, cut into sketches at another place.
    points = np.concatenate(SKETCHES)
    write(tmp_path, "cut.npz", train=[points[:1], points[1:3], points[3:]])
    prints = [
        load_data_set(f"{name}.npz", tmp_path, report=silent).fingerprint
        for name in ("a", "same", "order", "cut")
    ]
    assert prints[0] == prints[1] and len(set(prints)) == 3


@pytest.mark.parametrize(
    "name, message",
    [
        ("sheep", "did you mean sheep.npz"),
        ("aple.npz", "did you mean apple.npz"),
        ("zzz.npz", "the folder has apple.npz, sheep.npz"),
    ],
)
def test_a_missing_file_says_what_is_there(tmp_path, name, message):
    write(tmp_path, "apple.npz")
    write(tmp_path, "sheep.npz")
    with pytest.raises(DataError, match=f"{name}: no such file; {message}"):
        load_data_set(name, tmp_path, report=silent)


def test_a_missing_folder_and_an_empty_one(tmp_path):
    with pytest.raises(DataError, match="there is no folder .*nowhere; check data_dir"):
        load_data_set("a.npz", tmp_path / "nowhere", report=silent)
    with pytest.raises(DataError, match="has no .npz file"):
        load_data_set("a.npz", tmp_path, report=silent)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (dict(names=[]), "no data set"),
        (dict(max_seq_len=0), "max_seq_len"),
        (dict(normalizing_factor=0.0), "normalizing_factor"),
        (dict(normalizing_factor=float("nan")), "normalizing_factor"),
        (dict(data_dir="ftp://host/x"), r"http\(s\)"),
        (dict(data_dir="file:///tmp"), r"http\(s\)"),
    ],
)
def test_arguments_are_checked(tmp_path, arguments, message):
    write(tmp_path, "a.npz")
    with pytest.raises(ValueError, match=message):
        load_data_set(**{"names": ["a.npz"], "data_dir": tmp_path, **arguments}, report=silent)


def test_no_normalizing_factor_without_movement(tmp_path):
    write(tmp_path, "a.npz", train=[[[2, 2, 0], [2, 2, 1]]])
    with pytest.raises(DataError, match="a.npz, train: all offsets are equal"):
        load_data_set("a.npz", tmp_path, report=silent)


def test_a_missing_file_is_built(tmp_path, monkeypatch):
    built = []

    def build(path, report):
        built.append(path)
        report("building")
        write(path.parent, path.name)

    monkeypatch.setitem(BUILDERS, "toy.npz", build)
    lines = []
    folder = tmp_path / "new" / "folder"
    first = load_data_set("toy.npz", folder, report=lines.append)
    again = load_data_set("toy.npz", folder, report=silent)
    assert built == [folder / "toy.npz"] and lines[0] == "building"
    assert first.fingerprint == again.fingerprint


def test_kanji_has_a_builder():
    assert "kanjivg.npz" in BUILDERS


@pytest.mark.parametrize(
    "name, sizes, longest, factor",
    [
        ("aaron_sheep.npz", (7400, 300, 300), 250, 18.5198),
        ("short_kanji.npz", (10000, 600, 500), 88, 99.7125),
    ],
)
def test_published_data(shared, name, sizes, longest, factor):
    data = load_data_set(name, shared / "data", report=silent)
    assert (len(data.train), len(data.valid), len(data.test)) == sizes
    assert data.max_seq_len == longest
    assert data.normalizing_factor == pytest.approx(factor, abs=1e-4)
    # The published files are old ones, by Python 2: NumPy must agree with what was read.
    with np.load(shared / "data" / name, allow_pickle=True, encoding="latin1") as check:
        assert_same(data.train, [np.clip(item, -1000, 1000) for item in check["train"]])


MEASURE = """
import pathlib, resource, sys
from magenta_sketch.data import load_data_set

def peak():
    # ru_maxrss starts at what the parent had when it forked; Linux's VmHWM is this program's own.
    status = pathlib.Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used if sys.platform == "darwin" else used * 1024

before = peak()
data = load_data_set(sys.argv[2:], sys.argv[1], report=lambda line: None)
assert "tensorflow" not in sys.modules
print(len(data.train), len(data.train.points), before, peak())
"""


def test_memory_of_many_sketches(tmp_path):
    """Six files of 20,000 sketches: 2/7 of what has to fit into 1.5 GiB, TensorFlow included."""
    pytest.importorskip("resource", reason="memory is measured with the resource module")
    random = np.random.default_rng(0)
    lengths = np.clip(random.poisson(45, 20000), 2, 100)
    points = np.zeros((lengths.sum(), 3), np.float32)
    points[:, :2] = np.rint(random.laplace(0, 20, (len(points), 2)))
    points[:, 2] = random.random(len(points)) < 0.15
    sketches = SketchSet(points, np.concatenate([[0], np.cumsum(lengths)]))
    small = sketches.take(range(100))
    write_npz(tmp_path / "0.npz", train=sketches, valid=small, test=small)
    names = ["0.npz"] * 6
    run = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path), *names],
        capture_output=True, text=True, cwd=ROOT, timeout=120, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    count, size, before, after = map(int, run.stdout.split())
    assert (count, size) == (120000, 6 * len(points))
    print(f"{(after - before) / 2**20:.0f} MiB for {size} points")
    # The points take 62 MiB, twice that while the files are joined, and a little for one file.
    assert after - before < 190 * 2**20


def test_the_package_says_what_it_offers():
    assert all(hasattr(datasets, name) for name in datasets.__all__)
