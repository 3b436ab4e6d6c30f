"""The order of the classes, and whether class folders fit it."""

import difflib
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path

from mmleaves.datasets.image_files import is_image_name, list_folders, nfc

BACKGROUND = "BACKGROUND_Google"
TRAIN_NAMES = frozenset({"train", "training"})
HELD_OUT_NAMES = frozenset({"val", "valid", "validation", "test"})


def checked_classes(names: Sequence[str]) -> tuple[str, ...]:
    """Return class names with accents composed, each once.

    Raises:
        ValueError: If a name is there twice, or is not text.
    """
    if wrong := [name for name in names if not isinstance(name, str)]:
        raise ValueError(
            f"`classes`: found {wrong[0]!r}, expected names only. Put it in quotes."
        )
    classes = tuple(nfc(name.strip()) for name in names)
    name, times = Counter(classes).most_common(1)[0] if classes else ("", 0)
    if times > 1:
        raise ValueError(
            f"`classes`: found {name!r} {times} times, expected "
            "each class once. Take the others out."
        )
    return classes


def class_folders(folder: str, include_background: bool) -> dict[str, str]:
    """Return the class folders in ``folder``: class names, sorted, to names on disk."""
    folders = list_folders(folder)
    if not include_background:
        folders.pop(BACKGROUND, None)
    return folders


def are_parts(names: Collection[str]) -> bool:
    """Return whether folders are parts such as ``train`` and ``test``, not classes.

    They are if there are no others, or if one is to train and one to hold out: among
    ``bus`` and ``car``, a ``train`` is a class.
    """
    lower = {name.lower() for name in names}
    if lower <= TRAIN_NAMES | HELD_OUT_NAMES:
        return bool(lower)
    return bool(lower & TRAIN_NAMES and lower & HELD_OUT_NAMES)


def check_class_folders(folder: str, names: Collection[str]) -> None:
    """Make sure that ``folder`` is the one that holds the class folders.

    Raises:
        ValueError: If it holds fewer than two folders, or only parts such as
            ``train`` and ``test``; the text says which folder to name instead.
    """
    found = some_names(list(names))
    if are_parts(names):
        raise ValueError(
            f"{folder}: found the folders {found}, which are parts, expected one "
            "folder a class. Set `data_prefix` to one of them."
        )
    if len(names) >= 2:
        return
    n_images = sum(is_image_name(path.name) for path in Path(folder).iterdir())
    raise ValueError(
        f"{folder}: found {f'only the folder {found}' if names else 'no folders'} and "
        f"{n_images} images, expected one folder a class, and two or more. "
        + (
            f"If the classes are inside it, set `data_prefix` to {found}."
            if names
            else "Sort the images into a folder a class, or name the folder above."
        )
    )


def check_no_unknown_class(
    folder: str, names: Collection[str], classes: Collection[str], known_from: str
) -> None:
    """Make sure that every class folder is a class that training knows.

    Args:
        folder: Where the class folders are.
        names: The class folders.
        classes: The classes that there are.
        known_from: Where ``classes`` comes from, for the text.

    Raises:
        ValueError: If a folder is none of them, with its name and the nearest.
    """
    for name in names:
        if name not in classes:
            near = difflib.get_close_matches(name, classes, n=1, cutoff=0.0)
            hint = f", of which {near[0]!r} is the nearest" if near else ""
            raise ValueError(
                f"{folder}/{name}: found a class that {known_from} lacks, "
                f"expected one of its {len(classes)}{hint}. Rename the folder, take it "
                f"out, or add the class to {known_from}."
            )


def some_names(names: Sequence[str], shown: int = 8) -> str:
    """Return the first of ``names`` in quotes, and how many more there are."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(map(repr, names[:shown])) + more
