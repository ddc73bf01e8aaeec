"""Pickles that attack: each would leave a mark if it ran; reading must fail and leave none."""

import builtins
import importlib
import os
import pickle
import pickletools
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from npz_files import SKETCHES, archive, assert_same, npy, objects, python2_npy

from magenta_sketch.data import read_npz, safe_pickle
from magenta_sketch.errors import DataError


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
    importlib.import_module("encodings.cp437")  # zipfile does, for the first archive
    imported = set(sys.modules)
    monkeypatch.setattr(os, "system", lambda command: pytest.fail("it ran"))
    before = [dict(vars(stand_in)) for stand_in in safe_pickle._STAND_INS.values()]
    with pytest.raises(DataError, match="a.npz, valid: ") as caught:
        read_npz(path)
    assert len(str(caught.value).splitlines()) == 1
    assert not mark.exists()
    assert set(sys.modules) == imported
    assert [dict(vars(stand_in)) for stand_in in safe_pickle._STAND_INS.values()] == before
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


@pytest.mark.slow
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
        safe_pickle._check_opcodes(opcode.code.encode("latin1") + arguments + b".", 0)
    with pytest.raises(pickle.UnpicklingError):
        safe_pickle._check_opcodes(b"\xff.", 0)


def test_data_copied_again_and_again(tmp_path):
    """One text, encoded anew for every item, would take any multiple of the file's size."""
    payload = b"\x80\x02" + name("_codecs", "encode") + b"q\x00" + text("x" * 60000) + b"q\x01("
    payload += (b"h\x00h\x01" + text("latin1") + b"\x86R") * 20 + b"t."
    with pytest.raises(DataError, match="unpacks to far more than it holds"):
        read_npz(archive(tmp_path / "a.npz", train=npy(payload)))
