"""What the forward pass computes in, on this machine and as a config says."""

from pathlib import Path

import pytest
import torch
from forked_runs import write_run
from mmengine.config import Config
from torch import nn

from mmleaves.config import load_config
from mmleaves.models.bfloat16_attention import attend
from mmleaves.optim.precision import (
    Precision,
    apply_precision,
    cpu_bfloat16,
    resolve_precision,
    scores_in_float32,
)
from mmleaves.runner import FineTuneRunner

BFLOAT16 = Precision(torch.bfloat16, "a test")
CPUINFO = Path("/proc/cpuinfo")


@pytest.mark.skipif(
    torch.cuda.is_available() or not CPUINFO.exists(),
    reason="is about the processor's instructions, as Linux lists them",
)
def test_auto_is_bfloat16_where_the_processor_has_instructions_for_it():
    flags = CPUINFO.read_text().partition("flags")[2].partition("\n")[0].split()
    has_it = {"avx512_bf16", "amx_bf16"} & set(flags)
    found = resolve_precision("auto")
    assert found.dtype == (torch.bfloat16 if has_it else torch.float32)
    assert any(name in str(found) for name in has_it or ["has no bfloat16"])


def test_what_is_no_format_is_refused():
    with pytest.raises(ValueError, match="'half', expected one of auto, float32, bfl"):
        resolve_precision("half")


@pytest.mark.skipif(torch.cuda.is_available(), reason="is refused without a GPU")
def test_float16_without_a_gpu_is_refused():
    with pytest.raises(ValueError, match="needs a GPU, and there is none"):
        resolve_precision("float16")


def test_training_validation_and_test_get_it():
    cfg = Config({"optim_wrapper": {}, "val_cfg": {}, "test_cfg": None})
    assert apply_precision(cfg, BFLOAT16) is None
    assert cfg.optim_wrapper.type == "mmleaves.AutocastOptimWrapper"
    assert cfg.val_cfg.fp16 is True
    assert cfg.test_cfg is None


def test_a_wrapper_that_the_config_names_stays_and_is_told():
    cfg = Config({"optim_wrapper": {"type": "AmpOptimWrapper", "dtype": "float16"}})
    for precision in (BFLOAT16, Precision(torch.float32, "a test")):
        assert apply_precision(cfg, precision) == "AmpOptimWrapper"
        assert cfg.optim_wrapper == {"type": "AmpOptimWrapper", "dtype": "float16"}


def test_what_a_gpu_may_round_is_no_longer_so_in_the_next_run():
    # PyTorch keeps the setting for the whole process, on a CPU too.
    asked = [Precision(torch.bfloat16, "a test", tf32=True), BFLOAT16]
    found = []
    for precision in asked:
        apply_precision(Config({}), precision)
        found.append(torch.get_float32_matmul_precision())
    assert found == ["high", "highest"]


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone, self.head = nn.Linear(4, 4), nn.Linear(4, 2)
        self.loss_module = nn.CrossEntropyLoss()

    def forward(self, images, labels):
        features = self.backbone(images)
        scores = self.head(features)
        return features, scores, self.loss_module(features, labels)


def test_scores_and_losses_are_float32_whatever_comes_before():
    model = Classifier()
    scores_in_float32(model)
    with torch.autocast("cpu", torch.bfloat16):
        features, scores, loss = model(torch.ones(3, 4), torch.zeros(3).long())
    assert features.dtype == torch.bfloat16
    assert scores.dtype == loss.dtype == torch.float32


@pytest.mark.skipif(torch.cuda.is_available(), reason="is about trainings on a CPU")
@pytest.mark.parametrize(
    ("precision", "wrapper", "quickened"),
    [
        ("bfloat16", "OptimWrapper", True),
        ("float32", "OptimWrapper", False),
        ("float32", "mmleaves.AutocastOptimWrapper", True),
        ("bfloat16", "AmpOptimWrapper", False),
    ],
)
def test_what_is_slow_in_bfloat16_is_avoided_where_a_training_is_in_it(
    precision, wrapper, quickened, tmp_path
):
    cfg = load_config(str(write_run(tmp_path)), [f"precision={precision}"])
    cfg.work_dir = str(tmp_path / "run")
    cfg.optim_wrapper.type = wrapper
    cfg.model.backbone = {"type": "MobileNetV2"}
    cfg.model.head.in_channels = 1280
    model = FineTuneRunner.from_cfg(cfg).model
    strided = model.backbone.layer2[0].conv[1].conv
    assert ("forward" in vars(strided)) == quickened


def test_a_vit_is_quickened_and_its_last_block_computes_one_token(tmp_path):
    cfg = load_config(str(write_run(tmp_path)), ["precision=bfloat16"])
    cfg.work_dir = str(tmp_path / "run")
    cfg.model.backbone = {"type": "VisionTransformer", "arch": "deit-tiny"}
    cfg.model.neck, cfg.model.head.in_channels = None, 192
    *others, last = FineTuneRunner.from_cfg(cfg).model.backbone.layers
    assert type(last).__name__ == "FirstTokenLayer"
    assert {type(layer).__name__ for layer in others} == {"TransformerEncoderLayer"}
    if cpu_bfloat16() != "amx_bf16":
        assert last.attn.scaled_dot_product_attention is attend
