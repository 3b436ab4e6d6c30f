"""Objects from JSON files."""

import json
from collections.abc import Mapping
from pathlib import Path


def check_types(
    data: Mapping[str, object], kinds: Mapping[str, type | tuple], path: Path
) -> None:
    """Refuse an object that lacks a key, or has a value of another type.

    Raises:
        ValueError: If it does; says which.
    """
    for name, kind in kinds.items():
        if name not in data:
            problem = f"found no {name!r}"
        elif not isinstance(data[name], kind):
            problem = f"found {name!r} to be {data[name]!r}"
        else:
            continue
        raise ValueError(
            f"{path}: {problem}, expected what docs/comparing.md lists. The file is "
            "damaged: write it again."
        )


def read_json(path: Path) -> dict:
    """Read a JSON object.

    Raises:
        ValueError: If it is none, with the place.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(
            f"{path}: found text that is no JSON ({error}), expected an object. The "
            "file is damaged: write it again."
        ) from None
    if not isinstance(data, dict):
        raise ValueError(
            f"{path}: found a {type(data).__name__}, expected an object. The file is "
            "damaged: write it again."
        )
    return data
