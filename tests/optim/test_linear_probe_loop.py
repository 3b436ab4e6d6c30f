"""Real grids of linear classifiers: what they leave behind is a run like any other."""

import csv
import json
import shutil

import pytest
import torch
from mmengine.config import Config
from tool_runs import ROOT, check, run_tool

from mmleaves.commands.linear_probe import apply_arguments, parse_args
from mmleaves.config import load_config
from mmleaves.runner import FineTuneRunner

CONFIG = "mobilenet-v2_probe_b32-adamw-cosine10_folders"


@pytest.fixture
def leaves(real_data, tmp_path):
    folder = tmp_path / "leaves"
    for species in ("7. Ilex aquifolium", "9. Betula pubescens"):
        shutil.copytree(real_data / "leaf_uci_folders" / species, folder / species)
    return folder


def options(leaves, *settings):
    return [
        "--cfg-options",
        f"dataset.data_root={leaves}",
        "train_dataloader.batch_size=3",
        "train_dataloader.num_workers=0",
        "val_dataloader.num_workers=0",
        *settings,
    ]


def probe(leaves, *flags, settings=()):
    return run_tool(
        *("linear_probe", CONFIG, "--work-dir", leaves.parent / "run", *flags),
        *options(leaves, "train_cfg.max_epochs=5", *settings),
        env={"MMLEAVES_CACHE": str(leaves.parent / "cache")},
    )


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_grid_leaves_a_checkpoint_that_testing_scores_as_the_table_says(
    leaves, mobilenet_weights
):
    done = probe(
        leaves,
        *("--rates", "1e-4", "1e-2", "--seeds", "3", "4"),
        *("--class-weights", "none", "auto", "--views", "2"),
    )
    run = leaves.parent / "run"
    assert "Of 8 classifiers, validation chose rate" in check(done).stdout
    rows = rows_of(run / "heads.csv")
    assert {(row["rate"], row["class_weights"], row["seed"]) for row in rows} == {
        (rate, weights, seed)
        for rate in ("0.0001", "0.01")
        for weights in ("", "auto")
        for seed in ("3", "4")
    }
    # The grid learns: with 100 times the rate the loss is another.
    by_rate = {
        rate: [float(r["loss"]) for r in rows if r["rate"] == rate]
        for rate in ("0.0001", "0.01")
    }
    assert max(by_rate["0.01"]) < min(by_rate["0.0001"])

    scores = run / "scores.json"
    check(
        run_tool(
            *("test", CONFIG, run / "epoch_5.pth", "--part", "val"),
            *("--out", scores, "--work-dir", leaves.parent / "test"),
            *options(leaves),
        )
    )
    scored = json.loads(scores.read_text())
    # The first seed of the settings whose mean over the seeds is the best.
    own = {}
    for row in rows:
        settings = row["rate"], row["class_weights"]
        own.setdefault(settings, []).append(row)
    (chosen, _) = max(
        own.values(),
        key=lambda of: (
            sum(float(row["accuracy"]) for row in of),
            -sum(float(row["loss"]) for row in of),
        ),
    )
    assert scored["loss/cross_entropy"] == pytest.approx(
        float(chosen["loss"]), abs=2e-3
    )
    (metrics,) = rows_of(run / "metrics.csv")
    assert float(metrics["val/accuracy/top1"]) == scored["accuracy/top1"]


def test_the_trunk_is_as_it_was(leaves, mobilenet_weights):
    from mmleaves.checkpoints.pretrained import load_from_mmleaves

    check(probe(leaves, "--rates", "1e-2", "--views", "1"))
    before = load_from_mmleaves("mmleaves://mobilenet-v2_in1k")["state_dict"]
    path = leaves.parent / "run" / "epoch_5.pth"
    after = torch.load(path, weights_only=True)["state_dict"]
    trunk = [name for name in before if name.startswith("backbone.")]
    assert len(trunk) == 312
    assert all(torch.equal(before[name], after[name]) for name in trunk)


@pytest.mark.parametrize(
    ("flags", "settings", "message"),
    [
        (
            [],
            ["model.head.type=StackedLinearClsHead", "model.head.mid_channels=[8]"],
            "of one linear layer with a bias, and model.head, a StackedLinearClsHead",
        ),
        (
            [],
            ["optim_wrapper.optimizer.type=Adagrad"],
            "trains with AdamW or SGD without clip_grad, and the config has Adagrad",
        ),
        (
            [],
            ["model.head.loss.type=mmleaves.SoftmaxFocalLoss"],
            "LinearProbeLoop trains with CrossEntropyLoss or LabelSmoothLoss",
        ),
    ],
)
def test_what_it_cannot_train_is_refused(
    leaves, mobilenet_weights, flags, settings, message
):
    done = probe(leaves, *flags, settings=settings)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def small(leaves, monkeypatch):
    """Makes the runner of a probe on ten small images, in this process."""
    monkeypatch.setenv("MMLEAVES_CACHE", str(leaves.parent / "cache"))

    def runner(*settings, **parts):
        flags = ["--rates", "1e-2", "--views", "1", "--work-dir", leaves.parent / "run"]
        given = options(leaves, "train_cfg.max_epochs=3", *settings)
        args = parse_args([CONFIG, *map(str, flags), *given])
        cfg = load_config(CONFIG, args.cfg_options)
        apply_arguments(cfg, args)
        cfg.model.backbone.init_cfg = None
        for loader in (cfg.train_dataloader, cfg.val_dataloader):
            loader.dataset.pipeline = [
                {"type": "mmleaves.LoadImage"},
                {"type": "Resize", "scale": (64, 64)},
                {"type": "PackInputs"},
            ]
        for name, part in parts.items():
            cfg[name] = part
        return FineTuneRunner.from_cfg(cfg)

    return runner


@pytest.mark.parametrize(
    ("settings", "parts", "message"),
    [
        (
            ["optim_wrapper.accumulative_counts=2"],
            {},
            "updates after each batch, and optim_wrapper has accumulative_counts=2",
        ),
        (
            ["optim_wrapper.paramwise_cfg.bias_decay_mult=0"],
            {},
            "at one rate and decay, and the optimiser has 2 groups",
        ),
        (
            ["optim_wrapper.optimizer.amsgrad=True"],
            {},
            "nothing of amsgrad=True, which optim_wrapper.optimizer has",
        ),
        (
            [
                "model.head.loss.type=CrossEntropyLoss",
                "model.head.loss.loss_weight=2.0",
            ],
            {},
            "nothing of loss_weight=2.0, which model.head.loss, a CrossEntropyLoss",
        ),
        (
            ["train_dataloader.sampler.shuffle=False"],
            {},
            "in the order of a DefaultSampler with shuffle=True",
        ),
        ([], {"custom_hooks": [{"type": "EMAHook"}]}, "has an EMAHook"),
        (
            [],
            {
                "custom_hooks": [
                    {
                        "type": "SwitchRecipeHook",
                        "schedule": [
                            {"action_epoch": 2, "loss": {"type": "CrossEntropyLoss"}}
                        ],
                    }
                ]
            },
            "trains with one loss, and a SwitchRecipeHook changes it",
        ),
        (
            [],
            {
                "param_scheduler": [
                    {
                        "type": "LinearParamScheduler",
                        "param_name": "weight_decay",
                        "start_factor": 0.5,
                        "end": 2,
                    }
                ]
            },
            "keeps the weight decay, and param_scheduler changes another setting",
        ),
        (
            [],
            {"param_scheduler": [{"type": "OneCycleLR", "eta_max": 0.1}]},
            "one that goes by its own, `eta_max`. Set type=mmleaves.OneCycleLR",
        ),
        (["optim_wrapper.optimizer.lr=0"], {}, "found 0, expected a number above 0"),
        (
            [],
            {"trainable": ["classifier", "all@2"]},
            "trains the classifier alone, and trainable=.'classifier', 'all@2'. more",
        ),
        (
            [],
            {"param_scheduler": [{"type": "ReduceOnPlateauLR", "monitor": "x"}]},
            "one that goes by each validation",
        ),
        (
            [],
            {
                "param_scheduler": [
                    {"type": "LinearMomentum", "start_factor": 0.5, "end": 2}
                ]
            },
            "keeps the momentum, and param_scheduler changes it",
        ),
    ],
)
def test_what_the_usual_loop_would_do_otherwise_is_refused_before_any_feature(
    small, leaves, settings, parts, message
):
    runner = small(*settings, **parts)
    with pytest.raises(ValueError, match=message):
        runner.train()
    assert not (leaves.parent / "cache" / "features").exists()


def test_a_head_that_does_more_than_its_linear_layer_is_refused(small):
    model = ROOT / "configs" / "_base_" / "models" / "mobilenet-v2-224-112.py"
    model = Config.fromfile(model).model
    for branch in model.backbone.branches.values():
        branch.init_cfg = None
    model.backbone.sides_px = {"coarse": 32}
    # As wide as each of the two that it adds.
    model.head.how = "sum"
    runner = small(model=model)
    with pytest.raises(ValueError, match="a FusionClsHead, makes something else of"):
        runner.train()


def test_class_weights_and_whole_batches_are_the_configs(small, leaves):
    loss = {"type": "LabelSmoothLoss", "label_smooth_val": 0.1}
    head = {"type": "LinearClsHead", "in_channels": 1280}
    backbone = {"type": "MobileNetV2"}
    runner = small(
        "train_dataloader.drop_last=True",
        model={
            "type": "ImageClassifier",
            "backbone": backbone,
            "neck": {"type": "GlobalAveragePooling"},
            "head": {**head, "loss": {**loss, "class_weight": [1.0, 50.0]}},
        },
    )
    runner.train()
    assert [s.class_weights for s in runner.train_loop._grid()] == [(1.0, 50.0)]
    (row,) = rows_of(leaves.parent / "run" / "heads.csv")
    assert row["class_weights"] == "own"
    # Eight images in batches of three: two batches, and the last two are left out.
    assert len(runner.train_loop._rates_over_time(1.0)) == 6


ONE_CYCLE = [{"type": "mmleaves.OneCycleLR", "total_steps": 9, "by_epoch": False}]
TO_A_LOWEST = [{"type": "CosineAnnealingLR", "eta_min": 2e-3, "end": 3}]


@pytest.mark.parametrize(
    ("scheduler", "highest", "lowest"),
    [(ONE_CYCLE, 1e-2, 1e-2 / 25 / 1e4), (TO_A_LOWEST, 1e-2, 2e-3)],
)
def test_a_rate_is_what_the_optimiser_would_be_given(small, scheduler, highest, lowest):
    runner = small(param_scheduler=scheduler)
    runner.train()
    (settings,) = runner.train_loop._grid()
    assert settings.rate == 1e-2
    rates = runner.train_loop._rates_over_time(1e-2)
    # The steps of a short cycle go past its very top.
    assert rates.max() == pytest.approx(highest, rel=0.01)
    assert rates.min() >= lowest * (1 - 1e-9)
    assert runner.train_loop._rates_over_time(1e-1).max() == pytest.approx(
        1e-1, rel=0.01
    )


def test_factors_to_the_rate_go_on_top_of_what_is_tried(small):
    runner = small(
        "optim_wrapper.paramwise_cfg.head_lr_mult=10",
        "train_dataloader.batch_size=4",
        auto_scale_lr={"enable": True, "base_batch_size": 8},
        param_scheduler=[],
    )
    runner.train()
    (settings,) = runner.train_loop._grid()
    assert settings.rate == 1e-2
    assert runner.train_loop._rates_over_time(1e-2).tolist() == pytest.approx(
        [0.05] * 6
    )


@pytest.mark.parametrize("scheduler", [ONE_CYCLE, TO_A_LOWEST])
def test_the_rates_tried_unasked_lie_around_that_of_the_config(small, scheduler):
    runner = small("optim_wrapper.optimizer.lr=0.02", param_scheduler=scheduler)
    runner.train_loop._rates = None
    runner.train()
    rates = [settings.rate for settings in runner.train_loop._grid()]
    assert rates == pytest.approx([6e-4, 2e-3, 6e-3, 2e-2, 6e-2, 2e-1])
