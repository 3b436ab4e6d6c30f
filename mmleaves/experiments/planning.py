"""Make the plan of an experiment, go on with one, or refuse what does not fit it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mmleaves.datasets.splits import ALWAYS_TRAIN, check_seed
from mmleaves.evidence.plan import FILE, Plan, PlannedRepeat, read_plan, write_plan
from mmleaves.experiments.folds import deal_folds
from mmleaves.experiments.gather_images import Data, gather_images
from mmleaves.experiments.image_table import (
    TEST,
    PlannedImage,
    changes,
    read_images,
    two_labels,
    write_images,
)
from mmleaves.experiments.locks import hold
from mmleaves.experiments.recipes import (
    Recipe,
    differences,
    keep_recipe,
    kept_config,
    read_recipe,
)
from mmleaves.experiments.uses import draw_seed, image_uses

LOCK = "plan.lock"


@dataclass(frozen=True)
class Wishes:
    """What is asked of a plan; None is what the plan has, or the default for a new one.

    Args:
        holdout: Whether each repeat is one run that scores the config's test part.
        folds: Number of folds, 5 by default.
        repeats: Number of repeats, 3 by default.
        with_test: Whether the test part is dealt out to folds as well.
        group_column: Column with what each image belongs to.
        margin: Difference that is too small to matter, in points, 1 by default.
        epoch_rule: ``"last"``, the default, or ``"best"``.
        base_seed: What all seeds are drawn from, 0 by default.
    """

    holdout: bool | None = None
    folds: int | None = None
    repeats: int | None = None
    with_test: bool | None = None
    group_column: str | None = None
    margin: float | None = None
    epoch_rule: str | None = None
    base_seed: int | None = None


def ensure_plan(
    experiment: Path, recipes: Sequence[Recipe], wishes: Wishes
) -> tuple[Plan, list[str]]:
    """Write the plan, extend it by repeats or configs, or find that it fits.

    Args:
        experiment: Folder of the experiment.
        recipes: The configs; the first of a new plan is the baseline.
        wishes: What the plan is to be.

    Returns:
        The plan, and what to say of it.

    Raises:
        FileNotFoundError: If data are not there.
        ValueError: If the folder has another plan; says what differs and what to do.
    """
    with hold(experiment / LOCK) as held:
        if not held:
            raise ValueError(
                f"{experiment}: found that another process is planning here, expected "
                "to be alone for that. Call again in a moment."
            )
        if (experiment / FILE).is_file():
            return _go_on(experiment, recipes, wishes)
        return _start(experiment, recipes, wishes)


def _start(
    experiment: Path, recipes: Sequence[Recipe], wishes: Wishes
) -> tuple[Plan, list[str]]:
    base_seed = 0 if wishes.base_seed is None else wishes.base_seed
    try:
        check_seed(base_seed)
    except ValueError as error:
        raise ValueError(str(error).replace("split_seed", "--seed")) from None
    holdout = bool(wishes.holdout)
    data = gather_images(
        recipes,
        with_test=holdout or bool(wishes.with_test),
        group_column=wishes.group_column,
    )
    plan = Plan(
        kind="holdout" if holdout else "cv",
        configs={recipe.name: recipe.sha256 for recipe in recipes},
        data_sha256=data.sha256,
        classes=data.classes,
        folds=1 if holdout else _or(wishes.folds, 5),
        repeats=(),
        base_seed=base_seed,
        margin=_or(wishes.margin, 1.0),
        epoch_rule=wishes.epoch_rule or "last",
        group_column=wishes.group_column,
        positive=data.positive,
    )
    plan = _with_repeats(plan, data.images, _or(wishes.repeats, 3))
    notes = _notes(plan, data)
    write_images(data.images, experiment)
    for recipe in recipes:
        keep_recipe(recipe, experiment)
    write_plan(plan, experiment)
    return plan, notes


def _go_on(
    experiment: Path, recipes: Sequence[Recipe], wishes: Wishes
) -> tuple[Plan, list[str]]:
    plan = read_plan(experiment)
    images = read_images(experiment)
    has_test = any(one.part == TEST for one in images)
    _check_wishes(experiment, plan, wishes, has_test)
    for recipe in recipes:
        if plan.configs.get(recipe.name, recipe.sha256) != recipe.sha256:
            kept = read_recipe(experiment, recipe.name)
            raise ValueError(
                f"{experiment}: the config {recipe.name} is not the planned one: "
                f"{differences(kept, recipe)}. Expected it as it was, as its runs are "
                "to be alike. Change it back (the plan's is "
                f"{kept_config(experiment, recipe.name)}), or name a new folder by "
                "--out."
            )
    data = gather_images(recipes, with_test=has_test, group_column=plan.group_column)
    if data.sha256 != plan.data_sha256:
        raise ValueError(
            f"{experiment}: the data are not the planned ones: "
            f"{changes(images, data.images)}. Expected them as they were. Put them "
            "back, or name a new folder by --out."
        )
    if data.classes != plan.classes:
        raise ValueError(
            f"{experiment}: found the classes {', '.join(data.classes)}, expected "
            f"those of the plan in its order, {', '.join(plan.classes)}. Put them back, "
            "or name a new folder by --out."
        )
    new = [recipe for recipe in recipes if recipe.name not in plan.configs]
    extended = replace(
        plan,
        configs={**plan.configs, **{recipe.name: recipe.sha256 for recipe in new}},
    )
    count = len(plan.repeats)
    extended = _with_repeats(extended, images, _or(wishes.repeats, count))
    notes = []
    if len(extended.repeats) > count:
        notes.append(f"The plan goes on from {count} to {len(extended.repeats)} repeats.")
    if new:
        names = ", ".join(recipe.name for recipe in new)
        notes.append(f"Added to the plan: {names}.")
    if extended != plan:
        for recipe in new:
            keep_recipe(recipe, experiment)
        write_plan(extended, experiment)
    return extended, notes


def _check_wishes(
    experiment: Path, plan: Plan, wishes: Wishes, has_test: bool
) -> None:
    holdout = plan.kind == "holdout"
    for option, wish, planned in (
        ("--holdout", wishes.holdout, holdout),
        ("--folds", wishes.folds, plan.folds),
        ("--with-test", wishes.with_test, has_test and not holdout),
        ("--group", wishes.group_column, plan.group_column),
        ("--margin", wishes.margin, plan.margin),
        ("--epoch", wishes.epoch_rule, plan.epoch_rule),
        ("--seed", wishes.base_seed, plan.base_seed),
    ):
        if wish is not None and wish != planned:
            raise ValueError(
                f"{experiment}: found {option} {wish}, expected {planned}, as its plan "
                "has it: that was fixed before the first run. Leave the option out to "
                "go on, or name a new folder by --out."
            )
    if wishes.repeats is not None and wishes.repeats < len(plan.repeats):
        raise ValueError(
            f"{experiment}: found --repeats {wishes.repeats}, expected "
            f"{len(plan.repeats)} or more, as so many are planned. Leave the option "
            "out to go on with them."
        )


def _with_repeats(plan: Plan, images: Sequence[PlannedImage], count: int) -> Plan:
    """Return the plan with more repeats; those it has stay as they are."""
    repeats = list(plan.repeats)
    taken = {seed for repeat in repeats for seed in repeat.seeds}
    for number in range(len(repeats), count):
        # Each by its own number, so that more repeats later change none.
        split_seed = draw_seed(plan.base_seed, number)
        seeds = []
        draw = 0
        while len(seeds) < plan.folds:
            draw += 1
            seed = draw_seed(plan.base_seed, number, draw)
            if seed not in taken:
                taken.add(seed)
                seeds.append(seed)
        fold_of = _fold_of(plan, images, split_seed)
        repeats.append(PlannedRepeat(split_seed, tuple(seeds), fold_of))
    extended = replace(plan, repeats=tuple(repeats))
    for number in range(len(plan.repeats), count):
        for fold in range(plan.folds):
            _check_run(image_uses(extended, images, number, fold), images)
    return extended


def _fold_of(
    plan: Plan, images: Sequence[PlannedImage], split_seed: int
) -> dict[str, int]:
    unclear = two_labels(images)
    usable = {one.hash: one for one in images if one.hash not in unclear}
    if plan.kind == "holdout":
        scored = sorted({one.hash for one in images if one.part == TEST} - unclear)
        if not scored:
            raise ValueError("found no image in the test part, expected some to score.")
        return dict.fromkeys(scored, 0)
    hashes = sorted(usable)  # whatever the files are called and lie
    folds = deal_folds(
        [usable[key].label for key in hashes],
        [usable[key].together for key in hashes],
        plan.folds,
        split_seed,
    )
    return {
        key: int(fold)
        for key, fold in zip(hashes, folds, strict=True)
        if fold != ALWAYS_TRAIN
    }


def _check_run(uses: dict[str, str], images: Sequence[PlannedImage]) -> None:
    classes = {one.label for one in images}
    trained = {one.label for one in images if uses.get(one.hash) == "train"}
    if lacking := sorted(classes - trained):
        raise ValueError(
            f"found no image of {', '.join(lacking[:5])} that could be trained on, "
            "expected some of every class. They are all scored, or copies or of one "
            "group with scored ones, or of two labels. Add images, or take the class "
            "out."
        )


def _notes(plan: Plan, data: Data) -> list[str]:
    hashes = {one.hash for one in data.images}
    notes = []
    if copies := len(data.images) - len(hashes):
        notes.append(f"{copies} files are copies of others; they stay together.")
    if unclear := two_labels(data.images):
        names = sorted(one.image for one in data.images if one.hash in unclear)
        notes.append(
            f"Left out, as one picture has two labels: {', '.join(names[:4])}"
            f"{' …' if len(names) > 4 else ''}."
        )
    if plan.kind == "cv":
        alone = hashes - unclear - plan.repeats[0].fold_of.keys()
        if alone:
            notes.append(
                f"{len(alone)} images are always trained on and never scored: a class "
                "has no others, or none outside their group."
            )
    else:
        uses = image_uses(plan, data.images, 0, 0)
        if unused := hashes - unclear - uses.keys():
            notes.append(
                f"{len(unused)} training images are left out: they share a picture or "
                "a group with scored ones."
            )
    return notes


def _or(value: float | None, default: float) -> float:
    return default if value is None else value
