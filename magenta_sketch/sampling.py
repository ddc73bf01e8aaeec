"""Drawing with a trained decoder: a batch of sketches at once, in one compiled loop."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from magenta_sketch import mixture
from magenta_sketch._backend import tf
from magenta_sketch.model import SketchRNN, seed_table
from magenta_sketch.strokes import START_TOKEN

# What a `seed_table` is for, beside a seed: keeps drawing apart from training with equal seeds.
_SAMPLING = 3


def natural(name: str, value: Any) -> int:
    """``value`` as an int, if it is a whole number from 0 to 2**63 - 1.

    Raises:
      ValueError: it is not; the message calls it ``name``.
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = -1
    if not 0 <= number < 2**63:
        raise ValueError(f"{name} must be a whole number from 0 to 2**63 - 1, got {value!r}.")
    return number


class Sampler:
    """Decodes latent vectors with one model; compiled on first use."""

    def __init__(self, model: SketchRNN):
        self.model = model
        self._compiled = tf.function(self._loop, reduce_retracing=True, autograph=False)

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
        if not 0.0 < temperature <= 1.0:
            raise ValueError(f"the temperature must be in (0, 1], got {temperature:g}.")
        seed, part = natural("seed", seed), natural("part", part)
        if z is None:
            batch = natural("count", count)
        else:
            z = tf.constant(z, tf.float32)
            batch = len(z)
        if not batch:
            return []
        strokes, lengths = self._compiled(
            z,
            tf.constant(batch),
            tf.constant(max_seq_len),
            tf.constant(temperature, tf.float32),
            seed_table(seed, part, _SAMPLING),
            greedy,
        )
        strokes, lengths = strokes.numpy(), lengths.numpy()
        # stroke-5 to stroke-3: the lift is p2.
        return [s[:n, [0, 1, 3]] for s, n in zip(strokes, lengths, strict=True)]

    def _loop(self, z, batch, max_seq_len, temperature, seeds, greedy):
        decoder = self.model.decoder
        points = tf.tile(tf.constant([START_TOKEN]), [batch, 1])
        state = decoder.initial_state(z, batch)
        drawn = tf.TensorArray(tf.float32, max_seq_len, element_shape=[None, 5])

        def running(t, points, state, lengths, ended, drawn):
            return tf.logical_and(t < max_seq_len, tf.logical_not(tf.reduce_all(ended)))

        def body(t, points, state, lengths, ended, drawn):
            output, state = decoder.step(points, z, state)
            params = mixture.split_output(output)
            if greedy:
                points = mixture.greedy_points(params)
            else:
                params = mixture.adjust_temperature(params, temperature)
                now = tf.cast(t, tf.int64)
                uniforms = tf.random.stateless_uniform(
                    [batch, 2], seeds[0] + [0, now], alg="philox"
                )
                normals = tf.random.stateless_normal([batch, 2], seeds[1] + [0, now], alg="philox")
                points = mixture.draw_points(params, uniforms, normals)
            ended = tf.logical_or(ended, points[:, 4] > 0.5)
            lengths = lengths + tf.cast(tf.logical_not(ended), tf.int32)
            return t + 1, points, state, lengths, ended, drawn.write(t, points)

        start = (
            tf.constant(0),
            points,
            state,
            tf.zeros([batch], tf.int32),
            tf.zeros([batch], tf.bool),
            drawn,
        )
        _, _, _, lengths, _, drawn = tf.while_loop(running, body, start)
        return tf.transpose(drawn.stack(), [1, 0, 2]), lengths
