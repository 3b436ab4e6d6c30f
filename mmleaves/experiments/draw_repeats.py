"""Draw the repeats of a plan: folds and seeds, each repeat by its own number."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from mmleaves.audit.groups import guess_groups
from mmleaves.audit.parts import Item
from mmleaves.datasets.splits import ALWAYS_TRAIN
from mmleaves.evidence.design import MIN_IMAGES
from mmleaves.evidence.plan import Plan, PlannedRepeat
from mmleaves.experiments.folds import deal_folds
from mmleaves.experiments.image_table import TEST, PlannedImage, two_labels
from mmleaves.experiments.uses import SCORE, draw_seed, image_uses


def with_repeats(plan: Plan, images: Sequence[PlannedImage], count: int) -> Plan:
    """Return the plan with more repeats; those it has stay as they are.

    Args:
        plan: The plan, with or without repeats.
        images: The experiment's images.
        count: How many repeats it is to have, at least as many as it has.

    Raises:
        ValueError: If the images cannot be dealt out so that every class is trained on.
    """
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
    _check_can_compare(extended)
    for number in range(len(plan.repeats), count):
        for fold in range(plan.folds):
            _check_run(image_uses(extended, images, number, fold), images)
    return extended


def _check_can_compare(plan: Plan) -> None:
    """Refuse before the first run what `compare` would refuse after the last."""
    if len(plan.configs) == 1:
        return
    if plan.images < MIN_IMAGES:
        raise ValueError(
            f"found {plan.images} images to score, expected {MIN_IMAGES} or more: from "
            "fewer nothing can be said. Add images."
        )
    for number, repeat in enumerate(plan.repeats):
        small = min(Counter(repeat.fold_of.values()).values())
        if plan.kind == "cv" and small < 2:
            raise ValueError(
                f"found a fold with a single image in repeat {number}, expected 2 or "
                "more in each. Take fewer folds, or groups that are less uneven."
            )


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


def say_guessed_groups(images: Sequence[PlannedImage]) -> list[str]:
    """Return that file names look like groups, if the plan knows of none."""
    if any(one.group for one in images):
        return []
    guess = guess_groups([Item(one.image, one.part, one.label) for one in images])
    if guess is None:
        return []
    groups, how = guess
    return [
        f"{how} look like {len(set(groups))} groups, such as {groups[0]!r}, and the "
        "folds divide them. If they are patients or plants, plan anew with "
        "--group-pattern, or with --group and a column."
    ]


def say_split(plan: Plan, images: Sequence[PlannedImage]) -> list[str]:
    """Return what there is to say of images that are not simply dealt out."""
    unclear = two_labels(images)
    usable = [one for one in images if one.hash not in unclear]
    hashes = {one.hash for one in usable}
    notes = []
    if copies := len(usable) - len(hashes):
        notes.append(f"Copies of other files, which stay with them: {copies}.")
    if unclear:
        names = sorted(one.image for one in images if one.hash in unclear)
        notes.append(
            f"Left out, as one picture has two labels: {', '.join(names[:4])}"
            f"{' …' if len(names) > 4 else ''}."
        )
    if plan.kind == "cv":
        if alone := hashes - plan.repeats[0].fold_of.keys():
            notes.append(
                "Always trained on and never scored, as a class has no others or none "
                f"outside their group: {len(alone)}."
            )
    else:
        uses = image_uses(plan, images, 0, 0)
        pool = [one for one in usable if one.part != TEST]
        if unused := sum(uses.get(one.hash) in (None, SCORE) for one in pool):
            notes.append(
                "Training images left out, as they share a picture or a group with "
                f"scored ones: {unused}."
            )
    return notes
