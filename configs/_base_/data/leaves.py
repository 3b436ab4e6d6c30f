"""Kaggle's classify-leaves: train.csv in five folds, the first for validation.

Kaggle keeps the labels of test.csv, so tools/test.py scores the validation fold.
"""

_base_ = ["./images_224.py"]

dataset = dict(type="mmleaves.LeavesCSV", data_root="data/leaves", folds=5, fold=0)
reference_classes = 176  # for counting without the data
test_dataloader = dict(dataset=dict(part="val"))
