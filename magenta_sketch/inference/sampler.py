"""Drawing with a trained decoder: a batch of sketches at once, point by point.

z's part of the input product is computed once per sketch. A compiled loop draws the points. When
enough sketches have ended, the loop is left, and entered again with the remaining ones.

With XLA, which compiles a program for each shape, the loop is left only when all sketches have
ended, and the number of sketches is rounded up to one of few sizes. Equal seeds draw equal sketches
both ways, as far as rounding allows.
"""

from __future__ import annotations

import functools
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from magenta_sketch._backend import tf
from magenta_sketch.data.strokes import START_TOKEN, STROKE_WIDTH
from magenta_sketch.errors import ArgumentError
from magenta_sketch.inference.arguments import natural
from magenta_sketch.nn import draws_in_xla, mixture
from magenta_sketch.nn.decoder import Decoder
from magenta_sketch.nn.randomness import seed_table
from magenta_sketch.nn.time_step import Prepared, prepare, time_step
from magenta_sketch.seeds import Purpose

# The loop is left when at most this share of its sketches is still being drawn. Leaving costs about
# as much as one point. Staying wastes time at each point, the more the more sketches have ended.
_STILL_DRAWING = 0.75

# With XLA: the sizes of a batch up to the largest, and the multiples of that.
_SIZES = (1, 4, 16, 64, 256, 1024)


class Context(NamedTuple):
    """Tensors that a decoder needs at every time step and that do not change.

    own: a nest of tensors [batch, ...], one row per sketch. shared: a nest of tensors for all.
    """

    own: Any
    shared: Any


class PointDecoder:
    """A `Decoder` that runs point by point and computes z's part of the input product only once."""

    def __init__(self, decoder: Decoder):
        self.decoder = decoder

    def initial_state(self, z: tf.Tensor | None, batch: int) -> list[tf.Tensor]:
        """Return the state before the first point: a list of [batch, size] tensors."""
        return self.decoder.initial_state(z, batch)

    def context(self, z: tf.Tensor | None, batch: int) -> Context:
        """Return what `step` needs of ``z``, [batch, Z] or None."""
        return Context(*prepare(self.decoder.rnn_cell, z))

    def step(
        self, points: tf.Tensor, context: Context, state: list[tf.Tensor]
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """Make one time step.

        Args:
          points: the last points, stroke-5 [batch, 5].

        Returns:
          The output vectors [batch, 3 + 6·M] for the next points, and the new state.
        """
        h, state = time_step(self.decoder.rnn_cell, Prepared(*context), points, state)
        return tf.matmul(h, self.decoder.output_kernel) + self.decoder.output_bias, state


class _Drawing(NamedTuple):
    """The sketches that are being drawn. Each tensor has one row per sketch."""

    numbers: tf.Tensor  # places of these sketches in the batch; -1: a row that only fills it
    noise_rows: tf.Tensor  # the row of the noise that each uses
    points: tf.Tensor  # their last points, stroke-5
    state: list[tf.Tensor]
    own: Any  # `Context.own`


class _Settings(NamedTuple):
    """Values that are the same for all sketches and points."""

    shared: Any  # `Context.shared`
    noises: Any  # number of rows of the noise: a tensor, or with XLA an int
    max_seq_len: Any  # likewise
    temperature: tf.Tensor
    seeds: tf.Tensor  # a `seed_table`
    given: tf.Tensor  # the points that all sketches begin with, [n, 5], and one or more rows
    begun: tf.Tensor  # n


class Sampler:
    """Decodes latent vectors. The loop is compiled on first use.

    Args:
      decoder: a `PointDecoder`, or an object with the same three methods.
      uses_xla: whether XLA compiles the loop, once for each size in `_SIZES` and each max_seq_len.
    """

    def __init__(self, decoder: Any, uses_xla: bool = False):
        self.decoder = decoder
        self.uses_xla = uses_xla
        self._loops: dict[Any, Any] = {}  # by greedy and, with XLA, shapes: the compiled loop

    def decode(
        self,
        z: np.ndarray | None,
        *,
        count: int | None = None,
        max_seq_len: int,
        temperature: float = 1.0,
        greedy: bool = False,
        seed: int = 0,
        part: int = 0,
        given: np.ndarray | None = None,
        noise_rows: ArrayLike | None = None,
    ) -> list[np.ndarray]:
        """Draw one sketch for each row of ``z``.

        Args:
          z: [batch, Z], or None for an unconditional model.
          count: number of sketches of an unconditional model.
          max_seq_len: largest number of points. Longer sketches are cut.
          temperature: τ in (0, 1], see `mixture.adjust_temperature`.
          greedy: take the most likely component, its mean, and the most likely pen state.
          seed: 0 <= seed < 2**63. Equal seeds draw equal sketches.
          part: 0 or more. Parts of one seed have independent noise.
          given: the first points of all sketches, stroke-5 [n, 5], n < max_seq_len, none an end.
            They are fed to the decoder in place of what it draws, and begin the result.
          noise_rows: for each sketch the row of the noise that it uses, 0 or more. Sketches with
            equal rows are drawn from the same random numbers. None: each has its own.

        Returns:
          A list of stroke-3 arrays [n, 3] in model units.

        Raises:
          ValueError: temperature, count, seed or part is out of its range.
        """
        _require_temperature(temperature)
        seed, part = natural("seed", seed), natural("part", part)
        z = None if z is None else tf.constant(z, tf.float32)
        batch = natural("count", count) if z is None else len(z)
        if not batch:
            return []
        rows = np.arange(batch) if noise_rows is None else np.asarray(noise_rows)
        noises: Any = int(rows.max()) + 1
        longest: Any = max_seq_len
        if self.uses_xla:
            noises = _next_size(noises)
        else:  # tensors, so that one program serves all values
            noises, longest = tf.constant(noises, tf.int32), tf.constant(longest, tf.int32)
        shared, drawing = self._begin(z, rows)
        settings = _Settings(
            shared=shared,
            noises=noises,
            max_seq_len=longest,
            temperature=tf.constant(temperature, tf.float32),
            seeds=seed_table(seed, part, Purpose.SAMPLING),
            given=_with_more_rows(given, max_seq_len if self.uses_xla else 0),
            begun=tf.constant(0 if given is None else len(given), tf.int32),
        )
        return _assemble(self._run(bool(greedy), drawing, settings, max_seq_len), batch)

    def _begin(self, z: tf.Tensor | None, noise_rows: np.ndarray) -> tuple[Any, _Drawing]:
        """Return `Context.shared`, and the sketches before their first point.

        With XLA, rows that only fill the batch follow them.
        """
        batch = size = len(noise_rows)
        if self.uses_xla:
            size = _next_size(batch)
            noise_rows = np.pad(noise_rows, (0, size - batch))
            z = None if z is None else tf.pad(z, [[0, size - batch], [0, 0]])
        own, shared = self.decoder.context(z, size)
        numbers = np.where(np.arange(size) < batch, np.arange(size), -1)
        return shared, _Drawing(
            numbers=tf.constant(numbers, tf.int32),
            noise_rows=tf.constant(noise_rows, tf.int32),
            points=tf.tile(tf.constant([START_TOKEN]), [size, 1]),
            state=self.decoder.initial_state(z, size),
            own=own,
        )

    def _run(
        self, greedy: bool, drawing: _Drawing, settings: _Settings, max_seq_len: int
    ) -> list[tuple[np.ndarray, np.ndarray]]:
        """Draw until all have ended. Return the pieces for `_assemble`."""
        loop = self._loop(greedy, drawing, settings)
        pieces, t = [], 0
        while len(drawing.numbers) and t < max_seq_len:
            points, after, ended = loop(tf.constant(t), drawing, settings)
            numbers = drawing.numbers.numpy()
            real = numbers >= 0
            pieces.append((numbers[real], points.numpy()[:, real]))
            t += len(points)
            drawing = _only(after, ~ended.numpy())
        return pieces

    def _loop(self, greedy: bool, drawing: _Drawing, settings: _Settings) -> Any:
        """Return `_draw`, compiled once for any number of sketches, or with XLA for each size."""
        draw = functools.partial(self._draw, greedy)
        key: tuple[Any, ...] = (greedy,)
        if self.uses_xla:
            # A function for each shape: TensorFlow warns of one that is compiled again and again.
            rows = len(drawing.numbers), len(settings.given)
            key = (greedy, *rows, settings.noises, settings.max_seq_len)
        if key not in self._loops and self.uses_xla:
            self._loops[key] = tf.function(draw, autograph=False, jit_compile=True)
        elif key not in self._loops:
            any_rows = tf.nest.map_structure(
                lambda x: tf.TensorSpec([None, *x.shape[1:]], x.dtype), drawing
            )
            fixed = tf.nest.map_structure(tf.TensorSpec.from_tensor, settings)
            fixed = fixed._replace(given=tf.TensorSpec([None, STROKE_WIDTH], tf.float32))
            self._loops[key] = tf.function(
                draw,
                input_signature=[tf.TensorSpec([], tf.int32), any_rows, fixed],
                autograph=False,
            )
        return self._loops[key]

    def _draw(
        self, greedy: bool, t: tf.Tensor, drawing: _Drawing, settings: _Settings
    ) -> tuple[tf.Tensor, _Drawing, tf.Tensor]:
        """Draw points from time step ``t`` on, until enough sketches have ended (`_STILL_DRAWING`).

        With XLA, ``t`` is 0, and the loop ends when all sketches have ended.

        Returns:
          The points [time, sketches, 5], with arbitrary values after a sketch's end; the new
          drawing; and a mask [sketches] of those that have ended.
        """
        first, context = t, Context(drawing.own, settings.shared)
        count = tf.size(drawing.numbers)
        enough = tf.cast(_STILL_DRAWING * tf.cast(count, tf.float32), tf.int32)
        length = settings.max_seq_len - first
        if self.uses_xla:
            enough, length = tf.constant(0), settings.max_seq_len
        drawn = tf.TensorArray(tf.float32, length, element_shape=drawing.points.shape)

        def running(
            t: tf.Tensor, points: Any, state: Any, ended: tf.Tensor, drawn: Any
        ) -> tf.Tensor:
            still_drawing = count - tf.math.count_nonzero(ended, dtype=tf.int32)
            return tf.logical_and(t < settings.max_seq_len, still_drawing > enough)

        def body(
            t: tf.Tensor,
            points: tf.Tensor,
            state: list[tf.Tensor],
            ended: tf.Tensor,
            drawn: tf.TensorArray,
        ) -> tuple[Any, ...]:
            output, state = self.decoder.step(points, context, state)
            params = mixture.split_output(output)
            if greedy:
                points = mixture.greedy_points(params)
            else:
                params = mixture.adjust_temperature(params, settings.temperature)
                noise = self._noise(settings, drawing.noise_rows, t)
                points = mixture.draw_points(params, *noise)
            row = settings.given[tf.minimum(t, settings.begun)]
            points = tf.where(t < settings.begun, row, points)
            ended = tf.logical_or(ended, points[:, 4] > 0.5)
            return t + 1, points, state, ended, drawn.write(t - first, points)

        start = (t, drawing.points, list(drawing.state), drawing.numbers < 0, drawn)
        t, points, state, ended, drawn = tf.while_loop(running, body, start)
        after = drawing._replace(points=points, state=state)
        if self.uses_xla:
            return drawn.stack(), after, ended
        return drawn.gather(tf.range(t - first)), after, ended

    def _noise(
        self, settings: _Settings, rows: tf.Tensor, t: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Return uniform and normal noise, both [sketches, 2], for time step ``t``.

        It is drawn for the whole batch, so that it does not depend on which sketches have ended. A
        row's numbers do not depend on the number of rows.
        """
        shape, here = [settings.noises, 2], tf.stack([0, tf.cast(t, tf.int64)])
        seeds = settings.seeds[0] + here, settings.seeds[1] + here
        if self.uses_xla:
            uniforms, normals = (
                draws_in_xla.uniform(shape, seeds[0]),
                draws_in_xla.normal(shape, seeds[1]),
            )
        else:
            uniforms = tf.random.stateless_uniform(shape, seeds[0], alg="philox")
            normals = tf.random.stateless_normal(shape, seeds[1], alg="philox")
        return tf.gather(uniforms, rows), tf.gather(normals, rows)


def _next_size(count: int) -> int:
    """Return the smallest size of a batch with XLA for ``count`` sketches; see `_SIZES`."""
    largest = _SIZES[-1]
    sizes = (*_SIZES, -(-count // largest) * largest)
    return next(size for size in sizes if size >= count)


def _with_more_rows(given: np.ndarray | None, rows: int) -> tf.Tensor:
    """Return given points with one more row or more, so that a row can be taken at any time step.

    If there are given points, the result has at least ``rows`` rows.
    """
    if given is None:
        return tf.constant([START_TOKEN], tf.float32)
    more = max(1, rows - len(given))
    return tf.constant(np.concatenate([given, np.tile([START_TOKEN], (more, 1))]), tf.float32)


def _only(drawing: _Drawing, chosen: np.ndarray) -> _Drawing:
    """Return the sketches for which the mask ``chosen`` is true."""
    rows = np.flatnonzero(chosen)
    return tf.nest.map_structure(lambda x: tf.gather(x, rows), drawing)


def _assemble(pieces: list[tuple[np.ndarray, np.ndarray]], batch: int) -> list[np.ndarray]:
    """Return stroke-3 sketches, joined from pieces (numbers [n], stroke-5 points [time, n, 5])."""
    strokes = np.zeros([sum(len(points) for _, points in pieces), batch, 5], np.float32)
    t = 0
    for numbers, points in pieces:
        strokes[t : t + len(points), numbers] = points
        t += len(points)
    ended = np.logical_or.accumulate(strokes[:, :, 4] > 0.5, axis=0)
    lengths = np.count_nonzero(~ended, axis=0)
    # Of stroke-5 (dx, dy, p1, p2, p3) stroke-3 needs dx, dy and p2.
    return [strokes[:n, number, [0, 1, 3]] for number, n in enumerate(lengths)]


def _require_temperature(temperature: float) -> None:
    if not isinstance(temperature, Real) or not 0.0 < temperature <= 1.0:
        raise ArgumentError(
            f"the temperature must be in (0, 1], got {temperature!r}; for no randomness at all "
            "take greedy=True"
        )
