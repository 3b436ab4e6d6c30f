"""The runs of an experiment, checked and lined up."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from mmleaves.evidence.gathered import Gathered, GatheredRun
from mmleaves.evidence.plan import FILE, Plan, read_plan
from mmleaves.evidence.run_checks import (
    check_run,
    check_same_images_seen,
    labels_by_hash,
)
from mmleaves.evidence.run_files import RunRecord, read_record, read_run, run_folder
from mmleaves.evidence.short_names import short_for, told_apart


def is_experiment(path: str) -> bool:
    """Return whether this is the folder of an experiment, or of one of its configs."""
    folder = _folder(path)
    # Tables may lie in it too.
    return not folder.is_file() and any(
        Path(one, FILE).is_file() for one in (folder, folder.parent)
    )


def _folder(path: str) -> Path:
    """Return the path, or what it stands for if it ends in a dot, with its name."""
    return Path(path) if Path(path).name not in ("", "..") else Path(path).resolve()


def gather_experiments(paths: Sequence[str]) -> Gathered:
    """Read the runs of experiments, or of some of their configs.

    Repeats that are not complete for all configs are left out, and it is said.

    Args:
        paths: Folders of experiments, each standing for its configs in the plan's
            order, or of configs in them. The first config is the baseline.

    Raises:
        FileNotFoundError: If a folder has no plan.
        ValueError: If the runs do not fit together: unpaired, leaky, incomplete,
            relabelled, or of another plan; says where and what to do.
    """
    chosen = _configs(paths)
    plan = next(iter(chosen.values()))[1]
    for name, (folder, other, _) in chosen.items():
        _check_paired(plan, other, f"{folder}, config {name}")
    records = {
        name: _records(folder, other, config)
        for name, (folder, other, config) in chosen.items()
    }
    repeats, notes = _complete_repeats(records, plan)
    plans = {name: other for name, (_, other, _) in chosen.items()}
    notes += _plans_differ(plans)
    hashes = sorted(plan.repeats[0].fold_of)
    place = {image: i for i, image in enumerate(hashes)}
    labels: dict[str, str] = {}
    names: dict[str, str] = {}
    seen_by: dict[tuple[int, int], tuple[Path, frozenset[str]]] = {}
    called = told_apart(list(chosen))
    recipes, runs, copies = {}, [], 0
    for name, (folder, other, config) in chosen.items():
        probs = np.zeros((len(repeats), len(hashes), len(plan.classes)))
        for row, repeat in enumerate(repeats):
            for fold in range(plan.folds):
                where = run_folder(folder, config, repeat, fold)
                run = read_run(where, records[name][repeat, fold])
                check_run(run, other, config, where)
                check_same_images_seen(run, where, seen_by)
                copies = max(copies, len(run.hashes) - len(set(run.hashes)))
                labels_by_hash(run, where, labels)
                probs[row, [place[image] for image in run.hashes]] = run.probs
                for image, path in zip(run.hashes, run.paths, strict=True):
                    names.setdefault(image, path)
                seen = len(run.trained), len(run.selected)
                runs.append(GatheredRun(called[name], run.record, where, *seen))
        recipes[called[name]] = probs
    for group in _group_names(plans.values()):
        notes.append(
            f"Images of one {group} are kept together, but the "
            "interval counts each as one of its own: with few groups it is too narrow."
        )
    notes += short_for(list(chosen))
    if copies:
        notes.append("Images with the same bytes count once.")
    numbers = {name: i for i, name in enumerate(plan.classes)}
    folds = None
    if plan.kind == "cv":
        rows = [[plan.repeats[r].fold_of[image] for image in hashes] for r in repeats]
        folds = np.array(rows)
    minutes = [one.minutes for known in records.values() for one in known.values()]
    return Gathered(
        labels=np.array([numbers[labels[image]] for image in hashes]),
        classes=plan.classes,
        recipes=recipes,
        folds=folds,
        train_images=round(float(np.mean([run.trained for run in runs]))),
        planned_repeats=len(plan.repeats),
        # An end that was planned in any of the experiments was a look.
        earlier_repeats=tuple(
            sorted({end for other in plans.values() for end in other.earlier_repeats})
        ),
        minutes_per_run=float(np.mean(minutes)),
        margin=plan.margin,
        positive=plan.positive,
        notes=tuple(notes),
        images=tuple(names[image] for image in hashes),
        hashes=tuple(hashes),
        plan=plan,
        runs=tuple(runs),
    )


def _configs(paths: Sequence[str]) -> dict[str, tuple[Path, Plan, str]]:
    """Return experiment, plan and config by the name that each config goes by."""
    found = []
    for path in map(_folder, paths):
        if Path(path, FILE).is_file():
            plan = read_plan(path)
            found += [(path, plan, config) for config in plan.configs]
            continue
        plan = read_plan(path.parent)
        if path.name not in plan.configs:
            raise ValueError(
                f"{path}: found no config {path.name!r} in the plan, which has "
                f"{', '.join(plan.configs)}. Name one of these folders, or the "
                "experiment's."
            )
        found.append((path.parent, plan, path.name))
    names = [config for *_, config in found]
    if len(set(names)) < len(names):
        # Two experiments may have configs of one name.
        names = [f"{folder.name}/{config}" for folder, _, config in found]
    if len(set(names)) < len(names):
        raise ValueError(
            f"{', '.join(map(str, paths))}: found a config twice, expected each once."
        )
    return dict(zip(names, found, strict=True))


def _check_paired(plan: Plan, other: Plan, where: str) -> None:
    for what, one, two in (
        ("kind", plan.kind, other.kind),
        ("classes", plan.classes, other.classes),
        ("data_sha256", plan.data_sha256, other.data_sha256),
        ("epoch_rule", plan.epoch_rule, other.epoch_rule),
        ("number of repeats", len(plan.repeats), len(other.repeats)),
    ):
        if one != two:
            raise ValueError(
                f"{where}: unpaired, its plan has the {what} {two!r}, and the "
                f"baseline's {one!r}. Plan them together: `mmleaves repeat` takes "
                "several configs."
            )
    for i, (one, two) in enumerate(zip(plan.repeats, other.repeats, strict=True)):
        if one.fold_of != two.fold_of:
            raise ValueError(
                f"{where}: unpaired, repeat {i} has other folds or images than the "
                "baseline's. Plan them together: `mmleaves repeat` takes several "
                "configs."
            )


def _plans_differ(plans: Mapping[str, Plan]) -> list[str]:
    """Return in plain words in what the plans differ that the runs do not depend on."""
    aspects = (
        ("margin", lambda plan: f"{plan.margin:g} points", "without --margin "),
        ("class that is to be found", _positive, "without --positive "),
        ("groups that are kept together", _groups, "for what is said of the plan "),
    )
    notes = []
    for what, aspect, when in aspects:
        found = {name: aspect(plan) for name, plan in plans.items()}
        if len(set(found.values())) > 1:
            listed = "; ".join(f"{name}: {value}" for name, value in found.items())
            notes.append(
                f"The plans differ in the {what} ({listed}); {when}the first counts."
            )
    formats = {plan.precision for plan in plans.values() if plan.precision}
    if len(formats) > 1:
        notes.append(
            f"The runs were planned for {' and '.join(sorted(formats))}: a difference "
            "may be that of the number formats."
        )
    return notes


def _positive(plan: Plan) -> str:
    # Without one it is the second of two classes.
    return plan.positive or (plan.classes[1] if len(plan.classes) == 2 else "none")


def _groups(plan: Plan) -> str:
    if plan.group_column is not None:
        return plan.group_column
    return "none" if plan.group_pattern is None else f"by {plan.group_pattern}"


def _group_names(plans: Iterable[Plan]) -> list[str]:
    """Return what the groups are called that some plan keeps together."""
    return sorted(
        {
            plan.group_column or "group"
            for plan in plans
            if plan.group_column is not None or plan.group_pattern is not None
        }
    )


def _records(
    experiment: Path, plan: Plan, config: str
) -> dict[tuple[int, int], RunRecord]:
    """Return the records of the complete runs, by repeat and fold."""
    found = {}
    for repeat in range(len(plan.repeats)):
        for fold in range(plan.folds):
            record = read_record(run_folder(experiment, config, repeat, fold))
            if record is not None:
                found[repeat, fold] = record
    return found


def _complete_repeats(
    records: dict[str, dict[tuple[int, int], RunRecord]], plan: Plan
) -> tuple[list[int], list[str]]:
    """Return the repeats that are complete for all configs, and what to say of it."""
    complete = [
        repeat
        for repeat in range(len(plan.repeats))
        if all(
            (repeat, fold) in known
            for known in records.values()
            for fold in range(plan.folds)
        )
    ]
    every = plan.folds * len(plan.repeats)
    counts = ", ".join(
        f"{name} {len(known)} of {every}" for name, known in records.items()
    )
    if not complete:
        raise ValueError(
            f"incomplete: no repeat is complete for all configs. Complete runs: "
            f"{counts}. Let `mmleaves repeat` go on, or name the configs that are."
        )
    used = len(complete) * plan.folds
    if all(len(known) == used for known in records.values()):
        return complete, []
    return complete, [
        f"Some runs are missing (complete: {counts}); compared are the repeats that "
        f"all have: {', '.join(map(str, complete))}."
    ]
