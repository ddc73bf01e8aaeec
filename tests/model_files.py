"""Reads the page's model files, from their description alone."""

import json
import struct

import numpy as np


def read_model(data):
    """Return (header, {name: array}) of a model's file; all of it must be used."""
    magic, length = struct.unpack("<8sI", data[:12])
    assert magic == b"SKETCHRN"
    header = json.loads(data[12 : 12 + length])
    place = -(-(12 + length) // 4) * 4
    assert not any(data[12 + length : place])
    arrays = {}
    kind = {"float32": "<f4", "float16": "<f2"}[header["dtype"]]
    for one in header["arrays"]:
        count = int(np.prod(one["shape"]))
        size = count * np.dtype(kind).itemsize
        arrays[one["name"]] = np.frombuffer(data[place : place + size], kind).reshape(one["shape"])
        place += size
    assert place == len(data)
    return header, arrays
