"""Whether the weights go by a setting, by its name."""

import re

import pytest
from mmengine.config import Config
from tool_runs import ROOT

from mmleaves.hooks.changed_settings import (
    FREE,
    FREE_ENDS,
    FREE_HOOKS,
    KEPT_WORKERS,
    _with_caches,
    bearing,
    changed_settings,
    settings,
)

REFUSED = """train_dataloader.collate_fn.type train_dataloader.num_batch_per_epoch
train_cfg.type default_hooks.draws.type channels_last model.head.type feature_cache
feature_cache.views feature_cache.limit_gb"""
NAMED = """train_cfg.max_epochs default_hooks.early_stopping.patience
val_dataloader.num_workers val_dataloader.persistent_workers"""
BY_SCORE = """val_dataloader.batch_size val_evaluator.0.type val_cfg.fp16
train_cfg.val_interval train_cfg.val_begin train_cfg.dynamic_intervals"""
UNCOMPARED = """dataset.data_root train_dataloader.dataset.img_prefix
model.init_cfg.type
val_dataloader.dataset.ann_file default_hooks.logger.interval launcher load_from
test_dataloader.batch_size feature_cache.folder feature_cache.memory_gb
image_cache.folder image_cache.limit_gb custom_imports.imports default_scope
runner_type experiment_name"""


@pytest.mark.parametrize("by_score", [False, True])
@pytest.mark.parametrize("cache_shrinks", [False, True])
def test_what_is_not_known_to_be_free_is_refused(by_score, cache_shrinks):
    def kinds(names):
        given = {"by_score": by_score, "cache_shrinks": cache_shrinks}
        return {bearing(name, **given) for name in names.split()}

    assert kinds(REFUSED) == {"refused"}
    assert kinds(NAMED) == {"named"}
    assert kinds(BY_SCORE) == {"refused" if by_score else "named"}
    assert kinds("train_dataloader.num_workers") == {"workers"}
    assert kinds("image_cache") == {"refused" if cache_shrinks else "named"}
    assert kinds(UNCOMPARED) == {"free"}


def test_the_page_names_all_that_is_free():
    page = (ROOT / "docs" / "safe_runs.md").read_text()
    told = page.partition("Free without a word:")[2].partition("\n\n")[0]
    named = {*FREE, *FREE_ENDS, *FREE_HOOKS, *KEPT_WORKERS}
    named |= {"test_*", "tta_*", "check_*"}
    # `--resume` and what is trained have sentences of their own.
    assert set(re.findall(r"`([\w.*]+)`", told)) == named - {"resume", "trainable"}


@pytest.mark.parametrize(
    ("then", "now", "changed"),
    [
        ({"image_cache": "None"}, {}, False),
        ({}, {"feature_cache": "None"}, False),
        ({"feature_cache": "{}"}, {"feature_cache.memory_gb": "8"}, False),
        ({}, {"image_cache.limit_gb": "4"}, True),
        ({"feature_cache.views": "2"}, {"feature_cache": "None"}, True),
    ],
)
def test_a_cache_is_used_or_not_however_that_is_written(then, now, changed):
    one, other = map(_with_caches, (then, now))
    caches = ("image_cache", "feature_cache")
    assert any(one[cache] != other[cache] for cache in caches) == changed


@pytest.mark.parametrize("part", ["train", "val"])
@pytest.mark.parametrize("schedule", ["CosineAnnealingLR", "ReduceOnPlateauLR"])
def test_smaller_images_matter_where_the_weights_go_by_them(part, schedule):
    crops = [{"type": "mmleaves.LoadImage"}, {"type": "RandomResizedCrop", "scale": 96}]
    plain = [{"type": "mmleaves.LoadImage"}, {"type": "Resize", "scale": 96}]
    loaders = {
        f"{name}_dataloader": {
            "dataset": {"pipeline": crops if name == part else plain},
        }
        for name in ("train", "val")
    }
    cfg = Config({"param_scheduler": {"type": schedule}, **loaders})
    before = settings(cfg.to_dict()) | {"image_cache.limit_gb": "4"}
    found = changed_settings(before, cfg)
    goes_by_it = part == "train" or schedule == "ReduceOnPlateauLR"
    refused = [change.partition(" ")[0] for change in found.refused]
    assert ("image_cache" in refused) == goes_by_it
    assert any("image_cache" in change for change in found.named) != goes_by_it
