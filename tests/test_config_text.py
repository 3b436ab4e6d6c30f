"""The text of a config is made once, and again when the config has changed."""

import copy

from mmengine.config import Config
from tool_runs import ROOT

from mmleaves.config import FormattedOnce, load_config

NAME = "mobilenet-v2_probe_b32-adamw-cosine10_folders"


def test_it_is_that_of_mmengine_also_after_a_change():
    cfg = load_config(NAME)
    stock = Config.fromfile(ROOT / "configs" / f"{NAME}.py")
    stock.work_dir = cfg.work_dir
    assert isinstance(copy.deepcopy(cfg), FormattedOnce)
    assert cfg.pretty_text == stock.pretty_text
    assert cfg.pretty_text is cfg.pretty_text
    for config in (cfg, stock):
        config.optim_wrapper.optimizer.lr = 0.5
    assert cfg.pretty_text == stock.pretty_text
    assert "0.5" in cfg.pretty_text
