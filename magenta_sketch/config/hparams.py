"""The hyperparameters of a run: one immutable value, checked when it is made.

Each field of `HParams` is declared once, with default, type, range, role and help
(`magenta_sketch.config.options`). `magenta_sketch.config.hparams_string` describes the
``--hparams`` string. All errors are `HParamsError`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from magenta_sketch.config import hparams_string
from magenta_sketch.config.kinds import (
    DECAY,
    FRACTION_BELOW_1,
    KEEP_PROBABILITY,
    LARGEST_SIZE,
    NOT_NEGATIVE,
    POSITIVE,
    PROBABILITY,
    Choice,
    Names,
    Real,
    Switch,
    Whole,
    show,
)
from magenta_sketch.config.options import (
    Role,
    check_fields,
    example,
    option,
    options_of,
    require_known,
    to_json_types,
)
from magenta_sketch.errors import HParamsError

_SIZE = Whole(LARGEST_SIZE)
_CELL = Choice("lstm", "layer_norm", "hyper")


@dataclasses.dataclass(frozen=True, kw_only=True)
class HParams:
    """All hyperparameters of a run, with Magenta's names and defaults; immutable and hashable.

    Lists become tuples, and whole numbers become floats in float fields. `HParams.describe()`
    lists the rules.

    Raises:
      HParamsError: a value breaks its rule.

    >>> HParams(scale=2).scale
    2.0
    """

    data_set: tuple[str, ...] = option(
        ("aaron_sheep.npz",),
        Names(),
        "files of the data set, joined; *.npz and @list.txt name several",
        Role.DATA,
    )
    num_steps: int = option(10_000_000, Whole(), "number of training steps", Role.MAY_CHANGE)
    save_every: int = option(
        500, Whole(), "steps between two evaluations; each writes a checkpoint", Role.MAY_CHANGE
    )
    max_seq_len: int = option(
        250,
        _SIZE,
        "drop sketches with more points, if it is given; else the longest sketch decides it",
        Role.DERIVED,
    )
    dec_rnn_size: int = option(512, _SIZE, "units of the decoder", Role.ARCHITECTURE)
    dec_model: str = option("lstm", _CELL, "cell of the decoder", Role.ARCHITECTURE)
    enc_rnn_size: int = option(
        256,
        _SIZE,
        "units of the encoder, in each direction",
        Role.ARCHITECTURE,
        needs="conditional",
    )
    enc_model: str = option(
        "lstm", _CELL, "cell of the encoder", Role.ARCHITECTURE, needs="conditional"
    )
    z_size: int = option(
        128, _SIZE, "length of the latent vector z", Role.ARCHITECTURE, needs="conditional"
    )
    kl_weight: float = option(0.5, Real(NOT_NEGATIVE), "final weight of the KL term in the cost")
    kl_weight_start: float = option(0.01, Real(NOT_NEGATIVE), "weight of the KL term at step 0")
    kl_tolerance: float = option(
        0.2, Real(NOT_NEGATIVE), "the KL term counts as at least this, in nats"
    )
    batch_size: int = option(100, _SIZE, "sketches in a batch")
    grad_clip: float = option(
        1.0, Real(POSITIVE), "each gradient entry is clipped to +- this value"
    )
    num_mixture: int = option(
        20, _SIZE, "Gaussians in the mixture of pen offsets", Role.ARCHITECTURE
    )
    learning_rate: float = option(0.001, Real(POSITIVE), "learning rate at step 0")
    decay_rate: float = option(0.9999, Real(DECAY), "decay of the learning rate per step")
    kl_decay_rate: float = option(
        0.99995, Real(DECAY), "decay per step of the KL weight's distance to kl_weight"
    )
    min_learning_rate: float = option(
        1e-05, Real(NOT_NEGATIVE), "final learning rate, at most learning_rate"
    )
    use_recurrent_dropout: bool = option(
        True, Switch(), "dropout of the candidate values in all cells"
    )
    recurrent_dropout_prob: float = option(
        0.9, Real(KEEP_PROBABILITY), "probability to keep a value in recurrent dropout"
    )
    use_input_dropout: bool = option(False, Switch(), "dropout of the decoder's input")
    input_dropout_prob: float = option(
        0.9, Real(KEEP_PROBABILITY), "probability to keep a value in input dropout"
    )
    use_output_dropout: bool = option(False, Switch(), "dropout of the decoder's output")
    output_dropout_prob: float = option(
        0.9, Real(KEEP_PROBABILITY), "probability to keep a value in output dropout"
    )
    random_scale_factor: float = option(
        0.15,
        Real(FRACTION_BELOW_1),
        "training sketches are scaled at random by up to this fraction",
    )
    augment_stroke_prob: float = option(
        0.1, Real(PROBABILITY), "probability to drop a point inside a stroke in training"
    )
    conditional: bool = option(
        True, Switch(), "with an encoder; false: only a decoder", Role.ARCHITECTURE
    )
    is_training: bool = option(
        True, Switch(), "accepted for compatibility; no effect", Role.DERIVED
    )
    scale: float = option(
        1.0,
        Real(NOT_NEGATIVE),
        "standard deviation of the noise in z; with 0, z is mu",
        needs="conditional",
    )
    reg_covar: float = option(
        0.0,
        Real(NOT_NEGATIVE),
        "added to the mixture's variances in the loss; 0: Magenta's loss",
    )
    kl_mu_weight: float = option(
        1.0,
        Real(NOT_NEGATIVE),
        "weight of mu² in the KL term; 1: Magenta's. For studies: 1/scale² gives the KL to "
        "N(0, scale²), which is the distribution of the noise alone",
        needs="conditional",
    )
    decoder_z_scale: float = option(
        1.0,
        Real(POSITIVE),
        "the decoder is given z times this; 1: Magenta's. For studies",
        Role.ARCHITECTURE,
        needs="conditional",
    )

    def __new__(cls, **values: Any) -> HParams:
        """Refuse names that are none before Python's constructor does, which knows no nearest."""
        for name in values:
            require_known(name, options_of(cls))
        return super().__new__(cls)

    def __post_init__(self) -> None:
        check_fields(self)
        if self.min_learning_rate > self.learning_rate:
            raise HParamsError(
                f"min_learning_rate must be <= learning_rate, got {self.min_learning_rate} > "
                f"{self.learning_rate}; lower min_learning_rate or raise learning_rate"
            )

    # Keep probabilities for the model: 1 if that dropout is off.

    @property
    def recurrent_keep_prob(self) -> float:
        """Return the probability to keep a cell's candidate value, in (0, 1]."""
        return self.recurrent_dropout_prob if self.use_recurrent_dropout else 1.0

    @property
    def input_keep_prob(self) -> float:
        """Return the probability to keep a value of the decoder's input, in (0, 1]."""
        return self.input_dropout_prob if self.use_input_dropout else 1.0

    @property
    def output_keep_prob(self) -> float:
        """Return the probability to keep a value of the decoder's output, in (0, 1]."""
        return self.output_dropout_prob if self.use_output_dropout else 1.0

    # ------------------------------------------------------------------------------- values

    @classmethod
    def parse(cls, text: str | Sequence[str], base: HParams | None = None) -> HParams:
        """Return ``base`` (or the defaults) with the settings of one or more --hparams strings.

        If there are several strings, later ones win.

        Raises:
          HParamsError: a string is malformed, or a name or value is invalid.

        >>> HParams.parse("scale=2, num_steps=10").num_steps
        10
        """
        return (cls() if base is None else base).replace(**cls.parse_assignments(text))

    @classmethod
    def parse_assignments(
        cls, text: str | Sequence[str], flags: Iterable[str] = ()
    ) -> dict[str, Any]:
        """Return the settings in one or more --hparams strings by name; see `hparams_string`.

        >>> HParams.parse_assignments("scale=2")
        {'scale': 2.0}
        """
        return hparams_string.parse_assignments(cls, text, flags)

    @classmethod
    def describe(cls) -> str:
        """Return one line for each hyperparameter: name=default, help and rule."""
        return "\n".join(
            f"{example(cls, name)}: {declared.help}; {declared.rule}"
            for name, declared in options_of(cls).items()
        )

    def replace(self, **changes: Any) -> HParams:
        """Return a copy with ``changes``.

        Raises:
          HParamsError: a name is unknown or a value is invalid.

        >>> HParams().replace(scale=0).scale
        0.0
        """
        for name in changes:
            require_known(name, options_of(self))
        return dataclasses.replace(self, **changes)

    # --------------------------------------------------------------------------------- JSON

    def to_dict(self) -> dict[str, Any]:
        """Return all values by name, in JSON types (lists for tuples)."""
        return to_json_types({name: getattr(self, name) for name in options_of(self)})

    def to_json(self) -> str:
        """Return the text of model_config.json: one JSON object, one line for each name."""
        return json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> HParams:
        """Return the hyperparameters in ``values``; omitted names get their defaults.

        Raises:
          HParamsError: a name is unknown, a value is invalid, or ``values`` is not a mapping.
        """
        if isinstance(values, list) and values and all(name in options_of(cls) for name in values):
            raise HParamsError(
                "hyperparameters must be a JSON object, got a list of their names without values, "
                "as current versions of Magenta write model_config.json; replace it by an object "
                'with the values of that run, such as {"dec_model": "lstm"}'
            )
        if not isinstance(values, Mapping):
            raise HParamsError(
                f"hyperparameters must be a JSON object, got {show(values)}; "
                'write name and value, such as {"dec_model": "lstm"}'
            )
        known = options_of(cls)
        return cls().replace(
            **{require_known(name, known): value for name, value in values.items()}
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> HParams:
        """Return the hyperparameters in a model_config.json, also in one of Magenta's.

        Raises:
          HParamsError: the text is not JSON, or as in `from_dict`.

        >>> HParams.from_json('{"scale": 2}').scale
        2.0
        """
        try:
            values = json.loads(
                text, parse_constant=_refuse_constant, object_pairs_hook=_refuse_repeated
            )
        except HParamsError:
            raise
        except json.JSONDecodeError as error:
            raise HParamsError(
                f"hyperparameters are not valid JSON: {error.msg} at line {error.lineno}, "
                f"character {error.colno}; correct the file or restore it from a copy"
            ) from None
        except (ValueError, RecursionError):  # not UTF-8, a huge number, or deep nesting
            raise HParamsError(
                "hyperparameters are not usable JSON (not UTF-8, nested too deeply, or a number "
                "too large); correct the file or restore it from a copy"
            ) from None
        return cls.from_dict(values)


def _refuse_constant(constant: str) -> None:
    raise HParamsError(f"hyperparameters must be finite, got {constant}; correct the JSON")


def _refuse_repeated(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise HParamsError(f"{show(repeated)} stands more than once in the JSON; keep one of them")
    return values
