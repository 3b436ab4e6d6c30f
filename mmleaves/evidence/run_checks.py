"""What a run must be before it may count: planned, paired, and without leaks."""

from pathlib import Path

from mmleaves.evidence.outcomes import wrong_probs
from mmleaves.evidence.plan import Plan
from mmleaves.evidence.run_files import ScoredRun


def check_run(run: ScoredRun, plan: Plan, config: str, where: Path) -> None:
    """Refuse a run that is not the planned one, or scored what it had seen.

    Args:
        run: The run.
        plan: The plan it belongs to.
        config: The config it belongs to.
        where: Its folder, for errors.

    Raises:
        ValueError: If it is of another plan, unpaired, relabelled or leaky.
    """
    _check_planned(run, plan, config, where)
    if run.classes != plan.classes:
        raise ValueError(
            f"{where}: relabelled, found the classes {', '.join(run.classes)}, "
            f"expected the plan's, {', '.join(plan.classes)}, in that order. Run it "
            "again with the planned data."
        )
    fold_of = plan.repeats[run.record.repeat].fold_of
    planned = {image for image, fold in fold_of.items() if fold == run.record.fold}
    if odd := planned ^ set(run.hashes):
        raise ValueError(
            f"{where}: unpaired, {len(planned - set(run.hashes))} planned images are "
            f"not scored and {len(set(run.hashes) - planned)} others are (such as "
            f"{_name(run, min(odd))}). Expected the {len(planned)} images of fold "
            f"{run.record.fold}. Run it again."
        )
    for seen, what in ((run.trained, "trained on"), (run.selected, "chosen by")):
        if leaked := planned & seen:
            raise ValueError(
                f"{where}: leaky, {len(leaked)} of the {len(planned)} scored images "
                f"were {what} in the same run, such as {_name(run, min(leaked))}; a "
                "score on them would say nothing. Plan again with folds that keep "
                "copies together, and run it again."
            )
    if not run.trained:
        raise ValueError(
            f"{where}: found no images that it was trained on, so nobody can tell "
            "whether scored ones are among them. Expected their content hashes in "
            "images.parquet. Run it again."
        )
    if wrong := wrong_probs(run.probs):
        (row,), text = wrong
        raise ValueError(f"{where}, {run.paths[row]}: {text} Run it again.")


def check_same_images_seen(
    run: ScoredRun,
    where: Path,
    seen: dict[tuple[int, int], tuple[Path, frozenset[str]]],
) -> None:
    """Refuse a run that saw other images than another config's of its repeat and fold.

    Training images and those that chose the epoch count as one: recipes may share
    them out differently, but what they had to learn from must be the same.

    Args:
        run: The run.
        where: Its folder, for errors.
        seen: By repeat and fold the first run that was read, and what it saw; this
            run is added if it is the first.

    Raises:
        ValueError: If the two saw other images.
    """
    images = run.trained | run.selected
    place = run.record.repeat, run.record.fold
    other, known = seen.setdefault(place, (where, images))
    if images != known:
        raise ValueError(
            f"{where}: unpaired, it was trained on {len(images)} images and {other} on "
            f"{len(known)} (with those that chose the epoch); {len(images ^ known)} "
            "are in one of them only. Expected the same in both, else the difference "
            "is that of the images. Run both by one plan: `mmleaves repeat` takes "
            "several configs."
        )


def labels_by_hash(run: ScoredRun, where: Path, labels: dict[str, str]) -> None:
    """Add the true labels of a run's images to those that other runs gave.

    Raises:
        ValueError: If an image had another label, or one that is no class.
    """
    for image, path, label in zip(run.hashes, run.paths, run.truth, strict=True):
        if label not in run.classes:
            raise ValueError(
                f"{where}: {path} has the label {label!r}, expected one of "
                f"{', '.join(run.classes)}. Run it again."
            )
        if labels.setdefault(image, label) != label:
            raise ValueError(
                f"{where}: relabelled, {path} has the label {label!r}, and "
                f"{labels[image]!r} elsewhere: in another run, or as a copy of the "
                "same picture. Correct the labels, plan again, and run all again."
            )


def _check_planned(run: ScoredRun, plan: Plan, config: str, where: Path) -> None:
    record = run.record
    if not 0 <= record.repeat < len(plan.repeats):
        raise ValueError(
            f"{where}: found repeat {record.repeat}, expected one of the plan's "
            f"{len(plan.repeats)}."
        )
    if not 0 <= record.fold < plan.folds:
        raise ValueError(
            f"{where}: found fold {record.fold}, expected one of the plan's "
            f"{plan.folds}."
        )
    repeat = plan.repeats[record.repeat]
    folder = f"repeat{record.repeat}-fold{record.fold}"
    for what, found, planned in (
        ("folder", where.name, folder),
        ("config", record.config, config),
        ("config_sha256", record.config_sha256, plan.configs[config]),
        ("data_sha256", record.data_sha256, plan.data_sha256),
        ("seed", record.seed, repeat.seeds[record.fold]),
        ("split_seed", record.split_seed, repeat.split_seed),
        ("epoch_rule", record.epoch_rule, plan.epoch_rule),
    ):
        if found != planned:
            raise ValueError(
                f"{where}: a run of another plan, found the {what} {found!r}, expected "
                f"{planned!r}. Remove the folder, and let `mmleaves repeat` do the run "
                "again."
            )


def _name(run: ScoredRun, image: str) -> str:
    names = dict(zip(run.hashes, run.paths, strict=True))
    return names.get(image, f"sha256 {image[:12]}…")
