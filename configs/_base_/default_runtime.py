"""What every run has: our runner, checks, records, one best checkpoint, seed 0."""

_base_ = ["mmpretrain::_base_/default_runtime.py"]

custom_imports = dict(imports=["mmleaves.runner"], allow_failed_imports=False)
runner_type = "mmleaves.FineTuneRunner"

default_hooks = dict(
    logger=dict(interval=50),
    checkpoint=dict(
        type="mmleaves.SafeCheckpointHook",
        max_keep_ckpts=2,
        save_best="accuracy/top1",
        # Of which metrics the higher value is the better one, by parts of their names.
        # A loss is the better the lower.
        greater_keys=["acc", "precision", "recall", "f1", "map", "binary/"],
    ),
    audit=dict(type="mmleaves.AuditHook"),
    check_data=dict(type="mmleaves.CheckDataHook"),
    check_monitors=dict(type="mmleaves.CheckMonitorsHook"),
    check_numbers=dict(type="mmleaves.CheckNumbersHook"),
    check_resume=dict(type="mmleaves.CheckResumeHook"),
    check_schedule=dict(type="mmleaves.CheckScheduleHook"),
    class_weight=dict(type="mmleaves.ClassWeightHook"),
    draws=dict(type="mmleaves.DrawsHook"),
    go_on=dict(type="mmleaves.GoOnHook"),
    plain_checkpoint=dict(type="mmleaves.PlainCheckpointHook"),
    progress_bar=dict(type="mmleaves.ProgressBarHook"),
    run_record=dict(type="mmleaves.RunRecordHook"),
    stop_on_signal=dict(type="mmleaves.StopOnSignalHook"),
    # After it, as a signal may come within this validation.
    pending_validation=dict(type="mmleaves.PendingValidationHook"),
    # Several processes score and save with one BatchNorm, the mean of theirs.
    sync_buffers=dict(type="mmleaves.SyncMovingBuffersHook"),
    watch_loader=dict(type="mmleaves.WatchLoaderHook"),
)
# Unasked, MMEngine logs a metric with "loss" in its name as its mean over the last
# validations. Metrics have a "/" in theirs; the running losses of training have none.
log_processor = dict(mean_pattern=r"^[^/]*(loss|time|grad_norm)[^/]*$")
randomness = dict(seed=0)

# What is trained: the freeze policy, see docs/freezing.md.
trainable = "all"

# What the forward pass computes in: auto, float32, bfloat16, float16.
precision = "auto"

# Decoded images are kept for the next epochs and runs; None keeps none.
image_cache = dict(limit_gb=4)
