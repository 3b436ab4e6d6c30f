"""Whether a config holds settings alone, found out without running it.

MMEngine runs a config as Python, imports what its ``custom_imports`` name, and calls
whatever Python object a ``type`` names, such as ``os.system``. What is read here is its
syntax only.
"""

import ast
from pathlib import Path

_CALLED = ("dict", "list", "tuple")
_SCOPES = ("mmleaves", "mmpretrain", "mmengine", "mmcv")
_OPERATORS = ast.Add | ast.Sub | ast.Mult | ast.Div
_BASES = "_base_"


def refuse_code(config: Path) -> None:
    """Make sure that a config and its bases are settings alone.

    Args:
        config: A config's file.

    Raises:
        FileNotFoundError: If a base is missing.
        ValueError: If one does more than set names to numbers, texts, lists and dicts,
            imports a module that is not ours, or names a ``type`` by a module's path;
            names the line.
    """
    if config.suffix != ".py":
        _refuse(config, 1, "is no Python file; reading it may run code too")
    if not config.is_file():
        raise FileNotFoundError(f"{config}: found no such file, expected a base.")
    tree = ast.parse(config.read_text(encoding="utf-8"), filename=str(config))
    known: set[str] = set()
    for statement in tree.body:
        is_text = isinstance(statement, ast.Expr) and isinstance(
            statement.value, ast.Constant
        )
        if is_text:
            continue
        if not isinstance(statement, ast.Assign):
            _refuse(config, statement.lineno, "does more than set a name to a value")
        _check(statement.value, known, config)
        for target in statement.targets:
            if not isinstance(target, ast.Name) or target.id in _CALLED:
                _refuse(config, target.lineno, "sets something other than a name")
            known.add(target.id)
            if target.id == _BASES:
                for base in _bases(statement.value, config):
                    refuse_code(config.parent / base)
            if target.id == "custom_imports":
                _check_imports(statement.value, config)


def _check(node: ast.expr, known: set[str], config: Path) -> None:
    children: list[ast.expr | None]
    match node:
        case ast.Constant():
            children = []
        case ast.Name():
            if node.id not in known:
                _refuse(config, node.lineno, f"uses {node.id}, which it does not set")
            children = []
        case ast.List() | ast.Tuple() | ast.Set():
            children = list(node.elts)
        case ast.Starred() | ast.UnaryOp():
            children = [node.value if isinstance(node, ast.Starred) else node.operand]
        case ast.BinOp(op=_OPERATORS()):
            children = [node.left, node.right]
        case ast.Dict():
            for key, value in zip(node.keys, node.values, strict=True):
                if key is not None:
                    _check_item(key, value, config)
            children = [*node.values]
        case ast.Call(func=ast.Name(id=name)) if name in _CALLED:
            for keyword in node.keywords:
                if keyword.arg is not None:
                    _check_item(ast.Constant(keyword.arg), keyword.value, config)
            children = [*node.args, *(keyword.value for keyword in node.keywords)]
        case ast.Attribute() if _root(node) == _BASES:
            children = []  # MMEngine's way of taking a base's value
        case _:
            _refuse(config, node.lineno, "runs code")
    for child in children:
        if child is not None:
            _check(child, known, config)


def _check_item(key: ast.expr, value: ast.expr, config: Path) -> None:
    if not isinstance(key, ast.Constant):
        _refuse(config, value.lineno, "has a key that is computed")
    if key.value != "type":
        return
    name = value.value if isinstance(value, ast.Constant) else None
    if name is None and isinstance(value, ast.Constant):
        return
    scope, _, last = str(name).rpartition(".")
    if not isinstance(name, str) or (scope and scope not in _SCOPES) or not last:
        said = repr(name) if isinstance(name, str) else "that is computed"
        _refuse(config, value.lineno, f"has a type {said}, which may be any function")


def _check_imports(value: ast.expr, config: Path) -> None:
    if not isinstance(value, ast.Call) or value.args:
        _refuse(config, value.lineno, "computes its custom_imports")
    for keyword in value.keywords:
        try:
            names = ast.literal_eval(keyword.value) if keyword.arg else None
        except ValueError:
            names = None
        if keyword.arg == "imports":
            names = [names] if isinstance(names, str) else names
            if names is not None and all(
                str(name).split(".")[0] == "mmleaves" for name in names
            ):
                continue
            _refuse(config, keyword.value.lineno, f"imports {names}")
        elif keyword.arg is None:
            _refuse(config, value.lineno, "computes its custom_imports")


def _bases(value: ast.expr, config: Path) -> list[str]:
    try:
        found = ast.literal_eval(value)
    except ValueError:
        _refuse(config, value.lineno, "computes its bases")
    bases = [found] if isinstance(found, str) else list(found)
    for base in bases:
        package, sign, _ = str(base).partition("::")
        if sign and package not in ("mmpretrain", "mmleaves"):
            _refuse(config, value.lineno, f"has the base {base}")
    # Installed with those packages, whose code runs anyway.
    return [base for base in bases if "::" not in base]


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _refuse(config: Path, line: int, why: str) -> None:
    raise ValueError(
        f"{config}, line {line}: the config {why}, expected settings alone: reading it "
        "would run what it holds. Look at it, and if you trust it: --trust-config."
    )
