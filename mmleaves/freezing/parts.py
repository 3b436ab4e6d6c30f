"""The parts of a classifier, from its stem to its head: what a freeze policy names."""

from dataclasses import dataclass, field

from torch import nn

from mmleaves.freezing.places import (
    CLASSIFIER,
    STEM,
    TAIL,
    WHOLE,
    places_in,
    timm_places,
)


@dataclass
class Part:
    """A stretch of a model that is frozen or trained as one.

    Args:
        name: As reports give it: ``"stem"``, ``"stage 2 (layer2)"``, ``"head"``.
        kind: ``"stem"``, ``"stage"``, ``"tail"`` (what follows the last stage),
            ``"trunk"`` (all of a backbone whose stages are not known), ``"neck"``,
            ``"fusion"`` (what joins two branches), or ``"head"``.
        branch: Name of the branch of a net with several, else ``""``.
        stage: Its number among the stages, from 1; 0 for what is no stage.
        unit: What a stage of this backbone is called, ``"stage"`` or ``"block"``.
        parameters: Names in the whole model; so are ``buffers`` and ``modules``.
    """

    name: str
    kind: str
    branch: str = ""
    stage: int = 0
    unit: str = "stage"
    parameters: list[str] = field(default_factory=list)
    buffers: list[str] = field(default_factory=list)
    modules: list[str] = field(default_factory=list)

    @property
    def is_new(self) -> bool:
        """Whether it comes without pretrained weights, so that every policy trains it.

        They are a backbone's.
        """
        return self.kind in ("neck", "fusion", "head")


class _Trunk:
    """Tells the part of each name within one backbone."""

    def __init__(
        self, prefix: str, places: dict[str, int], unit: str, branch: str = ""
    ) -> None:
        self.prefix, self.places = prefix, places
        self.unit, self.branch = unit, branch
        self.stages = sorted({at for at in places.values() if STEM < at < TAIL})
        self.labels = {at: _label(places, at) for at in self.stages}

    def part(self, name: str) -> Part:
        place = self.places[name.removeprefix(self.prefix)]
        if place in self.labels:
            stage = self.stages.index(place) + 1
            kind, label = "stage", f"{self.unit} {stage} ({self.labels[place]})"
        else:
            stage = 0
            kind, label = {
                WHOLE: ("trunk", "backbone"),
                STEM: ("stem", "stem"),
                TAIL: ("tail", "tail"),
                CLASSIFIER: ("head", "classifier"),
            }[place]
        label = f"{self.branch}: {label}" if self.branch else label
        return Part(label, kind, self.branch, stage, self.unit)


def _label(places: dict[str, int], stage: int) -> str:
    """Return the name in ``stage`` that most of the others are within."""
    names = [name for name, place in places.items() if place == stage]
    outermost = [name for name in names if places.get(name.rpartition(".")[0]) != stage]
    return max(
        outermost, key=lambda top: sum(name.startswith(f"{top}.") for name in names)
    )


def model_parts(model: nn.Module) -> list[Part]:
    """Return the parts of an image classifier in the order of its computation.

    Every parameter and buffer is in exactly one of them. The stages of MMPretrain's
    backbones stand in a table of ours, those of timm's models in timm's own; a
    backbone that neither knows is one part, the ``"trunk"``.
    """
    trunks = _trunks(model)
    parts: dict[str, Part] = {}
    for kind, objects in (
        ("modules", model.named_modules()),
        ("parameters", model.named_parameters(remove_duplicate=False)),
        ("buffers", model.named_buffers(remove_duplicate=False)),
    ):
        for name, _ in objects:
            if part := _part_of(name, trunks):
                part = parts.setdefault(part.name, part)
                getattr(part, kind).append(name)
    order = ("stem", "trunk", "stage", "tail", "neck", "fusion", "head")
    branches = [trunk.branch for trunk in trunks]

    def position(part: Part) -> tuple[int, int, int]:
        late = part.kind in order[4:] and not part.branch
        branch = len(branches) if late else branches.index(part.branch)
        return branch, order.index(part.kind), part.stage

    found = sorted(parts.values(), key=position)
    return [part for part in found if part.parameters or part.buffers or part.modules]


def _trunks(model: nn.Module) -> list[_Trunk]:
    backbone = getattr(model, "backbone", None)
    if backbone is None:
        # MMPretrain's TimmClassifier is a model of timm's, with its own classifier.
        net = getattr(model, "model", None)
        return [] if net is None else [_Trunk("model.", timm_places(net), "stage")]
    branches = getattr(backbone, "branches", None)
    if isinstance(branches, nn.ModuleDict):
        return [
            _Trunk(f"backbone.branches.{name}.", *places_in(branch), name)
            for name, branch in branches.items()
        ]
    return [_Trunk("backbone.", *places_in(backbone))]


def _part_of(name: str, trunks: list[_Trunk]) -> Part | None:
    for trunk in trunks:
        if name.startswith(trunk.prefix):
            return trunk.part(name)
        if trunk.prefix.startswith(f"{name}."):
            return None
    top, *rest = name.split(".")
    if top == "head":
        return Part("head", "head")
    if top == "neck":
        return Part("neck", "neck")
    if top == "backbone":
        return Part("fusion", "fusion") if rest else None
    if top in ("", "data_preprocessor"):
        return None
    return Part(top, "head")
