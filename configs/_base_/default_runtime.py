"""What every run has: our runner, checks, records, one best checkpoint, seed 0."""

_base_ = ["mmpretrain::_base_/default_runtime.py"]

custom_imports = dict(imports=["mmleaves.runner"], allow_failed_imports=False)
runner_type = "mmleaves.FineTuneRunner"

default_hooks = dict(
    logger=dict(interval=50),
    checkpoint=dict(max_keep_ckpts=2, save_best="accuracy/top1"),
    check_data=dict(type="mmleaves.CheckDataHook"),
    freeze=dict(type="mmleaves.FreezeHook"),
    plain_checkpoint=dict(type="mmleaves.PlainCheckpointHook"),
    progress_bar=dict(type="mmleaves.ProgressBarHook"),
    run_record=dict(type="mmleaves.RunRecordHook"),
    # Several processes score and save with one BatchNorm, the mean of theirs.
    sync_buffers=dict(type="SyncBuffersHook"),
)
# Unasked, MMEngine logs a metric with "loss" in its name as its mean over the last
# validations. Metrics have a "/" in theirs; the running losses of training have none.
log_processor = dict(mean_pattern=r"^[^/]*(loss|time|grad_norm)[^/]*$")
randomness = dict(seed=0)

# What is trained: "all", or "classifier" for a linear probe.
trainable = "all"
