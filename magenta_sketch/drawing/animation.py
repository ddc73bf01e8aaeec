"""Pictures that draw themselves, stroke by stroke: animated SVG, and GIF.

Both follow one timeline. All sketches of a picture begin together. The pen moves with one speed, so
that a line takes time in proportion to its length, and it pauses between strokes. The finished
picture stays for `HOLD` seconds; then all begins again.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import svgwrite

from magenta_sketch.drawing.picture import GIVEN, Line, Picture, line_path
from magenta_sketch.drawing.raster import svg_to_png
from magenta_sketch.drawing.svg import INK, document, new_drawing, pen
from magenta_sketch.errors import ArgumentError

# A hand draws about one and a half times a cell's width in a second: a sketch of QuickDraw, four
# widths of ink in six strokes, takes 4 seconds. That is slow enough to follow the pen. Sketches
# that would end before one can see how they are made, or take longer than one waits for a loop, are
# drawn slower or faster as a whole.
SPEED = 1.5  # widths of a cell per second
PAUSE = 0.2  # seconds between strokes
DOT = 0.05  # seconds for a dot, and the least for a line
SHORTEST, LONGEST = 1.0, 6.0  # seconds for the longest sketch
HOLD = 1.5  # seconds that the finished picture stays
FRAME = 0.04  # seconds per frame of a GIF: browsers slow down frames below 0.02
LARGEST_GIF = 1600  # pixels of a side of a GIF
_UNCHANGED = 0  # index of the colour of pixels that a frame leaves as they are


class Drawn(NamedTuple):
    """A line and when it is drawn.

    line: the line. begin, end: seconds since the start, begin < end. along: the part of its length
    up to each of its points, from 0 to 1, [k]; zeros for a line without length.
    """

    line: Line
    begin: float
    end: float
    along: np.ndarray

    def at(self, second: float) -> float:
        """Return the part of the line, from 0 to 1, that is drawn after so many seconds."""
        return min(max((second - self.begin) / (self.end - self.begin), 0.0), 1.0)

    def part(self, begin: float, end: float) -> np.ndarray:
        """Return what is drawn between two times as a polyline [m, 2], m >= 1."""
        points, first, last = self.line.points, self.at(begin), self.at(end)
        if self.along[-1] == 0:
            return points[:1]
        ends = np.stack([np.interp((first, last), self.along, axis) for axis in points.T], axis=1)
        inner = points[(self.along > first) & (self.along < last)]
        return np.concatenate([ends[:1], inner, ends[1:]])


class Timeline(NamedTuple):
    """When the lines of a picture are drawn.

    sketches: for each sketch of the picture, in reading order, its lines in the order of drawing.
    seconds: time until all is drawn, without `HOLD`; 0 if there are no lines.

    >>> from magenta_sketch.drawing.picture import as_picture
    >>> timeline = Timeline.of(as_picture(np.array([[30, 0, 1], [-15, -10, 0], [0, 40, 1]])))
    >>> [(round(line.begin, 2), round(line.end, 2)) for line in timeline.sketches[0]]
    [(0.0, 0.43), (0.63, 1.2)]
    """

    sketches: list[list[Drawn]]
    seconds: float

    @classmethod
    def of(cls, picture: Picture) -> Timeline:
        """Return the timeline of a picture."""
        raw = [_one_after_another(lines, SPEED * picture.cell) for lines in picture.lines()]
        longest = max((drawn[-1].end for drawn in raw if drawn), default=0.0)
        seconds = min(max(longest, SHORTEST), LONGEST) if longest else 0.0
        slower = seconds / longest if longest else 1.0
        sketches = [
            [d._replace(begin=d.begin * slower, end=d.end * slower) for d in drawn] for drawn in raw
        ]
        return cls(sketches, seconds)

    def between(self, begin: float, end: float) -> Iterator[Drawn]:
        """Return the lines on which the pen is between two times."""
        for drawn in self.sketches:
            yield from (d for d in drawn if d.begin < end and d.end > begin)


def _one_after_another(lines: Sequence[Line], speed: float) -> list[Drawn]:
    """Return the lines of a sketch with their times. speed: pixels per second."""
    drawn: list[Drawn] = []
    for line in lines:
        along = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(line.points, axis=0).T))])
        length = float(along[-1])
        begin = drawn[-1].end + (0.0 if line.goes_on else PAUSE) if drawn else 0.0
        end = begin + max(length / speed, DOT)
        drawn.append(Drawn(line, begin, end, along / length if length else along))
    return drawn


# ------------------------------------------------------------------------------ animated SVG


def to_animated_svg(picture: Picture) -> str:
    """Return a picture that draws itself as the text of an SVG document.

    The document is that of `Picture.to_svg` and SMIL animations, which browsers show. Programs that
    do not know them, such as Inkscape, show the finished picture.

    >>> from magenta_sketch.drawing.picture import as_picture
    >>> text = to_animated_svg(as_picture(np.array([[30, 0, 1], [-15, -10, 0], [0, 40, 1]])))
    >>> text.count("<path"), text.count('repeatCount="indefinite"')
    (2, 4)
    """
    timeline = Timeline.of(picture)
    loop = timeline.seconds + HOLD
    drawing = new_drawing(*picture.size)
    picture.background(drawing)
    ink = pen(drawing, picture.pen_width)
    for lines in timeline.sketches:
        group = drawing.g(class_="sketch")
        for drawn in lines:
            group.add(_animated_path(drawing, drawn, loop))
        ink.add(group)
    drawing.add(ink)
    picture.foreground(drawing)
    return document(drawing)


def _animated_path(drawing: svgwrite.Drawing, drawn: Drawn, loop: float) -> Any:
    """Return the path of a line that is hidden, then grows, then stays, every ``loop`` seconds.

    The path has one dash as long as itself, which is moved in from before its start. Only the
    animations set the dash: without them the path is an ordinary line.
    """

    def animate(attribute: str, *steps: tuple[float, Any], **how: Any) -> Any:
        keys = {f"{second / loop:.4f}": value for second, value in steps}  # equal times: the last
        every = {"dur": f"{loop:.3f}s", "repeatCount": "indefinite", **how}
        return drawing.animate(attribute, [*keys.values()], keyTimes=";".join(keys), **every)

    # The dash of a path without length would never come in: it is shown and hidden as a whole.
    has_length = (np.ptp(np.round(drawn.line.points, 1), axis=0) > 0).any()
    path = line_path(drawing, drawn.line, **({"pathLength": 1} if has_length else {}))
    if has_length:
        path.add(drawing.set(attributeName="stroke-dasharray", to="1 2"))
        grow = (0.0, 1), (drawn.begin, 1), (drawn.end, 0), (loop, 0)
        path.add(animate("stroke-dashoffset", *grow))
    # Some browsers draw the round cap of a dash that ends where the path starts, as a dot.
    appear = (0.0, "hidden"), (drawn.begin, "visible")
    path.add(animate("visibility", *appear, calcMode="discrete"))
    return path


# -------------------------------------------------------------------------------------- GIF


class _Frame(NamedTuple):
    """A part of the picture that changes. pixels: indices of colours, uint8 [height, width]."""

    left: int
    top: int
    pixels: np.ndarray


def to_gif(picture: Picture, *, zoom: float = 1.0) -> bytes:
    """Return a picture that draws itself as a GIF file, which loops forever.

    The last frame looks like the picture as a PNG file. Frames hold only the pixels that change.

    Args:
      picture: the picture.
      zoom: pixels of the GIF for each pixel of the picture, above 0. It is lowered where a side
        would have over `LARGEST_GIF` pixels.

    Raises:
      ValueError: zoom is not above 0.

    >>> from magenta_sketch.drawing.picture import as_picture
    >>> to_gif(as_picture(np.array([[30, 0, 1], [-15, -10, 0], [0, 40, 1]])))[:6]
    b'GIF89a'
    """
    from PIL import GifImagePlugin, Image

    if not (math.isfinite(zoom) and zoom > 0):
        raise ArgumentError(f"zoom must be above 0, got {zoom}")
    canvas = _Canvas(picture, min(zoom, LARGEST_GIF / max(picture.size)))
    file = io.BytesIO()
    for frame, seconds in _frames(canvas, Timeline.of(picture)):
        image = Image.frombytes("P", frame.pixels.shape[::-1], frame.pixels.tobytes())
        image.putpalette(canvas.colors.tobytes())
        if not file.tell():
            file.writelines(GifImagePlugin.getheader(image, info={"loop": 0})[0])
        how = {"duration": round(seconds * 1000), "transparency": _UNCHANGED, "disposal": 1}
        file.writelines(GifImagePlugin.getdata(image, (frame.left, frame.top), **how))
    file.write(b";")
    return file.getvalue()


def _frames(canvas: _Canvas, timeline: Timeline) -> Iterator[tuple[_Frame, float]]:
    """Return the frames and the seconds that each stays. In a pause a frame stays longer."""
    frame, stays = None, 0.0
    for step in range(math.ceil(timeline.seconds / FRAME)):
        begin, end = step * FRAME, (step + 1) * FRAME
        for drawn in timeline.between(begin, end):
            canvas.draw(drawn.part(begin, end), drawn.line.given)
        change = canvas.changes()
        if change is not None:
            if frame is not None:
                yield frame, stays
            frame, stays = change, 0.0
        stays += FRAME
    frame = frame or canvas.changes()  # a picture without lines
    assert frame is not None
    yield frame, stays + HOLD


class _Canvas:
    """The pixels of a picture while it is being drawn.

    Ink is a share from 0 to 1 of each pixel, one array for each of the two colours. It only grows:
    a pixel takes the largest share that any piece of a line gives it, so that pieces of one line
    join without seams. Pieces are short: only the pixels around them are calculated.
    """

    def __init__(self, picture: Picture, zoom: float):
        whole = _pixels(picture.to_svg(), zoom)
        self._paper = _pixels(_layer(picture, paper=True), zoom)[..., :3]
        self._above = _pixels(_layer(picture, paper=False), zoom) if picture.dots else None
        self._zoom, self._radius = zoom, picture.pen_width * zoom / 2
        height, width = self._paper.shape[:2]
        self._ink = {color: np.zeros((height, width), np.float32) for color in (GIVEN, INK)}
        self._shown = np.full((height, width), _UNCHANGED, np.uint8)
        self._drawn_in = [(slice(0, height), slice(0, width))]  # since the last frame
        self.colors = _choose_colors(whole)
        self._nearest = _nearest(self.colors)

    def draw(self, points: np.ndarray, given: bool) -> None:
        """Draw a polyline [m, 2], in the picture's pixels, with round caps and joins."""
        points = points * self._zoom
        reach = self._radius + 1
        low = np.maximum(np.floor(points.min(axis=0) - reach), 0).astype(int)
        high = np.ceil(points.max(axis=0) + reach).astype(int)
        ink = self._ink[GIVEN if given else INK]
        box = slice(low[1], high[1]), slice(low[0], high[0])
        part = ink[box]
        distance = _distances(points - low, part.shape)
        # Lines thinner than a pixel are pale.
        share = np.clip(self._radius + 0.5 - distance, 0, min(2 * self._radius, 1))
        np.maximum(part, share, out=part)
        self._drawn_in.append(box)

    def changes(self) -> _Frame | None:
        """Return what has changed since the last call, or None. At first, that is everything."""
        change = np.full_like(self._shown, _UNCHANGED)
        for box in self._drawn_in:
            new = self._indices(box)
            np.copyto(change[box], new, where=new != self._shown[box])
            self._shown[box] = new
        self._drawn_in = []
        rows, columns = (np.flatnonzero(change.any(axis=axis)) for axis in (1, 0))
        if not len(rows):
            return None
        top, left = int(rows[0]), int(columns[0])
        return _Frame(left, top, change[top : rows[-1] + 1, left : columns[-1] + 1])

    def _indices(self, box: tuple[slice, slice]) -> np.ndarray:
        """Return the colours of a part of the picture as indices."""
        rgb = self._paper[box].astype(np.float32)
        for color, ink in self._ink.items():
            rgb += ink[box][..., None] * (_rgb(color) - rgb)
        if self._above is not None:
            above = self._above[box]
            rgb += above[..., 3:] / np.float32(255) * (above[..., :3] - rgb)
        level = np.rint(rgb).astype(np.uint16) >> 3
        return self._nearest[level[..., 0] << 10 | level[..., 1] << 5 | level[..., 2]]


def _distances(points: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return the distance of each pixel's centre from a polyline [m, 2], [height, width]."""
    points = points.astype(np.float32)[..., None, None]  # [m, 2, 1, 1]
    start, way = points[:-1], np.diff(points, axis=0)
    if not len(way):
        start, way = points, np.zeros_like(points)
    y, x = (np.arange(size, dtype=np.float32) + np.float32(0.5) for size in shape)
    dx, dy = x - start[:, 0], y[:, None] - start[:, 1]
    length = np.maximum((way**2).sum(axis=1), np.float32(1e-12))  # squared
    at = np.clip((dx * way[:, 0] + dy * way[:, 1]) / length, 0, 1)
    square = (dx - at * way[:, 0]) ** 2 + (dy - at * way[:, 1]) ** 2
    return np.sqrt(square.min(axis=0))


def _layer(picture: Picture, *, paper: bool) -> str:
    """Return what is below the ink on white, or what is above it on nothing, as SVG."""
    drawing = new_drawing(*picture.size)
    if paper:
        picture.background(drawing)
    else:
        drawing.elements.clear()
        picture.foreground(drawing)
    return document(drawing)


def _pixels(text: str, zoom: float) -> np.ndarray:
    """Return an SVG document's pixels, uint8 [height, width, 4]."""
    from PIL import Image

    with Image.open(io.BytesIO(svg_to_png(text, zoom=zoom))) as image:
        return np.asarray(image.convert("RGBA"))


def _rgb(color: str) -> np.ndarray:
    return np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)], np.float32)


def _choose_colors(whole: np.ndarray) -> np.ndarray:
    """Return the colours for all frames of a picture [height, width, 4], uint8 [n, 3], n <= 256.

    Colour `_UNCHANGED` stands for a pixel that stays as it is. The edges of lines, which have all
    shades between white and the ink's colour, are in each frame at other places; the rest is what
    describes the finished picture best.
    """
    from PIL import Image

    shades = np.linspace(0, 1, 32)[:, None]
    edges = [255 + shades * (_rgb(color) - 255) for color in (INK, GIVEN)]
    count = 255 - 2 * len(shades)
    image = Image.fromarray(whole[..., :3].copy()).quantize(count)
    rest = np.array(image.getpalette()).reshape(-1, 3)[:count]  # Pillow 10 fills up to 256
    return np.rint(np.concatenate([np.zeros((1, 3)), *edges, rest])).astype(np.uint8)


def _nearest(colors: np.ndarray) -> np.ndarray:
    """Return the index of the nearest of the colours for all colours of 5 bits each, [32768]."""
    level = np.arange(32)
    level = level << 3 | level >> 2  # so that 0 and 31 stand for 0 and 255
    grid = np.stack(np.meshgrid(level, level, level, indexing="ij"), axis=-1).reshape(-1, 3)
    grid, usable = grid.astype(np.float32), colors[1:].astype(np.float32)
    distances = (usable**2).sum(axis=1) - 2 * grid @ usable.T  # squared, without |grid|^2
    return (distances.argmin(axis=1) + 1).astype(np.uint8)
