"""Train many linear classifiers at once on features that are kept; keep the best."""

import argparse
from typing import TYPE_CHECKING

from mmleaves.commands.arguments import add_common_arguments, default_data_loaders
from mmleaves.commands.reported_errors import reports_errors

if TYPE_CHECKING:
    from mmengine.config import Config


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """Return the arguments of ``linear-probe``."""
    parser = argparse.ArgumentParser(
        description=f"{__doc__} Optimiser, schedule and loss are the config's. The "
        "validation part chooses; `test` takes the checkpoint."
    )
    add_common_arguments(parser)
    parser.add_argument(
        "--rates",
        nargs="+",
        type=float,
        metavar="LR",
        help="learning rates (default: the config's times 0.03, 0.1, 0.3, 1, 3, 10)",
    )
    parser.add_argument(
        "--weight-decays",
        nargs="+",
        type=float,
        metavar="WD",
        help="weight decays (default: the config's)",
    )
    parser.add_argument(
        "--seeds", nargs="+", type=int, metavar="N", help="seeds (default: the run's)"
    )
    parser.add_argument(
        "--class-weights",
        nargs="+",
        choices=["none", "auto"],
        help="class weights in the loss (default: the config's)",
    )
    parser.add_argument(
        "--views",
        type=int,
        metavar="K",
        help="fixed views of each training image, where its pipeline draws (default: "
        "the config's feature_cache.views, or 4)",
    )
    return parser.parse_args(argv)


@reports_errors
def main(argv: list[str] | None = None) -> None:
    """Train the grid that ``argv`` (default: the command line) says."""
    args = parse_args(argv)
    # Deferred, so that --help does not wait seconds for the whole stack.
    from mmleaves.config import load_config

    cfg = load_config(args.config, args.cfg_options)
    apply_arguments(cfg, args)

    from mmleaves.runner import FineTuneRunner

    FineTuneRunner.from_cfg(cfg).train()


def apply_arguments(cfg: "Config", args: argparse.Namespace) -> None:
    """Write the command line's flags into the config."""
    cfg.launcher = args.launcher
    if args.work_dir is not None:
        cfg.work_dir = args.work_dir
    epochs = (cfg.get("train_cfg") or {}).get("max_epochs")
    if epochs is None:
        raise ValueError(
            f"{args.config} does not say for how many epochs it trains, which its "
            "schedule goes by. Set train_cfg.max_epochs."
        )
    cfg.trainable = "classifier"
    cache = cfg.get("feature_cache") or {}
    if args.views is not None:
        cache["views"] = args.views
    cache.setdefault("views", 4)
    cfg.feature_cache = cache
    cfg.train_cfg = {
        "type": "mmleaves.LinearProbeLoop",
        "max_epochs": epochs,
        "rates": args.rates,
        "weight_decays": args.weight_decays,
        "seeds": args.seeds,
        "class_weights": args.class_weights
        and [None if w == "none" else w for w in args.class_weights],
    }
    default_data_loaders(cfg, args)
