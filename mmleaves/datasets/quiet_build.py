"""Build a data set to look into it, without decoding or saying anything."""

import copy
import logging

from mmengine.dataset import BaseDataset
from mmengine.logging import MMLogger

from mmleaves.datasets.quick_collect import quick_collect
from mmleaves.registry import DATASETS


def build_quietly(config: dict) -> BaseDataset:
    """Return a data set without its pipeline; nothing is logged or downloaded."""
    given = {**copy.deepcopy(dict(config)), "pipeline": []}
    if "download" in given or _downloads(given.get("type")):
        given["download"] = False
    # MMEngine's loggers heed their own level alone, not `logging.disable`.
    logger = MMLogger.get_current_instance()
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with quick_collect():
            return DATASETS.build(given)
    finally:
        logger.setLevel(level)


def _downloads(kind: object) -> bool:
    from inspect import signature

    found = DATASETS.get(kind) if isinstance(kind, str) else kind
    return found is not None and "download" in signature(found).parameters
