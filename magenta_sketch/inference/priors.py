"""Normal distributions from which the z of new sketches are drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from magenta_sketch._backend import tf
from magenta_sketch.config.hparams import HParams
from magenta_sketch.config.kinds import show
from magenta_sketch.config.run_config import RunConfig
from magenta_sketch.data import SketchSet, load_data_set
from magenta_sketch.data.unpacked import report_unpacking
from magenta_sketch.drawing.contact_sheet import evenly_spread
from magenta_sketch.errors import ArgumentError, DataError
from magenta_sketch.inference.arguments import natural, noise_scale, positive
from magenta_sketch.nn.randomness import seed_table
from magenta_sketch.seeds import Purpose

PriorName = Literal["standard", "scaled", "aggregate"]
MOST = 2000  # training sketches of an aggregate prior: more hardly change its moments


class Prior(NamedTuple):
    """A normal distribution of latent vectors, N(mean, covariance).

    Attributes:
      mean: float64 [Z].
      covariance: float64 [Z, Z], symmetric. Variances may be 0: such a z is drawn, but has no
        density.

    >>> Prior.standard(2).mean
    array([0., 0.])
    """

    mean: NDArray[np.float64]
    covariance: NDArray[np.float64]

    @classmethod
    def standard(cls, z_size: int) -> Prior:
        """Return N(0, 1), from which Magenta draws, for latent vectors of ``z_size`` numbers.

        Raises:
          ArgumentError: z_size is not a whole number of 1 or more.

        >>> Prior.standard(2).covariance.tolist()
        [[1.0, 0.0], [0.0, 1.0]]
        """
        return cls.scaled(z_size, 1.0)

    @classmethod
    def scaled(cls, z_size: int, scale: float) -> Prior:
        """Return N(0, scale²): the noise in z of a sketch for which the encoder gives N(0, 1).

        Args:
          z_size: numbers in a latent vector, 1 or more.
          scale: standard deviation, 0 or more: the hyperparameter of this name.

        Raises:
          ArgumentError: an argument is out of its range.

        >>> Prior.scaled(2, 3.0).covariance.tolist()
        [[9.0, 0.0], [0.0, 9.0]]
        """
        size, scale = positive("z_size", z_size), noise_scale(scale)
        return cls(np.zeros(size), np.diag(np.full(size, scale * scale)))

    @classmethod
    def aggregate(cls, mu: ArrayLike, sigma: ArrayLike, scale: float) -> Prior:
        """Return the normal distribution with the moments of z over sketches.

        For each sketch z ~ N(mu, (scale·sigma)²). All sketches together are a mixture of these: the
        aggregate posterior (Makhzani et al. 2015, arXiv:1511.05644, section 2). Its covariance is
        that of mu plus, on the diagonal, the mean of (scale·sigma)².

        Args:
          mu, sigma: [n, Z], of n >= 1 sketches, from `TrainedModel.encode_distribution`.
          scale: noise scale in training, 0 or more.

        Raises:
          ArgumentError: mu and sigma have other shapes or are not finite, or scale is out of its
            range.

        >>> Prior.aggregate([[1.0], [3.0]], [[0.5], [0.5]], scale=2.0)
        Prior(mean=array([2.]), covariance=array([[2.]]))
        """
        means = np.asarray(mu, np.float64)
        noise = noise_scale(scale) * np.asarray(sigma, np.float64)
        if means.ndim != 2 or not means.size or means.shape != noise.shape:
            raise ArgumentError(
                "mu and sigma must both be [n, Z] with at least one sketch, got the shapes "
                f"{list(means.shape)} and {list(noise.shape)}"
            )
        if not (np.isfinite(means).all() and np.isfinite(noise).all()):
            raise ArgumentError("mu and sigma must be finite: at least one number is not")
        mean = means.mean(axis=0)
        apart = means - mean
        return cls(mean, apart.T @ apart / len(means) + np.diag(np.mean(noise**2, axis=0)))

    def log_density(self, z: ArrayLike) -> NDArray[np.float64]:
        """Return the logarithm of the density at latent vectors [..., Z], in nats: [...].

        Raises:
          ArgumentError: z has another last dimension, or the covariance has no inverse.

        >>> Prior.standard(2).log_density([[0.0, 0.0], [1.0, 1.0]]).round(4).tolist()
        [-1.8379, -2.8379]
        """
        vectors, size = np.asarray(z, np.float64), len(self.mean)
        if vectors.shape[-1:] != (size,):
            raise ArgumentError(f"z must be [..., {size}], got the shape {list(vectors.shape)}")
        variances, axes = self._principal()
        if singular := np.count_nonzero(variances == 0.0):
            raise ArgumentError(
                f"this prior has no density: its covariance is singular, with variance 0 in "
                f"{singular} of {size} directions; use draw, or a prior with noise in all of them"
            )
        distances = ((vectors - self.mean) @ axes) ** 2 / variances
        return -0.5 * np.sum(distances + np.log(2 * np.pi * variances), axis=-1)

    def draw(self, count: int, seed: int = 0) -> NDArray[np.float32]:
        """Draw latent vectors, float32 [count, Z].

        All priors use the same normal draws eps of a seed: z = mean + root·eps, with the symmetric
        root of the covariance. So equal seeds give similar sketches from all priors.

        Args:
          count: number of latent vectors, 0 or more.
          seed: 0 <= seed < 2**63.

        Raises:
          ArgumentError: count or seed is out of its range, or the covariance is none.

        >>> Prior.scaled(2, 3.0).draw(4, seed=1).shape
        (4, 2)
        """
        count, seed = natural("count", count), natural("seed", seed)
        variances, axes = self._principal()
        root = (axes * np.sqrt(variances)) @ axes.T
        stateless = seed_table(seed, 0, Purpose.PRIOR)[0]
        eps = tf.random.stateless_normal([count, len(self.mean)], stateless, alg="philox").numpy()
        return (self.mean + eps.astype(np.float64) @ root).astype(np.float32)

    def _principal(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the variances [Z] and the axes, columns of [Z, Z], of the covariance.

        A variance that is 0 but for rounding is exactly 0.

        Raises:
          ArgumentError: the mean or the covariance cannot be one.
        """
        mean, covariance = np.asarray(self.mean), np.asarray(self.covariance)
        size = mean.size
        if mean.shape != (size,) or covariance.shape != (size, size):
            raise ArgumentError(
                "a prior has a mean [Z] and a covariance [Z, Z], got the shapes "
                f"{list(mean.shape)} and {list(covariance.shape)}"
            )
        if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
            raise ArgumentError("mean and covariance of a prior must be finite")
        variances, axes = np.linalg.eigh(covariance)
        rounding = size * np.finfo(np.float64).eps * np.abs(variances).max()
        if variances.min() < -rounding or not np.allclose(covariance, covariance.T):
            raise ArgumentError(
                "the covariance of a prior must be symmetric and without negative variances, got "
                f"{show(covariance.tolist())}"
            )
        return np.where(variances > rounding, variances, 0.0), axes


def choose(prior: PriorName | Prior, hparams: HParams, aggregate: Callable[[], Prior]) -> Prior:
    """Return a model's prior by its name, or the one given.

    Args:
      prior: "standard", "scaled", "aggregate" or a `Prior`.
      hparams: the model's hyperparameters, with z_size and scale.
      aggregate: returns the prior of this name. It is only called for it.

    Raises:
      ArgumentError: the model is unconditional, or prior is another word or has another size.

    >>> choose("scaled", HParams(scale=2.0, z_size=1), lambda: Prior.standard(1))
    Prior(mean=array([0.]), covariance=array([[4.]]))
    """
    if not hparams.conditional:
        raise ArgumentError("this model is unconditional, without a z: leave out prior")
    if isinstance(prior, Prior):
        if np.shape(prior.mean) != (hparams.z_size,):
            raise ArgumentError(
                f"prior must have a mean of shape [{hparams.z_size}], as this model's z, got "
                f"{list(np.shape(prior.mean))}"
            )
        return prior
    if prior == "standard":
        return Prior.standard(hparams.z_size)
    if prior == "scaled":
        return Prior.scaled(hparams.z_size, hparams.scale)
    if prior == "aggregate":
        return aggregate()
    names = ", ".join(get_args(PriorName))
    raise ArgumentError(f"prior must be one of {names}, or a Prior, got {show(prior)}")


def training_sketches(config: RunConfig) -> SketchSet:
    """Return the sketches that an aggregate prior is computed of: `some_of` a run's training set.

    Raises:
      ArgumentError: the configuration does not say which data the run had, they cannot be read, or
        they have changed since.

    >>> training_sketches(RunConfig())
    Traceback (most recent call last):
    ArgumentError: prior="aggregate" needs the training sketches, and this model does not name them
    """
    needs = 'prior="aggregate" needs the training sketches'
    instead = "give prior=model.fit_prior(sketches) with training sketches"
    if not (config.fingerprint and config.data_dir):
        raise ArgumentError(f"{needs}, and this model does not say which they are: {instead}")
    try:
        data = load_data_set(
            list(config.hparams.data_set),
            config.data_dir,
            max_seq_len=config.max_seq_len,
            normalizing_factor=config.normalizing_factor,
            report=report_unpacking,
        )
    except DataError as error:
        raise ArgumentError(f"{needs}, which cannot be read: {error}; or {instead}") from None
    if data.fingerprint != config.fingerprint:
        raise ArgumentError(
            f"{needs}, but the data in {config.data_dir} are not those this model was trained on: "
            f"{instead}"
        )
    return some_of(data.train)


def some_of(sketches: SketchSet) -> SketchSet:
    """Return at most `MOST` of the sketches, evenly spaced, as data sets may be sorted.

    >>> len(some_of(SketchSet.from_sketches([[[1, 0, 1]]] * 3000)))
    2000
    """
    return sketches.take(evenly_spread(len(sketches), MOST))
