"""Breast ultrasound, benign or malignant: a fifth of train/ for validation."""

_base_ = ["./images_224.py"]

dataset = dict(
    type="mmleaves.BenignMalignant",
    data_root="data/busi",
    data_prefix="train",
    folds=5,
    fold=0,
)
reference_classes = 2  # for counting without the data
test_dataloader = dict(dataset=dict(data_prefix="test", part="all"))

val_evaluator = [
    dict(type="Accuracy", topk=(1,)),
    dict(type="mmleaves.CrossEntropy"),
    dict(type="mmleaves.BinaryMetrics"),
]
test_evaluator = val_evaluator
