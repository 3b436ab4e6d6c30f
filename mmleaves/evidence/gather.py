"""Predictions of several recipes, from experiments or from tables."""

from collections.abc import Sequence
from dataclasses import replace

from mmleaves.evidence.gather_experiments import gather_experiments, is_experiment
from mmleaves.evidence.gather_tables import gather_tables
from mmleaves.evidence.gathered import Gathered


def gather(
    paths: Sequence[str],
    *,
    train_images: int | None = None,
    planned_repeats: int | None = None,
) -> Gathered:
    """Read what `mmleaves compare` is given.

    Args:
        paths: As of `gather_experiments` or of `gather_tables`.
        train_images: For tables, as of `gather_tables`.
        planned_repeats: For tables, how many repeats were planned.

    Raises:
        FileNotFoundError: If something is missing.
        ValueError: If they are of both kinds, or do not fit together.
    """
    experiments = [path for path in paths if is_experiment(path)]
    if not experiments:
        tables = gather_tables(paths, train_images=train_images)
        return replace(tables, planned_repeats=planned_repeats)
    if len(experiments) < len(paths):
        other = next(path for path in paths if path not in experiments)
        raise ValueError(
            f"found the folder of an experiment, {experiments[0]}, and {other}, which "
            "is none. Expected all of one kind."
        )
    for option, given in (
        ("--train-images", train_images),
        ("--planned-repeats", planned_repeats),
    ):
        if given is not None:
            raise ValueError(
                f"{option} is for tables; an experiment says it itself. Leave it out."
            )
    return gather_experiments(paths)
