"""How groups are written: gaps, and a number that is written in two ways."""

import re
from collections.abc import Iterable

# How tables write that something is not known.
GAPS = {"", "-", "?", "na", "n/a", "nan", "none", "null", "<na>"}
_WHOLE_NUMBER = re.compile(r"([+-]?\d+)(\.0*)?")


def is_gap(group: str) -> bool:
    """Return whether this says that nobody knows the group, as ``NA`` of R does."""
    return group.strip().lower() in GAPS


def one_spelling(groups: Iterable[str]) -> dict[str, str]:
    """Return what each group is to be called: 17.0 as 17, if all are whole numbers.

    Pandas writes whole numbers so in a column with gaps, and as 17 in one without.
    """
    every = set(groups)
    names = {group: group for group in every}
    numbers = {
        group: _WHOLE_NUMBER.fullmatch(group) for group in every if not is_gap(group)
    }
    if all(numbers.values()):
        names |= {group: number[1] for group, number in numbers.items()}
    return names
