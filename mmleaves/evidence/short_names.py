"""What recipes are called where their configs' names would fill the line."""

from collections.abc import Sequence


def told_apart(names: Sequence[str]) -> dict[str, str]:
    """Return what tells names of configs apart, by the whole name.

    Their parts, which ``_`` joins, are left out where all names have the same.
    """
    parts = [name.split("_") for name in names]
    if len({len(of_one) for of_one in parts}) > 1:
        return {name: name for name in names}
    differ = [
        i for i, of_all in enumerate(zip(*parts, strict=True)) if len({*of_all}) > 1
    ]
    return {
        name: "_".join(of_one[i] for i in differ) or name
        for name, of_one in zip(names, parts, strict=True)
    }


def short_for(names: Sequence[str]) -> list[str]:
    """Return a note on what `told_apart` left out, if it did."""
    if all(name == short for name, short in told_apart(names).items()):
        return []
    parts = zip(*(name.split("_") for name in names), strict=True)
    shown = ["…" if len({*of_all}) > 1 else of_all[0] for of_all in parts]
    return [f"Recipes are called by what differs in {'_'.join(shown)}."]
