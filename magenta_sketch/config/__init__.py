"""The configuration of a run, as one value. Uses the standard library only."""

from magenta_sketch.config.hparams import HParams
from magenta_sketch.config.run_config import RunConfig

__all__ = ["HParams", "RunConfig"]
