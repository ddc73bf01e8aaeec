"""Drawing with a trained decoder: a batch of sketches at once, point by point.

z's part of the input product is taken once a sketch. Sketches that have ended leave the batch: a
compiled loop over points is left when enough of them have, and entered again with the others.
"""

from __future__ import annotations

import functools
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from magenta_sketch._backend import tf
from magenta_sketch.data.strokes import START_TOKEN
from magenta_sketch.errors import ArgumentError
from magenta_sketch.inference.arguments import natural
from magenta_sketch.nn import mixture
from magenta_sketch.nn.decoder import Decoder
from magenta_sketch.nn.randomness import seed_table
from magenta_sketch.nn.time_step import Prepared, prepare, time_step
from magenta_sketch.seeds import Purpose

# The loop is left when no more than this share of its sketches are still being drawn. Leaving costs
# about as much as one point; staying, a part of each point that grows as sketches end.
_STILL_DRAWING = 0.75


class Context(NamedTuple):
    """What a decoder's steps need and what no step changes.

    own: a nest of tensors [batch, ...], a row for each sketch; shared: a nest of tensors.
    """

    own: Any
    shared: Any


class PointDecoder:
    """A `Decoder` taken point by point, with z's part of the input product taken once a sketch."""

    def __init__(self, decoder: Decoder):
        self.decoder = decoder

    def initial_state(self, z: tf.Tensor | None, batch: int) -> list[tf.Tensor]:
        """The state before the first point: a list of [batch, size] tensors."""
        return self.decoder.initial_state(z, batch)

    def context(self, z: tf.Tensor | None, batch: int) -> Context:
        """What `step` needs to know of ``z``, [batch, Z] or None."""
        return Context(*prepare(self.decoder.rnn_cell, z))

    def step(
        self, points: tf.Tensor, context: Context, state: list[tf.Tensor]
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """One point further: (stroke-5 [batch, 5], ...) -> (output vectors, new state)."""
        h, state = time_step(self.decoder.rnn_cell, Prepared(*context), points, state)
        return tf.matmul(h, self.decoder.output_kernel) + self.decoder.output_bias, state


class _Drawing(NamedTuple):
    """Sketches as far as they are drawn; tensors of a row for each."""

    numbers: tf.Tensor  # which sketches of the batch these are
    points: tf.Tensor  # the last ones, stroke-5
    state: list[tf.Tensor]
    own: Any  # of their `Context`


class _Settings(NamedTuple):
    """What holds for all sketches and points."""

    shared: Any  # of the `Context`
    batch: tf.Tensor
    max_seq_len: tf.Tensor
    temperature: tf.Tensor
    seeds: tf.Tensor  # a `seed_table`


class Sampler:
    """Decodes latent vectors with one decoder; compiled on first use.

    Args:
      decoder: a `PointDecoder`, or anything with its three methods.
    """

    def __init__(self, decoder: Any):
        self.decoder = decoder
        self._loops: dict[bool, Any] = {}  # greedy -> the compiled loop

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
    ) -> list[np.ndarray]:
        """Draw one sketch for each row of ``z``: a list of stroke-3 arrays [n, 3], model units.

        Args:
          z: [batch, Z], or None for an unconditional model, which then draws ``count`` sketches.
          max_seq_len: a sketch that has not ended by then is cut there.
          temperature: τ in (0, 1], see `mixture.adjust_temperature`.
          greedy: take the likeliest component, its mean and the likeliest pen state instead.
          seed: 0 <= seed < 2**63; equal seeds draw equal sketches.
          part: 0 or more; parts of one seed have independent noise.

        Raises:
          ValueError: for a temperature outside (0, 1], or a count, seed or part out of range.
        """
        if not isinstance(temperature, Real) or not 0.0 < temperature <= 1.0:
            raise ArgumentError(
                f"the temperature must be in (0, 1], got {temperature!r}; for no "
                "randomness at all take greedy=True"
            )
        seed, part = natural("seed", seed), natural("part", part)
        if z is None:
            batch = natural("count", count)
        else:
            z = tf.constant(z, tf.float32)
            batch = len(z)
        if not batch:
            return []
        own, shared = self.decoder.context(z, batch)
        drawing = _Drawing(
            numbers=tf.range(batch),
            points=tf.tile(tf.constant([START_TOKEN]), [batch, 1]),
            state=self.decoder.initial_state(z, batch),
            own=own,
        )
        settings = _Settings(
            shared=shared,
            batch=tf.constant(batch),
            max_seq_len=tf.constant(max_seq_len),
            temperature=tf.constant(temperature, tf.float32),
            seeds=seed_table(seed, part, Purpose.SAMPLING),
        )
        loop = self._loop(bool(greedy), drawing, settings)
        pieces, t = [], 0
        while len(drawing.numbers) and t < max_seq_len:
            points, after, ended = loop(tf.constant(t), drawing, settings)
            pieces.append((drawing.numbers.numpy(), points.numpy()))
            t += len(points)
            drawing = _only(after, ~ended.numpy())
        return _assemble(pieces, batch)

    def _loop(self, greedy: bool, drawing: _Drawing, settings: _Settings) -> Any:
        """`_draw` compiled for any number of sketches, so that one trace serves all."""
        if greedy not in self._loops:
            any_rows = tf.nest.map_structure(
                lambda x: tf.TensorSpec([None, *x.shape[1:]], x.dtype), drawing
            )
            fixed = tf.nest.map_structure(tf.TensorSpec.from_tensor, settings)
            self._loops[greedy] = tf.function(
                functools.partial(self._draw, greedy),
                input_signature=[tf.TensorSpec([], tf.int32), any_rows, fixed],
                autograph=False,
            )
        return self._loops[greedy]

    def _draw(
        self, greedy: bool, t: tf.Tensor, drawing: _Drawing, settings: _Settings
    ) -> tuple[tf.Tensor, _Drawing, tf.Tensor]:
        """Draw from point ``t`` on, until a part of the sketches has ended (`_STILL_DRAWING`).

        Returns:
          the points [time, sketches, 5], anything behind a sketch's end; the drawing now; and
          which of its sketches have ended.
        """
        first, context = t, Context(drawing.own, settings.shared)
        count = tf.size(drawing.numbers)
        enough = tf.cast(_STILL_DRAWING * tf.cast(count, tf.float32), tf.int32)
        drawn = tf.TensorArray(tf.float32, settings.max_seq_len - first, element_shape=[None, 5])

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
                noise = _noise(settings, drawing.numbers, t)
                points = mixture.draw_points(params, *noise)
            ended = tf.logical_or(ended, points[:, 4] > 0.5)
            return t + 1, points, state, ended, drawn.write(t - first, points)

        none_ended = tf.zeros([count], tf.bool)
        start = (t, drawing.points, list(drawing.state), none_ended, drawn)
        t, points, state, ended, drawn = tf.while_loop(running, body, start)
        after = drawing._replace(points=points, state=state)
        return drawn.gather(tf.range(t - first)), after, ended


def _noise(settings: _Settings, numbers: tf.Tensor, t: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Uniforms and normals, [sketches, 2], for point ``t`` of the sketches ``numbers``.

    Drawn for the whole batch, so that they do not depend on which sketches have ended.
    """
    shape, here = [settings.batch, 2], tf.stack([0, tf.cast(t, tf.int64)])
    uniforms = tf.random.stateless_uniform(shape, settings.seeds[0] + here, alg="philox")
    normals = tf.random.stateless_normal(shape, settings.seeds[1] + here, alg="philox")
    return tf.gather(uniforms, numbers), tf.gather(normals, numbers)


def _only(drawing: _Drawing, chosen: np.ndarray) -> _Drawing:
    """Those sketches for which ``chosen`` is true."""
    rows = np.flatnonzero(chosen)
    return tf.nest.map_structure(lambda x: tf.gather(x, rows), drawing)


def _assemble(pieces: list[tuple[np.ndarray, np.ndarray]], batch: int) -> list[np.ndarray]:
    """Stroke-3 sketches from pieces: (numbers [n], stroke-5 points [time, n, 5]), in order."""
    strokes = np.zeros([sum(len(points) for _, points in pieces), batch, 5], np.float32)
    t = 0
    for numbers, points in pieces:
        strokes[t : t + len(points), numbers] = points
        t += len(points)
    ended = np.logical_or.accumulate(strokes[:, :, 4] > 0.5, axis=0)
    lengths = np.count_nonzero(~ended, axis=0)
    # stroke-5 to stroke-3: the lift is p2.
    return [strokes[:n, number, [0, 1, 3]] for number, n in enumerate(lengths)]
