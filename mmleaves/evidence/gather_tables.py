"""Prediction tables of several recipes, checked and lined up."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mmleaves.evidence.class_numbers import check_numbered_alike
from mmleaves.evidence.design import numbered_by_first_image
from mmleaves.evidence.gathered import Gathered
from mmleaves.evidence.outcome_notes import tie_notes
from mmleaves.evidence.outcomes import most_probable
from mmleaves.evidence.recipe_table import RecipeTable, read_recipe_table

NO_LEAK_CHECK = (
    "The tables do not say what was trained on, so nobody checked that scored images "
    "were not."
)


def gather_tables(paths: Sequence[str], *, train_images: int | None = None) -> Gathered:
    """Read a table for each recipe, the baseline first, and line them up.

    Args:
        paths: Files, as of `read_recipe_table`; a recipe is called as its file.
        train_images: How many images each run was trained on; needed for several runs
            on a hold-out.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If the tables do not fit together: other images, labels or folds;
            a run twice; no repeat that all have. Says where and what to do.
    """
    tables = [read_recipe_table(path) for path in paths]
    first = tables[0]
    truth = _truth(first)
    for table in tables[1:]:
        _check_same_truth(first, table, truth, _truth(table))
    images = sorted(truth)
    laid = [_lay_out(table, images) for table in tables]
    repeats, notes = _common_repeats(tables, [set(one) for one in laid])
    folds = _folds(tables, laid, repeats)
    classes = _classes(tables)
    recipes, predicted, ties = {}, {}, []
    places = {label: i for i, label in enumerate(classes)}
    has_probs = all(one.probs is not None for one in tables)
    for name, table, rows in zip(_names(tables), tables, laid, strict=True):
        order = np.stack([rows[repeat] for repeat in repeats])
        said = table.predictions
        if said is None:
            said = np.array(table.classes)[most_probable(table.probs, table.classes)]
            ties += tie_notes(table.probs[order], name)
        recipes[name] = np.array([places[label] for label in said.tolist()])[order]
        if has_probs:
            columns = [table.classes.index(label) for label in classes]
            predicted[name] = recipes[name]
            recipes[name] = table.probs[:, columns][order]
    labels = np.array([places[truth[image]] for image in images])
    for name, table in zip(recipes, tables, strict=True):
        if table.probs is None:
            check_numbered_alike(classes, labels, recipes[name], table.path)
    return Gathered(
        labels=labels,
        classes=classes,
        recipes=recipes,
        folds=folds,
        train_images=train_images,
        notes=(*notes, *ties, NO_LEAK_CHECK),
        images=tuple(images),
        predicted=predicted,
    )


def _truth(table: RecipeTable) -> dict[str, str]:
    """Return the true class by image."""
    truth: dict[str, str] = {}
    for image, label in zip(table.images.tolist(), table.truth.tolist(), strict=True):
        if truth.setdefault(image, label) != label:
            raise ValueError(
                f"{table.path}: relabelled, {image} has the label {label!r} in one row "
                f"and {truth[image]!r} in another. Correct the labels, and train again."
            )
    return truth


def _check_same_truth(
    first: RecipeTable, other: RecipeTable, truth: dict[str, str], found: dict[str, str]
) -> None:
    if odd := truth.keys() ^ found.keys():
        sides = (truth.keys() - found.keys(), found.keys() - truth.keys())
        examples = " and ".join(min(side) for side in sides if side)
        raise ValueError(
            f"unpaired: {first.path} has {len(truth)} images and {other.path} "
            f"{len(found)}; {len(odd)} are in one of them only, such as {examples}. "
            "Expected the same images in both. Score the same ones, by the same names."
        )
    wrong = [image for image in truth if truth[image] != found[image]]
    if wrong:
        image = min(wrong)
        advice = "Correct the labels, and train again."
        if not set(truth.values()) & set(found.values()):
            advice = "Write the classes alike in all tables, by name or by number."
        raise ValueError(
            f"relabelled: {len(wrong)} images have other labels in {other.path} than "
            f"in {first.path}, such as {image}: {found[image]!r} and {truth[image]!r}. "
            f"{advice}"
        )


def _lay_out(table: RecipeTable, images: list[str]) -> dict[str, np.ndarray]:
    """Return the row of each image, (n,), of every repeat that has all images."""
    place = {image: i for i, image in enumerate(images)}
    found = {}
    for repeat in np.unique(table.repeats).tolist():
        rows = np.flatnonzero(table.repeats == repeat)
        places = np.array([place[image] for image in table.images[rows].tolist()])
        counts = np.bincount(places, minlength=len(images))
        if counts.max() > 1:
            image = images[int(counts.argmax())]
            raise ValueError(
                f"{table.path}: {image} stands {counts.max()} times in run {repeat!r}, "
                "expected once: a run counted twice is no new run. Remove the copies; "
                "for several runs, add a column run, or repeat and fold."
            )
        if counts.min() == 1:
            row_of = np.empty(len(images), int)
            row_of[places] = rows
            found[repeat] = row_of
    return found


def _common_repeats(
    tables: Sequence[RecipeTable], complete: list[set[str]]
) -> tuple[list[str], list[str]]:
    common = set.intersection(*complete)
    counts = ", ".join(
        f"{table.path} {len(done)} of {len(set(table.repeats))}"
        for table, done in zip(tables, complete, strict=True)
    )
    if not common:
        names = "; ".join(", ".join(_in_order(set(t.repeats.tolist()))) for t in tables)
        advice = f"Give the repeats the same names in all tables, which have {names}"
        if any(
            table.folds is None and not done
            for table, done in zip(tables, complete, strict=True)
        ):
            advice = "If these are folds, give the columns repeat and fold"
        raise ValueError(
            "incomplete: the tables have no repeat in common that has all images. "
            f"Complete repeats: {counts}. {advice}, or complete the runs."
        )
    every = set.union(*(set(table.repeats.tolist()) for table in tables))
    ordered = _in_order(common)
    if common == every:
        return ordered, []
    return ordered, [
        f"Some runs are missing (complete: {counts}); compared are the repeats that "
        f"all have: {', '.join(ordered)}."
    ]


def _in_order(names: set[str]) -> list[str]:
    """Return names in order, 10 after 9."""
    return sorted(names, key=lambda name: (len(name), name))


def _folds(
    tables: Sequence[RecipeTable], laid: list[dict], repeats: list[str]
) -> np.ndarray | None:
    """Return the fold of each image, (R, n), or None if no table has folds."""
    have = [table for table in tables if table.folds is not None]
    if not have:
        return None
    if len(have) < len(tables):
        (lacks, *_) = [table for table in tables if table.folds is None]
        raise ValueError(
            f"unpaired: {have[0].path} has a column fold, and {lacks.path} has none. "
            "Expected the same folds in all."
        )
    found = None
    for table, rows in zip(tables, laid, strict=True):
        folds = np.stack([table.folds[rows[repeat]] for repeat in repeats])
        numbers = np.stack([numbered_by_first_image(row) for row in folds])
        if found is not None and (found != numbers).any():
            repeat = repeats[int(np.argwhere(found != numbers)[0][0])]
            raise ValueError(
                f"unpaired: the folds of repeat {repeat} differ between "
                f"{tables[0].path} and {table.path}, so their runs had other training "
                "images. Expected the same folds in all. Train them on the same split."
            )
        found = numbers if found is None else found
    return np.stack([np.unique(row, return_inverse=True)[1] for row in folds])


def _classes(tables: Sequence[RecipeTable]) -> tuple[str, ...]:
    first = tables[0]
    known = [table for table in tables if table.classes is not None]
    for table in known[1:]:
        if set(table.classes) != set(known[0].classes):
            raise ValueError(
                f"{table.path}: found the classes {', '.join(table.classes)}, and in "
                f"{known[0].path} {', '.join(known[0].classes)}. Expected the same."
            )
    names = set(first.truth.tolist())
    for table in tables:
        if table.predictions is not None:
            names |= set(table.predictions.tolist())
    if not known:
        return tuple(sorted(names))
    if odd := names - set(known[0].classes):
        raise ValueError(
            f"found the predicted class {min(odd)!r}, which {known[0].path} has no "
            "column for. Expected the same classes in all tables."
        )
    return known[0].classes


def _names(tables: Sequence[RecipeTable]) -> list[str]:
    """Return what to call the recipes: the files' names, or their paths."""
    stems = [Path(table.path).stem for table in tables]
    if len(set(stems)) == len(stems):
        return stems
    paths = [table.path for table in tables]
    if twice := [path for path in paths if paths.count(path) > 1]:
        raise ValueError(
            f"found {twice[0]} twice, expected a table for each recipe. Name it once."
        )
    return paths
