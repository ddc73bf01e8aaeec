"""Pictures that draw themselves: the timeline, animated SVG and GIF."""

import functools
import io
import itertools

import numpy as np
import pytest
from PIL import Image, ImageSequence
from svg_reading import CROSS, DOT_AND_LINE, EMPTY, ONE_DOT, SVG, parse

from magenta_sketch.drawing import animation
from magenta_sketch.drawing.animation import FRAME, HOLD, LONGEST, PAUSE, SHORTEST, SPEED, Timeline
from magenta_sketch.drawing.picture import Dot, Picture, as_picture
from magenta_sketch.drawing.raster import svg_to_png
from magenta_sketch.drawing.sketches import Sketch

STAIRS = np.tile(np.array([[10, 0, 0], [0, 10, 0]], np.float32), (8, 1))
HALF_GIVEN = Sketch(STAIRS, given=5)  # one stroke
HATCHED = np.tile(np.array([[0, 30, 1], [3, -30, 0]], np.float32), (30, 1))
PICTURES = {
    "cross": as_picture(CROSS, cell=100),
    "dot": as_picture(ONE_DOT, cell=40),
    "dots and lines": as_picture([DOT_AND_LINE, CROSS, EMPTY, ONE_DOT], cell=60),
    "given": as_picture([HALF_GIVEN, Sketch(CROSS, given=1)], cell=90),
    "short": as_picture([CROSS * [0.02, 0.02, 1], CROSS], shared_scale=True, cell=100),
    "hatched": as_picture(HATCHED, cell=120),
    "words and dots": Picture(
        [[CROSS, STAIRS], [None, HALF_GIVEN]],
        column_titles=["a", "b"],
        title="Title",
        captions=[["one", "two"]],
        cell=70,
        dots=[Dot(0.5, 0.5, "#d55e00", "tip"), Dot(1.4, 1.5, "#009e73")],
        legend=[("first", "#d55e00")],
    ),
    "empty": as_picture(EMPTY, cell=50),
}
all_pictures = pytest.mark.parametrize("picture", PICTURES.values(), ids=PICTURES)


def lengths(drawn):
    steps = [np.diff(one.line.points, axis=0) for one in drawn]
    return np.array([np.hypot(step[:, 0], step[:, 1]).sum() for step in steps])


# ---------------------------------------------------------------------------------- timeline


@all_pictures
def test_lines_follow_each_other_in_the_order_of_drawing(picture):
    timeline = Timeline.of(picture)
    sketches = picture.lines()
    assert [len(drawn) for drawn in timeline.sketches] == [len(lines) for lines in sketches]
    for drawn, lines in zip(timeline.sketches, sketches, strict=True):
        for one, line in zip(drawn, lines, strict=True):
            assert (one.line.points == line.points).all() and one.line.given == line.given
            assert one.begin < one.end <= timeline.seconds + 1e-9
        assert all(one.begin == 0 for one in drawn[:1])
        for before, after in itertools.pairwise(drawn):
            assert (after.begin > before.end) == (not after.line.goes_on)
            assert after.begin >= before.end
    ends = [drawn[-1].end for drawn in timeline.sketches if drawn]
    assert timeline.seconds == pytest.approx(max(ends, default=0))


@all_pictures
def test_the_pen_has_one_speed_and_pauses_between_strokes(picture):
    timeline = Timeline.of(picture)
    rates, pauses = [], []
    for drawn in timeline.sketches:
        for one, length in zip(drawn, lengths(drawn), strict=True):
            if length > picture.cell / 10:
                rates.append(length / picture.cell / (one.end - one.begin))
        for before, after in itertools.pairwise(drawn):
            if not after.line.goes_on:
                pauses.append(after.begin - before.end)
    assert rates == pytest.approx(rates[:1] * len(rates))
    assert pauses == pytest.approx(pauses[:1] * len(pauses))
    if rates and pauses:  # slower or faster as a whole
        assert rates[0] * pauses[0] == pytest.approx(SPEED * PAUSE)


@pytest.mark.parametrize(
    "sketch, seconds",
    [
        (ONE_DOT, SHORTEST),
        ([[0, 40, 1]], SHORTEST),
        (HATCHED, LONGEST),
        (np.tile(HATCHED, (20, 1)), LONGEST),
        (EMPTY, 0),
    ],
)
def test_drawings_are_neither_too_short_nor_too_long(sketch, seconds):
    assert Timeline.of(as_picture(np.array(sketch))).seconds == pytest.approx(seconds)
    assert SHORTEST < Timeline.of(as_picture(CROSS)).seconds < LONGEST


@pytest.mark.parametrize("cell", [10, 160, 1000])
def test_the_time_does_not_depend_on_the_size(cell):
    # Both strokes have to have their place: the longer one is 1 - 2/16 - 1/64 of the cell.
    ink = (1 - 2 / 16 - 1 / 64) * (1 + 30 / 40)
    assert Timeline.of(as_picture(CROSS, cell=cell)).seconds == pytest.approx(ink / SPEED + PAUSE)


def test_the_parts_of_a_line_make_up_the_line():
    (drawn,) = Timeline.of(as_picture(STAIRS)).sketches[0]
    times = np.linspace(-0.1, drawn.end + 0.1, 50)
    parts = [drawn.part(*times[i : i + 2]) for i in range(49)]
    assert parts[0].tolist() == [drawn.line.points[0].tolist()] * 2  # the pen only touches
    assert parts[-1][-1] == pytest.approx(drawn.line.points[-1])
    for before, after in itertools.pairwise(parts):
        assert before[-1] == pytest.approx(after[0])
    every = np.concatenate(parts)
    for corner in drawn.line.points:
        assert np.abs(every - corner).sum(axis=1).min() < 1e-9
    walked = np.abs(np.diff(every, axis=0)).sum()  # the stairs go along the axes
    assert walked == pytest.approx(np.abs(np.diff(drawn.line.points, axis=0)).sum())


def test_a_dot_is_drawn_at_once():
    (drawn,) = Timeline.of(as_picture(ONE_DOT)).sketches[0]
    assert drawn.part(0, 0.04).tolist() == drawn.line.points[:1].tolist()


# ------------------------------------------------------------------------------ animated SVG


@all_pictures
def test_without_animation_the_svg_is_the_plain_picture(picture):
    text = animation.to_animated_svg(picture)
    root, plain = parse(text), parse(picture.to_svg())
    for path in root.iter(f"{SVG}path"):
        for child in list(path):
            path.remove(child)
        path.attrib.pop("pathLength", None)
    for one, other in itertools.zip_longest(root.iter(), plain.iter()):
        assert (one.tag, one.attrib, one.text) == (other.tag, other.attrib, other.text)
    assert svg_to_png(text) == svg_to_png(picture.to_svg())


def animated_paths(picture):
    """Each drawn line with its path's animations by attribute."""
    timeline = Timeline.of(picture)
    root = parse(animation.to_animated_svg(picture))
    groups = [g for g in root.iter(f"{SVG}g") if g.get("class") == "sketch"]
    for drawn, group in zip(timeline.sketches, groups, strict=True):
        for one, path in zip(drawn, group, strict=True):
            yield one, path, {child.get("attributeName"): child for child in path}


def keys(element):
    times = [float(time) for time in element.get("keyTimes").split(";")]
    return times, element.get("values").split(";")


@all_pictures
def test_each_line_appears_and_grows_at_its_time(picture):
    loop = Timeline.of(picture).seconds + HOLD
    for one, path, animations in animated_paths(picture):
        for element in animations.values():
            if element.tag == f"{SVG}animate":
                assert float(element.get("dur").removesuffix("s")) == pytest.approx(loop, abs=1e-3)
                assert element.get("repeatCount") == "indefinite"
                times, values = keys(element)
                assert len(times) == len(values)
                assert times[0] == 0 and times[-1] <= 1 and (np.diff(times) > 0).all()
        times, values = keys(animations["visibility"])
        assert times[-1] * loop == pytest.approx(one.begin, abs=1e-3)
        assert values == (["hidden", "visible"] if one.begin else ["visible"])
        assert animations["visibility"].get("calcMode") == "discrete"
        if "stroke-dashoffset" in animations:
            times, values = keys(animations["stroke-dashoffset"])
            assert times[-1] == 1  # otherwise browsers ignore it
            offset = np.interp(np.array([one.begin, one.end]) / loop, times, np.array(values, int))
            assert offset == pytest.approx([1, 0], abs=0.05)
            assert animations["stroke-dasharray"].get("to") == "1 2"
            assert path.get("pathLength") == "1"


def test_a_path_without_length_has_no_dash():
    # The last sketch's lines are shorter than the rounding of coordinates.
    tiny = CROSS * [1e-6, 1e-6, 1]
    picture = as_picture([ONE_DOT, CROSS, tiny], shared_scale=True)
    found = [len(animations) for _, _, animations in animated_paths(picture)]
    assert found == [1, 3, 3, 1, 1]


# -------------------------------------------------------------------------------------- GIF


def read(gif):
    """The frames [n, height, width, 3], and the milliseconds that each stays."""
    with Image.open(io.BytesIO(gif)) as image:
        assert image.info["loop"] == 0
        frames, stays = [], []
        for frame in ImageSequence.Iterator(image):
            frames.append(np.asarray(frame.convert("RGB"), int))
            stays.append(frame.info["duration"])
    return np.stack(frames), np.array(stays)


@functools.cache
def frames_of(picture, zoom=1.0):
    return read(animation.to_gif(picture, zoom=zoom))


def as_png(picture, zoom=1.0):
    with Image.open(io.BytesIO(svg_to_png(picture.to_svg(), zoom=zoom))) as image:
        return np.asarray(image.convert("RGB"), int)


@all_pictures
def test_the_gif_follows_the_timeline(picture):
    _, stays = frames_of(picture)
    seconds = Timeline.of(picture).seconds
    assert (stays[:-1] % round(1000 * FRAME) == 0).all()
    assert stays.min() >= 1000 * FRAME and stays[-1] >= 1000 * HOLD
    assert stays.sum() / 1000 == pytest.approx(seconds + HOLD, abs=FRAME + 1e-9)


@all_pictures
@pytest.mark.parametrize("zoom", [1.0, 1.5])
def test_the_last_frame_is_the_picture(picture, zoom):
    frames, _ = frames_of(picture, zoom)
    true = as_png(picture, zoom)
    assert frames[-1].shape == true.shape
    wrong = np.abs(frames[-1] - true).max(axis=-1)
    assert wrong.mean() < 3 and np.mean(wrong > 64) < 2e-3 and wrong.max() < 150
    white = (true == 255).all(axis=-1)
    assert np.mean(frames[-1][white] == 255) > 0.98


@all_pictures
def test_ink_only_grows(picture):
    frames, _ = frames_of(picture)
    change = np.diff(frames.sum(axis=-1), axis=0)
    assert change.max(initial=0) <= 3 * 8  # one shade, where colours mix
    assert (change.min(axis=(1, 2)) < 0).all() or len(frames) == 1  # no frame is like the last


def test_the_first_stroke_is_there_before_the_second_begins():
    picture = as_picture(CROSS)
    frames, stays = read(animation.to_gif(picture))
    (first, second) = Timeline.of(picture).sketches[0]
    starts = np.concatenate([[0], np.cumsum(stays)[:-1]]) / 1000
    before = frames[np.searchsorted(starts, second.begin - FRAME, side="right") - 1]

    def dark(frame, points):
        x, y = points.astype(int).T
        return (frame[y, x].max(axis=-1) < 60).tolist()

    assert dark(before, first.line.points) == [True, True]
    assert dark(before, second.line.points) == [False, False]
    assert dark(frames[0], first.line.points) == [True, False]
    assert dark(frames[-1], second.line.points) == [True, True]
    # The pause is one frame that stays longer, not many that are alike.
    assert (stays[:-1] >= 1000 * (PAUSE - 2 * FRAME)).sum() == 1


def test_given_points_have_their_colour_from_the_start():
    frames, _ = read(animation.to_gif(as_picture(HALF_GIVEN)))
    blue = (frames == [0x00, 0x72, 0xB2]).all(axis=-1).sum(axis=(1, 2))
    black = (frames == 0x1A).all(axis=-1).sum(axis=(1, 2))
    assert blue[0] > 0 and black[0] == 0
    assert blue[-1] > 100 and black[-1] > 100
    assert blue[black == 0].max() > 0.8 * blue[-1]  # the rest is in the frame that turns black


@pytest.mark.parametrize("rows", [[[EMPTY]], [[None, EMPTY]]])
def test_a_picture_without_lines_is_one_frame(rows):
    frames, stays = read(animation.to_gif(Picture(rows, cell=30)))
    assert len(frames) == 1 and stays.tolist() == [1000 * HOLD]
    assert np.abs(frames[0] - as_png(Picture(rows, cell=30))).max() <= 8


def test_a_gif_is_small_and_frames_hold_what_changes():
    picture = as_picture([STAIRS] * 9, cell=100)
    gif = animation.to_gif(picture)
    frames, _ = read(gif)
    assert len(frames) > 20 and len(gif) < 40_000
    assert gif.count(b"NETSCAPE2.0") == 1


def test_a_large_picture_is_made_smaller():
    picture = Picture([[None, CROSS]], cell=1500)
    with Image.open(io.BytesIO(animation.to_gif(picture, zoom=2))) as image:
        assert image.size == (animation.LARGEST_GIF, animation.LARGEST_GIF / 2)


@pytest.mark.parametrize("zoom", [0, -1, float("nan"), float("inf")])
def test_impossible_zoom(zoom):
    with pytest.raises(ValueError, match=f"zoom must be above 0, got {zoom}"):
        animation.to_gif(PICTURES["cross"], zoom=zoom)
