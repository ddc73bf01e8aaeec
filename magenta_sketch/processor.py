"""What this machine's processor can do, as Linux tells, and whether TensorFlow should use oneDNN.

oneDNN is the library of matrix products that TensorFlow brings beside Eigen. TensorFlow uses it
where the processor has instructions made for neural networks, and leaves it off elsewhere, although
it doubles the speed of float32 products on processors that have AVX2 alone (docs/performance.md).
The variable TF_ENABLE_ONEDNN_OPTS decides; TensorFlow reads it once, when it is imported.
"""

from __future__ import annotations

import functools
import os
import pathlib
import platform

ONEDNN_VARIABLE = "TF_ENABLE_ONEDNN_OPTS"

_CPUINFO = pathlib.Path("/proc/cpuinfo")
# By any of these TensorFlow itself turns oneDNN on.
_NEURAL = {"avx512_vnni", "avx512_bf16", "avx_vnni", "amx_tile", "amx_int8", "amx_bf16"}
_BFLOAT16 = {"avx512_bf16", "amx_bf16", "bf16"}  # the last is Arm's


@functools.cache
def features() -> frozenset[str]:
    """Return the names of the processor's instruction sets, as in /proc/cpuinfo.

    Empty where the system does not tell: all but Linux.

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
    """Return whether the processor has instructions for bfloat16 products; None: not known."""
    return bool(features() & _BFLOAT16) if features() else None


def onednn_is_on() -> bool | None:
    """Return whether TensorFlow, imported now, uses oneDNN; None: not known.

    The environment variable decides, else TensorFlow by the processor.
    """
    chosen = os.environ.get(ONEDNN_VARIABLE)
    if chosen is not None:
        return chosen.strip().lower() in ("1", "true")
    return bool(features() & _NEURAL) if _is_x86() else None


def choose_onednn() -> None:
    """Turn oneDNN on where it helps and TensorFlow leaves it off, unless the user has chosen.

    Call it before TensorFlow is imported; later it has no effect.
    """
    if _is_x86() and "avx2" in features() and not onednn_is_on():
        os.environ.setdefault(ONEDNN_VARIABLE, "1")


def resume_onednn(begun_with: bool | None) -> None:
    """Choose oneDNN as a run was begun with it, so that it goes on with the same bits.

    Call it before TensorFlow is imported. A choice of the user's is left as it is.

    Args:
      begun_with: whether oneDNN was on; None: the run does not say (it is older than this choice),
        and had TensorFlow's own.
    """
    if begun_with is None:
        begun_with = onednn_is_on()
    if begun_with is not None and _is_x86():
        os.environ.setdefault(ONEDNN_VARIABLE, str(int(begun_with)))


def _is_x86() -> bool:
    return platform.system() == "Linux" and platform.machine() in ("x86_64", "AMD64")
