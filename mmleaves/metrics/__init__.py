from mmleaves.metrics.binary_metrics import BinaryMetrics
from mmleaves.metrics.collect_predictions import CollectPredictions
from mmleaves.metrics.cross_entropy import CrossEntropy
from mmleaves.metrics.per_class_recall import PerClassRecall

__all__ = ["BinaryMetrics", "CollectPredictions", "CrossEntropy", "PerClassRecall"]
