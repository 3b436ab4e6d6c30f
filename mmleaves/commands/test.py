"""Score a checkpoint on the test part of the data, or on another."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from mmleaves.commands.arguments import add_common_arguments, default_data_loaders
from mmleaves.commands.reported_errors import reports_errors
from mmleaves.whole_files import check_can_write

if TYPE_CHECKING:
    from mmengine.config import Config


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """Return the arguments of ``test``: the flags of mmpretrain's own, and ours."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_common_arguments(parser)
    parser.add_argument("checkpoint", help="checkpoint file")
    parser.add_argument(
        "--part",
        choices=["test", "val"],
        default="test",
        help="which of the config's data to score (default: %(default)s)",
    )
    parser.add_argument("--out", help="JSON file to write the metrics to")
    parser.add_argument(
        "--amp", action="store_true", help="forward pass in bfloat16, on a CPU too"
    )
    parser.add_argument(
        "--no-pin-memory", action="store_true", help="do not pin the batches' memory"
    )
    parser.add_argument(
        "--tta",
        action="store_true",
        help="average over each image and its mirror image (test-time augmentation)",
    )
    return parser.parse_args(argv)


@reports_errors
def main(argv: list[str] | None = None) -> None:
    """Test what ``argv`` (default: the command line) says."""
    args = parse_args(argv)
    if args.out:
        check_can_write(Path(args.out), "--out")
    # Deferred, so that --help does not wait seconds for the whole stack.
    from mmleaves.config import load_config

    cfg = load_config(args.config, args.cfg_options)
    apply_arguments(cfg, args)

    from mmengine.dist import is_main_process

    from mmleaves.checkpoints.loading import checkpoint_classes
    from mmleaves.model_config import fit_num_classes
    from mmleaves.runner import FineTuneRunner

    # The training data need not be here for the model to get its size.
    if classes := checkpoint_classes(args.checkpoint):
        fit_num_classes(cfg, len(classes))
    runner = FineTuneRunner.from_cfg(cfg)
    metrics = runner.test()
    if runner.leaks:
        metrics = metrics | {"no_test_score": " ".join(runner.leaks.values())}
    if args.out and is_main_process():
        Path(args.out).parent.mkdir(parents=True, exist_ok=True)
        Path(args.out).write_text(json.dumps(metrics, indent=2) + "\n")


def apply_arguments(cfg: "Config", args: argparse.Namespace) -> None:
    """Write the command line's flags into the config, as mmpretrain's tool does."""
    cfg.launcher = args.launcher
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    cfg.load_from = args.checkpoint
    if args.part == "val":
        cfg.test_dataloader = cfg.val_dataloader
        cfg.test_evaluator = cfg.val_evaluator
    if args.amp:
        cfg.precision = "bfloat16"
    default_data_loaders(cfg, args)
    if args.tta:
        _refuse_two_tests(cfg)
        _average_over_mirror_images(cfg)


def _refuse_two_tests(cfg: "Config") -> None:
    from mmleaves.hooks.averaging import averaging_hooks, tests_twice

    if any(map(tests_twice, averaging_hooks(cfg))):
        raise ValueError(
            "--tta tests one set of weights, and an EMAHook of the config asks for "
            "two: evaluate_on_ema and evaluate_on_origin. Set evaluate_on_origin=False "
            "there."
        )


def _average_over_mirror_images(cfg: "Config") -> None:
    *before, pack = cfg.test_dataloader.dataset.pipeline
    flips = [{"type": "RandomFlip", "prob": prob} for prob in (1.0, 0.0)]
    views = {"type": "TestTimeAug", "transforms": [flips, [pack]]}
    cfg.test_dataloader.dataset.pipeline = [*before, views]
    cfg.model = {"type": "AverageClsScoreTTA", "module": cfg.model}
