from collections.abc import Sequence

import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import MMLogger
from rich.cells import cell_len
from torch import Tensor

from mmleaves.registry import METRICS


def recall_per_class(
    predicted: Tensor, labels: Tensor, *, num_classes: int
) -> tuple[Tensor, Tensor]:
    """Return the share of each class's images that are given their class.

    Args:
        predicted: Predicted classes, (N,), int64.
        labels: True classes, (N,), int64, 0 to ``num_classes`` - 1.
        num_classes: Number of classes, C.

    Returns:
        Percent, 0 to 100, (C,), float64, NaN for a class without an image; and the
        number of images, (C,), int64.
    """
    images = torch.bincount(labels, minlength=num_classes)
    found = torch.bincount(labels[predicted == labels], minlength=num_classes)
    return 100 * found.double() / images, images


def recall_table(
    classes: Sequence[str], recall: Tensor, images: Tensor, *, rows: int
) -> str:
    """Return a table of the classes, the worst first.

    Args:
        classes: Names of the classes, C of them.
        recall: Percent, (C,), NaN for a class without an image.
        images: Number of images, (C,).
        rows: From this number of classes on, the rest is but counted.
    """
    present = [index for index in range(len(classes)) if images[index]]
    present.sort(key=lambda index: recall[index].item())
    shown = present[:rows]
    width = max((cell_len(classes[index]) for index in shown), default=0)
    width = max(width, len("class"))
    lines = [f"{'class':{width}}  images  recall %"]
    for index in shown:
        # A Chinese character is as wide as two Latin ones.
        name = classes[index] + " " * (width - cell_len(classes[index]))
        lines.append(f"{name}  {images[index]:6d}  {recall[index]:8.2f}")
    if more := len(present) - len(shown):
        lines.append(f"and {more} more, none with a lower recall")
    if absent := [name for name, n in zip(classes, images, strict=True) if not n]:
        lines.append(f"no image, left out of the mean: {', '.join(absent)}")
    return "\n".join(lines)


@METRICS.register_module()
class PerClassRecall(BaseMetric):
    """Recall of each class in the log, their mean and the worst in the results.

    A class without an image in the scored part is left out of the mean and named in the
    log. The mean is what papers on Caltech-101 call mean accuracy per class.

    **Keys:** ``recall/macro`` and ``recall/worst``, percent, 0 to 100.

    Args:
        rows: Greatest number of classes to log, the worst first.
        **kwargs: Arguments of the base class.
    """

    default_prefix = "recall"

    def __init__(self, *, rows: int = 20, **kwargs: str | None) -> None:
        super().__init__(**kwargs)
        self.rows = rows

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        for sample in data_samples:
            predicted = sample["pred_score"].argmax()
            self.results.append((predicted.cpu(), sample["gt_label"].cpu()))

    def compute_metrics(self, results: list[tuple[Tensor, Tensor]]) -> dict[str, float]:
        classes = (self.dataset_meta or {}).get("classes")
        if classes is None:
            raise ValueError(
                "PerClassRecall: found a data set without class names, expected its "
                "`metainfo` to hold `classes`. Set it, or take the metric out."
            )
        predicted, labels = zip(*results, strict=True)
        recall, images = recall_per_class(
            torch.stack(predicted), torch.cat(labels), num_classes=len(classes)
        )
        table = recall_table(classes, recall, images, rows=self.rows)
        whole = self.rows >= len(classes)
        title = "Recall by class" + ("" if whole else f", the worst {self.rows}")
        MMLogger.get_current_instance().info(f"{title}:\n{table}")
        present = recall[images > 0]
        return {"macro": present.mean().item(), "worst": present.min().item()}
