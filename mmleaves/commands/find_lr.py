"""Find a learning rate: train with ever higher ones and see where the loss falls."""

import argparse
import shlex
from pathlib import Path

from mmleaves.commands.arguments import (
    add_config_arguments,
    add_trust_argument,
    default_data_loaders,
)
from mmleaves.commands.reported_errors import reports_errors
from mmleaves.whole_files import check_can_write


@reports_errors
def main(argv: list[str] | None = None) -> None:
    """Find the rate of what ``argv`` (default: the command line) names."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    add_trust_argument(parser)
    parser.add_argument(
        "--out", default="lr.png", help="PNG to write (default: %(default)s)"
    )
    parser.add_argument(
        "--min-lr", type=float, default=1e-7, help="first rate (default: %(default)s)"
    )
    parser.add_argument(
        "--max-lr", type=float, default=1.0, help="last rate (default: %(default)s)"
    )
    parser.add_argument(
        "--iters",
        type=int,
        default=100,
        metavar="N",
        help="iterations, each with a higher rate (default: %(default)s)",
    )
    args = parser.parse_args(argv)
    args.local_rank = None
    check_can_write(Path(args.out), "--out")
    # Deferred, so that --help does not wait seconds for the whole stack.
    from mmleaves.config import load_config
    from mmleaves.optim.lr_range_picture import draw_sweep
    from mmleaves.optim.lr_range_test import choose, sweep, sweep_rates

    rates = sweep_rates(args.min_lr, args.max_lr, args.iters)
    cfg = load_config(args.config, args.cfg_options)
    default_data_loaders(cfg, args)
    found = sweep(cfg, rates)
    out, choice = Path(args.out), None
    try:
        choice = choose(found)
    finally:
        # What cannot be read by rule may be by eye.
        if len(found.losses):
            title = f"{Path(cfg.filename).stem}, {len(found.losses)} iterations"
            draw_sweep(found, choice, out, title)
    first, last = (found.rates[i] for i in choice.fall)
    print(
        f"Learning rate {choice.rate:.2g}: the middle of the longest fall of the "
        f"smoothed loss, from {first:.2g} to {last:.2g} (Smith, WACV 2017; as fastai's "
        f"valley). The sweep ended: {found.ended}."
    )
    size = cfg.train_dataloader.batch_size
    print(f"It is for batches of {size}. To train with it:")
    settings = [*args.cfg_options, f"optim_wrapper.optimizer.lr={choice.rate:.2g}"]
    if (cfg.get("auto_scale_lr") or {}).get("enable"):
        settings.append("auto_scale_lr.enable=False")
    print(shlex.join(["mmleaves", "train", args.config, "--cfg-options", *settings]))
    print(f"Picture: {out}")
