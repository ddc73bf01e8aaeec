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
import faulthandler
import json
import random
import signal
import subprocess
import sys
import tempfile
import traceback
from collections.abc import Iterator
from pathlib import Path

import measure
from fuzz_kinds import KINDS, Kind, check_message

SECONDS = 20
BYTES = 2 << 30
WATCHED = {
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "subprocess.Popen",
    "socket.connect",
}


class _TooSlow(BaseException):
    """A case ran for over SECONDS."""


def _half_written(folder: Path) -> list[str]:
    """Return what a reader has left: temporary files, and data sets that are not whole."""
    from magenta_sketch.data import read_npz
    from magenta_sketch.errors import DataError

    left = [*folder.rglob("*.tmp"), *folder.glob("out/.*")]
    for path in folder.glob("out/*.npz"):
        try:
            read_npz(path)
        except DataError:
            left.append(path)
    return [path.name for path in left]


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
    damaged.write_bytes(kind.change(damaged.read_bytes(), rng))
    found: list[str] = []
    _watch(found)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        kind.read(path, out)
        result = "read"
    except SketchError as error:
        result = "refused"
        try:
            check_message(error)
        except AssertionError as wrong:
            result = str(wrong)
    except MemoryError:
        result = f"needs over {BYTES >> 30} GiB"
    except _TooSlow:
        result = f"takes over {SECONDS} s:\n{traceback.format_exc()}"
    except BaseException:
        result = traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        _watch(None)
    if result in ("read", "refused") and (left := _half_written(folder)):
        result = f"left behind: {', '.join(left)}"
    if found:
        result = f"did {', '.join(found)}"
    if measure.peak_memory() * 2**20 > BYTES:
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
            # Ends the process if native code hangs, which no signal's handler interrupts.
            faulthandler.dump_traceback_later(2 * SECONDS, exit=True)
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
    arguments = measure.parse(parser)
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
