import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.registry import DefaultScope
from mmpretrain.structures import DataSample
from sklearn.metrics import balanced_accuracy_score, recall_score, roc_auc_score

from mmleaves.metrics.binary_metrics import binary_metrics

SCORES, LABELS = torch.tensor([0.9, 0.5, 0.2, 0.6, 0.1]), torch.tensor([1, 1, 1, 0, 0])
# Found 2 of 3, left alone 1 of 2; of 6 pairs, 0.9 is above both, 0.5 and 0.2 above one.
WORKED = {
    "sensitivity": pytest.approx(200 / 3),
    "specificity": pytest.approx(50),
    "auroc": pytest.approx(400 / 6),
    "balanced_accuracy": pytest.approx((200 / 3 + 50) / 2),
}


def evaluated(scores, labels, *, positive="malignant"):
    with DefaultScope.overwrite_default_scope("mmpretrain"):
        evaluator = Evaluator(dict(type="mmleaves.BinaryMetrics"))
    evaluator.dataset_meta = dict(classes=("benign", "malignant"), positive=positive)
    evaluator.process(
        [
            DataSample().set_gt_label(label).set_pred_score(score).to_dict()
            for score, label in zip(scores, labels.tolist(), strict=True)
        ]
    )
    return evaluator.evaluate(len(labels))


def test_values_worked_out_by_hand():
    assert binary_metrics(SCORES, LABELS == 1) == WORKED


def test_they_agree_with_scikit_learn():
    torch.manual_seed(0)
    labels = torch.rand(300) < 0.3
    # Rounded, so that there are equal scores.
    scores = (0.3 * labels + 0.7 * torch.rand(300)).round(decimals=2)
    found = scores >= 0.5
    assert binary_metrics(scores, labels) == {
        "sensitivity": pytest.approx(100 * recall_score(labels, found)),
        "specificity": pytest.approx(100 * recall_score(labels, found, pos_label=0)),
        "auroc": pytest.approx(100 * roc_auc_score(labels, scores)),
        "balanced_accuracy": pytest.approx(
            100 * balanced_accuracy_score(labels, found)
        ),
    }


def test_an_evaluator_reports_them_under_binary():
    scores = torch.stack([1 - SCORES, SCORES], dim=1)
    expected = {f"binary/{name}": value for name, value in WORKED.items()}
    assert evaluated(scores, LABELS) == expected


def test_a_data_set_that_says_no_positive_class_is_refused():
    scores = torch.stack([1 - SCORES, SCORES], dim=1)
    with pytest.raises(ValueError, match="a data set that says no positive class"):
        evaluated(scores, LABELS, positive=None)


def test_the_positive_class_is_the_one_that_the_data_set_names():
    scores = torch.stack([SCORES, 1 - SCORES], dim=1)
    expected = {f"binary/{name}": value for name, value in WORKED.items()}
    assert evaluated(scores, 1 - LABELS, positive="benign") == expected


@pytest.mark.parametrize(("label", "kind"), [(0, "negative"), (1, "positive")])
def test_images_of_one_kind_only_are_refused(label, kind):
    labels = torch.full((5,), label) == 1
    with pytest.raises(ValueError, match=rf"All 5 images are {kind}, expected both"):
        binary_metrics(SCORES, labels)
