"""Grad-CAM of one net, by captum.

captum is PyTorch's own library for it and needs nothing that is not installed with
torch. pytorch-grad-cam, which MMPretrain's `vis_cam.py` calls, brings an OpenCV of its
own (opencv-python-headless), which overwrites the one that reads our images.
"""

from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import torch
from captum.attr import LayerGradCam
from torch import Tensor, nn

from mmleaves.audit.thumbnails import data_uri
from mmleaves.config import load_config
from mmleaves.evidence.predict import prediction_config
from mmleaves.registry import DATASETS
from mmleaves.report.thumbnails import QUALITY, SIDE_PX
from mmleaves.runner import FineTuneRunner


class Net:
    """A trained classifier, and how it is shown images.

    Args:
        model: The classifier, of MMPretrain's kind.
        pipeline: What turns ``{"img_path": …}`` into what it takes.

    Raises:
        ValueError: If its last features are no map of the image.
    """

    def __init__(self, model: nn.Module, pipeline: object) -> None:
        self._model = model.eval()
        self._pipeline = pipeline
        self._layer: nn.Module | None = None

    def map_of(self, path: Path, label: int) -> tuple[str, bool]:
        """Return the image under its map for a class, and whether the map is empty.

        Returns:
            A ``data:`` address; and True if nothing in the image spoke for the class.

        Raises:
            ValueError: If the net's last features are no map of the image.
        """
        data = self._pipeline({"img_path": str(path), "sample_idx": 0})
        batch = {"inputs": [data["inputs"]], "data_samples": [data["data_samples"]]}
        inputs = self._model.data_preprocessor(batch)["inputs"]
        if self._layer is None:
            self._layer = last_map(self._model, inputs)
        cam = grad_cam(self._model, self._layer, inputs, label)
        picture = _overlay(data["inputs"], cam)
        uri = data_uri(picture, side_px=SIDE_PX, quality=QUALITY)
        return uri, not bool((cam > 0).any())


def load_net(config: Path, checkpoint: Path) -> Net:
    """Return the net of a run.

    Raises:
        ValueError: If the checkpoint is not of the config's model.
    """
    cfg = load_config(str(config))
    cfg, _ = prediction_config(cfg, str(checkpoint), str(checkpoint.parent))
    # The training is past: what its hooks did to the weights is in the file.
    cfg.custom_hooks = []
    cfg.log_level = "WARNING"
    # MMEngine prints that it reads a file, once for each run.
    with TemporaryDirectory() as cfg.work_dir, redirect_stdout(StringIO()):
        runner = FineTuneRunner.from_cfg(cfg)
        runner.load_or_resume()
    dataset = {**cfg.test_dataloader.dataset, "lazy_init": True}
    return Net(runner.model, DATASETS.build(dataset).pipeline)


def grad_cam(model: nn.Module, layer: nn.Module, inputs: Tensor, label: int) -> Tensor:
    """Return what in an image spoke for a class, (h, w), 0 or more.

    Args:
        model: A classifier.
        layer: Its module whose output is a map, as of `last_map`.
        inputs: The image as the model takes it, (1, 3, H, W).
        label: Number of the class.

    References:
        Selvaraju and others, Grad-CAM: visual explanations from deep networks via
        gradient-based localization, ICCV 2017.
    """
    found = LayerGradCam(model, layer).attribute(
        inputs, target=label, relu_attributions=True
    )
    # A backbone gives a tuple of maps, of which there is one.
    found = found[0] if isinstance(found, tuple) else found
    return found[0, 0].detach()


def last_map(model: nn.Module, inputs: Tensor) -> nn.Module:
    """Return the module of the backbone whose output is the last map of features.

    Args:
        model: A classifier with a ``backbone``.
        inputs: Images as it takes them, (N, 3, H, W).

    Raises:
        ValueError: If several maps come out side by side, or tokens do.
    """
    ends: list[tuple[nn.Module, Tensor]] = []

    def note(module: nn.Module, _: object, output: object) -> None:
        if isinstance(output, tuple) and len(output) == 1:
            output = output[0]
        if isinstance(output, Tensor) and output.ndim in (3, 4):
            ends.append((module, output))

    backbone = model.backbone
    hooks = [module.register_forward_hook(note) for module in backbone.modules()]
    try:
        with torch.no_grad():
            whole = backbone(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    several = isinstance(whole, tuple) and len(whole) > 1
    last, output = ends[-1] if ends else (None, None)
    if several or output is None or output.ndim == 3 or output[0, 0].numel() == 1:
        raise ValueError(
            f"the last features of {type(backbone).__name__} are no single map of the "
            "image"
        )
    return last


def _overlay(image: Tensor, cam: Tensor) -> np.ndarray:
    """Return the image, (3, H, W), uint8, BGR, under a map, (h, w), as (H, W, 3)."""
    picture = image.permute(1, 2, 0).numpy()
    sides = picture.shape[1::-1]
    heat = cv2.resize(cam.float().numpy(), sides)
    heat = heat / max(float(heat.max()), 1e-12)
    colours = cv2.applyColorMap((255 * heat).astype(np.uint8), cv2.COLORMAP_VIRIDIS)
    return cv2.addWeighted(picture, 0.55, colours, 0.45, 0)
