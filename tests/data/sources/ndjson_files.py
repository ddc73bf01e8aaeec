"""QuickDraw's files for tests of what becomes of them."""

import json

from magenta_sketch.data import read_npz
from magenta_sketch.data.sources import building
from magenta_sketch.data.sources import finding as sources
from magenta_sketch.data.sources.options import Options

SPLITS = ("train", "valid", "test")


def record(key, word="owl", **more):
    """A simplified drawing that its key can be told from: its first offset."""
    number = int(key) if str(key).isdecimal() else 7
    drawing = [[[0, number % 500 + 1, 5], [0, number // 500, 9]], [[200], [100]]]
    return {"word": word, "key_id": str(key), "recognized": True, "drawing": drawing} | more


def write(path, records):
    path.write_bytes(b"".join(json.dumps(one).encode() + b"\n" for one in records))
    return path


def build(inputs, out, report=None, **options):
    inputs = [inputs] if not isinstance(inputs, list) else inputs
    lines = [] if report is None else report
    inputs = [source for path in inputs for source in sources.find(str(path))]
    return building.build(inputs, out, Options(**options), lines.append)


def contents(path):
    """Split -> the numbers of `record` in it, in order."""
    data = read_npz(path)
    return {
        split: [int(s[0, 0] - 1 + 500 * s[0, 1]) for s in sketches]
        for split, sketches in data.items()
    }
