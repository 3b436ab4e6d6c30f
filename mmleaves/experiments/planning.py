"""Make the plan of an experiment, go on with one, or refuse what does not fit it."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from mmleaves.datasets.splits import check_seed
from mmleaves.evidence.plan import FILE, Plan, read_plan, write_plan
from mmleaves.evidence.run_files import RUN
from mmleaves.experiments.draw_repeats import (
    say_guessed_groups,
    say_split,
    with_repeats,
)
from mmleaves.experiments.gather_images import gather_images, refuse_gaps
from mmleaves.experiments.image_table import (
    TEST,
    PlannedImage,
    changes,
    read_images,
    write_images,
)
from mmleaves.experiments.near_copies import with_near_copies
from mmleaves.experiments.recipes import (
    Recipe,
    differences,
    keep_recipe,
    kept_config,
    read_recipe,
)
from mmleaves.experiments.run_config import check_epoch_rule
from mmleaves.locks import hold, holder
from mmleaves.optim.precision import resolve_precision

LOCK = "plan.lock"
# To look through 50,000 images for near-copies takes minutes.
WAIT_SECONDS, POLL_SECONDS = 3600, 0.2


@dataclass(frozen=True)
class Wishes:
    """What is asked of a plan; None is what the plan has, or the default for a new one.

    Args:
        holdout: Whether each repeat is one run that scores the config's test part.
        folds: Number of folds, 5 by default.
        repeats: Number of repeats, 3 by default.
        with_test: Whether the test part is dealt out to folds as well.
        group_column: Column with what each image belongs to.
        group_pattern: What finds that in the images' names instead.
        margin: Difference that is too small to matter, in points, 1 by default.
        epoch_rule: ``"last"``, the default, or ``"best"``.
        base_seed: What all seeds are drawn from, 0 by default.
        runs_here: Whether this machine is of the kind that does the runs, so that it
            can decide their number format; a cluster's login node is not.
    """

    holdout: bool | None = None
    folds: int | None = None
    repeats: int | None = None
    with_test: bool | None = None
    group_column: str | None = None
    group_pattern: str | None = None
    margin: float | None = None
    epoch_rule: str | None = None
    base_seed: int | None = None
    runs_here: bool = True


def ensure_plan(
    experiment: Path,
    recipes: Sequence[Recipe],
    wishes: Wishes,
    *,
    check_data: bool = True,
) -> tuple[Plan, list[str]]:
    """Write the plan, extend it by repeats or configs, or find that it fits.

    Args:
        experiment: Folder of the experiment.
        recipes: The configs; the first of a new plan is the baseline.
        wishes: What the plan is to be.
        check_data: Whether to read all images of a plan that is there; every run
            checks its own all the same.

    Returns:
        The plan, and what to say of it.

    Raises:
        FileNotFoundError: If data are not there.
        ValueError: If the folder has another plan; says what differs and what to do.
    """
    if (experiment / FILE).is_file():
        plan, extended, notes = _go_on(experiment, recipes, wishes, check_data)
        if extended == plan:
            return plan, notes
    with _alone(experiment):
        # Another process may have been here meanwhile.
        if not (experiment / FILE).is_file():
            return _start(experiment, recipes, wishes)
        plan, extended, notes = _go_on(experiment, recipes, wishes, check_data)
        for recipe in recipes:
            if recipe.name not in plan.configs:
                keep_recipe(recipe, experiment)
        write_plan(extended, experiment)
        return extended, notes


@contextmanager
def _alone(experiment: Path) -> Iterator[None]:
    """Wait until no other process plans here."""
    for _ in range(round(WAIT_SECONDS / POLL_SECONDS)):
        with hold(experiment / LOCK) as held:
            if held:
                yield
                return
        time.sleep(POLL_SECONDS)
    raise ValueError(
        f"{experiment}: found process {holder(experiment / LOCK)} planning here for "
        f"{WAIT_SECONDS} s, expected it to end. Wait for it, or end that process."
    )


def _start(
    experiment: Path, recipes: Sequence[Recipe], wishes: Wishes
) -> tuple[Plan, list[str]]:
    base_seed = 0 if wishes.base_seed is None else wishes.base_seed
    try:
        check_seed(base_seed)
    except ValueError as error:
        raise ValueError(str(error).replace("split_seed", "--seed")) from None
    for recipe in recipes:
        check_epoch_rule(recipe.cfg, wishes.epoch_rule or "last")
    holdout = bool(wishes.holdout)
    data = gather_images(
        recipes,
        with_test=holdout or bool(wishes.with_test),
        group_column=wishes.group_column,
        group_pattern=wishes.group_pattern,
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
        group_pattern=wishes.group_pattern,
        positive=data.positive,
        # Decided here once: a recipe that is bfloat16 on one machine of a cluster and
        # float32 on another would be two.
        precision=str(resolve_precision("auto").dtype).removeprefix("torch.")
        if wishes.runs_here
        else None,
    )
    _refuse_leftovers(experiment)
    if wishes.group_column:
        refuse_gaps(data.images, wishes.group_column)
    images, near = with_near_copies(data.images, max_megapixels=data.max_megapixels)
    plan = with_repeats(plan, images, _or(wishes.repeats, 3))
    notes = say_split(plan, images)
    if near and not holdout:
        notes.append(
            f"Nearly the same as another, with which they stay: {near} images."
        )
    if data.unused_column:
        notes.append(
            f"The data have a column {data.unused_column!r}, whose groups the folds "
            "divide. If they belong together, plan anew with --group "
            f"{data.unused_column}."
        )
    else:
        notes += say_guessed_groups(images)
    write_images(images, experiment)
    for recipe in recipes:
        keep_recipe(recipe, experiment)
    write_plan(plan, experiment)
    return plan, notes


def _refuse_leftovers(experiment: Path) -> None:
    """Refuse a folder whose runs belong to a plan that is gone.

    They would count as done, and be shown as the new plan's.
    """
    if found := sorted(experiment.glob(f"*/repeat*/{RUN}")):
        raise ValueError(
            f"{experiment}: found {len(found)} complete runs, such as {found[0]}, and "
            f"no {FILE}, expected the plan by which they were made. Put it back to go "
            "on with them, or name a new folder by --out."
        )


def _go_on(
    experiment: Path, recipes: Sequence[Recipe], wishes: Wishes, check_data: bool
) -> tuple[Plan, Plan, list[str]]:
    """Return the plan that is there, what it becomes, and what to say of it."""
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
    new = [recipe for recipe in recipes if recipe.name not in plan.configs]
    for recipe in new:
        check_epoch_rule(recipe.cfg, plan.epoch_rule)
    if check_data or new:
        _check_data(experiment, plan, images, recipes)
    extended = replace(
        plan,
        configs={**plan.configs, **{recipe.name: recipe.sha256 for recipe in new}},
    )
    count = len(plan.repeats)
    extended = with_repeats(extended, images, _or(wishes.repeats, count))
    notes = []
    if len(extended.repeats) > count:
        # Nobody can have looked before there was anything to see.
        if any(experiment.glob(f"*/repeat*/{RUN}")):
            earlier = (*plan.earlier_repeats, count)
            extended = replace(extended, earlier_repeats=earlier)
        notes.append(
            f"The plan goes on from {count} to {len(extended.repeats)} repeats."
        )
    if new:
        names = ", ".join(recipe.name for recipe in new)
        notes.append(f"Added to the plan: {names}.")
    return plan, extended, notes


def _check_data(
    experiment: Path,
    plan: Plan,
    images: Sequence[PlannedImage],
    recipes: Sequence[Recipe],
) -> None:
    data = gather_images(
        recipes,
        with_test=any(one.part == TEST for one in images),
        group_column=plan.group_column,
        group_pattern=plan.group_pattern,
    )
    if data.sha256 != plan.data_sha256:
        raise ValueError(
            f"{experiment}: the data are not the planned ones: "
            f"{changes(images, data.images)}. Expected them as they were. Put them "
            "back, or name a new folder by --out."
        )
    if data.classes != plan.classes:
        raise ValueError(
            f"{experiment}: found the classes {', '.join(data.classes)}, expected "
            f"those of the plan in its order, {', '.join(plan.classes)}. Put them "
            "back, or name a new folder by --out."
        )


def _check_wishes(experiment: Path, plan: Plan, wishes: Wishes, has_test: bool) -> None:
    holdout = plan.kind == "holdout"
    for option, wish, planned in (
        ("--holdout", wishes.holdout, holdout),
        ("--folds", wishes.folds, plan.folds),
        ("--with-test", wishes.with_test, has_test and not holdout),
        ("--group", wishes.group_column, plan.group_column),
        ("--group-pattern", wishes.group_pattern, plan.group_pattern),
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


def _or(value: float | None, default: float) -> float:
    return default if value is None else value
