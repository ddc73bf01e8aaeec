"""Find out what the processor can do, and whether TensorFlow should use oneDNN.

oneDNN is a library of matrix products, which TensorFlow can use instead of Eigen. By default it
does so only on processors with instructions for neural networks. But oneDNN also doubles the speed
of float32 products on processors with AVX2 alone (docs/performance.md). The variable
TF_ENABLE_ONEDNN_OPTS decides; TensorFlow reads it once, on import.
"""

from __future__ import annotations

import functools
import os
import pathlib
import platform

ONEDNN_VARIABLE = "TF_ENABLE_ONEDNN_OPTS"

_CPUINFO = pathlib.Path("/proc/cpuinfo")
# TensorFlow itself turns oneDNN on for each of these.
_NEURAL = {"avx512_vnni", "avx512_bf16", "avx_vnni", "amx_tile", "amx_int8", "amx_bf16"}
_BFLOAT16 = {"avx512_bf16", "amx_bf16", "bf16"}  # bf16 is Arm's name


@functools.cache
def features() -> frozenset[str]:
    """Return the names of the processor's instruction sets, as in /proc/cpuinfo.

    The set is empty on systems other than Linux.

    >>> "avx1024" in features()
    False
    """
    try:
        lines = _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() in ("flags", "Features"):
            return frozenset(value.split())
    return frozenset()


def has_bfloat16() -> bool | None:
    """Return whether the processor has bfloat16 instructions; None if unknown."""
    return bool(features() & _BFLOAT16) if features() else None


def onednn_is_on() -> bool | None:
    """Return whether TensorFlow would use oneDNN if imported now; None if unknown.

    The environment variable decides. Without it, TensorFlow decides by the processor.
    """
    chosen = os.environ.get(ONEDNN_VARIABLE)
    if chosen is not None:
        return chosen.strip().lower() in ("1", "true")
    return bool(features() & _NEURAL) if _is_x86() else None


def choose_onednn() -> None:
    """Turn oneDNN on where it helps, unless the user has set the environment variable.

    Call it before TensorFlow is imported; later it has no effect.
    """
    if _is_x86() and "avx2" in features() and not onednn_is_on():
        os.environ.setdefault(ONEDNN_VARIABLE, "1")


def resume_onednn(begun_with: bool | None) -> None:
    """Choose oneDNN as in the first part of a run, so that the resumed run gives the same bits.

    Call it before TensorFlow is imported. It does nothing if the user has set the variable.

    Args:
      begun_with: whether oneDNN was on. None: not recorded, because the run is older than this
        choice; then TensorFlow's own choice is used.
    """
    if begun_with is None:
        begun_with = onednn_is_on()
    if begun_with is not None and _is_x86():
        os.environ.setdefault(ONEDNN_VARIABLE, str(int(begun_with)))


def _is_x86() -> bool:
    return platform.system() == "Linux" and platform.machine() in ("x86_64", "AMD64")
