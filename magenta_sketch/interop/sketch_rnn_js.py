"""Model files of Sketch-RNN-JS, which @magenta/sketch and ml5 read too: read and write them.

A file is a JSON list [info, dims, blobs]. info holds name, mode, version, max_seq_len and
scale_factor (the normalizing factor: pixels in one model unit). dims are the shapes of the weights.
blobs are the weights: each is the base64 of little-endian int16 numbers v, for weights 10·v /
32767. So weights are within ±10, and about 3e-4 apart. They are those of a Magenta lstm model, in
the order of `_NAMES`. A decoder-only file (mode 2) has only the last five; a conditional one (mode
0 or 1) has all.
"""

from __future__ import annotations

import base64
import dataclasses
import json
import math
import os
import pathlib
import reprlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from magenta_sketch.config.hparams import HParams
from magenta_sketch.errors import HParamsError, ModelFileError
from magenta_sketch.files import read_text, write_bytes
from magenta_sketch.interop import magenta_tf1
from magenta_sketch.interop.foreign import ForeignModel, hparams_of
from magenta_sketch.nn.sketch_rnn import SketchRNN

LARGEST_WEIGHT = 10.0
_LARGEST_INT = 32767
VERSION = 6
_VERSION_OF_TANH_Z = 5
BROWSER_MIXTURE = 20  # mixture components: browser libraries expect this number in every model

_LSTM = ("LSTMCell/W_xh", "LSTMCell/W_hh", "LSTMCell/bias")
_DENSE = ("super_linear_w", "super_linear_b")
_DECODER = ["RNN/output_w", "RNN/output_b", *(f"RNN/{part}" for part in _LSTM)]
_ENCODER = [
    *(f"ENC_RNN/{direction}/{part}" for direction in ("fw", "bw") for part in _LSTM),
    *(f"{place}/{part}" for place in ("ENC_RNN_mu", "ENC_RNN_sigma", "linear") for part in _DENSE),
]
_NAMES = [magenta_tf1.PREFIX + name for name in (*_ENCODER, *_DECODER)]
_OUTPUT = _NAMES[-len(_DECODER) :][:2]
_MODES = {0: True, 1: True, 2: False}  # mode -> conditional
_MOST_BYTES = 1 << 30  # of a file: a hundred times the largest published one


@dataclasses.dataclass(frozen=True)
class Quantised:
    """How the format has changed the weights.

    Attributes:
      count: the number of weights.
      clipped: how many of them were beyond ±10.
      largest: the largest absolute weight.
      rounding: the largest change of a weight within ±10.

    Example:
      >>> Quantised(count=100, clipped=2, largest=12.5, rounding=0.0001).clipped
      2
    """

    count: int
    clipped: int
    largest: float
    rounding: float


def read(path: str | os.PathLike[str]) -> ForeignModel:
    """Return the model in a Sketch-RNN-JS file of any version, decoder-only or conditional.

    Raises:
      ModelFileError: it is not such a file, or is damaged.

    Example:
      >>> read("bird.gen.json").hparams.max_seq_len
      8
    """
    path = pathlib.Path(path)
    info, dims, blobs = _parse(path)
    conditional = len(blobs) == len(_NAMES)
    names = _NAMES if conditional else _NAMES[-len(_DECODER) :]
    if len(blobs) != len(names) or len(dims) != len(blobs):
        raise ModelFileError(
            f"{path}: {len(dims)} shapes and {len(blobs)} weights; a decoder-only model has "
            f"{len(_DECODER)} of each and a conditional one {len(_NAMES)}"
        )
    mode = _mode(path, info)
    if mode is not None and _MODES[mode] != conditional:
        raise ModelFileError(
            f"{path}: mode {mode} is {'' if _MODES[mode] else 'not '}conditional, but there are "
            f"{len(blobs)} weights"
        )
    arrays = {
        name: _weights(shape, blob, f"{path}: weight {i} ({name.removeprefix(magenta_tf1.PREFIX)})")
        for i, (name, shape, blob) in enumerate(zip(names, dims, blobs, strict=True))
    }
    length = _number(path, info, "max_seq_len", HParams().max_seq_len)
    factor = _number(path, info, "scale_factor", None)
    version = _number(path, info, "version", VERSION)
    try:
        hparams = hparams_of(str(path), arrays, {"max_seq_len": math.ceil(length)})
    except HParamsError as error:
        raise ModelFileError(f"{path}: {error}") from error
    return ForeignModel(
        str(path), arrays, hparams, normalizing_factor=factor, tanh_z=version < VERSION
    )


def _parse(path: pathlib.Path) -> tuple[dict[str, Any], list[Any], list[Any]]:
    try:
        size = path.stat().st_size
        if size > _MOST_BYTES:
            raise ModelFileError(f"{path}: {size:,} bytes are too many for a Sketch-RNN-JS file")
        content = json.loads(read_text(path))
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ModelFileError(f"{path} is not a model: a Sketch-RNN-JS file is JSON text") from error
    except (ValueError, RecursionError) as error:
        raise ModelFileError(
            f"{path} is not a Sketch-RNN-JS file: not valid JSON ({str(error)[:100]})"
        ) from error
    kinds = (dict, list, list)
    if not (
        isinstance(content, list)
        and len(content) == len(kinds)
        and all(isinstance(part, kind) for part, kind in zip(content, kinds, strict=True))
    ):
        raise ModelFileError(
            f"{path} is not a Sketch-RNN-JS file: expected a JSON list of info, shapes and weights"
        )
    return tuple(content)


def _mode(path: pathlib.Path, info: Mapping[str, Any]) -> int | None:
    """Return 0, 1 or 2. None: the mode is missing or a word, and the number of weights decides."""
    mode = info.get("mode")
    if isinstance(mode, str):
        if not mode.strip().isdecimal():
            return None
        mode = int(mode[:9])
    if mode is not None and (type(mode) not in (int, float) or mode not in _MODES):
        raise ModelFileError(f"{path}: mode is {reprlib.repr(mode)[:40]}, expected 0, 1 or 2")
    return mode


def _number(path: pathlib.Path, info: Mapping[str, Any], name: str, default: float | None) -> Any:
    value = info.get(name, default)
    if value is default:
        return default
    usable = isinstance(value, int | float) and not isinstance(value, bool)
    if not usable or not 0 < value < 1e9:  # false for NaN
        raise ModelFileError(
            f"{path}: {name} is {reprlib.repr(value)[:40]}, expected a number above 0"
        )
    return value


def _weights(shape: Any, blob: Any, where: str) -> np.ndarray:
    whole = isinstance(shape, list) and all(type(n) is int and 0 < n < _MOST_BYTES for n in shape)
    if not whole or len(shape) not in (1, 2):
        raise ModelFileError(f"{where}: the shape is {str(shape)[:60]}, expected one or two sizes")
    try:
        data = base64.b64decode(blob, validate=True)
    except (TypeError, ValueError) as error:
        raise ModelFileError(f"{where}: not base64 ({error})") from error
    if len(data) != 2 * math.prod(shape):
        raise ModelFileError(
            f"{where}: {len(data):,} bytes for the shape {shape}, expected {2 * math.prod(shape):,}"
            "; is the file cut short?"
        )
    values = np.frombuffer(data, "<i2").astype(np.float64) * (LARGEST_WEIGHT / _LARGEST_INT)
    return values.astype(np.float32).reshape(shape)


def write(
    path: str | os.PathLike[str],
    model: SketchRNN,
    *,
    name: str,
    max_seq_len: int,
    normalizing_factor: float,
    for_browsers: bool = False,
) -> Quantised:
    """Write a model as a Sketch-RNN-JS file, atomically.

    The file is decoder-only if the model is unconditional, else conditional. Sketch-RNN-JS and ml5
    can read conditional files; @magenta/sketch cannot.

    Args:
      path: the file.
      model: the network.
      name: the model's name in the file.
      max_seq_len: of the model.
      normalizing_factor: pixel units in one model unit.
      for_browsers: whether to write fewer than 20 mixture components as 20, see `widen`.

    Raises:
      ModelFileError: a cell is not lstm, the only cell of the format, the model has
        decoder_z_scale, or a weight is not finite.
      OSError: the file cannot be written.

    Example:
      >>> model = magenta_sketch.load("bird.gen.json").model
      >>> write("a.gen.json", model, name="a", max_seq_len=8, normalizing_factor=2.0).clipped
      0
    """
    require_lstm(model.hparams)
    magenta_tf1.require_plain_z(model)
    arrays = magenta_tf1.to_original(model)
    if for_browsers:
        arrays |= zip(_OUTPUT, widen(*(arrays[name] for name in _OUTPUT)), strict=True)
    names = _NAMES if model.encoder is not None else _NAMES[-len(_DECODER) :]
    version = _VERSION_OF_TANH_Z if model.config.tanh_z else VERSION
    return write_arrays(
        path,
        [arrays[name] for name in names],
        name=name,
        max_seq_len=max_seq_len,
        normalizing_factor=normalizing_factor,
        version=version,
    )


def widen(kernel: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return an output layer with `BROWSER_MIXTURE` components that gives the same mixture.

    Browser libraries expect this number in every model. Each component is repeated n times and its
    weight pi shared among the copies: log n is subtracted from its logit. If M does not divide 20,
    n differs by one between components. The mixture is then the same at temperature 1 only, and
    nearly the same at others.

    Args:
      kernel: [H, 3 + 6·M].
      bias: [3 + 6·M].

    Returns:
      Both for M = 20; unchanged if M is 20 or more.

    Example:
      >>> kernel, bias = widen(np.zeros((4, 9)), np.zeros(9))
      >>> kernel.shape, bias.shape
      ((4, 123), (123,))
    """
    components = (len(bias) - 3) // 6
    if components >= BROWSER_MIXTURE:
        return kernel, bias
    copied = np.sort(np.arange(BROWSER_MIXTURE) % components)
    parts = [np.arange(3), *(3 + part * components + copied for part in range(6))]
    columns = np.concatenate(parts)
    kernel, bias = kernel[:, columns], bias[columns]
    bias[3 : 3 + BROWSER_MIXTURE] -= np.log(np.bincount(copied)[copied])
    return kernel, bias


def require_lstm(hparams: HParams) -> None:
    """Raise ModelFileError unless all cells are lstm, the only cell of the format.

    >>> require_lstm(HParams(enc_model="hyper"))
    Traceback (most recent call last):
    ModelFileError: a Sketch-RNN-JS file holds lstm cells alone
    """
    cells = {"dec_model": hparams.dec_model}
    if hparams.conditional:
        cells["enc_model"] = hparams.enc_model
    others = [f"{name} {cell}" for name, cell in cells.items() if cell != "lstm"]
    if others:
        raise ModelFileError(
            f"a Sketch-RNN-JS file holds lstm cells alone, and this model has {', '.join(others)}: "
            "write a Magenta checkpoint or Keras weights instead, or train with lstm cells"
        )


def write_arrays(
    path: str | os.PathLike[str],
    arrays: list[np.ndarray],
    *,
    name: str,
    max_seq_len: int,
    normalizing_factor: float,
    version: int = VERSION,
) -> Quantised:
    """Write weights in the format's order: 5 of a decoder, or 17 of a conditional model.

    Raises:
      ModelFileError: a weight is not finite. Nothing is written then.
      OSError: the file cannot be written.

    Example:
      >>> arrays = [np.zeros(shape) for shape in [(4, 9), (9,), (5, 16), (4, 16), (16,)]]
      >>> write_arrays("a.gen.json", arrays, name="a", max_seq_len=8, normalizing_factor=2.0).count
      205
    """
    if not all(np.isfinite(array).all() for array in arrays):
        raise ModelFileError(
            "the model has weights that are not finite: train it anew with a lower learning_rate"
        )
    info = {
        "name": name,
        "mode": 1 if len(arrays) == len(_NAMES) else 2,
        "version": version,
        "max_seq_len": int(max_seq_len),
        "scale_factor": float(normalizing_factor),
    }
    blobs, clipped, rounding = [], 0, 0.0
    for array in arrays:
        scaled = np.asarray(array, np.float64) * (_LARGEST_INT / LARGEST_WEIGHT)
        v = np.clip(np.rint(scaled), -_LARGEST_INT, _LARGEST_INT)
        inside = np.abs(array) <= LARGEST_WEIGHT
        clipped += int(np.count_nonzero(~inside))
        changes = np.abs(v - scaled)[inside]
        rounding = max(rounding, float(changes.max(initial=0.0)) * LARGEST_WEIGHT / _LARGEST_INT)
        blobs.append(base64.b64encode(v.astype("<i2").tobytes()).decode("ascii"))
    content = [info, [list(array.shape) for array in arrays], blobs]
    text = json.dumps(content, separators=(",", ":"), allow_nan=False)
    write_bytes(pathlib.Path(path), text.encode())
    return Quantised(
        count=sum(array.size for array in arrays),
        clipped=clipped,
        largest=max(float(np.abs(array).max()) for array in arrays),
        rounding=rounding,
    )
