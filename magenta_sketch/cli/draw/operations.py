"""What sketch_rnn_draw can draw: each operation gives sketches, their names, and a picture."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from magenta_sketch.cli import model_flags
from magenta_sketch.cli.draw.flags import DRAWS, FLAGS, NEW, completes_file, numbers, scales
from magenta_sketch.data.loading import DataSet
from magenta_sketch.data.sketch_set import SketchSet
from magenta_sketch.data.sources.single import read_svg_sketch
from magenta_sketch.drawing.picture import Picture, as_picture
from magenta_sketch.errors import DataError, UsageError

if TYPE_CHECKING:  # they import TensorFlow
    from magenta_sketch.inference.priors import Prior, PriorName
    from magenta_sketch.inference.trained_model import TrainedModel

MOST_MAPPED = 1000  # sketches on a map, unless --count says otherwise
_COMPLETED = 8  # endings
# The larger side of a begun drawing, in model units, in the middle of the sizes that are tried,
# which go from 1/4 to 4 times it. Whole drawings are 10 to 17 model units large.
_BEGUN = 4.0


class Drawn(NamedTuple):
    """What was drawn.

    Attributes:
      named: sketches [n, 3] with the names of their files.
      picture: makes the picture of all of them.
      what: what they are, for the last line of the command, such as "7 new sketches".
      new: the sketches that the model drew.
    """

    named: Sequence[tuple[str, np.ndarray]]
    picture: Callable[[], Picture]
    what: str
    new: Sequence[np.ndarray]


class _Originals(NamedTuple):
    """Sketches of a data set: numbers, titles such as "test 7", names for files, and points."""

    numbers: list[int]
    titles: list[str]
    names: list[str]
    sketches: list[np.ndarray]


def draw(operation: str, trained: TrainedModel) -> Drawn:
    """Draw what the flags ask for.

    Raises:
      SketchError: the model, the data or a sketch cannot be used for it.
    """
    how = {"temperature": FLAGS.temperature, "greedy": FLAGS.greedy, "seed": FLAGS.seed}
    if operation == NEW:
        return _new(trained, how)
    if operation != "complete" and not trained.conditional:
        instead = (
            "and cannot reconstruct: leave out --reconstruct"
            if operation == "reconstruct"
            else f"without a latent space: leave out --{operation}, or use --complete"
        )
        raise UsageError(f"{FLAGS.model_dir} is unconditional, {instead}")
    drawn = _OPERATIONS[operation](trained, how)
    return drawn._replace(named=list(_distinct(drawn.named)))


def _distinct(named: Sequence[tuple[str, np.ndarray]]) -> Iterator[tuple[str, np.ndarray]]:
    """Return the sketches with names that differ, also of those that were asked for twice."""
    seen: Counter[str] = Counter()
    for name, sketch in named:
        seen[name] += 1
        yield name if seen[name] == 1 else f"{name}-again-{seen[name]}", sketch


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _new(trained: TrainedModel, how: Mapping[str, Any]) -> Drawn:
    trained, prior = _prior(trained)
    sketches = trained.sample(FLAGS.count or 10, prior=prior, **how)
    named = [(f"sketch-{number:04d}", sketch) for number, sketch in enumerate(sketches)]
    picture = partial(as_picture, sketches, columns=FLAGS.columns)
    what = "1 new sketch" if len(sketches) == 1 else f"{len(sketches)} new sketches"
    return Drawn(named, picture, what, list(sketches))


def _prior(trained: TrainedModel) -> tuple[TrainedModel, PriorName | Prior]:
    """Return what --prior asks for, and the model with the data's normalizing factor."""
    if FLAGS["prior"].present and not trained.conditional:
        raise UsageError(f"{FLAGS.model_dir} is unconditional, without a z: leave out --prior")
    if FLAGS.prior != "aggregate":
        return trained, FLAGS.prior
    trained, data = model_flags.with_data(trained, FLAGS.model_dir, FLAGS.data_dir, FLAGS.data_set)
    if _are_others(trained, data):
        raise UsageError(
            f"--prior=aggregate: the data in {FLAGS.data_dir or trained.config.data_dir} are not "
            "those the model was trained on: give --data_dir of these, or --data_set to take others"
        )
    from magenta_sketch.inference.priors import some_of

    return trained, trained.fit_prior(some_of(data.train))


def _reconstruct(trained: TrainedModel, how: Mapping[str, Any]) -> Drawn:
    count = FLAGS.count or 1
    trained, found = _sketches(trained, "reconstruct")
    asked = found.numbers
    # In one call: the first reconstruction of every sketch, then the second, and so on.
    drawn = trained.reconstruct(found.sketches * count, scale=FLAGS.scale, **how)
    rows = [[one, *drawn[i :: len(asked)]] for i, one in enumerate(found.sketches)]
    named = [
        (f"{name}-original" if i == 0 else f"{name}-reconstruction-{i}", sketch)
        for name, row in zip(found.names, rows, strict=True)
        for i, sketch in enumerate(row)
    ]
    heads = [f"reconstruction {i + 1}" for i in range(count)] if count > 1 else ["reconstruction"]
    picture = partial(Picture, rows, ["original", *heads], found.titles)
    what = "1 sketch beside its" if len(rows) == 1 else f"{len(rows)} sketches beside their"
    return Drawn(named, picture, f"{what} reconstructions", list(drawn))


def _complete(trained: TrainedModel, how: Mapping[str, Any]) -> Drawn:
    count = FLAGS.count or _COMPLETED
    z = FLAGS.z if trained.conditional else None
    if FLAGS["z"].present and not trained.conditional:
        raise UsageError(f"{FLAGS.model_dir} is unconditional, without a z: leave out --z")
    if completes_file():
        original, title, stem = _begun(trained), None, Path(FLAGS.complete).stem
        points = FLAGS.points or len(original)
    else:
        trained, found = _sketches(trained, "complete")
        original, title, stem = found.sketches[0], found.titles[0], found.names[0]
        points = FLAGS.points or max(1, len(original) // 2)
    if points > len(original):
        has = _counted(len(original), "point")
        raise UsageError(f"--points={points}: {title or FLAGS.complete} has {has}")
    given = original[:points]
    if len(given) >= trained.max_seq_len:
        raise UsageError(
            f"--complete={FLAGS.complete}: {len(given)} points leave no room, as the model draws "
            f"at most {trained.max_seq_len}: give fewer, --points={trained.max_seq_len // 2}"
        )
    drawn = trained.complete(given, count, z=z, keep_strokes=FLAGS.keep_strokes, **how)
    named = [(f"{stem}-ending-{i + 1}", sketch) for i, sketch in enumerate(drawn)]

    def picture() -> Picture:
        shown = as_picture(drawn, columns=FLAGS.columns)
        if title is None:
            return shown
        cells = [original, *drawn]
        columns = FLAGS.columns or len(as_picture(cells).rows[0])
        rows = [cells[i : i + columns] for i in range(0, len(cells), columns)]
        return Picture(rows, captions=[[title]])

    what = f"{_counted(count, 'ending')} of {_counted(points, 'point')}"
    return Drawn(named, picture, what, list(drawn))


def _begun(trained: TrainedModel) -> np.ndarray:
    """Return the drawing of a file, in the model's data units."""
    path = FLAGS.complete
    middle = _BEGUN * trained.normalizing_factor
    found = read_svg_sketch(Path(path).expanduser(), FLAGS.size or middle)
    for note in found.notes:
        print(f"note: {path}: {note}")
    sketch = found.sketch
    if FLAGS.size is None:
        factor = float(trained.log_prob([sketch], fit_size=True).size[0])
        sketch[:, :2] *= np.float32(factor)
        print(
            f"{path}: taken with a larger side of {middle * factor:.3g} units, which the model "
            "finds most probable; --size sets it"
        )
    return sketch


def _interpolate(trained: TrainedModel, how: Mapping[str, Any]) -> Drawn:
    trained, found = _sketches(trained, "interpolate")
    z = trained.encode(found.sketches)
    rows, named = [], []
    for i in range(len(found.numbers) - 1):
        row = trained.interpolate(z[i], z[i + 1], FLAGS.steps, how=FLAGS.how, **how)
        rows.append([found.sketches[i], *row, found.sketches[i + 1]])
        way = f"{found.names[i]}-to-{found.numbers[i + 1]:05d}"
        named += [(f"{way}-step-{step + 1:02d}", sketch) for step, sketch in enumerate(row)]
    heads = ["original", *[""] * FLAGS.steps, "original"]
    titles = [f"{found.titles[i]} to {found.numbers[i + 1]}" for i in range(len(rows))]
    new = [sketch for _, sketch in named]
    picture = partial(Picture, rows, heads, titles)
    what = f"{_counted(len(rows), 'interpolation')} of {FLAGS.steps} sketches"
    return Drawn(named, picture, what, new)


def _grid(trained: TrainedModel, how: Mapping[str, Any]) -> Drawn:
    trained, found = _sketches(trained, "grid")
    rows, columns = FLAGS.rows or 6, FLAGS.columns or 6
    grid = trained.grid(found.sketches, rows, columns, how=FLAGS.how, **how)
    named = [
        (f"grid-{i + 1:02d}-{j + 1:02d}", sketch)
        for i, row in enumerate(grid)
        for j, sketch in enumerate(row)
    ]
    captions = [[""] * columns for _ in range(rows)]  # of the corners
    captions[0][0], captions[0][-1], captions[-1][0], captions[-1][-1] = found.titles
    picture = partial(Picture, list(grid), captions=captions)
    what = f"a grid of {rows} times {columns} sketches"
    return Drawn(named, picture, what, [sketch for _, sketch in named])


def _analogy(trained: TrainedModel, how: Mapping[str, Any]) -> Drawn:
    trained, found = _sketches(trained, "analogy")
    sketch = trained.analogy(*found.sketches, **how)
    a, b, c = found.titles
    heads = [a, f"+ ({b}", f"- {c})", "="]
    name = "analogy-" + "-".join(f"{number:05d}" for number in found.numbers)
    picture = partial(Picture, [[*found.sketches, sketch]], heads)
    return Drawn([(name, sketch)], picture, f"{a} + ({b} - {c})", [sketch])


def _map(trained: TrainedModel, how: Mapping[str, Any]) -> Drawn:
    trained, data = _data(trained)
    sketches: SketchSet = getattr(data, FLAGS.split)
    most = min(FLAGS.count or MOST_MAPPED, len(sketches))
    # Evenly spread, as data sets may be sorted.
    chosen = np.unique(np.linspace(0, len(sketches) - 1, most).astype(int))
    labels = _file_of_each(sketches, chosen, data.files) if len(data.files) > 1 else None
    sketches = sketches.take(chosen)
    rows, columns = FLAGS.rows or 9, FLAGS.columns or 9
    found = trained.latent_map(sketches, rows=rows, columns=columns, labels=labels, **how)
    named = [
        (f"map-{i + 1:02d}-{j + 1:02d}", sketch)
        for i, row in enumerate(found.drawings)
        for j, sketch in enumerate(row)
    ]
    what = f"a map of {len(sketches)} {FLAGS.split} sketches"
    return Drawn(named, found.picture, what, [sketch for _, sketch in named])


def _file_of_each(sketches: SketchSet, chosen: np.ndarray, files: Sequence[str]) -> list[str]:
    """Return for each chosen index of a sketch the name of its file, without .npz."""
    return [
        files[part].removesuffix(".npz")
        for part in np.searchsorted(sketches.parts, chosen, side="right") - 1
    ]


def _noise_ladder(trained: TrainedModel, how: Mapping[str, Any]) -> Drawn:
    trained, found = _sketches(trained, "noise_ladder")
    rungs = scales()
    ladder = trained.noise_ladder(found.sketches[0], rungs, FLAGS.count or DRAWS, **how)
    named = [
        (f"{found.names[0]}-scale-{scale:g}-{j + 1}", sketch)
        for scale, row in zip(rungs, ladder, strict=True)
        for j, sketch in enumerate(row)
    ]
    ladder.beside_title = found.titles[0]
    times = _counted(len(ladder[0]), "time")
    what = f"{found.titles[0]} at {_counted(len(rungs), 'noise scale')}, {times} each"
    return Drawn(named, ladder.picture, what, [sketch for _, sketch in named])


def _sketches(trained: TrainedModel, flag: str) -> tuple[TrainedModel, _Originals]:
    """Return the sketches that a flag names, and the model with the data's normalizing factor."""
    asked = numbers(flag)
    trained, data = _data(trained)
    try:
        sketches = [data.sketch(FLAGS.split, number) for number in asked]
    except DataError as error:
        raise UsageError(f"--{flag}={FLAGS[flag].value}: {error}") from None
    titles = [f"{FLAGS.split} {number}" for number in asked]
    names = [f"{FLAGS.split}-{number:05d}" for number in asked]
    return trained, _Originals(asked, titles, names, sketches)


def _data(trained: TrainedModel) -> tuple[TrainedModel, DataSet]:
    trained, data = model_flags.with_data(trained, FLAGS.model_dir, FLAGS.data_dir, FLAGS.data_set)
    if _are_others(trained, data):
        place = FLAGS.data_dir or trained.config.data_dir
        print(
            f"sketch_rnn_draw: warning: the data in {place} are not those the model was trained "
            "on; numbers may name other sketches",
            file=sys.stderr,
        )
    return trained, data


def _are_others(trained: TrainedModel, data: DataSet) -> bool:
    """Return whether data that should be those of the model's training are others."""
    known = trained.config.fingerprint
    return bool(known) and not FLAGS.data_set and data.fingerprint != known


_OPERATIONS = {
    "reconstruct": _reconstruct,
    "complete": _complete,
    "interpolate": _interpolate,
    "grid": _grid,
    "analogy": _analogy,
    "map": _map,
    "noise_ladder": _noise_ladder,
}
