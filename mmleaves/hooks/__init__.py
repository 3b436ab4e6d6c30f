from mmleaves.hooks.audit_hook import AuditHook
from mmleaves.hooks.check_data_hook import CheckDataHook
from mmleaves.hooks.check_monitors_hook import CheckMonitorsHook
from mmleaves.hooks.check_numbers_hook import CheckNumbersHook
from mmleaves.hooks.check_resume_hook import CheckResumeHook
from mmleaves.hooks.check_schedule_hook import CheckScheduleHook
from mmleaves.hooks.class_weight_hook import ClassWeightHook
from mmleaves.hooks.draws_hook import DrawsHook
from mmleaves.hooks.early_stopping_hook import EarlyStoppingHook
from mmleaves.hooks.freeze_hook import FreezeHook
from mmleaves.hooks.go_on_hook import GoOnHook
from mmleaves.hooks.pending_validation_hook import PendingValidationHook
from mmleaves.hooks.plain_checkpoint_hook import PlainCheckpointHook
from mmleaves.hooks.progress_bar_hook import ProgressBarHook
from mmleaves.hooks.run_record_hook import RunRecordHook
from mmleaves.hooks.safe_checkpoint_hook import SafeCheckpointHook
from mmleaves.hooks.score_every_epoch_hook import ScoreEveryEpochHook
from mmleaves.hooks.standardize_features_hook import StandardizeFeaturesHook
from mmleaves.hooks.stop_on_signal_hook import StopOnSignalHook
from mmleaves.hooks.sync_moving_buffers_hook import SyncMovingBuffersHook
from mmleaves.hooks.watch_loader_hook import WatchLoaderHook

__all__ = [
    "AuditHook",
    "CheckDataHook",
    "CheckMonitorsHook",
    "CheckNumbersHook",
    "CheckResumeHook",
    "CheckScheduleHook",
    "ClassWeightHook",
    "DrawsHook",
    "EarlyStoppingHook",
    "FreezeHook",
    "GoOnHook",
    "PendingValidationHook",
    "PlainCheckpointHook",
    "ProgressBarHook",
    "RunRecordHook",
    "SafeCheckpointHook",
    "ScoreEveryEpochHook",
    "StandardizeFeaturesHook",
    "StopOnSignalHook",
    "SyncMovingBuffersHook",
    "WatchLoaderHook",
]
