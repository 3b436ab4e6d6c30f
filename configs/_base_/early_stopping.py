"""Our runtime, and a stop when validation accuracy has not risen for 10 epochs.

A rise is one of 0.1 points or more. The patience is ours; the notes give none.
"""

_base_ = ["./default_runtime.py"]

default_hooks = dict(
    early_stopping=dict(
        type="mmleaves.EarlyStoppingHook",
        monitor="accuracy/top1",
        rule="greater",
        min_delta=0.1,
        patience=10,
    )
)
