"""Magenta's TensorFlow 1 variables: their names and layout, and how they map to ours.

Magenta concatenates the decoder's state in an order that differs by cell, and stores each embedding
of the hyper cell as a small matrix of its own. Only this module knows that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from magenta_sketch._backend import keras
from magenta_sketch.data.strokes import STROKE_WIDTH
from magenta_sketch.errors import ModelFileError
from magenta_sketch.nn.cells import HYPER_UNITS
from magenta_sketch.nn.sketch_rnn import SketchRNN

PREFIX = "vector_rnn/"
_CELL_NAMES = {"lstm": "LSTMCell", "layer_norm": "LayerNormLSTMCell", "hyper": "HyperLSTMCell"}
_PARTS = ("ix", "jx", "fx", "ox", "ih", "jh", "fh", "oh")
_LAYER_NORM = (
    ("gates_gamma", "ln_all/ln_gamma"),
    ("gates_beta", "ln_all/ln_beta"),
    ("cell_gamma", "ln_c/ln_gamma"),
    ("cell_beta", "ln_c/ln_beta"),
)

Arrays = Mapping[str, np.ndarray]


def state_order(cell: str, units: int) -> np.ndarray:
    """Return the columns of Magenta's concatenated state in our order (h, c[, hyper h, hyper c]).

    ``original[..., state_order(cell, units)]`` is our concatenated state. Magenta's order is [c, h]
    for lstm, [h, c] for layer_norm and [h, hyper h, c, hyper c] for hyper.
    """
    if cell == "lstm":
        starts = [(units, units), (0, units)]
    elif cell == "layer_norm":
        starts = [(0, units), (units, units)]
    else:
        hyper = HYPER_UNITS
        starts = [(0, units), (units + hyper, units), (units, hyper), (2 * units + hyper, hyper)]
    return np.concatenate([np.arange(start, start + size) for start, size in starts])


class _Entry:
    """How one of our variables is made from Magenta's, and the reverse."""

    def __init__(
        self,
        variable: keras.Variable,
        names: Sequence[str],
        join: Callable[[list[np.ndarray]], np.ndarray],
        split: Callable[[np.ndarray], Sequence[np.ndarray]],
    ):
        self.variable, self.names, self.join, self.split = variable, names, join, split


def _same(variable: keras.Variable, name: str) -> _Entry:
    return _Entry(variable, [name], lambda arrays: arrays[0], lambda array: [array])


def _blocks(variable: keras.Variable, names: Sequence[str], axis: int) -> _Entry:
    """Map a variable to several matrices that are side by side along ``axis``."""
    return _Entry(
        variable,
        names,
        lambda arrays: np.concatenate(arrays, axis=axis),
        lambda array: np.split(array, len(names), axis=axis),
    )


def _stack(variable: keras.Variable, names: Sequence[str]) -> _Entry:
    return _Entry(variable, names, np.stack, list)


def _permuted(variable: keras.Variable, name: str, order: np.ndarray) -> _Entry:
    inverse = np.argsort(order)
    return _Entry(
        variable, [name], lambda arrays: arrays[0][..., order], lambda a: [a[..., inverse]]
    )


def _cell_entries(cell: keras.layers.Layer, kind: str, prefix: str) -> list[_Entry]:
    prefix = f"{prefix}{_CELL_NAMES[kind]}/"
    entries = [
        _same(cell.kernel, prefix + "W_xh"),
        _same(cell.recurrent_kernel, prefix + "W_hh"),
    ]
    if kind in ("lstm", "hyper"):
        entries.append(_same(cell.bias, prefix + "bias"))
    if kind in ("layer_norm", "hyper"):
        entries += [_same(getattr(cell, ours), prefix + theirs) for ours, theirs in _LAYER_NORM]
    if kind == "hyper":
        entries += _cell_entries(cell.hyper_cell, "layer_norm", prefix)

        def names(parts: Sequence[str], layer: str, letter: str) -> list[str]:
            return [f"{prefix}hyper_{part}/{layer}/super_linear_{letter}" for part in parts]

        recurrent_parts = _PARTS[4:]
        entries += [
            _blocks(cell.scale_embedding, names(_PARTS, "zw", "w"), axis=1),
            _blocks(cell.scale_embedding_bias, names(_PARTS, "zw", "b"), axis=0),
            _stack(cell.scale_kernel, names(_PARTS, "alpha", "w")),
            _blocks(cell.shift_embedding, names(recurrent_parts, "zb", "w"), axis=1),
            _stack(cell.shift_kernel, names(recurrent_parts, "beta", "w")),
        ]
    return entries


def _dense_entries(dense: keras.layers.Dense, prefix: str) -> list[_Entry]:
    return [
        _same(dense.kernel, prefix + "super_linear_w"),
        _same(dense.bias, prefix + "super_linear_b"),
    ]


def _entries(model: SketchRNN) -> list[_Entry]:
    hps, decoder, encoder = model.hparams, model.decoder, model.encoder
    entries: list[_Entry] = []
    if encoder is not None:
        for cell, direction in ((encoder.forward_cell, "fw"), (encoder.backward_cell, "bw")):
            entries += _cell_entries(cell, hps.enc_model, f"{PREFIX}ENC_RNN/{direction}/")
        entries += _dense_entries(encoder.mu, f"{PREFIX}ENC_RNN_mu/")
        entries += _dense_entries(encoder.presig, f"{PREFIX}ENC_RNN_sigma/")
        order = state_order(hps.dec_model, hps.dec_rnn_size)
        dense: Any = decoder.state_dense
        entries += [
            _permuted(dense.kernel, f"{PREFIX}linear/super_linear_w", order),
            _permuted(dense.bias, f"{PREFIX}linear/super_linear_b", order),
        ]
    entries += [
        _same(decoder.output_kernel, f"{PREFIX}RNN/output_w"),
        _same(decoder.output_bias, f"{PREFIX}RNN/output_b"),
    ]
    return entries + _cell_entries(decoder.rnn_cell, hps.dec_model, f"{PREFIX}RNN/")


def from_original(model: SketchRNN, arrays: Arrays) -> dict[int, np.ndarray]:
    """Return ``{id(variable): array in its layout}`` for every variable of ``model``.

    Args:
      model: the network.
      arrays: Magenta's name -> array; names that the model does not need are ignored.

    Raises:
      ValueError: a name is missing or a shape differs.
    """
    values = {}
    for entry in _entries(model):
        missing = [name for name in entry.names if name not in arrays]
        if missing:
            raise ValueError(f"the variable {missing[0]} is not among the {len(arrays)} given")
        value = entry.join([np.asarray(arrays[name]) for name in entry.names])
        if tuple(value.shape) != tuple(entry.variable.shape):
            raise ValueError(
                f"{entry.names[0]}: the shape {tuple(value.shape)} does not fit the "
                f"model's {entry.variable.path} {tuple(entry.variable.shape)}"
            )
        values[id(entry.variable)] = value
    return values


def load_variables(model: SketchRNN, arrays: Arrays) -> None:
    """Set every variable of ``model`` from ``arrays``: Magenta's name -> array.

    Raises:
      ValueError: a name is missing or a shape differs. Nothing is set then.
    """
    values = from_original(model, arrays)
    for variable in model.trainable_variables:
        variable.assign(values[id(variable)])


def require_plain_z(model: SketchRNN) -> None:
    """Check that the decoder is given z itself, as in all formats of other programs.

    Raises:
      ModelFileError: the model has another decoder_z_scale than 1.
    """
    factor = model.hparams.decoder_z_scale
    if model.encoder is not None and factor != 1.0:
        raise ModelFileError(
            f"this model's decoder takes {factor:g} times z (decoder_z_scale), which the models of "
            "other programs cannot: save it as a .keras file"
        )


def to_original(
    model: SketchRNN, values: Mapping[int, np.ndarray] | None = None
) -> dict[str, np.ndarray]:
    """Return ``{Magenta's name: array}`` for the model's variables.

    Args:
      model: the network.
      values: id(variable) -> another array in the variable's layout, such as its gradient, to
        return in Magenta's layout instead.
    """
    original: dict[str, np.ndarray] = {}
    for entry in _entries(model):
        array = entry.variable.numpy() if values is None else values[id(entry.variable)]
        original.update(zip(entry.names, entry.split(np.asarray(array)), strict=True))
    return original


def architecture(shapes: Mapping[str, Sequence[int]]) -> dict[str, Any]:
    """Return the hyperparameters that follow from the shapes of Magenta's variables, by name.

    These are conditional, dec_model, dec_rnn_size, num_mixture, and for a conditional model
    enc_model, enc_rnn_size and z_size.

    Raises:
      ValueError: a variable is missing, or has a shape that no model has.
    """

    def shape(name: str) -> tuple[int, int]:
        found = tuple(shapes.get(PREFIX + name, ()))
        if len(found) != 2:
            what = f"has the shape {list(found)}" if found else "is missing"
            raise ValueError(f"the variable {PREFIX}{name} {what}, expected a matrix")
        return found

    def cell(place: str) -> str:
        for kind, name in _CELL_NAMES.items():
            if f"{PREFIX}{place}/{name}/W_hh" in shapes:
                return kind
        known = ", ".join(_CELL_NAMES.values())
        raise ValueError(f"{PREFIX}{place} holds none of the cells {known}")

    def fits(place: str, kind: str, inputs: int, units: int) -> None:
        # Checked before a network is made, because wrong sizes may take all the memory.
        prefix = f"{place}/{_CELL_NAMES[kind]}"
        for name, expected in (("W_xh", (inputs, 4 * units)), ("W_hh", (units, 4 * units))):
            found = shape(f"{prefix}/{name}")
            if found != expected:
                raise ValueError(
                    f"the variable {PREFIX}{prefix}/{name} has the shape {list(found)}, expected "
                    f"{list(expected)}"
                )

    dec_model = cell("RNN")
    units, width = shape("RNN/output_w")
    if width < 9 or (width - 3) % 6:
        raise ValueError(f"{PREFIX}RNN/output_w has {width} columns, expected 3 + 6·num_mixture")
    found: dict[str, Any] = {
        "conditional": PREFIX + "ENC_RNN_mu/super_linear_w" in shapes,
        "dec_model": dec_model,
        "dec_rnn_size": units,
        "num_mixture": (width - 3) // 6,
    }
    if found["conditional"]:
        enc_model = cell("ENC_RNN/fw")
        found |= {
            "enc_model": enc_model,
            "enc_rnn_size": shape(f"ENC_RNN/fw/{_CELL_NAMES[enc_model]}/W_hh")[0],
            "z_size": shape("ENC_RNN_mu/super_linear_w")[1],
        }
        fits("ENC_RNN/fw", enc_model, STROKE_WIDTH, found["enc_rnn_size"])
    fits("RNN", dec_model, STROKE_WIDTH + found.get("z_size", 0), units)
    return found
