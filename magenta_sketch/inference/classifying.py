"""Trained models as a classifier: which of them gives a sketch the highest probability?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from magenta_sketch.data.sketch_set import Sketches
from magenta_sketch.errors import ArgumentError
from magenta_sketch.inference.trained_model import TrainedModel


class Classification(NamedTuple):
    """Classes of sketches, from `classify`.

    Attributes:
      names: the classes, in the order of the columns.
      log_probs: log probability of each sketch in each class, [n, classes], in nats.
      probabilities: of each class given the sketch, [n, classes]; rows add up to 1.
      sizes: factors by which sketches were scaled, [n, classes]; 1 without fit_size.

    >>> given = {"log_probs": np.zeros((1, 2)), "sizes": np.ones((1, 2))}
    >>> Classification(["cat", "dog"], probabilities=np.array([[0.3, 0.7]]), **given).best
    ['dog']
    """

    names: list[str]
    log_probs: NDArray[np.float64]
    probabilities: NDArray[np.float64]
    sizes: NDArray[np.float64]

    @property
    def best(self) -> list[str]:
        """The most probable class of each sketch."""
        return [self.names[i] for i in np.argmax(self.probabilities, axis=1)]


def classify(
    sketches: Sketches,
    models: Mapping[str, TrainedModel],
    *,
    priors: Mapping[str, float] | None = None,
    **how: Any,
) -> Classification:
    """Classify sketches by Bayes' rule, with a model for each class.

    Args:
      sketches: stroke-3 arrays [n, 3] in data units, or a `SketchSet`.
      models: a model for each class, by its name.
      priors: probability of each class before the sketch is seen, above 0; they are divided by
        their sum. None: equal.
      how: arguments of `TrainedModel.log_prob`. fit_size is right for sketches of other sizes than
        those that the models were trained on.

    Raises:
      ValueError: there are no models, priors do not fit them, a model does not know its units, or
        as for `log_prob`.

    >>> models = {"bird": magenta_sketch.load("bird.gen.json")}
    >>> magenta_sketch.classify([np.array([[3, 0, 1]])], models).probabilities.tolist()
    [[1.0]]
    """
    if not models:
        raise ArgumentError("models is empty: give a model for each class")
    for name, model in models.items():
        if not (model.units_known or how.get("fit_size")):
            raise ArgumentError(
                f"the model of {name} does not know its normalizing factor, so its densities "
                "cannot be compared: use with_normalizing_factor, or fit_size=True"
            )
    log_priors = np.log(_checked(priors, list(models)))
    found = [model.log_prob(sketches, **how) for model in models.values()]
    log_probs = np.stack([one.per_sketch for one in found], axis=1)
    joint = log_probs + log_priors
    weights = np.exp(joint - joint.max(axis=1, keepdims=True))
    return Classification(
        list(models),
        log_probs,
        weights / weights.sum(axis=1, keepdims=True),
        np.stack([one.size for one in found], axis=1),
    )


def _checked(priors: Mapping[str, float] | None, names: list[str]) -> NDArray[np.float64]:
    if priors is None:
        return np.full(len(names), 1.0 / len(names))
    if set(priors) != set(names):
        raise ArgumentError(
            f"priors must be of the models' classes, {', '.join(names)}, got {', '.join(priors)}"
        )
    values = np.array([priors[name] for name in names], np.float64)
    if not (np.isfinite(values).all() and (values > 0).all()):
        raise ArgumentError(f"priors must be finite and above 0, got {dict(priors)}")
    return values / values.sum()
