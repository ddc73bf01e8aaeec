"""What seeds are for: one list of all uses of randomness, so that no two share their numbers.

Every draw is a stateless function of a run's seed, a step (or a number in its place) and a
`Purpose`. Network code makes tables of seeds of these (`magenta_sketch.nn.randomness`), the batches
a NumPy generator. The numbers are part of what makes an old run resume to the bit: never change
one, add new ones.
"""

from __future__ import annotations

import enum


class Purpose(enum.IntEnum):
    """What a draw is made for."""

    TRAINING = 0  # masks and latent noise of a training step
    VALIDATION = 1  # latent noise of a validation
    TEST = 2
    SAMPLING = 3  # points of drawings
    ENCODING = 4  # latent noise of `TrainedModel.encode`
    PRIOR = 5  # latent vectors of new sketches
    LOSSES = 6  # latent noise of `TrainedModel.losses`
    BATCH = 0x6261746368  # choice and augmentation of a training batch


class Draw(enum.IntEnum):
    """Rows of a seed table: the independent uses of randomness within a step."""

    ENCODER_FORWARD = 0  # recurrent-dropout masks of the forward cell
    ENCODER_BACKWARD = 1
    DECODER = 2  # recurrent-dropout masks
    INPUT = 3  # dropout of the decoder's input
    OUTPUT = 4
    LATENT = 5  # noise of z


# Initial weights: what a number beside a seed stands for, from the model down to its layers.


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
