from collections.abc import Sequence

import numpy as np
from mmengine.evaluator import BaseMetric

from mmleaves.registry import METRICS


@METRICS.register_module()
class CollectPredictions(BaseMetric):
    """Keep the predicted probabilities instead of scoring them.

    After the evaluation ``probs`` holds them, (N, C), float32, in the data set's order,
    on the first of several processes.
    """

    default_prefix = "predictions"
    probs: np.ndarray

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        for sample in data_samples:
            self.results.append(sample["pred_score"].float().cpu().numpy())

    def compute_metrics(self, results: list[np.ndarray]) -> dict[str, float]:
        self.probs = np.stack(results)
        return {}
