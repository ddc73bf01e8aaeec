"""Measure the peak memory and speed of `sketch_rnn_convert data` for a large ndjson file.

    python benchmarks/convert.py bird.ndjson cat.ndjson
    python benchmarks/convert.py bird.ndjson --gigabytes=5 --counts=70000,2500,2500
    python benchmarks/convert.py bird.ndjson --gigabytes=5 --simplified --folder=/var/tmp

The large file repeats the drawings of the given files, each time with new keys. The conversion runs
in its own process.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import measure
import orjson


def records(files: list[str], simplified: bool) -> Iterator[dict]:
    """Yield the drawings of the files as one class."""
    from magenta_sketch.data.sources import polylines, quickdraw

    for file in files:
        for line in Path(file).read_bytes().splitlines():
            record = orjson.loads(line) | {"word": "all of them"}
            if simplified:
                lines, form = quickdraw.strokes_of(record["drawing"])
                if form == "timed":
                    lines = polylines.in_pixels(lines, spacing=polylines.SPACING)
                record["drawing"] = [stroke.T.astype(int).tolist() for stroke in lines]
            yield record


def make(path: Path, files: list[str], size: float, simplified: bool) -> int:
    """Write a file of at least ``size`` bytes; return the number of drawings in it."""
    repeated = itertools.cycle(list(records(files, simplified)))
    written = 0
    with open(path, "wb", buffering=1 << 20) as file:
        for number, record in enumerate(repeated, 1):
            record["key_id"] = str(10**15 + number)
            written += file.write(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))
            if written >= size:
                return number


def run(arguments: list[str]) -> None:
    """Convert in this process; print time and memory."""
    from magenta_sketch.cli.convert import data

    before = measure.peak_memory()
    began, started = time.perf_counter(), time.process_time()
    data.main(data.FLAGS(["data", *arguments])[1:])
    seconds = time.perf_counter() - began
    size = Path(arguments[0]).stat().st_size
    busy = time.process_time() - started
    print(f"{seconds:.0f} s, {size / seconds / 1e6:.1f} MB/s; {busy:.0f} s of processor time")
    print(f"peak memory {measure.peak_memory():.0f} MiB, of which {before:.0f} before it began")


def main() -> None:
    if sys.argv[1:2] == ["--run"]:
        run(sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", help="ndjson files of real drawings, raw")
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--simplified", action="store_true", help="simplify the drawings first")
    parser.add_argument("--folder", help="where there is room for the file and a half")
    parser.add_argument("--counts", help="as the program's")
    arguments = measure.parse(parser)
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        path = Path(folder, "large.ndjson")
        number = make(path, arguments.files, arguments.gigabytes * 1e9, arguments.simplified)
        print(f"{path.stat().st_size / 1e9:.2f} GB, {number:,} drawings", flush=True)
        flags = [f"--out={folder}/out"] + [f"--counts={arguments.counts}"] * bool(arguments.counts)
        subprocess.run([sys.executable, __file__, "--run", str(path), *flags], check=True)


if __name__ == "__main__":
    main()
