"""Give damaged files to the readers: each must end in a result or in one clear line.

    python benchmarks/fuzz.py --count=1000 --seed=0            every kind, 1,000 files each
    python benchmarks/fuzz.py --count=1000 --kinds=npz,svg     some kinds
    python benchmarks/fuzz.py --kinds=npz --only=17            one file again, kept for a look

Each kind has a few sound files. A case takes one of them and damages it: bytes flipped, cut,
repeated, exchanged; numbers and texts of JSON and XML replaced by odd ones; parts of archives
damaged and packed again; structure nested. A case fails if the reader raises anything but a clear
error of one line, takes over 20 s, needs over 2 GiB, starts a program, opens a connection, or
leaves anything behind where it has not finished. Equal seeds give equal cases.
"""

from __future__ import annotations

import argparse
import collections
import gzip
import json
import random
import re
import resource
import signal
import subprocess
import sys
import tempfile
import traceback
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

SECONDS = 20
BYTES = 2 << 30
ODD = [
    None,
    True,
    -1,
    0,
    10**400,
    1e308,
    -0.0,
    "",
    "x" * 300,
    "\x00",
    [],
    {},
    [[]],
    "NaN",
    float("nan"),
]
WATCHED = {
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "subprocess.Popen",
    "socket.connect",
}

# ------------------------------------------------------------------------------------- damage


def damage_bytes(data: bytes, rng: random.Random) -> bytes:
    """Return the bytes with some flipped, cut, repeated, removed or exchanged."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 8))):
        start = rng.randrange(len(data) + 1)
        end = min(len(data), start + rng.choice((1, 1, 4, 64, 4096)))
        kind = rng.randrange(6)
        if kind == 0 and start < len(data):
            data[start] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del data[start:]
        elif kind == 2:
            data[start:end] = data[start:end] * rng.choice((2, 3, 50))
        elif kind == 3:
            del data[start:end]
        elif kind == 4:
            data[start:end] = rng.randbytes(end - start)
        else:
            data[start:end] = rng.choice((b"\xff", b"\x00", b"9", b"(", b"[", b'"')) * (end - start)
    return bytes(data)


def damage_json(data: bytes, rng: random.Random) -> bytes:
    """Return JSON with values replaced, removed, repeated or nested."""
    value = json.loads(data)
    for _ in range(rng.choice((1, 1, 2, 5))):
        holder, key = _place(value, rng)
        if holder is None:
            break
        kind = rng.randrange(5)
        if kind == 0:
            del holder[key]
        elif kind == 1:
            holder[key] = [holder[key]] * rng.choice((1, 2, 100))
        elif kind == 2:
            for _ in range(rng.choice((3, 900, 3000))):
                holder[key] = [holder[key]]
        else:
            holder[key] = rng.choice(ODD)
    try:
        return json.dumps(value).encode("utf-8", "surrogatepass")
    except RecursionError:
        return b"[" * 5000 + b"]" * 5000


def _place(value: Any, rng: random.Random) -> tuple[Any, Any]:
    holder: Any = None
    key: Any = None
    while isinstance(value, (dict, list)) and value and (holder is None or rng.random() < 0.8):
        holder, key = (
            value,
            rng.choice(list(value) if isinstance(value, dict) else range(len(value))),
        )
        value = holder[key]
    return holder, key


def damage_xml(data: bytes, rng: random.Random) -> bytes:
    """Return XML with numbers, names or texts replaced, or elements nested or repeated."""
    text = data.decode("utf-8", "replace")
    kind = rng.randrange(5)
    if kind == 0:
        odd = rng.choice(
            ("1e999", "-1e300", "NaN", "0", "1" * 500, "1.2.3", "", "-", "1e", "5%", "2em")
        )
        return _one(r"[-+]?[0-9.]+", odd, text, rng)
    if kind == 1:
        tag = rng.choice(
            ("g", "use href='#a'", "svg", "symbol", "text", "image", "defs", "style", "a id='a'")
        )
        return _one(r"<(path|line|circle|rect|g|polyline)\b", f"<{tag} ", text, rng)
    if kind == 2:
        depth = rng.choice((10, 1000, 20_000))
        return text.replace("</svg>", "<g>" * depth + "</g>" * depth + "</svg>").encode()
    if kind == 3:
        added = rng.choice(
            (
                "<style>* * * *{fill:none}</style>",
                "<g style='transform:rotate(1turn)'/>",
                "<use href='#a'/><g id='a'><use href='#a'/></g>",
                "<path d='M" + "1 " * 5000 + "'/>",
                "<rect width='1e9' height='1e-9' rx='1e30'/>",
                "&a;",
                "<!-- " + "-" * 1000,
            )
        )
        return text.replace("</svg>", added + "</svg>").encode()
    return damage_bytes(data, rng)


def _one(pattern: str, new: str, text: str, rng: random.Random) -> bytes:
    found = list(re.finditer(pattern, text))
    if found:
        match = rng.choice(found)
        text = text[: match.start()] + new + text[match.end() :]
    return text.encode()


def damage_zip(data: bytes, rng: random.Random) -> bytes:
    """Return an archive with a damaged part packed again, or damaged itself."""
    if rng.random() < 0.3:
        return damage_bytes(data, rng)
    with tempfile.TemporaryFile() as old, tempfile.TemporaryFile() as new:
        old.write(data)
        with zipfile.ZipFile(old) as archive, zipfile.ZipFile(new, "w") as out:
            names = archive.namelist()
            chosen = rng.choice(names)
            for name in names:
                content = archive.read(name)
                if name == chosen:
                    damage = (
                        damage_json
                        if name.endswith(".json") and rng.random() < 0.7
                        else damage_bytes
                    )
                    content = damage(content, rng)
                    if rng.random() < 0.05:
                        continue
                out.writestr(name, content)
        new.seek(0)
        return new.read()


# -------------------------------------------------------------------------------------- kinds


class Kind:
    """Sound files, how they are damaged, and what reads them.

    Args:
      make: writes sound files into a folder and returns them: files, or folders of a model.
      damage: damages one file's bytes.
      read: reads the file (or the folder that holds it); may write into its second argument.
      choose: for folders: returns the file to damage.
    """

    def __init__(
        self,
        make: Callable[[Path], list[Path]],
        damage: Callable[[bytes, random.Random], bytes],
        read: Callable[[Path, Path], object],
        choose: Callable[[Path, random.Random], Path] = lambda path, rng: path,
    ):
        self.make, self.damage, self.read, self.choose = make, damage, read, choose


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
            _check_message(error)
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
            lines[index] = damage_json(lines[index], rng)
            return b"\n".join(lines)
        except ValueError:
            pass
    return damage_bytes(data, rng)


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


KINDS = {
    "npz": Kind(_make_npz, damage_zip, _read_npz),
    "ndjson": Kind(_make_ndjson, _damage_ndjson, _build),
    "svg": Kind(_make_svg, damage_xml, _read_svg),
    "js": Kind(
        _make_js, lambda d, r: (damage_json if r.random() < 0.7 else damage_bytes)(d, r), _load
    ),
    "run.json": Kind(
        _make_run,
        lambda d, r: (damage_json if r.random() < 0.8 else damage_bytes)(d, r),
        _load,
        _named("run.json"),
    ),
    "model_config.json": Kind(
        _make_run,
        lambda d, r: (damage_json if r.random() < 0.8 else damage_bytes)(d, r),
        _load,
        _named("model_config.json"),
    ),
    "checkpoint": Kind(
        _make_magenta, damage_bytes, _load, _named("checkpoint", ".index", ".data-00000-of-00001")
    ),
    "keras": Kind(_make_keras, damage_zip, _load),
}

# ------------------------------------------------------------------------------------ running


class _TooSlow(BaseException):
    """A case ran for over SECONDS."""


def _check_message(error: BaseException) -> None:
    if "\n" in str(error) or not 5 < len(str(error)) < 1000:
        raise AssertionError(f"the message is not one clear line: {str(error)!r}")


def run_case(kind: Kind, sound: list[Path], number: int, seed: int, folder: Path) -> str:
    """Run one case. Return "read", "refused", or what went wrong."""
    import shutil

    from magenta_sketch.errors import SketchError

    rng = random.Random(f"{seed} {number}")
    source = rng.choice(sound)
    path, out = folder / source.name, folder / "out"
    if source.is_dir():
        shutil.copytree(source, path)
    else:
        shutil.copy(source, path)
    damaged = kind.choose(path, rng)
    damaged.write_bytes(kind.damage(damaged.read_bytes(), rng))
    found: list[str] = []
    _watch(found)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        kind.read(path, out)
        result = "read"
    except SketchError as error:
        result = "refused"
        try:
            _check_message(error)
        except AssertionError as wrong:
            result = str(wrong)
        left = [str(p) for p in folder.rglob("*.tmp")] + [
            str(p) for p in folder.glob("out/.sketch*")
        ]
        if left:
            result = f"left behind: {left}"
    except MemoryError:
        result = f"needs over {BYTES >> 30} GiB"
    except _TooSlow:
        result = f"takes over {SECONDS} s:\n{traceback.format_exc()}"
    except BaseException:
        result = traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        _watch(None)
    if found:
        result = f"did {', '.join(found)}"
    if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 > BYTES:
        result = f"needs over {BYTES >> 30} GiB"
    return result


_seen: list[str] | None = None


def _watch(found: list[str] | None) -> None:
    global _seen
    _seen = found


def _audit(event: str, arguments: object) -> None:
    if _seen is not None and event in WATCHED:
        _seen.append(event)


def _alarm(number: int, frame: object) -> None:
    raise _TooSlow


def serve(name: str, first: int, last: int, seed: int, keep: Path | None) -> None:
    """Run cases in this process; print a line of JSON for each, before and after."""
    sys.addaudithook(_audit)
    signal.signal(signal.SIGALRM, _alarm)
    kind = KINDS[name]
    with tempfile.TemporaryDirectory() as root:
        sound = kind.make(Path(root))
        for number in range(first, last):
            print(json.dumps([number, None]), flush=True)
            with tempfile.TemporaryDirectory() as folder:
                place = Path(folder)
                result = run_case(kind, sound, number, seed, place)
                if keep is not None:
                    import shutil

                    shutil.copytree(place, keep, dirs_exist_ok=True)
            print(json.dumps([number, result]), flush=True)


def results(
    name: str, first: int, last: int, seed: int, keep: Path | None = None
) -> Iterator[tuple[int, str]]:
    """Yield the result of each case; a process that dies is a result of the case it was at."""
    while first < last:
        command = [
            sys.executable,
            __file__,
            "--serve",
            name,
            str(first),
            str(last),
            f"--seed={seed}",
        ]
        command += [f"--keep={keep}"] if keep else []
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as process:
            at = first
            assert process.stdout is not None
            for line in process.stdout:
                if not line.startswith("["):
                    continue
                number, result = json.loads(line)
                at = number
                if result is not None:
                    yield number, result
                    first = number + 1
            process.wait()
        if first < last:
            yield at, f"the process ended with status {process.returncode}"
            first = at + 1


def campaign(kinds: list[str], count: int, seed: int) -> dict[str, collections.Counter[str]]:
    """Run ``count`` cases of each kind. Print each failure, and a summary of each kind."""
    counts = {}
    for name in kinds:
        counts[name] = collections.Counter()
        for number, result in results(name, 0, count, seed):
            short = result if result in ("read", "refused") else "failed"
            counts[name][short] += 1
            if short == "failed":
                print(f"{name} {number}: {result}", flush=True)
        told = ", ".join(f"{what} {counts[name][what]:,}" for what in ("read", "refused", "failed"))
        print(f"{name}: tried {count:,}: {told}", flush=True)
    return counts


def main() -> None:
    """Run what the flags say; exit with 1 if a case failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1000, help="files of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", default=",".join(KINDS), help="such as npz,svg")
    parser.add_argument("--only", type=int, help="one case, which is kept in --keep")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--serve", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        name, first, last = arguments.serve
        serve(name, int(first), int(last), arguments.seed, arguments.keep)
        return
    kinds = arguments.kinds.split(",")
    if arguments.only is not None:
        keep = arguments.keep or Path(tempfile.mkdtemp())
        for number, result in results(
            kinds[0], arguments.only, arguments.only + 1, arguments.seed, keep
        ):
            print(f"{kinds[0]} {number}: {result}\nits files are in {keep}")
        return
    counts = campaign(kinds, arguments.count, arguments.seed)
    sys.exit(any(one["failed"] for one in counts.values()))


if __name__ == "__main__":
    main()
