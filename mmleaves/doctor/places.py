"""In which file, and on which line, a config's setting stands."""

import ast
from collections.abc import Iterator
from pathlib import Path

from mmleaves.config import PACKAGED_CONFIGS

Place = tuple[Path, int]


def key_places(config: Path) -> dict[str, Place]:
    """Return file and line of every key that ``config`` or one of its bases sets.

    The file that has the last word counts. Bases of other packages are left out.

    Args:
        config: A Python config.

    Returns:
        By key, such as ``"param_scheduler.0.T_max"``.
    """
    if config.suffix != ".py":
        return {}
    try:
        tree = ast.parse(config.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError):
        return {}
    variables = {
        target.id: statement.value
        for statement in tree.body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    }
    found: dict[str, Place] = {}
    for base in _bases(variables.get("_base_")):
        if (path := config.parent / base).is_file():
            found |= key_places(path)
    for name, value in variables.items():
        for key, line in _keys(name, value, variables):
            found[key] = (config, line)
    return found


def place_of(key: str, places: dict[str, Place]) -> Place | None:
    """Return where ``key`` stands, or else the nearest dict around it."""
    while key not in places and "." in key:
        key = key.rpartition(".")[0]
    return places.get(key)


def shown(path: Path) -> str:
    """Return a config's path, short where it came with the package."""
    if path.is_relative_to(PACKAGED_CONFIGS):
        return f"configs/{path.relative_to(PACKAGED_CONFIGS)}"
    return str(path)


def _bases(value: ast.expr | None) -> list[str]:
    try:
        bases = ast.literal_eval(value) if value is not None else []
    except ValueError:
        return []
    return [bases] if isinstance(bases, str) else list(bases)


def _keys(
    key: str, value: ast.expr, variables: dict[str, ast.expr], depth: int = 0
) -> Iterator[tuple[str, int]]:
    yield key, value.lineno
    if isinstance(value, ast.Name) and value.id in variables and depth < 20:
        value = variables[value.id]
    children: list[tuple[str, ast.expr]] = []
    if isinstance(value, ast.Call):
        children = [(k.arg, k.value) for k in value.keywords if k.arg]
    elif isinstance(value, ast.Dict):
        children = [
            (str(k.value), v)
            for k, v in zip(value.keys, value.values, strict=True)
            if isinstance(k, ast.Constant)
        ]
    elif isinstance(value, ast.List | ast.Tuple):
        children = [(str(i), item) for i, item in enumerate(value.elts)]
    for name, child in children:
        yield from _keys(f"{key}.{name}", child, variables, depth + 1)
