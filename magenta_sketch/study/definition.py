"""A study: a plan, its folder, and how to measure its runs."""

from __future__ import annotations

import dataclasses

from magenta_sketch.errors import RunError
from magenta_sketch.measures.result import MeasureSettings
from magenta_sketch.study.folder import StudyFolder, read_json, write_json
from magenta_sketch.study.plan import Plan, Trial
from magenta_sketch.study.task import Task


@dataclasses.dataclass(frozen=True)
class Study:
    """A study as one value. command: the command line, for the report."""

    folder: StudyFolder
    plan: Plan
    settings: MeasureSettings
    command: str = ""

    def write(self) -> None:
        """Write the study to its folder, for `read`."""
        base = self.plan.base.with_absolute_paths()
        values = dataclasses.replace(self.plan, base=base).to_dict()
        values |= {"settings": self.settings.to_dict(), "command": self.command}
        write_json(self.folder.plan, values)

    @classmethod
    def read(cls, folder: StudyFolder) -> Study:
        """Return the study in a folder, as last written.

        Raises:
          RunError: there is none, or its file is damaged.
        """
        if not folder.plan.exists():
            raise RunError(f"{folder.root} holds no study: {folder.plan.name} is missing")
        try:
            values = read_json(folder.plan)
            settings = MeasureSettings.from_dict(values["settings"])
            return cls(folder, Plan.from_dict(values), settings, str(values["command"]))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise RunError(
                f"{folder.plan} is damaged ({error!r}): give the study's command again"
            ) from error

    def with_data_in(self, data_dir: str) -> Study:
        """Return the same study with its data in another place."""
        base = self.plan.base.replace(data_dir=data_dir)
        return dataclasses.replace(self, plan=dataclasses.replace(self.plan, base=base))

    def task(self, trial: Trial) -> Task:
        """Return the task of an engine for one run."""
        folder, config = self.folder, self.plan.config(trial).with_absolute_paths()
        return Task(
            name=trial.name,
            log_root=str(folder.run(trial).resolve()),
            log=str(folder.log(trial).resolve()),
            measures=str(folder.measures(trial).resolve()),
            lock=str(folder.lock(trial).resolve()),
            config={k: v for k, v in config.to_dict().items() if k in config.given},
            settings=self.settings.to_dict(),
        )
