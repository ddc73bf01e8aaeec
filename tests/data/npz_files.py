"""Helpers for tests of data set files: files as every writer makes them, and as none should."""

import io
import pickle
import struct
import zipfile

import numpy as np

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


# Sound, with an extent of 5; no two of them equal.
SOUND = [[[3, 0, 0], [0, 4, 1]], [[-3, 0, 0], [0, 4, 1]], [[3, 0, 0], [0, -4, 1]]]


def sketches(items, dtype=np.float32):
    """An object array of sketches from lists of rows; what is not a list stays as it is."""
    return objects(
        [np.array(item, dtype).reshape(-1, 3) if type(item) is list else item for item in items]
    )


def save(path, **splits):
    """A data set of sound splits, but for those given; None leaves one out."""
    sound = {split: sketches([SOUND[i]]) for i, split in enumerate(("train", "valid", "test"))}
    splits = {split: part for split, part in {**sound, **splits}.items() if part is not None}
    np.savez(path, **splits)
    return path
