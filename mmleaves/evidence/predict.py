"""Run a trained model on images that nobody labelled."""

import copy

import numpy as np
import torch
from mmengine.config import Config
from mmengine.model import is_model_wrapper

from mmleaves.checkpoints.loading import load_from_local
from mmleaves.evidence.predictions import Predictions
from mmleaves.registry import DATASETS
from mmleaves.runner import FineTuneRunner, fit_num_classes


def predict(cfg: Config, checkpoint: str, images: str) -> Predictions:
    """Return the class probabilities of ``images``, seen as the config's test images.

    Args:
        cfg: Config that the model was trained with; its data need not be there.
        checkpoint: File that training wrote; it says which classes there are.
        images: An image, a folder, or a CSV file with a column ``image``.

    Raises:
        ValueError: If the checkpoint does not name its classes.
        FileNotFoundError: If the checkpoint or an image is missing.
    """
    meta = load_from_local(checkpoint, "cpu").get("meta", {})
    classes = (meta.get("dataset_meta") or {}).get("classes")
    if not classes:
        raise ValueError(
            f"{checkpoint} does not name the classes it was trained on, so its outputs "
            "cannot be named. Expected a checkpoint that training wrote."
        )
    cfg = copy.deepcopy(cfg)
    cfg.load_from = checkpoint
    loader = cfg.test_dataloader
    dataset = DATASETS.build(
        {
            "type": "mmleaves.UnlabelledImages",
            "source": images,
            "pipeline": loader.dataset.pipeline,
            "classes": list(classes),
            "test_mode": True,
        }
    )
    fit_num_classes(cfg, len(classes))
    cfg.train_dataloader = cfg.val_dataloader = cfg.test_dataloader = None
    cfg.train_cfg = cfg.val_cfg = cfg.test_cfg = None
    cfg.val_evaluator = cfg.test_evaluator = None
    cfg.optim_wrapper = cfg.param_scheduler = None
    runner = FineTuneRunner.from_cfg(cfg)
    runner.load_checkpoint(checkpoint)
    batches = runner.build_dataloader(
        {
            **loader,
            "dataset": dataset,
            "sampler": {"type": "DefaultSampler", "shuffle": False},
        }
    )
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    model.eval()
    with torch.inference_mode():
        probs = [
            s.pred_score.cpu() for batch in batches for s in model.test_step(batch)
        ]
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    return Predictions(
        images=[info["image"] for info in infos],
        paths=[info["img_path"] for info in infos],
        classes=list(classes),
        probs=np.stack([prob.float().numpy() for prob in probs]),
    )
