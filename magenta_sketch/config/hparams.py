"""The hyperparameters of a run: one immutable value, checked whenever it is made.

Every field of `HParams` is declared once, with its default, type, range, role and meaning; see
`magenta_sketch.config.options`. Whatever is wrong raises `HParamsError`, one line that names the
parameter, the rule, what came and what to do. The grammar of the ``--hparams`` string is in
`magenta_sketch.config.hparams_string`.
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
    """All hyperparameters of a run, with Magenta's names and defaults; hashable.

    Lists are converted to tuples and whole numbers given for a float to floats. Raises
    `HParamsError` when a value breaks its rule. `HParams.describe()` lists the rules.

    >>> HParams(scale=2).scale
    2.0
    """

    data_set: tuple[str, ...] = option(
        ("aaron_sheep.npz",), Names(), "files of the data set, joined into one", Role.DATA
    )
    num_steps: int = option(
        10_000_000, Whole(), "training ends after this many steps", Role.MAY_CHANGE
    )
    save_every: int = option(
        500, Whole(), "steps between evaluations, each with a checkpoint", Role.MAY_CHANGE
    )
    max_seq_len: int = option(
        250, _SIZE, "accepted for compatibility, the data decide it", Role.DERIVED
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
    kl_weight: float = option(
        0.5, Real(NOT_NEGATIVE), "weight of the KL term in the cost, in the end"
    )
    kl_weight_start: float = option(0.01, Real(NOT_NEGATIVE), "weight of the KL term at step 0")
    kl_tolerance: float = option(
        0.2, Real(NOT_NEGATIVE), "KL below this is not reduced further, in nats"
    )
    batch_size: int = option(100, _SIZE, "sketches in a training batch")
    grad_clip: float = option(1.0, Real(POSITIVE), "each entry of a gradient is clipped to +- this")
    num_mixture: int = option(
        20, _SIZE, "Gaussians in the mixture for a pen offset", Role.ARCHITECTURE
    )
    learning_rate: float = option(0.001, Real(POSITIVE), "learning rate at step 0")
    decay_rate: float = option(0.9999, Real(DECAY), "decay of the learning rate, per step")
    kl_decay_rate: float = option(
        0.99995, Real(DECAY), "decay of the KL weight's distance from kl_weight, per step"
    )
    min_learning_rate: float = option(
        1e-05, Real(NOT_NEGATIVE), "learning rate in the end, at most learning_rate"
    )
    use_recurrent_dropout: bool = option(
        True, Switch(), "dropout of cell candidates, encoder and decoder"
    )
    recurrent_dropout_prob: float = option(
        0.9, Real(KEEP_PROBABILITY), "probability to keep a value under recurrent dropout"
    )
    use_input_dropout: bool = option(False, Switch(), "dropout of the decoder's input")
    input_dropout_prob: float = option(
        0.9, Real(KEEP_PROBABILITY), "probability to keep a value under input dropout"
    )
    use_output_dropout: bool = option(False, Switch(), "dropout of the decoder's output")
    output_dropout_prob: float = option(
        0.9, Real(KEEP_PROBABILITY), "probability to keep a value under output dropout"
    )
    random_scale_factor: float = option(
        0.15, Real(FRACTION_BELOW_1), "training sketches are stretched by up to this fraction"
    )
    augment_stroke_prob: float = option(
        0.1, Real(PROBABILITY), "probability to drop a point inside a stroke, in training"
    )
    conditional: bool = option(
        True, Switch(), "with an encoder; false trains a decoder alone", Role.ARCHITECTURE
    )
    is_training: bool = option(
        True, Switch(), "accepted for compatibility, without effect", Role.DERIVED
    )
    scale: float = option(
        1.0,
        Real(NOT_NEGATIVE),
        "standard deviation of the noise in z, 0 makes z the mean",
        needs="conditional",
    )
    reg_covar: float = option(
        0.0,
        Real(NOT_NEGATIVE),
        "added to the mixture's variances in the loss, 0 is Magenta's loss",
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

    # Keep probabilities as the model takes them: 1 where that dropout is switched off.

    @property
    def recurrent_keep_prob(self) -> float:
        """Probability to keep a cell candidate, in (0, 1]."""
        return self.recurrent_dropout_prob if self.use_recurrent_dropout else 1.0

    @property
    def input_keep_prob(self) -> float:
        """Probability to keep a value of the decoder's input, in (0, 1]."""
        return self.input_dropout_prob if self.use_input_dropout else 1.0

    @property
    def output_keep_prob(self) -> float:
        """Probability to keep a value of the decoder's output, in (0, 1]."""
        return self.output_dropout_prob if self.use_output_dropout else 1.0

    # ------------------------------------------------------------------------------- values

    @classmethod
    def parse(cls, text: str | Sequence[str], base: HParams | None = None) -> HParams:
        """Return ``base`` (default: the defaults) with the settings of the --hparams string(s).

        Several strings are read in order and later ones win. Raises `HParamsError`.

        >>> HParams.parse("scale=2, num_steps=10").num_steps
        10
        """
        return (cls() if base is None else base).replace(**cls.parse_assignments(text))

    @classmethod
    def parse_assignments(
        cls, text: str | Sequence[str], flags: Iterable[str] = ()
    ) -> dict[str, Any]:
        """Return what the --hparams string(s) set, by name; see `hparams_string`."""
        return hparams_string.parse_assignments(cls, text, flags)

    @classmethod
    def describe(cls) -> str:
        """Return one line for each hyperparameter: name=default, meaning and rule."""
        return "\n".join(
            f"{example(cls, name)}: {declared.help}; {declared.rule}"
            for name, declared in options_of(cls).items()
        )

    def replace(self, **changes: Any) -> HParams:
        """Return a copy with ``changes``. Raises `HParamsError`, for an unknown name too."""
        for name in changes:
            require_known(name, options_of(self))
        return dataclasses.replace(self, **changes)

    # --------------------------------------------------------------------------------- JSON

    def to_dict(self) -> dict[str, Any]:
        """Return all values under their names, in the types of JSON (lists for tuples)."""
        return to_json_types({name: getattr(self, name) for name in options_of(self)})

    def to_json(self) -> str:
        """Return the text of a model_config.json: one JSON object, a line for each name."""
        return json.dumps(self.to_dict(), indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> HParams:
        """Return what `to_dict` was made of; omitted names take their defaults.

        Raises:
          HParamsError: an unknown name, a value that cannot be used, or not a mapping.
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
        """Return the hyperparameters of a model_config.json, Magenta's as well.

        Raises:
          HParamsError: the text is not JSON, or as `from_dict`.
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
        except (ValueError, RecursionError):  # bytes that are no text, huge numbers, deep nesting
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
