import math

import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.hooks import CheckpointHook
from mmengine.registry import DefaultScope
from mmpretrain.structures import DataSample
from sklearn.metrics import log_loss

from mmleaves.metrics.cross_entropy import cross_entropy


def test_it_is_the_mean_negative_logarithm():
    scores = torch.tensor([[0.5, 0.5], [0.75, 0.25]])
    # (ln 2 + ln 4) / 2 = 1.5 ln 2
    assert cross_entropy(scores, torch.tensor([0, 1])) == pytest.approx(
        1.5 * math.log(2), abs=1e-12
    )


def test_it_agrees_with_scikit_learn():
    torch.manual_seed(0)
    scores = (4 * torch.randn(500, 7, dtype=torch.float64)).softmax(1)
    labels = torch.randint(7, (500,))
    expected = log_loss(labels, scores.numpy(), labels=range(7))
    assert cross_entropy(scores, labels) == pytest.approx(expected, rel=1e-9)


def test_a_probability_of_zero_counts_as_the_smallest_float32():
    worst = cross_entropy(torch.tensor([[1.0, 0.0]]), torch.tensor([1]))
    assert worst == pytest.approx(126 * math.log(2))  # 2 ** -126


def test_a_label_beyond_the_head_is_refused():
    with pytest.raises(
        ValueError, match=r"go from 0 to 2, .* of 2 classes\. Set `num_"
    ):
        cross_entropy(torch.full((2, 2), 0.5), torch.tensor([0, 2]))


def test_an_evaluator_reports_it_as_a_loss():
    samples = [
        DataSample().set_gt_label(0).set_pred_score(torch.tensor([0.5, 0.5])),
        DataSample().set_gt_label(1).set_pred_score(torch.tensor([0.75, 0.25])),
    ]
    with DefaultScope.overwrite_default_scope("mmpretrain"):
        evaluator = Evaluator(dict(type="mmleaves.CrossEntropy"))
    evaluator.process([sample.to_dict() for sample in samples])
    metrics = evaluator.evaluate(len(samples))
    assert metrics == {"loss/cross_entropy": pytest.approx(1.5 * math.log(2))}


def test_the_best_checkpoint_is_the_one_with_the_smallest():
    hook = CheckpointHook(save_best="loss/cross_entropy")
    assert hook.rules == ["less"]
