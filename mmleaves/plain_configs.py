"""Whether a config holds settings alone, found out without running it.

MMEngine replaces text between double braces, runs a config as Python, imports what its
``custom_imports`` and scopes name, and imports and calls whatever Python object a
``type`` names, such as ``os.system``. What is read here is its syntax only.
"""

import ast
from functools import cache
from pathlib import Path, PurePosixPath

_CALLED = ("dict", "list", "tuple")
# Names of packages, whose `registry` MMEngine imports.
_SCOPE_KEYS = ("_scope_", "default_scope")
_SCOPES = ("mmleaves", "mmpretrain", "mmengine")
_OPERATORS = ast.Add | ast.Sub | ast.Mult | ast.Div
_BASES = "_base_"


def refuse_code(config: Path) -> None:
    """Make sure that a config and its bases are settings alone.

    Args:
        config: A config's file.

    Raises:
        FileNotFoundError: If a base is missing.
        ValueError: If one does more than set names to numbers, texts, lists and dicts,
            imports a module that is not ours, or names a ``type`` that is not
            registered; names the line.
    """
    if config.suffix != ".py":
        _refuse(config, 1, "is no Python file; reading it may run code too")
    if not config.is_file():
        raise FileNotFoundError(f"{config}: found no such file, expected a base.")
    text = config.read_text(encoding="utf-8")
    if (place := text.find("{{")) >= 0:
        # Before it parses the text, MMEngine puts other text there.
        _refuse(config, text.count("\n", 0, place) + 1, "has {{ in it")
    tree = ast.parse(text, filename=str(config))
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
            _check_item(ast.Constant(target.id), statement.value, config)


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
            if name == "dict" and not all(isinstance(a, ast.Dict) for a in node.args):
                _refuse(config, node.lineno, "makes a dict of something else")
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
    if key.value not in ("type", *_SCOPE_KEYS):
        return
    if not isinstance(value, ast.Constant):
        _refuse(config, value.lineno, f"has a {key.value} that is computed")
    name = value.value
    if name is None:
        return
    if key.value in _SCOPE_KEYS and name not in _SCOPES:
        _refuse(config, value.lineno, f"has the {key.value} {name!r}, a package")
    if key.value == "type" and name not in _types():
        said = f"has a type {name!r}, which is not registered and may be any function"
        _refuse(config, value.lineno, said)


@cache
def _types() -> set[str]:
    """Return all that is registered, with and without its scope."""
    # Deferred: it imports the whole stack.
    from mmleaves.registered import registries

    found = set()
    for registry in registries():
        registry.import_from_location()
        found |= {f"{registry.scope}.{name}" for name in registry.module_dict}
        found |= registry.module_dict.keys()
    return found


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
        package, sign, path = str(base).partition("::")
        parts = PurePosixPath(path.replace("\\", "/")).parts
        outside = {"..", "/"} & {*parts} or ":" in path
        if sign and (outside or package not in ("mmpretrain", "mmleaves")):
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
