import pytest
from tool_runs import ROOT

import mmleaves.metrics
from mmleaves.config import load_config
from mmleaves.hooks.check_monitors_hook import check_measured
from mmleaves.hooks.safe_checkpoint_hook import SafeCheckpointHook

SETTING = "default_hooks.checkpoint.save_best"


@pytest.mark.parametrize(
    ("metric", "rule"),
    [
        ("accuracy/top1", "greater"),
        ("loss/cross_entropy", "less"),
        ("recall/macro", "greater"),
        ("recall/worst", "greater"),
        ("binary/auroc", "greater"),
        ("binary/sensitivity", "greater"),
        ("binary/specificity", "greater"),
        ("binary/balanced_accuracy", "greater"),
        # Of MMPretrain's own.
        ("single-label/f1-score", "greater"),
        ("single-label/precision", "greater"),
        ("multi-label/mAP", "greater"),
    ],
)
def test_the_name_of_a_metric_says_which_way_is_better(metric, rule):
    path = ROOT / "configs" / "mobilenet-v2_probe_b32-adamw-cosine10_busi.py"
    cfg = load_config(str(path), [f"{SETTING}={metric}"], import_custom_modules=False)
    settings = dict(cfg.default_hooks.checkpoint)
    assert settings.pop("type") == "mmleaves.SafeCheckpointHook"
    assert SafeCheckpointHook(**settings).rules == [rule]


def test_no_metric_of_ours_is_left_out_above():
    prefixes = {
        getattr(mmleaves.metrics, name).default_prefix
        for name in mmleaves.metrics.__all__
    }
    assert prefixes - {"predictions"} == {"loss", "recall", "binary"}


def test_a_metric_that_is_not_measured_is_refused_at_the_start():
    with pytest.raises(ValueError) as error:
        check_measured(
            {SETTING: "binary/auroc"}, ["accuracy", "loss", "recall"], whole=False
        )
    assert str(error.value) == (
        "default_hooks.checkpoint.save_best is 'binary/auroc', and no 'binary' is "
        "measured. There are: accuracy, loss, recall. Set it, or add the metric to "
        "val_evaluator."
    )


def test_a_misspelt_metric_is_refused_with_the_nearest():
    measured = ["accuracy/top1", "binary/auroc", "binary/sensitivity"]
    with pytest.raises(ValueError, match=r"Nearest: binary/auroc\."):
        check_measured({SETTING: "binary/auc"}, measured, whole=True)


def test_what_is_measured_is_taken():
    check_measured({SETTING: "accuracy/top1"}, ["accuracy", "loss"], whole=False)
    check_measured({SETTING: "accuracy/top1"}, ["accuracy/top1"], whole=True)
