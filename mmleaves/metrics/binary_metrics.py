from collections.abc import Sequence

import torch
from mmengine.evaluator import BaseMetric
from torch import Tensor

from mmleaves.registry import METRICS


def binary_metrics(
    scores: Tensor, labels: Tensor, *, threshold: float = 0.5
) -> dict[str, float]:
    """Return how well the positive images are told from the negative ones.

    Args:
        scores: Probability of being positive, (N,), in [0, 1].
        labels: True for a positive image, (N,), bool.
        threshold: From this probability on, an image counts as positive.

    Returns:
        Percent, 0 to 100: ``sensitivity``, the share of positive images that are found;
        ``specificity``, the share of negative ones that are left alone;
        ``balanced_accuracy``, their mean; ``auroc``, how often a positive image
        scores above a negative one, equal scores counting half, for which the
        threshold plays no part.

    Raises:
        ValueError: If all images are positive, or all negative.
    """
    if labels.all() or not labels.any():
        kind = "positive" if labels.any() else "negative"
        raise ValueError(
            f"All {len(labels)} images are {kind}, expected both kinds. Check "
            "`positive` of BinaryMetrics, and the split, which should hold both."
        )
    # 0.6 s to import, so not where `--help` would pay for it.
    from sklearn.metrics import roc_auc_score

    found = scores >= threshold
    sensitivity = 100 * found[labels].double().mean().item()
    specificity = 100 * (~found[~labels]).double().mean().item()
    return {
        "sensitivity": sensitivity,
        "specificity": specificity,
        "auroc": 100 * float(roc_auc_score(labels.numpy(), scores.numpy())),
        "balanced_accuracy": (sensitivity + specificity) / 2,
    }


@METRICS.register_module()
class BinaryMetrics(BaseMetric):
    """Sensitivity, specificity, AUROC and balanced accuracy of one class.

    **Keys:** ``binary/sensitivity``, ``binary/specificity``, ``binary/auroc`` and
    ``binary/balanced_accuracy``, percent, 0 to 100, at a threshold of 0.5 where one is
    needed.

    The positive class is the data set's ``metainfo["positive"]``, by name, as of
    `BenignMalignant`.

    Raises:
        ValueError: If the data set says no positive class.
    """

    default_prefix = "binary"

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        for sample in data_samples:
            # Under autocast they may be bfloat16, which has ties that are none.
            scores = sample["pred_score"].float().cpu()
            self.results.append((scores, sample["gt_label"].cpu()))

    def compute_metrics(self, results: list[tuple[Tensor, Tensor]]) -> dict[str, float]:
        meta = self.dataset_meta or {}
        if meta.get("positive") not in meta.get("classes", ()):
            raise ValueError(
                "BinaryMetrics: found a data set that says no positive class, expected "
                "`metainfo` to hold `positive`, one of its `classes`. Use it with "
                "mmleaves.BenignMalignant, or add metainfo=dict(positive=...)."
            )
        positive = meta["classes"].index(meta["positive"])
        scores, labels = zip(*results, strict=True)
        return binary_metrics(
            torch.stack(scores)[:, positive], torch.cat(labels) == positive
        )
