import math

import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope
from mmpretrain.structures import DataSample
from sklearn.metrics import recall_score

from mmleaves.metrics import PerClassRecall
from mmleaves.metrics.per_class_recall import recall_per_class, recall_table


@pytest.fixture
def log(tmp_path):
    """Path of a file that takes the current logger's lines."""
    path = tmp_path / "run.log"
    MMLogger.get_instance(tmp_path.name, log_file=str(path))
    return path


def evaluated(predicted, labels, classes, **options):
    with DefaultScope.overwrite_default_scope("mmpretrain"):
        evaluator = Evaluator(dict(type="mmleaves.PerClassRecall", **options))
    evaluator.dataset_meta = {"classes": classes}
    scores = torch.eye(len(classes))
    evaluator.process(
        [
            DataSample().set_gt_label(label).set_pred_score(scores[guess]).to_dict()
            for guess, label in zip(predicted, labels, strict=True)
        ]
    )
    return evaluator.evaluate(len(labels))


def test_shares_and_counts_are_those_of_each_class():
    predicted, labels = torch.tensor([0, 1, 1, 1]), torch.tensor([0, 0, 0, 1])
    recall, images = recall_per_class(predicted, labels, num_classes=3)
    assert recall[:2].tolist() == pytest.approx([100 / 3, 100])
    assert math.isnan(recall[2])
    assert images.tolist() == [3, 1, 0]


def test_it_agrees_with_scikit_learn():
    torch.manual_seed(0)
    predicted, labels = torch.randint(9, (2, 400))
    recall, _ = recall_per_class(predicted, labels, num_classes=9)
    expected = 100 * recall_score(labels, predicted, average=None)
    assert recall.tolist() == pytest.approx(expected.tolist())


def test_an_evaluator_reports_the_mean_and_the_worst(log):
    # acer 2 of 4, salix 1 of 1, and no quercus, which doesn't count.
    metrics = evaluated([0, 0, 2, 1, 2], [0, 0, 0, 0, 2], ["acer", "quercus", "salix"])
    assert metrics == {"recall/macro": 75.0, "recall/worst": 50.0}
    assert "no image, left out of the mean: quercus" in log.read_text()


def test_the_log_shows_the_worst_class_first_and_aligned(log):
    classes = ["2. Salix atrocinerea", "柳树", "acer"]
    evaluated([0, 1, 1, 0, 2, 1], [0, 1, 1, 2, 2, 2], classes)
    assert log.read_text().split("Recall by class:\n")[1].splitlines() == [
        "class                 images  recall %",
        "acer                       3     33.33",
        "2. Salix atrocinerea       1    100.00",
        "柳树                       2    100.00",
    ]


def test_more_classes_than_rows_are_counted_in_one_line():
    classes = [f"class {n}" for n in range(25)]
    recall, images = torch.arange(25.0), torch.ones(25, dtype=torch.int64)
    lines = recall_table(classes, recall, images, rows=20).splitlines()
    assert len(lines) == 22
    assert lines[-2].startswith("class 19 ")
    assert lines[-1] == "and 5 more, none with a lower recall"


def test_a_data_set_without_class_names_is_refused():
    metric = PerClassRecall()
    with pytest.raises(ValueError, match=r"found a data set without class names, exp"):
        metric.compute_metrics([(torch.tensor(0), torch.tensor([0]))])
