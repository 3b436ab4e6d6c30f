"""Train a model."""

import argparse
import os
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from mmleaves.commands.arguments import add_common_arguments, default_data_loaders
from mmleaves.commands.reported_errors import reports_errors

if TYPE_CHECKING:
    from mmengine.config import Config

# Where launchers put the number of a process.
_RANKS = {"pytorch": "RANK", "slurm": "SLURM_PROCID", "mpi": "OMPI_COMM_WORLD_RANK"}


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """Return the arguments of ``train``: the flags of mmpretrain's own, and ours."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_common_arguments(parser)
    parser.add_argument(
        "--resume",
        nargs="?",
        const="auto",
        metavar="CHECKPOINT",
        help="go on from a checkpoint; without one, from the last in the work dir",
    )
    parser.add_argument(
        "--force",
        action="store_true",
        help="resume although images, labels or settings are not what they were",
    )
    parser.add_argument(
        "--amp", action="store_true", help="forward pass in bfloat16, on a CPU too"
    )
    parser.add_argument(
        "--no-validate", action="store_true", help="train without validation"
    )
    parser.add_argument(
        "--auto-scale-lr",
        action="store_true",
        help="scale the learning rate by batch size x processes / the batch it is for",
    )
    parser.add_argument(
        "--no-pin-memory", action="store_true", help="do not pin the batches' memory"
    )
    parser.add_argument(
        "--no-persistent-workers",
        action="store_true",
        help="start the data loader's workers anew for each epoch",
    )
    parser.add_argument(
        "--skip-bad",
        action="store_true",
        help="decode every image first and leave out those that cannot be, from "
        "training and validation; run.json names them",
    )
    parser.add_argument(
        "--no-pretrained", action="store_true", help="start from random weights"
    )
    parser.add_argument(
        "--tensorboard", action="store_true", help="log to TensorBoard as well"
    )
    parser.add_argument(
        "--mlflow",
        action="store_true",
        help="log to MLflow as well, at MLFLOW_TRACKING_URI or into WORK_DIR/mlflow.db",
    )
    return parser.parse_args(argv)


@reports_errors
def main(argv: list[str] | None = None) -> None:
    """Train what ``argv`` (default: the command line) says."""
    args = parse_args(argv)
    # Deferred, so that --help does not wait seconds for the whole stack.
    from mmleaves.config import load_config

    cfg = load_config(args.config, args.cfg_options)
    apply_arguments(cfg, args)

    from mmleaves.run_folder import kept
    from mmleaves.runner import FineTuneRunner

    # Before the runner writes its log there.
    with kept(Path(cfg.work_dir)) if _is_first(args.launcher) else nullcontext():
        runner = FineTuneRunner.from_cfg(cfg)
        runner.force = args.force
        runner.train()


def _is_first(launcher: str) -> bool:
    """Return whether this is the first of the processes that were started together."""
    return os.environ.get(_RANKS.get(launcher, ""), "0") == "0"


def apply_arguments(cfg: "Config", args: argparse.Namespace) -> None:
    """Write the command line's flags into the config, as mmpretrain's tool does."""
    cfg.launcher = args.launcher
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    if args.no_validate:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
        # Nothing will be measured by which a checkpoint could be the best.
        cfg.default_hooks.checkpoint.save_best = None
    if args.amp:
        cfg.precision = "bfloat16"
    if args.resume is not None:
        cfg.resume = True
        cfg.load_from = None if args.resume == "auto" else args.resume
    if args.auto_scale_lr:
        if not (cfg.get("auto_scale_lr") or {}).get("base_batch_size"):
            raise ValueError(
                f"{args.config} does not say which batch size its learning rate is "
                "for, so --auto-scale-lr cannot scale it. Add to the config: "
                "auto_scale_lr = dict(base_batch_size=...)."
            )
        cfg.auto_scale_lr.enable = True
    if args.skip_bad:
        cfg.skip_bad = True
    if args.no_pretrained:
        _drop_init_cfgs(cfg.model)
    default_data_loaders(cfg, args)
    backends = cfg.visualizer.vis_backends
    if args.tensorboard:
        backends.append({"type": "TensorboardVisBackend"})
    if args.mlflow:
        backends.append(_mlflow(Path(cfg.work_dir).resolve()))


def _mlflow(work_dir: Path) -> dict:
    """Return the backend's config: the user's own server, or a file of the run."""
    run = {
        "type": "MLflowVisBackend",
        "exp_name": "mmleaves",
        "run_name": work_dir.name,
    }
    if server := os.environ.get("MLFLOW_TRACKING_URI"):
        return run | {"tracking_uri": server}
    # Unasked, MLflow puts artifacts into ./mlruns, wherever that is.
    artifacts = Path(work_dir, "mlflow").as_uri()
    store = f"sqlite:///{work_dir / 'mlflow.db'}"
    return run | {"tracking_uri": store, "artifact_location": artifacts}


def _drop_init_cfgs(model: dict) -> None:
    init_cfgs = model.get("init_cfg") or []
    if isinstance(init_cfgs, dict):
        init_cfgs = [init_cfgs]
    kept = [init for init in init_cfgs if init.get("type") != "Pretrained"]
    if len(kept) < len(init_cfgs):
        model["init_cfg"] = kept or None
    for part in model.values():
        for child in part if isinstance(part, list) else [part]:
            if isinstance(child, dict):
                _drop_init_cfgs(child)
