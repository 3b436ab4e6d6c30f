"""Run a trained model on images, labelled or not."""

import copy
from tempfile import TemporaryDirectory

from mmengine.config import Config

from mmleaves.checkpoints.loading import checkpoint_classes
from mmleaves.config import fill_datasets
from mmleaves.evidence.predictions import Predictions
from mmleaves.hooks.averaging import averaging_hooks, leave_out_origin, tests_twice
from mmleaves.model_config import fit_num_classes
from mmleaves.names_as_text import as_text
from mmleaves.runner import FineTuneRunner


def predict(
    cfg: Config,
    checkpoint: str,
    images: str | None,
    *,
    part: str = "test",
    image_column: str = "image",
) -> Predictions:
    """Return the class probabilities of images, seen as the config sees test images.

    Args:
        cfg: Config that the model was trained with; its data need not be there unless
            they are asked for.
        checkpoint: File that training wrote; it says which classes there are.
        images: An image, a folder, or a CSV file with a column ``image``; or None for
            the config's own, whose true labels are returned as well.
        part: Which of the config's own, ``"test"`` or ``"val"``.
        image_column: Column of the CSV file that holds the images' paths.

    Raises:
        ValueError: If the checkpoint does not name its classes, or names others than
            the data, or the images are none, or were trained on.
        FileNotFoundError: If the checkpoint or an image is missing.
    """
    cfg, classes = prediction_config(cfg, checkpoint, images, part, image_column)
    # The runner's own log of a prediction is of no use to anyone.
    with TemporaryDirectory() as cfg.work_dir:
        runner = FineTuneRunner.from_cfg(cfg)
        runner.test()
    dataset = runner.test_dataloader.dataset
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    labelled = "gt_label" in infos[0]
    return Predictions(
        images=[as_text(info.get("image", info["img_path"])) for info in infos],
        paths=[info["img_path"] for info in infos],
        classes=list(classes),
        probs=runner.test_evaluator.metrics[0].probs,
        truth=[classes[info["gt_label"]] for info in infos] if labelled else None,
    )


def prediction_config(
    cfg: Config,
    checkpoint: str,
    images: str | None,
    part: str = "test",
    image_column: str = "image",
) -> tuple[Config, tuple[str, ...]]:
    """Return a config whose test part are these images, and the class names.

    Args:
        cfg: As of `predict`, as are the others; it stays as it is.
        checkpoint: File that the weights are loaded from.
        images: What to predict, or None for the config's own.
        part: Which of the config's own.
        image_column: Column of a CSV file that holds the images' paths.

    Raises:
        ValueError: If the checkpoint does not name its classes.
    """
    classes = checkpoint_classes(checkpoint)
    if classes is None:
        raise ValueError(
            f"{checkpoint} does not name the classes it was trained on, so its outputs "
            "cannot be named. Expected a checkpoint that training wrote."
        )
    cfg = copy.deepcopy(cfg)
    fill_datasets(cfg)
    fit_num_classes(cfg, len(classes))
    cfg.load_from = checkpoint
    cfg.test_dataloader = cfg[f"{part}_dataloader"]
    if images is not None:
        cfg.test_dataloader.dataset = {
            "type": "mmleaves.UnlabelledImages",
            "source": images,
            "image_column": image_column,
            "pipeline": cfg.test_dataloader.dataset.pipeline,
            "classes": list(classes),
            "test_mode": True,
        }
    cfg.dataset = {}
    cfg.test_evaluator = [{"type": "mmleaves.CollectPredictions"}]
    for hook in filter(tests_twice, averaging_hooks(cfg)):
        leave_out_origin(hook)  # what comes second would be collected
    return cfg, classes
