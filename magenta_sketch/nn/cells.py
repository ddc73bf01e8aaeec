"""The three recurrent cells of Sketch-RNN, as Keras layers.

Each cell is a Keras RNN cell (``keras.layers.RNN(cell)`` accepts it) and offers besides one step
in two parts: ``project``, what depends on the input alone, and ``step``, the rest, a pure function
of the projected input, the state, a dropout mask and the weights. ``sequence_step`` is the same
maths with its gradient, for whole sketches (`magenta_sketch.nn.recurrence`). The maths itself is in
`magenta_sketch.nn.steps`.

Common to all three:

- gates stand in the order i, j, f, o (input, candidate, forget, output) in every weight that has
  four blocks side by side; ``FORGET_BIAS`` is added to f inside the sigmoid;
- a state is a list in the order (h, c), and (h, c, hyper h, hyper c) for the hyper cell;
- recurrent dropout is that of Semeniuta et al. 2016 (arXiv:1603.05118), without memory loss: only
  the candidate tanh(j) is dropped, with a fresh mask at each step, scaled by 1/keep probability.

Masks come from outside in ``step`` (so that a run can make them a function of its seed and step)
and from a Keras seed generator when Keras calls the cell itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from magenta_sketch._backend import keras, tf
from magenta_sketch.nn import steps
from magenta_sketch.nn.randomness import keep_mask

HYPER_UNITS = 256
HYPER_EMBEDDING = 32

State = Sequence[Any]


@keras.saving.register_keras_serializable(package="magenta_sketch")
class BlockOrthogonal(keras.initializers.Initializer):
    """Square orthogonal blocks side by side: a kernel [n, k·n] of k orthogonal [n, n] matrices."""

    def __init__(self, seed: int = 0):
        self.seed = seed

    def __call__(self, shape, dtype=None):
        rows, columns = shape
        if columns % rows:
            raise ValueError(f"BlockOrthogonal needs a shape [n, k·n], got {tuple(shape)}.")
        blocks = [
            keras.initializers.Orthogonal(seed=self.seed + block)((rows, rows), dtype=dtype)
            for block in range(columns // rows)
        ]
        return tf.concat(blocks, axis=1)

    def get_config(self) -> dict:
        return {"seed": self.seed}


class SketchCell(keras.layers.Layer):
    """What the cells share: configuration, dropout masks and the Keras RNN cell protocol.

    Args:
      units: size of h and of c, >= 1.
      keep_prob: keep probability of the recurrent dropout, in (0, 1]; 1 drops nothing.
      seed: seed of the initial weights and of the masks Keras itself asks for.

    Raises:
      ValueError: for a value outside its range.
    """

    def __init__(self, units: int, keep_prob: float = 1.0, seed: int = 0, **kwargs):
        super().__init__(**kwargs)
        if units < 1:
            raise ValueError(f"units must be >= 1, got {units}.")
        if not 0.0 < keep_prob <= 1.0:
            raise ValueError(f"keep_prob must be in (0, 1], got {keep_prob}.")
        self.units = units
        self.keep_prob = keep_prob
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape):
        self.kernel = self.add_weight(
            shape=(input_shape[-1], 4 * self.units),
            initializer=keras.initializers.GlorotUniform(seed=self.seed + 100),
            name="kernel",
        )
        self.recurrent_kernel = self.add_weight(
            shape=(self.units, 4 * self.units),
            initializer=BlockOrthogonal(seed=self.seed),
            name="recurrent_kernel",
        )

    @property
    def state_size(self) -> list[int]:
        """Widths of the state's tensors, in the order of the state list."""
        return [self.units, self.units]

    @property
    def output_size(self) -> int:
        return self.units

    def get_initial_state(self, batch_size=None) -> list[tf.Tensor]:
        """A state of zeros: a list of [batch, width] tensors."""
        return [tf.zeros([batch_size, size], self.compute_dtype) for size in self.state_size]

    def keep_mask(self, shape: Sequence[int], seed: tf.Tensor) -> tf.Tensor | None:
        """Recurrent-dropout masks ``[*shape, units]`` of 0 and 1/keep_prob; None if all is kept.

        ``seed`` is a stateless seed, an integer tensor [2]: equal seeds give equal masks.
        """
        return keep_mask([*shape, self.units], self.keep_prob, seed, self.compute_dtype)

    def project(self, inputs: tf.Tensor) -> Any:
        """The part of a step that depends on the input alone: ``[..., input]`` -> ``[..., n]``.

        May be a nest of tensors with equal leading axes.
        """
        raise NotImplementedError

    def step(
        self, projected: Any, state: State, keep_mask: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
        """One step: (projected input, state) -> (output [batch, units], new state)."""
        raise NotImplementedError

    def sequence_step(self) -> Any:
        """The step for `magenta_sketch.nn.recurrence`, or None: the plain loop is taken.

        None for subclasses, whose `step` may be another one.
        """
        return _SEQUENCE_STEPS.get(type(self))

    def call(self, inputs, states, training=False):
        mask = None
        if training and self.keep_prob < 1.0:
            shape = (tf.shape(inputs)[0], self.units)
            mask = keras.random.dropout(
                tf.ones(shape, self.compute_dtype), 1.0 - self.keep_prob, seed=self.seed_generator
            )
        return self.step(self.project(inputs), states, mask)

    def get_config(self) -> dict:
        own = {"units": self.units, "keep_prob": self.keep_prob, "seed": self.seed}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable(package="magenta_sketch")
class LSTMCell(SketchCell):
    """The plain LSTM with recurrent dropout (``enc_model`` or ``dec_model`` = lstm).

        pre = x·kernel + h·recurrent_kernel + bias
        c'  = c·σ(f + 1) + σ(i)·dropout(tanh(j))
        h'  = tanh(c')·σ(o)

    Weights: kernel [input, 4·units] (Glorot uniform), recurrent_kernel [units, 4·units] (four
    orthogonal blocks), bias [4·units] (zeros). State: (h, c).
    """

    def build(self, input_shape):
        super().build(input_shape)
        self.bias = self.add_weight(shape=(4 * self.units,), initializer="zeros", name="bias")

    def project(self, inputs):
        return tf.matmul(inputs, self.kernel) + self.bias

    def step(self, projected, state, keep_mask=None):
        h, c = state
        i, j, f, o = tf.split(projected + tf.matmul(h, self.recurrent_kernel), 4, axis=-1)
        new_c, output_gate, _ = steps.gates([i, j, f + steps.FORGET_BIAS, o], c, keep_mask)
        new_h = tf.tanh(new_c) * output_gate
        return new_h, [new_h, new_c]


@keras.saving.register_keras_serializable(package="magenta_sketch")
class LayerNormLSTMCell(SketchCell):
    """The layer-normalised LSTM (Ba et al. 2016, arXiv:1607.06450) with recurrent dropout.

        pre = LN_each_gate(x·kernel + h·recurrent_kernel)        (no bias)
        c'  = c·σ(f + 1) + σ(i)·dropout(tanh(j))
        h'  = tanh(LN(c'))·σ(o)

    Weights: kernel [input, 4·units], recurrent_kernel [units, 4·units], gates_gamma and gates_beta
    [4·units], cell_gamma and cell_beta [units] (gammas start at 1, betas at 0). State: (h, c).
    """

    def build(self, input_shape):
        super().build(input_shape)
        gates, cell = (4 * self.units,), (self.units,)
        self.gates_gamma = self.add_weight(shape=gates, initializer="ones", name="gates_gamma")
        self.gates_beta = self.add_weight(shape=gates, initializer="zeros", name="gates_beta")
        self.cell_gamma = self.add_weight(shape=cell, initializer="ones", name="cell_gamma")
        self.cell_beta = self.add_weight(shape=cell, initializer="zeros", name="cell_beta")

    def project(self, inputs):
        return tf.matmul(inputs, self.kernel)

    def step(self, projected, state, keep_mask=None):
        h, c = state
        pre = projected + tf.matmul(h, self.recurrent_kernel)
        return self._normalised_step(pre, c, keep_mask)

    def _normalised_step(self, pre, c, keep_mask):
        blocks = tf.stack(tf.split(pre, 4, axis=-1))
        new_h, new_c, _ = steps.normalised(blocks, c, steps.norms(self), keep_mask)
        return new_h, [new_h, new_c]


@keras.saving.register_keras_serializable(package="magenta_sketch")
class HyperLSTMCell(LayerNormLSTMCell):
    """The HyperLSTM (Ha, Dai, Le 2016, arXiv:1609.09106, section 3.2 and appendix A).

    A small layer-normalised LSTM, the hyper cell, reads [x, h] at each step, without dropout. Its
    output ĥ makes eight embeddings of width 32, which scale the main cell's contributions, gate
    block by gate block:

        scale = α(zw(ĥ))            for the x-part and the h-part of each of i, j, f, o
        shift = β(zb(ĥ))            for the h-parts only
        pre   = (x·kernel)⊙scale_x + (h·recurrent_kernel)⊙scale_h + shift + bias

    and then c' and h' as in `LayerNormLSTMCell`.

    Weights beside those of `LayerNormLSTMCell`: bias [4·units] (zeros); hyper_cell's own;
    scale_embedding [256, 8·32] (zeros) and scale_embedding_bias [8·32] (ones), scale_kernel
    [8, 32, units] (0.1/32), parts in the order ix, jx, fx, ox, ih, jh, fh, oh; shift_embedding
    [256, 4·32] (normal, stddev 0.01), shift_kernel [4, 32, units] (zeros), in the order i, j, f, o.
    State: (h, c, hyper h, hyper c).
    """

    def __init__(self, units: int, keep_prob: float = 1.0, seed: int = 0, **kwargs):
        super().__init__(units, keep_prob, seed, **kwargs)
        self.hyper_cell = LayerNormLSTMCell(
            HYPER_UNITS, seed=seed + 10, dtype=self.dtype_policy, name="hyper_cell"
        )

    @property
    def state_size(self) -> list[int]:
        return [self.units, self.units, HYPER_UNITS, HYPER_UNITS]

    def build(self, input_shape):
        super().build(input_shape)
        self.input_width = input_shape[-1]
        self.hyper_cell.build((None, self.input_width + self.units))
        self.bias = self.add_weight(shape=(4 * self.units,), initializer="zeros", name="bias")
        parts, width = steps.HYPER_SCALES, HYPER_EMBEDDING
        self.scale_embedding = self.add_weight(
            shape=(HYPER_UNITS, parts * width), initializer="zeros", name="scale_embedding"
        )
        self.scale_embedding_bias = self.add_weight(
            shape=(parts * width,), initializer="ones", name="scale_embedding_bias"
        )
        self.scale_kernel = self.add_weight(
            shape=(parts, width, self.units),
            initializer=keras.initializers.Constant(0.1 / width),
            name="scale_kernel",
        )
        self.shift_embedding = self.add_weight(
            shape=(HYPER_UNITS, steps.HYPER_SHIFTS * width),
            initializer=keras.initializers.RandomNormal(stddev=0.01, seed=self.seed + 101),
            name="shift_embedding",
        )
        self.shift_kernel = self.add_weight(
            shape=(steps.HYPER_SHIFTS, width, self.units), initializer="zeros", name="shift_kernel"
        )

    def project(self, inputs):
        main = tf.matmul(inputs, self.kernel)
        hyper = tf.matmul(inputs, self.hyper_cell.kernel[: self.input_width])
        return main, hyper

    def step(self, projected, state, keep_mask=None):
        main, hyper = projected
        h, c, hyper_h, hyper_c = state
        hyper = hyper + tf.matmul(h, self.hyper_cell.kernel[self.input_width :])
        hyper_output, (hyper_h, hyper_c) = self.hyper_cell.step(hyper, [hyper_h, hyper_c])

        embedding = tf.matmul(hyper_output, self.scale_embedding) + self.scale_embedding_bias
        scale = _each_part(embedding, self.scale_kernel)
        shift = _each_part(tf.matmul(hyper_output, self.shift_embedding), self.shift_kernel)
        scale_x, scale_h = tf.split(scale, 2, axis=-1)
        pre = main * scale_x + tf.matmul(h, self.recurrent_kernel) * scale_h + shift + self.bias
        new_h, (_, new_c) = self._normalised_step(pre, c, keep_mask)
        return new_h, [new_h, new_c, hyper_h, hyper_c]


def _each_part(embeddings: tf.Tensor, kernels: tf.Tensor) -> tf.Tensor:
    """Each part's embedding through its own kernel: [batch, p·w], [p, w, n] -> [batch, p·n]."""
    parts, width, units = kernels.shape
    split = tf.transpose(tf.reshape(embeddings, [-1, parts, width]), [1, 0, 2])
    product = tf.transpose(tf.matmul(split, kernels), [1, 0, 2])
    return tf.reshape(product, [-1, parts * units])


_SEQUENCE_STEPS = {
    LSTMCell: steps.LSTMStep(),
    LayerNormLSTMCell: steps.LayerNormStep(),
    HyperLSTMCell: steps.HyperStep(),
}

CELLS: dict[str, type[SketchCell]] = {
    "lstm": LSTMCell,
    "layer_norm": LayerNormLSTMCell,
    "hyper": HyperLSTMCell,
}
