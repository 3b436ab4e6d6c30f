"""What each image is for in one run of a plan."""

from collections.abc import Sequence

import numpy as np

from mmleaves.evidence.plan import Plan
from mmleaves.experiments.folds import deal_folds
from mmleaves.experiments.image_table import TEST, PlannedImage, two_labels

TRAIN, SELECT, SCORE = "train", "select", "score"
# A fifth of the training part chooses the epoch, where one is chosen.
SELECT_FOLDS = 5


def image_uses(
    plan: Plan, images: Sequence[PlannedImage], repeat: int, fold: int
) -> dict[str, str]:
    """Return what each image is for in a run, by its content hash.

    Images without a use are missing: those with two labels, and on a hold-out those
    that are copies of a scored one, or of its group.

    Args:
        plan: The plan.
        images: The experiment's images.
        repeat: Which repeat, from 0.
        fold: Which fold is scored, from 0; 0 on a hold-out.

    Returns:
        ``"train"``, ``"score"``, or ``"select"`` for those that choose the epoch.

    Raises:
        ValueError: If the plan has no such run.
    """
    for what, value, count in (
        ("repeat", repeat, len(plan.repeats)),
        ("fold", fold, plan.folds),
    ):
        if not 0 <= value < count:
            raise ValueError(
                f"found {what}={value}, expected 0 to {count - 1}, as the plan has "
                f"{count}. Set `{what}` to one of them."
            )
    planned = plan.repeats[repeat]
    uses = {key: SCORE for key, other in planned.fold_of.items() if other == fold}
    unclear = two_labels(images)
    usable = [one for one in images if one.hash not in unclear]
    taken = {one.together for one in usable if one.hash in uses}
    train = {
        one.hash: one
        for one in sorted(usable, key=lambda one: one.hash)
        if one.together not in taken
        and not (plan.kind == "holdout" and one.part == TEST)
    }
    uses |= dict.fromkeys(train, TRAIN)
    if plan.epoch_rule == "best":
        try:
            inner = deal_folds(
                [one.label for one in train.values()],
                [one.together for one in train.values()],
                SELECT_FOLDS,
                draw_seed(planned.split_seed, fold),
            )
        except ValueError as error:
            raise ValueError(
                f"The training part cannot give a {SELECT_FOLDS}th to choose the epoch "
                f"with: {error} Or score the last epoch: --epoch last."
            ) from error
        uses |= {key: SELECT for key, i in zip(train, inner, strict=True) if i == 0}
    return uses


def draw_seed(*numbers: int) -> int:
    """Return a seed of 31 bits that is drawn by other numbers."""
    # 31, so that what adds to it, as data loader workers do, stays a NumPy seed.
    return int(np.random.SeedSequence(numbers).generate_state(1)[0]) >> 1
