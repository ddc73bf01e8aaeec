"""A trained model to use from Python. All sketches are in data units."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from magenta_sketch._backend import tf
from magenta_sketch.data.sketch_set import Sketches
from magenta_sketch.drawing.sketches import Sketch, SketchGrid, SketchList
from magenta_sketch.errors import ArgumentError
from magenta_sketch.inference import latent, saving
from magenta_sketch.inference.arguments import (
    latent_vectors,
    natural,
    noise_scale,
    one_sketch,
    positive,
)
from magenta_sketch.inference.coder import Coder
from magenta_sketch.inference.latent_map import LatentMap, map_of
from magenta_sketch.inference.scoring import LogProb, Scorer, Scoring, Start
from magenta_sketch.nn.encoder import draw_z
from magenta_sketch.nn.randomness import seed_table
from magenta_sketch.nn.sketch_rnn import SketchRNN
from magenta_sketch.seeds import Purpose

SCALES = (0.0, 0.5, 1.0, 2.0, 4.0)  # of a noise ladder


class TrainedModel(Coder):
    """A Sketch-RNN with trained weights: encode, decode, draw, walk in its latent space, and save.

    `magenta_sketch.load` and `magenta_sketch.train` return one. Sketches are stroke-3 arrays [n, 3]
    in the units of the data (pixels). Latent vectors are float32 [batch, Z].

    Args:
      model: the network. Its configuration has max_seq_len and the normalizing factor.
      adam_state: the optimizer's state under Magenta's names, if it was loaded.
      step: number of training steps of the weights, 0 if unknown.
      data_known: whether the model was trained on the data set in its hyperparameters. False for
        models of other programs that do not say.

    >>> model = TrainedModel(SketchRNN())  # untrained; else magenta_sketch.load("models/cats")
    >>> z = model.encode([np.array([[3, 0, 0], [0, 4, 1]])])
    >>> [drawing] = model.decode(z, temperature=0.4)
    >>> z.shape, drawing.shape[1]
    ((1, 128), 3)
    """

    def __init__(
        self,
        model: SketchRNN,
        adam_state: Any = None,
        step: int = 0,
        data_known: bool = True,
    ):
        super().__init__(model)
        self.adam, self.step, self.data_known = adam_state, step, data_known
        self._scorer = Scorer(model)

    def __repr__(self) -> str:
        hps = self.config.hparams
        encoder = f"{hps.enc_model} {hps.enc_rnn_size} -> z {hps.z_size} -> "
        return (
            f"TrainedModel({encoder if self.conditional else 'unconditional, '}{hps.dec_model} "
            f"{hps.dec_rnn_size}, {hps.num_mixture} mixture components, max_seq_len "
            f"{self.max_seq_len}, normalizing factor {self.normalizing_factor:.4f})"
        )

    def with_normalizing_factor(self, factor: float) -> TrainedModel:
        """Return the same model with another normalizing factor.

        Args:
          factor: data units (pixels) in one model unit, above 0.

        >>> TrainedModel(SketchRNN()).with_normalizing_factor(40).normalizing_factor
        40.0
        """
        twin = TrainedModel(self.model, self.adam, self.step, self.data_known)
        twin.config = dataclasses.replace(self.config, normalizing_factor=float(factor))
        return twin

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save the model for `magenta_sketch.load`.

        Args:
          path: a name that ends in .keras, for a Keras file; or a new or empty folder. The folder
            is that of a run without its training: it cannot be resumed, but another run can start
            from it (--init_from).

        Raises:
          ModelFileError: a cell of the model is not registered with Keras.
          RunError: the folder is not empty or cannot be written.
          OSError: the .keras file cannot be written.

        >>> TrainedModel(SketchRNN()).save("bird.keras")
        """
        saving.save(path, self.model, self.config, self.step)

    def interpolate(
        self,
        a: ArrayLike,
        b: ArrayLike,
        steps: int = 10,
        *,
        how: latent.Path = "slerp",
        temperature: float = 1.0,
        greedy: bool = False,
        seed: int = 0,
    ) -> SketchList:
        """Draw a walk from one sketch to another through the latent space.

        All steps are drawn from the same random numbers, so that they differ by z alone. The first
        and last are the reconstructions of ``a`` and ``b`` as `reconstruct` draws each alone.

        Args:
          a, b: the ends, sketches [n, 3] or latent vectors [Z].
          steps: number of sketches, both ends included, at least 2.
          how: "slerp", spherically (`latent.slerp`), or "linear".
          temperature, greedy, seed: as for `decode`.

        Raises:
          ValueError: the model is unconditional, an end is neither a sketch nor a latent vector, or
            another argument is out of its range.

        >>> a, b = [[3, 0, 0], [0, 4, 1]], [[0, 2, 1], [3, 0, 1]]
        >>> len(TrainedModel(SketchRNN()).interpolate(a, b, steps=5, greedy=True))
        5
        """
        steps = natural("steps", steps)
        if steps < 2:
            raise ArgumentError(f"steps must be at least 2, the ends, got {steps}")
        ends = self._latents(a=a, b=b)
        z = latent.path(ends[0], ends[1], steps, how)
        return SketchList(self._draw_alike(z, temperature, greedy, seed), columns=steps)

    def grid(
        self,
        corners: Sequence[ArrayLike],
        rows: int = 5,
        columns: int = 5,
        *,
        how: latent.Path = "slerp",
        temperature: float = 1.0,
        greedy: bool = False,
        seed: int = 0,
    ) -> SketchGrid:
        """Draw the latent space between four sketches (Ha & Eck 2017, section 4.3).

        Args:
          corners: four sketches [n, 3] or latent vectors [Z]: top left, top right, bottom left and
            bottom right.
          rows, columns: size of the grid, corners included, at least 2.
          how, temperature, greedy, seed: as for `interpolate`.

        Returns:
          Rows of sketches: ``grid[row][column]``.

        Raises:
          ValueError: as for `interpolate`, or there are not four corners.

        >>> corners = [[[3, 0, 1]], [[0, 3, 1]], [[-3, 0, 1]], [[0, -3, 1]]]
        >>> grid = TrainedModel(SketchRNN()).grid(corners, rows=2, columns=3, greedy=True)
        >>> len(grid), len(grid[0])
        (2, 3)
        """
        rows, columns = natural("rows", rows), natural("columns", columns)
        if min(rows, columns) < 2:
            raise ArgumentError(f"rows and columns must be at least 2, got {rows} and {columns}")
        if len(corners) != 4:
            raise ArgumentError(f"a grid has 4 corners, got {len(corners)}")
        ends = self._latents(**{f"corners[{i}]": corner for i, corner in enumerate(corners)})
        z = latent.grid(ends, rows, columns, how).reshape(-1, self.z_size)
        drawn = self._draw_alike(z, temperature, greedy, seed)
        return SketchGrid(drawn[i : i + columns] for i in range(0, len(drawn), columns))

    def analogy(
        self,
        a: ArrayLike,
        b: ArrayLike,
        c: ArrayLike,
        *,
        temperature: float = 1.0,
        greedy: bool = False,
        seed: int = 0,
    ) -> Sketch:
        """Draw z_a + (z_b - z_c), such as cat + (pig - face of a pig) (Ha & Eck 2017, fig. 8).

        Args:
          a, b, c: sketches [n, 3] or latent vectors [Z].
          temperature, greedy, seed: as for `decode`.

        Raises:
          ValueError: as for `interpolate`.

        >>> a, b = [[3, 0, 1]], [[0, 3, 1]]
        >>> TrainedModel(SketchRNN()).analogy(a, b, b, greedy=True).shape[1]
        3
        """
        z = latent.analogy(*self._latents(a=a, b=b, c=c))
        return self._draw_alike(z[None], temperature, greedy, seed)[0]

    def latent_map(
        self,
        sketches: Sketches,
        *,
        rows: int = 9,
        columns: int = 9,
        labels: Sequence[str] | None = None,
        temperature: float = 1.0,
        greedy: bool = False,
        seed: int = 0,
    ) -> LatentMap:
        """Map the latent vectors of sketches onto the plane in which they vary most.

        The plane is that of the first two principal components of mu. It is decoded on a grid that
        covers all sketches.

        Args:
          sketches: at least three stroke-3 arrays [n, 3], or a `SketchSet`.
          rows, columns: size of the grid, at least 2.
          labels: a text for each sketch, such as its class. Its dot has the colour of this text.
          temperature, greedy, seed: as for `interpolate`.

        Raises:
          ValueError: the model is unconditional, there are too few sketches, all have the same
            latent vector, or an argument is out of its range.

        >>> sketches = [np.array([[x, 3, 1]]) for x in range(4)]
        >>> found = TrainedModel(SketchRNN()).latent_map(sketches, rows=2, columns=3, greedy=True)
        >>> found.positions.shape, len(found.drawings), len(found.drawings[0])
        ((4, 2), 2, 3)
        """
        rows, columns = natural("rows", rows), natural("columns", columns)
        if min(rows, columns) < 2:
            raise ArgumentError(f"rows and columns must be at least 2, got {rows} and {columns}")
        if labels is not None and len(labels) != len(sketches):
            raise ArgumentError(f"labels has {len(labels)} texts for {len(sketches)} sketches")
        mu = self.encode(sketches)
        return map_of(
            mu,
            lambda z: self._draw_alike(z, temperature, greedy, seed),
            rows,
            columns,
            labels,
        )

    def noise_ladder(
        self,
        sketch: ArrayLike,
        scales: Sequence[float] = SCALES,
        draws: int = 5,
        *,
        temperature: float = 1.0,
        greedy: bool = False,
        seed: int = 0,
    ) -> SketchGrid:
        """Reconstruct a sketch with more and more noise in z: how far until it is another drawing?

        z is mu + scale · sigma · eps. The sketches of a column have the same eps, and are drawn
        from the same random numbers: only the scale differs.

        Args:
          sketch: stroke-3 [n, 3].
          scales: a row of the result for each, 0 or more.
          draws: sketches in a row.
          temperature, greedy, seed: as for `decode`.

        Returns:
          Rows of sketches: ``ladder[i][j]`` is draw j at ``scales[i]``.

        Raises:
          ValueError: as for `reconstruct`, or an argument is out of its range.

        >>> ladder = TrainedModel(SketchRNN()).noise_ladder([[3, 0, 1]], draws=2, greedy=True)
        >>> len(ladder), len(ladder[0])
        (5, 2)
        """
        given, draws, seed = (
            one_sketch("sketch", sketch),
            positive("draws", draws),
            natural("seed", seed),
        )
        scales = [noise_scale(scale) for scale in scales]
        if not scales:
            raise ArgumentError("scales is empty: give at least one noise scale")
        mu, sigma = (np.tile(one, (draws, 1)) for one in self.encode_distribution([given]))
        seeds = seed_table(seed, 0, Purpose.ENCODING)
        presig = 2.0 * np.log(sigma)
        z = [draw_z(tf.constant(mu), tf.constant(presig), scale, seeds).numpy() for scale in scales]
        rows = np.tile(np.arange(draws), len(scales))
        drawn = self._draw(np.concatenate(z), len(rows), temperature, greedy, seed, noise_rows=rows)
        return SketchGrid(
            (drawn[i : i + draws] for i in range(0, len(drawn), draws)),
            row_titles=[f"scale {scale:g}" for scale in scales],
            beside=[given, *[None] * (len(scales) - 1)],
            beside_title="original",
        )

    def log_prob(
        self,
        sketches: Sketches,
        *,
        draws: int = 1,
        seed: int = 0,
        fit_size: bool = False,
        dequantize: bool = False,
        start: Start = "pen_down",
    ) -> LogProb:
        """Return how probable sketches are, in nats.

        For an unconditional model this is log p(x): the density of the offsets, in data units, and
        the probabilities of the pen states, with the end. For a conditional model it is the lower
        bound E[log p(x|z)] - KL(q(z|x) || N(0, 1)), with the whole KL (Kingma & Welling 2014,
        arXiv:1312.6114, eq. 3). Sketches may have more than max_seq_len points.

        Args:
          sketches: stroke-3 arrays [n, 3], or a `SketchSet`.
          draws: number of draws per sketch, of a conditional model's z and of the noise of
            dequantize, over which bounds are averaged; 1 or more.
          seed: seed of these draws.
          fit_size: score each sketch at the size at which it is most probable, of 33 between 1/4
            and 4 times its own. This is the likelihood, with the size as a free parameter.
          dequantize: for sketches in whole units, such as QuickDraw's pixels: add uniform noise of
            ±½ to all positions. The result is a lower bound of the probability of the whole
            numbers (Theis et al. 2016, arXiv:1511.01844, eq. 3). Otherwise a model that puts narrow
            peaks on them gives any density.
          start: what the decoder is fed before the first point: "pen_down", (0, 0, 1, 0, 0), as
            Magenta trains; or "zeros", which fits the published Sketch-RNN-JS models better.

        Raises:
          ValueError: a sketch has a wrong shape or values, or an argument is out of its range.

        >>> found = TrainedModel(SketchRNN()).log_prob([np.array([[3, 0, 0], [0, 4, 1]])])
        >>> found.per_sketch.shape, found.size.tolist()
        ((1,), [1.0])
        """
        how = Scoring(draws, seed, fit_size, dequantize, start).checked()
        return self._scorer.log_prob(sketches, self.config, how)

    def log_likelihood(self, sketches: Sketches, z: ArrayLike) -> np.ndarray:
        """Return log p(x|z) [n] of sketches, in nats; the density of offsets in data units.

        Args:
          sketches: n stroke-3 arrays, or a `SketchSet`; the same one many times, too.
          z: latent vectors [n, Z], a row for each sketch.

        Raises:
          ValueError: the model is unconditional, a sketch has a wrong shape or values, or z is not
            [n, Z] or not finite.

        >>> model = TrainedModel(SketchRNN())
        >>> model.log_likelihood([np.array([[3, 0, 1]])] * 2, np.zeros((2, 128))).shape
        (2,)
        """
        if not self.conditional:
            raise ArgumentError("this model is unconditional, without a z: use log_prob")
        rows = latent_vectors(z, self.z_size)
        if len(rows) != len(sketches):
            raise ArgumentError(f"z must have {len(sketches)} rows, got {len(rows)}")
        return self._scorer.log_likelihood(sketches, rows, self.config)

    def _latents(self, **named: Any) -> np.ndarray:
        """Return latent vectors [n, Z] of arguments: each a sketch, which is encoded, or a z."""
        if not self.conditional:
            raise ArgumentError(
                "this model is unconditional, without a latent space: use sample or complete"
            )
        result = np.zeros((len(named), self.z_size), np.float32)
        sketches: dict[int, np.ndarray] = {}
        for i, (name, value) in enumerate(named.items()):
            try:
                dimensions = np.ndim(value)
            except ValueError:  # rows of different lengths
                dimensions = -1
            if dimensions == 1:
                result[i] = latent_vectors(np.asarray(value)[None], self.z_size)[0]
            elif dimensions == 2:
                sketches[i] = one_sketch(name, value)
            else:
                raise ArgumentError(
                    f"{name} must be a sketch, numbers [n, 3], or a latent vector [{self.z_size}]"
                )
        if sketches:
            result[list(sketches)] = self.encode(list(sketches.values()))
        return result

    def _draw_alike(self, z: np.ndarray, temperature: float, greedy: bool, seed: int) -> SketchList:
        """Decode latent vectors [batch, Z], all with the same random numbers."""
        z, same = np.asarray(z, np.float32), np.zeros(len(z), np.int64)
        return self._draw(z, len(z), temperature, greedy, seed, noise_rows=same)
