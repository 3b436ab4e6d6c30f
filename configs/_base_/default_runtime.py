"""What every run has: our runner, checks, records, one best checkpoint, seed 0."""

_base_ = ["mmpretrain::_base_/default_runtime.py"]

custom_imports = dict(imports=["mmleaves.runner"], allow_failed_imports=False)
runner_type = "mmleaves.FineTuneRunner"

default_hooks = dict(
    logger=dict(interval=50),
    checkpoint=dict(max_keep_ckpts=2, save_best="accuracy/top1", rule="greater"),
    check_data=dict(type="mmleaves.CheckDataHook"),
    freeze=dict(type="mmleaves.FreezeHook"),
    plain_checkpoint=dict(type="mmleaves.PlainCheckpointHook"),
    progress_bar=dict(type="mmleaves.ProgressBarHook"),
    run_record=dict(type="mmleaves.RunRecordHook"),
)
randomness = dict(seed=0)

# What is trained: "all", or "classifier" for a linear probe.
trainable = "all"
