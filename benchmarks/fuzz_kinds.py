"""The kinds of files that `fuzz` damages: sound ones, how they are damaged, and what reads them."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path

import damage


class Kind:
    """Sound files, how they are damaged, and what reads them.

    Args:
      make: writes sound files into a folder and returns them: files, or folders of a model.
      change: damages one file's bytes.
      read: reads the file (or the folder that holds it); may write into its second argument.
      choose: for folders: returns the file to damage.
    """

    def __init__(
        self,
        make: Callable[[Path], list[Path]],
        change: Callable[[bytes, random.Random], bytes],
        read: Callable[[Path, Path], object],
        choose: Callable[[Path, random.Random], Path] = lambda path, rng: path,
    ):
        self.make, self.change, self.read, self.choose = make, change, read, choose


def _sketches(rng: random.Random) -> list[list[list[int]]]:
    return [
        [[rng.randrange(-50, 50), rng.randrange(-50, 50), int(i % 4 == 3)] for i in range(12)]
        for _ in range(6)
    ]


def _make_npz(folder: Path) -> list[Path]:
    import numpy as np

    from magenta_sketch import write_npz

    rng = random.Random(0)
    parts = {split: _sketches(rng) for split in ("train", "valid", "test")}
    write_npz(folder / "a.npz", **parts)
    arrays = {
        k: np.array([np.array(s, np.float32) for s in v] + [None], object)[:-1]
        for k, v in parts.items()
    }
    np.savez_compressed(folder / "b.npz", **arrays)
    np.savez(folder / "c.npz", **{k: np.array(v, np.int16) for k, v in parts.items()})
    return [folder / f"{name}.npz" for name in "abc"]


def _read_npz(path: Path, out: Path) -> None:
    from magenta_sketch import load_data_set
    from magenta_sketch.data.inspection import inspect_npz
    from magenta_sketch.data.mending import mend
    from magenta_sketch.errors import SketchError

    out.mkdir()
    errors = []
    for read in (
        lambda: load_data_set(path, report=_silent),
        lambda: inspect_npz(path).as_dict(),
        lambda: mend(path, out / "mended.npz", ["positions", "pieces", "splits"], report=_silent),
    ):
        try:
            read()
        except SketchError as error:
            check_message(error)
            errors.append(error)
    if errors:
        raise errors[0]


def _silent(line: str) -> None:
    pass


def _make_ndjson(folder: Path) -> list[Path]:
    rng = random.Random(0)
    records = []
    for key in range(12):
        lines = [[[rng.randrange(255) for _ in range(6)] for _ in "xy"] for _ in range(3)]
        record = {"word": "cat", "key_id": str(key), "recognized": True, "drawing": lines}
        records.append(record)
    raw = [r | {"drawing": [[*s, list(range(6))] for s in r["drawing"]]} for r in records]
    csv = ["word,key_id,recognized,drawing"]
    csv += [f'cat,{r["key_id"]},True,"{json.dumps(r["drawing"])}"' for r in records]
    texts = {
        "a.ndjson": "\n".join(map(json.dumps, records)),
        "b.ndjson": "\n".join(map(json.dumps, raw)),
        "c.json": json.dumps(records),
        "d.json": json.dumps(records, indent=1),
        "e.csv": "\n".join(csv),
    }
    data = {name: text.encode() for name, text in texts.items()}
    data["f.ndjson"] = texts["a.ndjson"].encode("utf-16")
    data["g.ndjson"] = texts["b.ndjson"].replace("\n", "\r").encode()
    data["h.csv.gz"] = gzip.compress(data["e.csv"])
    for name, content in data.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in data]


def _damage_ndjson(data: bytes, rng: random.Random) -> bytes:
    if rng.random() < 0.02:
        return rng.choice((b"[", b'{"a":', b'[{"a":')) * rng.choice((100, 50_000))
    lines = data.split(b"\n")
    index = rng.randrange(len(lines))
    if rng.random() < 0.5:
        try:
            lines[index] = damage.change_json(lines[index], rng)
            return b"\n".join(lines)
        except ValueError:
            pass
    return damage.change_bytes(data, rng)


def _build(path: Path, out: Path) -> None:
    from magenta_sketch.data.sources.building import build
    from magenta_sketch.data.sources.finding import find
    from magenta_sketch.data.sources.options import Options

    build(find(str(path)), out, Options(), _silent)


def _make_svg(folder: Path) -> list[Path]:
    bodies = [
        "<path d='M1 2L3 4c1,2 3,4 5,6z' fill='none' stroke='#000'/><circle cx='9' r='5'/>",
        "<style>.a{fill:none;stroke:red}</style><g class='a' transform='rotate(5 1 2)'>"
        "<rect width='9' height='8' rx='2'/><polyline points='1,2 3,4 5,6'/></g>",
        "<defs><g id='a'><ellipse rx='3' ry='4'/></g></defs><use href='#a' x='5'/>"
        "<line x2='9' style='transform:translate(3px,4px)'/><path d='M0 0a5 5 0 1 1 3 4'/>",
    ]
    paths = []
    for number, body in enumerate(bodies):
        paths.append(folder / f"{number}.svg")
        head = '<!DOCTYPE svg [<!ENTITY s "http://www.w3.org/2000/svg">]>' if number else ""
        name = "&s;" if number else "http://www.w3.org/2000/svg"
        paths[-1].write_text(f"{head}<svg xmlns='{name}' viewBox='0 0 10 10'>{body}</svg>")
    return paths


def _read_svg(path: Path, out: Path) -> None:
    from magenta_sketch.data.sources.svg import read_file
    from magenta_sketch.errors import DataError

    try:
        read_file(path)
    except (ValueError, OSError) as error:  # the reader of a folder makes a line of these
        raise DataError(f"{path}: {error}") from None


def _trained(folder: Path) -> Path:
    """Train a tiny model and return its folder."""
    from magenta_sketch import runs
    from magenta_sketch.config import RunConfig

    _make_npz(folder)
    sizes = {"enc_rnn_size": 6, "dec_rnn_size": 6, "z_size": 2, "num_mixture": 2, "batch_size": 2}
    given = {"data_set": ("a.npz",), "num_steps": 2, "save_every": 1, "seed": 1}
    config = RunConfig.of(**sizes, **given, data_dir=str(folder))
    runs.train_run(runs.begin(config, folder / "run", report=_silent))
    return folder / "run"


def _make_run(folder: Path) -> list[Path]:
    return [_trained(folder)]


def _make_magenta(folder: Path) -> list[Path]:
    from magenta_sketch.interop import magenta_checkpoint
    from magenta_sketch.interop.loading import load

    trained = load(_trained(folder))
    magenta_checkpoint.write(folder / "magenta", trained.model, trained.config.hparams, step=2)
    return [folder / "magenta"]


def _make_js(folder: Path) -> list[Path]:
    from magenta_sketch.interop import sketch_rnn_js
    from magenta_sketch.interop.loading import load

    trained = load(_trained(folder))
    path = folder / "model.gen.json"
    sketch_rnn_js.write(
        path,
        trained.model,
        name="cat",
        max_seq_len=trained.max_seq_len,
        normalizing_factor=trained.normalizing_factor,
    )
    return [path]


def _make_keras(folder: Path) -> list[Path]:
    from magenta_sketch.interop.loading import load

    load(_trained(folder)).save(folder / "model.keras")
    return [folder / "model.keras"]


def _load(path: Path, out: Path) -> None:
    from magenta_sketch.interop.loading import load

    load(path)


def _named(*names: str) -> Callable[[Path, random.Random], Path]:
    def choose(folder: Path, rng: random.Random) -> Path:
        files = [f for f in sorted(folder.rglob("*")) if f.is_file() and f.name.endswith(names)]
        return rng.choice(files)

    return choose


def _change_json(data: bytes, rng: random.Random) -> bytes:
    return (damage.change_json if rng.random() < 0.8 else damage.change_bytes)(data, rng)


def check_message(error: BaseException) -> None:
    if "\n" in str(error) or not 5 < len(str(error)) < 1000:
        raise AssertionError(f"the message is not one clear line: {str(error)!r}")


KINDS = {
    "npz": Kind(_make_npz, damage.change_zip, _read_npz),
    "ndjson": Kind(_make_ndjson, _damage_ndjson, _build),
    "svg": Kind(_make_svg, damage.change_xml, _read_svg),
    "js": Kind(_make_js, _change_json, _load),
    "run.json": Kind(
        _make_run,
        _change_json,
        _load,
        _named("run.json"),
    ),
    "model_config.json": Kind(
        _make_run,
        _change_json,
        _load,
        _named("model_config.json"),
    ),
    "checkpoint": Kind(
        _make_magenta,
        damage.change_bytes,
        _load,
        _named("checkpoint", ".index", ".data-00000-of-00001"),
    ),
    "keras": Kind(_make_keras, damage.change_zip, _load),
}
