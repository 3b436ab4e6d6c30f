"""How many images of a class are to train with and to choose with, by each option."""

from collections.abc import Callable
from functools import partial

Sizes = Callable[[str, int], tuple[int, int]]


def sizes_from_options(
    *,
    train_per_class: int | None,
    val_per_class: int | None,
    train_fraction: float | None,
    val_fraction: float | None,
    by_lists: bool,
) -> Sizes:
    """Return the function of a class's name and count that the options ask for.

    Args:
        train_per_class: Images of a class to train and choose with, 30 by default.
        val_per_class: How many of them are for choosing, 5 by default.
        train_fraction: Share to train with, instead.
        val_fraction: Share to choose with, 0 by default.
        by_lists: Whether list files say what is to train and choose with.

    Returns:
        From a class's name and its number of images (those to train and choose with, if
        by lists), how many are to train with and how many to choose with.

    Raises:
        ValueError: If two ways to split are asked for, or an option is out of range.
    """
    ways = {
        "train_list or test_list": by_lists,
        "train_per_class": train_per_class is not None,
        "train_fraction": train_fraction is not None,
    }
    chosen = [way for way, is_chosen in ways.items() if is_chosen]
    if len(chosen) > 1:
        raise ValueError(
            f"found both {' and '.join(chosen)}, expected one way to split. Set the "
            "others to None."
        )
    if train_fraction is None and val_fraction is not None:
        raise ValueError(
            f"found val_fraction={val_fraction} without train_fraction, expected both. "
            "Set `train_fraction`, or use `val_per_class`."
        )
    if train_fraction is not None and val_per_class is not None:
        raise ValueError(
            f"found val_per_class={val_per_class} with train_fraction, expected a "
            "fraction for both. Set `val_fraction`, and `val_per_class` to None."
        )
    if train_fraction is not None:
        return sizes_by_fraction(train_fraction, val_fraction or 0.0)
    val = 5 if val_per_class is None else val_per_class
    if by_lists:
        return sizes_within_list(val)
    return sizes_by_count(30 if train_per_class is None else train_per_class, val)


def sizes_by_count(train: int, val: int) -> Sizes:
    """Return a function that takes the same number of images from every class.

    Args:
        train: Images of a class to train and choose with.
        val: How many of them are to choose with only.

    Raises:
        ValueError: If ``val`` leaves none of ``train``; the function, if a class is so
            small that none are left to test.
    """
    if not 0 <= val < train:
        raise ValueError(
            f"found val_per_class={val}, expected 0 to {train - 1}: it is cut out of "
            f"train_per_class={train}. Lower the one or raise the other."
        )
    return partial(_by_count, train=train, val=val)


def sizes_by_fraction(train: float, val: float) -> Sizes:
    """Return a function that takes the same share of every class, and tests the rest.

    Shares are rounded half up; each class keeps an image to train with.

    Raises:
        ValueError: If the fractions are not shares of one whole.
    """
    if not (train > 0 and val >= 0 and train + val <= 1 + 1e-9):
        raise ValueError(
            f"found train_fraction={train} and val_fraction={val}, expected the first "
            "above 0, the second 0 or more, and at most 1 together. Correct them."
        )
    return partial(_by_fraction, train=train, val=val)


def sizes_within_list(val: int) -> Sizes:
    """Return a function that cuts ``val`` images of each class out of a list.

    Raises:
        ValueError: If ``val`` is below 0; the function, if it leaves nothing to train.
    """
    if val < 0:
        raise ValueError(
            f"found val_per_class={val}, expected 0 or more. Set `val_per_class` to 0."
        )
    return partial(_within_list, val=val)


# Functions of the module, so that a data set that holds one can go to worker processes.
def _by_count(name: str, n_images: int, *, train: int, val: int) -> tuple[int, int]:
    if n_images <= train:
        raise ValueError(
            f"class {name!r}: found {n_images} images, expected more than "
            f"train_per_class={train}, so that some are left to test. Set "
            f"`train_per_class` to {max(n_images - 1, 1)} or less and `val_per_class` "
            "below it, or `train_fraction` instead."
        )
    return train - val, val


def _by_fraction(
    name: str, n_images: int, *, train: float, val: float
) -> tuple[int, int]:
    n_val = _round_half_up(n_images * val)
    n_test = _round_half_up(n_images * (1 - train - val))
    while n_val + n_test >= n_images:
        n_val, n_test = (n_val - 1, n_test) if n_val >= n_test else (n_val, n_test - 1)
    return n_images - n_val - n_test, n_val


def _within_list(name: str, n_images: int, *, val: int) -> tuple[int, int]:
    if n_images <= val:
        raise ValueError(
            f"class {name!r}: found {n_images} images to train with, expected more "
            f"than val_per_class={val}, which are cut out of them. Set "
            f"`val_per_class` to {n_images - 1} or less, or add images to the list."
        )
    return n_images - val, val


def _round_half_up(number: float) -> int:
    # Rounded first, as 5 * (1 - 0.9) is 0.4999….
    return int(round(number, 9) + 0.5)
