"""Which images belong together, by what their names have in common."""

import re
from collections.abc import Sequence

from mmleaves.audit.parts import below
from mmleaves.names_as_text import as_text


def _compiled(pattern: str) -> re.Pattern:
    """Return a pattern of ``--group-pattern``.

    Raises:
        ValueError: If it is no regular expression.
    """
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(
            f"--group-pattern {pattern}: found no regular expression ({error}), "
            r"expected one such as 'P\d+'. Correct it."
        ) from None


def groups_of_names(paths: Sequence[str], root: str, pattern: str) -> list[str]:
    """Return the group of each image, as a pattern finds it in its path.

    Args:
        paths: Image files, N of them.
        root: The data's folder; what lies above it is not looked at.
        pattern: A regular expression. Its first group, or all that it matches where it
            has none, is what an image belongs to.

    Returns:
        N groups.

    Raises:
        ValueError: If it is no regular expression, or finds nothing in some name.
    """
    found = _compiled(pattern)
    matches = {path: found.search(as_text(below(path, root))) for path in paths}
    groups = {
        path: match and match[min(1, found.groups)] for path, match in matches.items()
    }
    if without := [path for path, group in groups.items() if not group]:
        raise ValueError(
            f"--group-pattern {pattern}: found nothing of it in {len(without)} of "
            f"{len(groups)} names, such as {as_text(below(min(without), root))}, "
            "expected it in each. Give one that fits all, such as 'A|B', or take these "
            "images out."
        )
    return [groups[path] for path in paths]
