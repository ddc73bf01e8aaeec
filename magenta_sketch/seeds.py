"""All uses of randomness in one list, so that no two share random numbers.

Every draw is a stateless function of the run's seed, a step (or another number) and a `Purpose`.
The network makes seed tables of these (`magenta_sketch.nn.randomness`); batches use a NumPy
generator. Exact resume of old runs depends on the numbers: never change one, only add new ones.
"""

from __future__ import annotations

import enum


class Purpose(enum.IntEnum):
    """The purpose of a draw."""

    TRAINING = 0  # masks and latent noise of a training step
    VALIDATION = 1  # latent noise of a validation
    TEST = 2
    SAMPLING = 3  # points of drawings
    ENCODING = 4  # latent noise of `TrainedModel.encode`
    PRIOR = 5  # latent vectors of new sketches
    LOSSES = 6  # latent noise of `TrainedModel.losses`
    LOG_PROB = 7  # latent noise of `TrainedModel.log_prob`
    BATCH = 0x6261746368  # choice and augmentation of a training batch


class Draw(enum.IntEnum):
    """Rows of a seed table: the independent draws of one step."""

    ENCODER_FORWARD = 0  # recurrent-dropout masks of the forward cell
    ENCODER_BACKWARD = 1
    DECODER = 2  # recurrent-dropout masks
    INPUT = 3  # dropout of the decoder's input
    OUTPUT = 4
    LATENT = 5  # noise of z


# Numbers that, with a seed, give initial weights: first the part of the model, then the layer.


class ModelPart(enum.IntEnum):
    """Parts of a model."""

    ENCODER = 0
    DECODER = 1


class EncoderPart(enum.IntEnum):
    """Parts of an encoder."""

    FORWARD_CELL = 0
    BACKWARD_CELL = 1
    MU = 2
    PRESIG = 3


class DecoderPart(enum.IntEnum):
    """Parts of a decoder."""

    CELL = 0
    STATE_DENSE = 1
    OUTPUT_KERNEL = 2
    OUTPUT_BIAS = 3
