"""The place of every name in a backbone: stem, which stage, tail, or classifier."""

import re
from collections.abc import Iterator

from torch import nn

from mmleaves.freezing.layouts import layout_of

# Places, in order; what lies between stem and tail is a stage.
WHOLE, STEM, TAIL, CLASSIFIER = -1, 0, 10**6, 10**6 + 1

# A classifier that stands at the end of a backbone, as in an AlexNet with classes.
_INNER_CLASSIFIER = r"(?:classifier|fc|AuxLogits\.fc)(?:\.|$)"


def places_in(backbone: nn.Module) -> tuple[dict[str, int], str]:
    """Return the place of every module, parameter and buffer, and a stage's unit.

    Where the stages are not known, all is `WHOLE`, but for a classifier. The modules
    come first, from the outermost in.
    """
    net = getattr(backbone, "timm_model", None)
    if isinstance(net, nn.Module):
        inner = timm_places(net)
        return {
            "timm_model": TAIL,
            **{f"timm_model.{name}": place for name, place in inner.items()},
        }, "stage"
    layout = layout_of(backbone)
    if layout is None:
        return _with_classifier(dict.fromkeys(_names(backbone), WHOLE)), "stage"
    places = {}
    for name in _names(backbone):
        order = layout.order(name)
        if layout.is_stem(name) or order is None:
            places[name] = TAIL if layout.is_tail(name) else STEM
        else:
            places[name] = 1 + order
    if layout.ends:
        places = _without_ends(backbone, places)
    return _with_classifier(places), layout.unit


def timm_places(net: nn.Module) -> dict[str, int]:
    """Return the places in a model of timm's, by timm's own table of its groups."""
    names = _names(net)
    if not hasattr(net, "group_matcher"):
        return _with_classifier(dict.fromkeys(names, WHOLE))
    # Deferred: timm is an extra.
    from timm.models import group_parameters

    # What no group matches comes last; nothing matches this.
    unmatched = "\0"
    matcher = net.group_matcher(coarse=True)
    groups = group_parameters(_Named([*names, unmatched]), matcher, reverse=True)
    config = getattr(net, "default_cfg", None) or {}
    heads = config.get("classifier") or ()
    heads = (heads,) if isinstance(heads, str) else tuple(heads)
    places = {}
    for name in names:
        if any(f"{name}.".startswith(f"{head}.") for head in heads):
            places[name] = CLASSIFIER
        elif groups[name] == groups[unmatched]:
            places[name] = TAIL
        else:
            places[name] = groups[name]
    return places


class _Named:
    """What timm groups: names, whatever they are names of."""

    def __init__(self, names: list[str]) -> None:
        self.names = names

    def named_parameters(self) -> Iterator[tuple[str, None]]:
        return ((name, None) for name in self.names)


def _names(module: nn.Module) -> list[str]:
    names = [name for name, _ in module.named_modules() if name]
    names += [name for name, _ in module.named_parameters(remove_duplicate=False)]
    return names + [name for name, _ in module.named_buffers(remove_duplicate=False)]


def _with_classifier(places: dict[str, int]) -> dict[str, int]:
    return {
        name: CLASSIFIER if re.match(_INNER_CLASSIFIER, name) else place
        for name, place in places.items()
    }


def _without_ends(backbone: nn.Module, places: dict[str, int]) -> dict[str, int]:
    stages = sorted({place for place in places.values() if STEM < place < TAIL})
    for end, place in ((stages[0], STEM), (stages[-1], TAIL)):
        outermost = next(name for name, at in places.items() if at == end)
        # By name: MMCV need not be imported for that.
        if type(backbone.get_submodule(outermost)).__name__ == "ConvModule":
            places = {name: place if at == end else at for name, at in places.items()}
    return places
