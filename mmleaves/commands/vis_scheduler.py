"""Draw a config's learning rate and momentum over the whole run."""

import argparse
from pathlib import Path

from mmleaves.commands.arguments import add_config_arguments, default_data_loaders
from mmleaves.commands.reported_errors import reports_errors
from mmleaves.whole_files import check_can_write


@reports_errors
def main(argv: list[str] | None = None) -> None:
    """Draw what ``argv`` (default: the command line) names."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    parser.add_argument(
        "--out", default="schedule.png", help="PNG to write (default: %(default)s)"
    )
    parser.add_argument(
        "--iters-per-epoch",
        type=int,
        metavar="N",
        help="iterations an epoch; with it, the data need not be here (default: as "
        "many as the training data have batches)",
    )
    args = parser.parse_args(argv)
    args.local_rank = None
    if args.iters_per_epoch is not None and args.iters_per_epoch < 1:
        parser.error(f"--iters-per-epoch is {args.iters_per_epoch}, expected 1 or more")
    check_can_write(Path(args.out), "--out")
    # Deferred, so that --help does not wait seconds for the whole stack.
    from mmleaves.config import load_config
    from mmleaves.optim.schedule_check import schedule_warnings
    from mmleaves.optim.schedule_curves import schedule_curves
    from mmleaves.optim.schedule_picture import draw_schedule
    from mmleaves.optim.schedules_of_config import goes_by_metric

    cfg = load_config(args.config, args.cfg_options)
    default_data_loaders(cfg, args)
    curves, iters = schedule_curves(cfg, iters_per_epoch=args.iters_per_epoch)
    name, epochs = Path(cfg.filename).stem, cfg.train_cfg.max_epochs
    note = ""
    if metrics := goes_by_metric(cfg):
        note = f"Falls when {', '.join(metrics)} no longer improves: not drawn."
    draw_schedule(
        curves,
        Path(args.out),
        iters_per_epoch=iters,
        title=f"{name}, {iters} iterations an epoch",
        note=note,
    )
    for curve in curves:
        highest = int(curve.rates.argmax())
        print(
            f"{curve.name}: learning rate {curve.rates[0]:.3g} at first, "
            f"{curve.rates[highest]:.3g} highest, in epoch {highest // iters + 1}, "
            f"{curve.rates[-1]:.3g} at the end of {epochs}"
        )
    for text in [*schedule_warnings(cfg, iters), *filter(None, [note])]:
        print(f"Note: {text}")
    print(f"Picture: {args.out}")
