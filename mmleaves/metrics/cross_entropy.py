from collections.abc import Sequence

import torch
from mmengine.evaluator import BaseMetric
from torch import Tensor

from mmleaves.registry import METRICS


def cross_entropy(scores: Tensor, labels: Tensor) -> float:
    """Return the mean negative log probability of the true classes.

    Args:
        scores: Probabilities of the classes, (N, C), in [0, 1].
        labels: True classes, (N,), int64, 0 to C - 1.

    Returns:
        Nats, 0 or more, calculated in float64. A probability below 1.2e-38, the
        smallest normal float32, counts as that, so that no image costs over 87.3 nats.

    Raises:
        ValueError: If a label has no probability.
    """
    if labels.numel() and not 0 <= labels.min() <= labels.max() < scores.shape[1]:
        raise ValueError(
            f"Labels go from {labels.min()} to {labels.max()}, but there are "
            f"probabilities of {scores.shape[1]} classes. Set `num_classes` of the "
            "head to the number of classes in the data."
        )
    true = scores.double().gather(1, labels[:, None])
    return -true.clamp(min=torch.finfo(torch.float32).tiny).log().mean().item()


@METRICS.register_module()
class CrossEntropy(BaseMetric):
    """Cross-entropy of the predicted probabilities, in nats, beside the accuracy.

    As the validation loss has no class weights and no label smoothing, it can be
    compared between runs that train with different ones. ``save_best`` takes the
    smaller value for the better one, by the key's ``loss``.

    **Keys:** ``loss/cross_entropy``.
    """

    default_prefix = "loss"

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        for sample in data_samples:
            scores = sample["pred_score"].float().cpu()
            self.results.append((scores, sample["gt_label"].cpu()))

    def compute_metrics(self, results: list[tuple[Tensor, Tensor]]) -> dict[str, float]:
        scores, labels = zip(*results, strict=True)
        return {"cross_entropy": cross_entropy(torch.stack(scores), torch.cat(labels))}
