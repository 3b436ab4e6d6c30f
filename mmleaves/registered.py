"""What a config's ``type`` may name: all that is registered, here and upstream."""

import difflib

from mmengine import registry as root
from mmengine.registry import Registry

from mmleaves import registry as ours
from mmleaves.registry import upstream

# To ask them all takes a millisecond, and a config asks for a hundred names.
_FOUND: dict[str, type] = {}


def registries() -> list[Registry]:
    """Return the registries of this package, of MMPretrain and of MMEngine."""
    places = (ours, upstream, root)
    found = (value for place in places for value in vars(place).values())
    return [registry for registry in found if isinstance(registry, Registry)]


def find_class(name: str) -> type | None:
    """Return what is registered as ``name``, None if nothing is."""
    if name not in _FOUND:
        for registry in registries():
            if cls := registry.get(name):
                _FOUND[name] = cls
                break
    return _FOUND.get(name)


def nearest_class(name: str) -> str | None:
    """Return the name most like ``name``, as a config writes it."""
    known = {}
    for registry in registries():
        scope = "mmleaves." if registry.scope == "mmleaves" else ""
        for module in registry.module_dict:
            known.setdefault(module, f"{scope}{module}")
    last = name.split(".")[-1]
    near = difflib.get_close_matches(last, known, n=1)
    if not near:
        lower = {module.lower(): module for module in known}
        near = [lower[m] for m in difflib.get_close_matches(last.lower(), lower, n=1)]
    return known[near[0]] if near else None
