"""The plan of an experiment: which config is trained and scored on what, how often."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mmleaves.evidence.json_files import check_types, read_json
from mmleaves.whole_files import write_whole

FORMAT = 1
FILE = "plan.json"
KINDS = ("cv", "holdout")
EPOCH_RULES = ("last", "best")
_KINDS = {
    **dict.fromkeys(("kind", "data_sha256", "epoch_rule"), str),
    **dict.fromkeys(("folds", "base_seed"), int),
    **dict.fromkeys(("classes", "assignments"), list),
    **dict.fromkeys(("group_column", "group_pattern", "positive"), (str, type(None))),
    "configs": dict,
    "margin_points": (int, float),
}


@dataclass(frozen=True)
class PlannedRepeat:
    """One repeat: a split and seeds of its own, the same for all configs.

    Args:
        split_seed: What the folds were drawn by.
        seeds: What the training of each fold starts from, K of them: initial weights,
            order, augmentation. All are different: what a seed decides alike for all
            folds of a repeat would look like a difference between recipes.
        fold_of: Fold that scores each image, from 0, by the image's content hash. On a
            hold-out it has the images that are scored, all in fold 0.
    """

    split_seed: int
    seeds: tuple[int, ...]
    fold_of: Mapping[str, int]


@dataclass(frozen=True)
class Plan:
    """What is written before the first run, and held against every run.

    Args:
        kind: ``"cv"``, where each image is scored once in each repeat, or
            ``"holdout"``, where every repeat is one run that scores the same images.
        configs: sha256 of each merged config, in hex, by its name; the first is the
            baseline.
        data_sha256: sha256 of images and labels, as whoever wrote the plan defines it.
        classes: Class names in label order, C of them.
        folds: Number of folds; 1 on a hold-out.
        repeats: The repeats, in order.
        base_seed: What all other seeds were drawn from.
        margin: Difference that is too small to matter, in points.
        epoch_rule: Which epoch is scored: ``"last"``, or the ``"best"`` on images that
            were taken out of the training part for it.
        group_column: Column whose groups were kept together, or None.
        group_pattern: What found them in the images' names instead, or None.
        positive: Of two classes the one that is to be found, or None.
        precision: Number format that ``precision="auto"`` of a config means in all
            runs, wherever they are done; None if each machine decides.
        earlier_repeats: How many repeats were planned at first, and before each
            extension but the last; empty if the plan was never extended.
    """

    kind: str
    configs: Mapping[str, str]
    data_sha256: str
    classes: tuple[str, ...]
    folds: int
    repeats: tuple[PlannedRepeat, ...]
    base_seed: int
    margin: float
    epoch_rule: str = "last"
    group_column: str | None = None
    group_pattern: str | None = None
    positive: str | None = None
    precision: str | None = None
    earlier_repeats: tuple[int, ...] = ()

    @property
    def images(self) -> int:
        """Number of images that are scored in each repeat."""
        return len(self.repeats[0].fold_of)


def content_hash(path: str | Path) -> str:
    """Return what stands for an image wherever it lies: its bytes' sha256, in hex.

    Raises:
        FileNotFoundError: If there is no such file.
    """
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def write_plan(plan: Plan, experiment: str | Path) -> Path:
    """Write ``plan.json`` into the experiment's folder, and return its path."""
    data = {
        "format": FORMAT,
        "kind": plan.kind,
        "configs": {name: {"sha256": sha} for name, sha in plan.configs.items()},
        "data_sha256": plan.data_sha256,
        "classes": list(plan.classes),
        "images": plan.images,
        "folds": plan.folds,
        "repeats": len(plan.repeats),
        "base_seed": plan.base_seed,
        "margin_points": plan.margin,
        "epoch_rule": plan.epoch_rule,
        "group_column": plan.group_column,
        "group_pattern": plan.group_pattern,
        "positive": plan.positive,
        "precision": plan.precision,
        "earlier_repeats": list(plan.earlier_repeats),
        "assignments": [
            {
                "split_seed": repeat.split_seed,
                "seeds": list(repeat.seeds),
                "fold_of": dict(repeat.fold_of),
            }
            for repeat in plan.repeats
        ],
    }
    path = Path(experiment, FILE)
    text = json.dumps(data, indent=1, ensure_ascii=False) + "\n"
    write_whole(path, lambda file: file.write_text(text, encoding="utf-8"))
    return path


def read_plan(experiment: str | Path) -> Plan:
    """Read what `write_plan` wrote.

    Raises:
        FileNotFoundError: If the folder has no plan.
        ValueError: If the file is no such plan; says what is wrong.
    """
    path = Path(experiment, FILE)
    if not path.is_file():
        raise FileNotFoundError(
            f"{experiment}: found no {FILE}, expected the folder of an experiment. "
            "Name the folder that `mmleaves repeat` wrote."
        )
    data = read_json(path)
    check_format(data, path)
    check_types(data, _KINDS, path)
    try:
        plan = Plan(
            kind=data["kind"],
            configs={name: c["sha256"] for name, c in data["configs"].items()},
            data_sha256=data["data_sha256"],
            classes=tuple(data["classes"]),
            folds=data["folds"],
            repeats=tuple(
                PlannedRepeat(one["split_seed"], tuple(one["seeds"]), one["fold_of"])
                for one in data["assignments"]
            ),
            base_seed=data["base_seed"],
            margin=data["margin_points"],
            epoch_rule=data["epoch_rule"],
            group_column=data["group_column"],
            group_pattern=data["group_pattern"],
            positive=data["positive"],
            # Plans of before have neither.
            precision=data.get("precision"),
            earlier_repeats=tuple(data.get("earlier_repeats", ())),
        )
        _check(plan, path)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path}: found something else ({error!r}), expected what "
            "docs/comparing.md lists. The file was changed: put it back as `mmleaves "
            "repeat` wrote it."
        ) from error
    return plan


def check_format(data: Mapping[str, object], path: Path) -> None:
    """Refuse the JSON of a plan or a run in a format that is not ours.

    Raises:
        ValueError: If it is.
    """
    if data.get("format") != FORMAT:
        raise ValueError(
            f"{path}: found the format {data.get('format')!r}, expected {FORMAT}. "
            "Read it with the version of mmleaves that wrote it."
        )


def _check(plan: Plan, path: Path) -> None:
    for name, value, known in (
        ("kind", plan.kind, KINDS),
        ("epoch_rule", plan.epoch_rule, EPOCH_RULES),
    ):
        if value not in known:
            raise ValueError(
                f"{path}: {name} is {value!r}, expected one of {', '.join(known)}."
            )
    numbers = (*plan.earlier_repeats, *(s for r in plan.repeats for s in r.seeds))
    texts = (*plan.classes, *plan.configs.values())
    if not all(isinstance(one, int) for one in numbers) or not all(
        isinstance(one, str) for one in texts
    ):
        raise TypeError("classes and hashes are texts, seeds and repeats numbers")
    if not plan.configs:
        raise ValueError(f"{path}: found no configs, expected one or more.")
    if not plan.repeats:
        raise ValueError(f"{path}: found no repeats, expected one or more.")
    images = plan.repeats[0].fold_of.keys()
    known: dict[int, int] = {}
    for i, repeat in enumerate(plan.repeats):
        if repeat.fold_of.keys() != images:
            raise ValueError(
                f"{path}: repeat {i} has other images than repeat 0, expected the same "
                "in all. Make the plan again."
            )
        if set(repeat.fold_of.values()) != set(range(plan.folds)):
            raise ValueError(
                f"{path}: repeat {i} has other folds than 0 to {plan.folds - 1}. Make "
                "the plan again."
            )
        if len(repeat.seeds) != plan.folds:
            raise ValueError(
                f"{path}: repeat {i} has {len(repeat.seeds)} seeds, expected one for "
                f"each of the {plan.folds} folds. Make the plan again."
            )
        for seed in repeat.seeds:
            if seed in known:
                raise ValueError(
                    f"{path}: found the seed {seed} in repeat {known[seed]} and again "
                    f"in repeat {i}, expected another for each run: one that comes "
                    "twice makes them alike. Make the plan again."
                )
            known[seed] = i
