"""The data of a run, part by part."""

from mmengine.dataset import BaseDataset
from mmengine.runner import Runner

from mmleaves.datasets.overlap import image_paths
from mmleaves.datasets.wrappers import inner_datasets
from mmleaves.registry import DATASETS


def run_parts(runner: Runner) -> dict[str, list[BaseDataset]]:
    """Return the data sets that are trained on, validated on, and tested later."""
    parts = {"train": list(inner_datasets(runner.train_dataloader.dataset))}
    if runner.val_loop is not None:
        parts["val"] = list(inner_datasets(runner.val_dataloader.dataset))
    if loader := runner.cfg.get("test_dataloader"):
        try:
            test = list(inner_datasets(DATASETS.build(loader.dataset)))
        except (FileNotFoundError, ValueError) as error:
            # Nothing is tested yet, and the training does not need it.
            runner.logger.warning(f"There is no test part to record: {error}")
            return parts
        names = {
            name: [path for part in data for path in image_paths(part)]
            for name, data in (*parts.items(), ("test", test))
        }
        # Where the labels of the test images are secret, `test` scores the val part.
        if names["test"] != names.get("val"):
            parts["test"] = test
    return parts
