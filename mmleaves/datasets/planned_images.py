from collections.abc import Sequence
from pathlib import Path

from mmengine.logging import print_log
from mmpretrain.datasets import BaseDataset

from mmleaves.datasets.class_check import check_same_classes
from mmleaves.datasets.quick_collect import quick_collect
from mmleaves.datasets.splits import check_part
from mmleaves.registry import DATASETS

# Part of a data set to what the plan calls its use.
PARTS = {"train": "train", "val": "select", "test": "score"}


@DATASETS.register_module()
class PlannedImages(BaseDataset):
    """Those images of other data sets that the plan of an experiment has for one run.

    An image is known by its content, wherever it lies. Classes and all else that the
    data sets say of an image are theirs.

    Args:
        sources: Configs of the data sets that have the images, for all parts.
        experiment: Folder of the experiment, which `mmleaves repeat` wrote.
        repeat: Which repeat, from 0.
        fold: Which fold is scored, from 0; 0 on a hold-out.
        part: ``"train"``, ``"val"`` for those that choose the epoch, or ``"test"`` for
            those that are scored.

    Raises:
        FileNotFoundError: If the experiment or its data are not there.
        ValueError: If the plan has no such run, or images or labels are not those that
            were planned; names one.
    """

    def __init__(
        self,
        sources: Sequence[dict],
        *,
        experiment: str,
        repeat: int,
        fold: int,
        part: str = "train",
        lazy_init: bool = False,
        **kwargs: object,
    ) -> None:
        check_part(part, PARTS)
        self.part, self.repeat, self.fold = part, repeat, fold
        self._experiment = Path(experiment)
        with quick_collect():
            self._inner = [
                DATASETS.build({**config, "pipeline": [], "test_mode": False})
                for config in sources
            ]
            classes = self._inner[0].metainfo["classes"]
            for other in self._inner[1:]:
                check_same_classes(
                    classes, other.metainfo["classes"], other_name="another data set"
                )
            metainfo = {"classes": classes}
            super().__init__("", metainfo=metainfo, lazy_init=True, **kwargs)
            # It may also say which class is the positive one, or whatever else.
            self._metainfo = dict(self._inner[0].metainfo)
            if not lazy_init:
                self.full_init()

    def load_data_list(self) -> list[dict]:
        """Return what the data sets say of each image of this part, in their order."""
        # Deferred: these modules read data sets themselves.
        from mmleaves.evidence.plan import read_plan
        from mmleaves.experiments.image_table import file_hash, read_images
        from mmleaves.experiments.uses import image_uses

        images = read_images(self._experiment)
        plan = read_plan(self._experiment)
        uses = image_uses(plan, images, self.repeat, self.fold)
        labels: dict[str, set[str]] = {}
        for one in images:
            labels.setdefault(one.hash, set()).add(one.label)
        samples: dict[str, dict] = {}
        missing = {key for key, use in uses.items() if use == PARTS[self.part]}
        wanted = frozenset(missing)
        for dataset in self._inner:
            names = dataset.metainfo["classes"]
            for index in range(len(dataset)):
                info = dataset.get_data_info(index)
                path = info["img_path"]
                key = file_hash(path)
                if key not in labels:
                    raise ValueError(self._changed(f"{path} was not there or changed"))
                label = names[info["gt_label"]]
                if label not in labels[key]:
                    was = min(labels[key])
                    raise ValueError(
                        self._changed(f"{path} was {was!r}, not {label!r}")
                    )
                if key in wanted:
                    info.pop("sample_idx", None)
                    samples.setdefault(path, info)
                    missing.discard(key)
        if missing:
            (name, *_) = sorted(one.image for one in images if one.hash in missing)
            text = f"{len(missing)} images are missing or changed, such as {name}"
            raise ValueError(self._changed(text))
        print_log(
            f"{self._experiment}: repeat {self.repeat}, fold {self.fold}: "
            f"{len(samples)} images to {PARTS[self.part]}.",
            logger="current",
        )
        return list(samples.values())

    def source_of(self, img_path: str) -> str:
        """Return where the data set that has ``img_path`` names it."""
        for dataset in self._inner:
            if hasattr(dataset, "source_of"):
                return dataset.source_of(img_path)
        return str(self._experiment)

    def _changed(self, what: str) -> str:
        return (
            f"{self._experiment}: found other data than when the runs were planned: "
            f"{what}. Put the data back as they were, or plan in a new folder."
        )
