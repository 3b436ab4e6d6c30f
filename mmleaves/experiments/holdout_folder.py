"""Score a folder of the user's in place of a config's own test part."""

import inspect
from pathlib import Path

from mmengine.config import Config

from mmleaves.config import fill_datasets
from mmleaves.datasets.wrappers import inner_configs
from mmleaves.experiments.run_config import scored_loader
from mmleaves.model_config import dataset_classes
from mmleaves.registry import DATASETS


def score_folder(cfg: Config, folder: str) -> None:
    """Let a config's test part be all images of a folder laid out as its own data are.

    Class folders, or a CSV file of the same name with the images beside it. Classes
    and their order stay those of the training part.

    Args:
        cfg: The config; it is changed.
        folder: Where the images lie.

    Raises:
        FileNotFoundError: If there is no such folder.
        ValueError: If the config's data set cannot be pointed to one.
    """
    if not Path(folder).is_dir():
        raise FileNotFoundError(
            f"--holdout {folder}: found no such folder, expected one with the images "
            "to score. To score the config's own test part, give --holdout without a "
            "folder, and after the configs."
        )
    filled = Config(cfg.to_dict())
    fill_datasets(filled)
    loader = scored_loader(cfg)
    train = next(inner_configs(filled.train_dataloader.dataset))
    takes = inspect.signature(DATASETS.get(train["type"])).parameters
    if "data_root" not in takes or "part" not in takes:
        raise ValueError(
            f"--holdout {folder}: found {train['type']}, expected one of this "
            "package's data sets. Give the config a test_dataloader that reads the "
            "folder, and --holdout without it."
        )
    own = dict(next(inner_configs(loader.dataset)))
    own |= {"data_root": str(Path(folder).absolute()), "part": "all"}
    if "data_prefix" in takes:
        own["data_prefix"] = ""
    if "classes" in takes:
        own["classes"] = list(dataset_classes(filled.train_dataloader.dataset))
        own["classes_from"] = None
    cfg.test_dataloader = {**loader, "dataset": own}
