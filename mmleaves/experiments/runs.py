"""The runs of a plan, in the order in which they are done."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmleaves.evidence.plan import Plan
from mmleaves.evidence.run_files import read_record, run_folder

LOG = "log.txt"
LOCK = "run.lock"


@dataclass(frozen=True)
class Run:
    """One training of one config, and the scoring of one fold.

    Args:
        experiment: Folder of the experiment.
        config: Name of the config.
        repeat: Which repeat, from 0.
        fold: Which fold is scored, from 0.
        score_every_epoch: Whether each epoch's score on it is written down as well.
        keep_weights: Whether the checkpoint stays when the run is complete.
    """

    experiment: Path
    config: str
    repeat: int
    fold: int
    score_every_epoch: bool = False
    keep_weights: bool = True

    @property
    def folder(self) -> Path:
        """Where its files lie."""
        return run_folder(self.experiment, self.config, self.repeat, self.fold)

    @property
    def is_complete(self) -> bool:
        """Whether it is done."""
        return read_record(self.folder) is not None

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return f"{self.config}, repeat {self.repeat}, fold {self.fold}"


def planned_runs(
    plan: Plan, experiment: Path, *, configs: Iterable[str], **options: bool
) -> list[Run]:
    """Return the runs of some configs, repeat by repeat and fold by fold.

    So there is something to compare as soon as the first repeat is done. The place of
    a run does not change when repeats are added.

    Args:
        plan: The plan.
        experiment: Folder of the experiment.
        configs: Names of the configs; their order is the plan's.
        **options: As of `Run`.
    """
    wanted = set(configs)
    return [
        Run(experiment, config, repeat, fold, **options)
        for repeat in range(len(plan.repeats))
        for fold in range(plan.folds)
        for config in plan.configs
        if config in wanted
    ]


def pick_run(runs: Sequence[Run], index: int) -> Run:
    """Return the run at a place, from 0.

    Raises:
        ValueError: If there is none.
    """
    if not 0 <= index < len(runs):
        raise ValueError(
            f"found --run {index}, expected 0 to {len(runs) - 1}, as the plan has "
            f"{len(runs)} runs of these configs. Give one of them."
        )
    return runs[index]
