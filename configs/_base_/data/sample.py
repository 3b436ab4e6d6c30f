"""Leaves drawn by tools/make_sample.py --layout leaves, read as Kaggle's are."""

_base_ = ["./leaves.py"]

dataset = dict(data_root="data/sample")
reference_classes = 14  # for counting without the data
