"""Pictures that draw themselves, stroke by stroke: animated SVG, and GIF.

Both follow one timeline. All sketches of a picture begin together. The pen moves with one speed, so
that a line takes time in proportion to its length, and it pauses between strokes. The finished
picture stays for `HOLD` seconds; then all begins again.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import svgwrite

from magenta_sketch.drawing.picture import GIVEN, Line, Picture, line_path
from magenta_sketch.drawing.raster import svg_to_png
from magenta_sketch.drawing.svg import INK, document, new_drawing, pen
from magenta_sketch.errors import ArgumentError

if TYPE_CHECKING:  # imported when the first GIF is drawn
    from PIL.Image import Image

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
_REST = 64  # colours of a GIF for what is no line
_APART = 8  # least difference of these, in one of red, green and blue, from those of lines
_FINE = 4  # ink is drawn so many times as large, and reduced


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


def to_gif(picture: Picture, *, zoom: float = 1.0) -> bytes:
    """Return a picture that draws itself as a GIF file, which loops forever.

    The last frame looks like the picture as a PNG file.

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
    if not (math.isfinite(zoom) and zoom > 0):
        raise ArgumentError(f"zoom must be above 0, got {zoom}")
    timeline = Timeline.of(picture)
    frames = _frames(_Canvas(picture, min(zoom, LARGEST_GIF / max(picture.size))), timeline)
    first, file = next(frames), io.BytesIO()
    seconds = [FRAME] * math.ceil(timeline.seconds / FRAME) or [0.0]
    seconds[-1] += HOLD
    durations = [round(1000 * one) for one in seconds]
    # Pillow writes what differs between frames, and lets equal ones stay longer.
    how = {"save_all": True, "append_images": frames, "duration": durations, "loop": 0}
    first.save(file, "GIF", **how)
    return file.getvalue()


def _frames(canvas: _Canvas, timeline: Timeline) -> Iterator[Image]:
    """Return the picture after each `FRAME`; of a picture without lines, one frame."""
    for step in range(max(1, math.ceil(timeline.seconds / FRAME))):
        begin, end = step * FRAME, (step + 1) * FRAME
        for drawn in timeline.between(begin, end):
            canvas.draw(drawn.part(begin, end), drawn.line.given)
        yield canvas.frame.copy()


class _Canvas:
    """A picture while it is being drawn, with Pillow.

    Ink is drawn `_FINE` times as large, one image for each of the two colours, and reduced: that
    makes smooth edges. Only what is around a new piece of a line is computed again.

    frame: the picture as it is now, in the colours of the finished one.
    """

    def __init__(self, picture: Picture, zoom: float):
        from PIL import Image, ImageDraw

        self._paper = _image(_layer(picture, paper=True), zoom).convert("RGB")
        self._above = _image(_layer(picture, paper=False), zoom) if picture.dots else None
        self._scale = zoom * _FINE
        self._radius = picture.pen_width * self._scale / 2
        fine = [side * _FINE for side in self._paper.size]
        self._ink = {color: Image.new("L", fine) for color in (GIVEN, INK)}
        self._pens = {color: ImageDraw.Draw(ink) for color, ink in self._ink.items()}
        self._palette = _palette(_image(picture.to_svg(), zoom).convert("RGB"))
        self.frame = self._within((0, 0, *self._paper.size))

    def draw(self, points: np.ndarray, given: bool) -> None:
        """Draw a polyline [m, 2], in the picture's pixels, with round caps and joins."""
        points = points * self._scale - 0.5  # Pillow counts from the centre of the first pixel
        radius, pen = max(self._radius - 0.5, 0), self._pens[GIVEN if given else INK]
        corners, width = [tuple(point) for point in points.tolist()], round(2 * self._radius)
        pen.line(corners, fill=255, width=max(width, 1))
        for x, y in corners:
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
        low = np.maximum((points.min(axis=0) - radius) // _FINE - 1, 0)
        high = np.minimum((points.max(axis=0) + radius) // _FINE + 2, self._paper.size)
        box = int(low[0]), int(low[1]), int(high[0]), int(high[1])
        self.frame.paste(self._within(box), box)

    def _within(self, box: tuple[int, int, int, int]) -> Image:
        """Return the picture in a box, as it is now: paper, ink, and what is above it."""
        from PIL.Image import Dither

        left, top, right, bottom = (_FINE * side for side in box)
        part = self._paper.crop(box)
        for color, ink in self._ink.items():
            part.paste(color, mask=ink.reduce(_FINE, (left, top, right, bottom)))
        if self._above is not None:
            above = self._above.crop(box)
            part.paste(above, mask=above)
        return part.quantize(palette=self._palette, dither=Dither.NONE)


def _layer(picture: Picture, *, paper: bool) -> str:
    """Return what is below the ink on white, or what is above it on nothing, as SVG."""
    drawing = new_drawing(*picture.size)
    if paper:
        picture.background(drawing)
    else:
        drawing.elements.clear()
        picture.foreground(drawing)
    return document(drawing)


def _image(text: str, zoom: float) -> Image:
    """Return an SVG document as an RGBA image."""
    from PIL import Image

    with Image.open(io.BytesIO(svg_to_png(text, zoom=zoom))) as image:
        return image.convert("RGBA")


def _palette(whole: Image) -> Image:
    """Return an image with the colours of all frames in its palette.

    The edges of lines have all shades between white and the ink's colour, in each frame at other
    places. The rest is what describes the finished picture best, without what is nearly one of
    these: Pillow looks for the nearest of the colours with few digits, and would mix them up.
    """
    from PIL import Image, ImageColor

    shades = np.linspace(0, 1, 32)[:, None]
    inks = [np.array(ImageColor.getrgb(color)) for color in (INK, GIVEN)]
    edges = np.rint(np.concatenate([255 + shades * (ink - 255) for ink in inks])).astype(int)
    rest = np.array(whole.quantize(_REST).getpalette()).reshape(-1, 3)[:_REST]
    apart = np.abs(rest[:, None] - edges).max(axis=2).min(axis=1) > _APART
    result = Image.new("P", (1, 1))
    result.putpalette(np.concatenate([edges, rest[apart]]).ravel().tolist())
    return result
