"""A run of several workers: the chief begins or resumes it, the others read what it wrote."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from magenta_sketch.data import load_data_set
from magenta_sketch.data.unpacked import report_unpacking
from magenta_sketch.errors import RunError, SketchError
from magenta_sketch.runs import Run
from magenta_sketch.training.run_folder import RunFolder
from magenta_sketch.training.workers import Workers

_SEEN_WITHIN = 10.0  # seconds


def begin_together(
    workers: Workers, make: Callable[[], Run], log_root: str | os.PathLike[str]
) -> Run:
    """Let the chief `begin` or `resume` a run, and the other workers read what it wrote.

    Args:
      workers: all of them call this.
      make: begins or resumes the run, in the chief.
      log_root: its folder, the same for all.

    Raises:
      RunError, DataError, HParamsError, ModelFileError: of ``make``; or a worker finds other data,
        or no run in the folder.
    """
    with workers.in_step("begin the run"):
        run = make() if workers.is_chief else None
    try:
        with workers.in_step("read the run and its data"):
            return run or _joined(RunFolder(log_root), workers)
    except SketchError:
        if run is not None and not run.resumed:
            run.folder.forget()
        raise


def _joined(folder: RunFolder, workers: Workers) -> Run:
    """Return the run that the chief began, for another worker."""
    who = f"worker {workers.index} of {workers.count}"
    # Over a network, a new file may take seconds to be seen.
    until = time.monotonic() + _SEEN_WITHIN
    while not folder.run.exists() and time.monotonic() < until:
        time.sleep(0.5)
    if not folder.run.exists():
        raise RunError(
            f"{who} does not see the chief's run in {folder.root}: all need one --log_root, in a "
            "folder that they share"
        )
    saved = folder.read()
    data = load_data_set(
        saved.hparams.data_set,
        saved.data_dir,
        max_seq_len=saved.max_seq_len,
        report=report_unpacking,
    )
    if data.fingerprint != saved.fingerprint:
        raise RunError(f"{who} has other data in {saved.data_dir} than the chief: copy the chief's")
    return Run(folder, saved, data, resumed=True)
