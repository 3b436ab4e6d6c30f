from mmleaves.hooks.check_data_hook import CheckDataHook
from mmleaves.hooks.freeze_hook import FreezeHook
from mmleaves.hooks.plain_checkpoint_hook import PlainCheckpointHook
from mmleaves.hooks.progress_bar_hook import ProgressBarHook
from mmleaves.hooks.run_record_hook import RunRecordHook

__all__ = [
    "CheckDataHook",
    "FreezeHook",
    "PlainCheckpointHook",
    "ProgressBarHook",
    "RunRecordHook",
]
