"""Fold a trained net of many branches into a plain one that is faster."""

import argparse
from pathlib import Path

from mmleaves.commands.arguments import add_config_arguments, add_trust_argument
from mmleaves.commands.reported_errors import reports_errors
from mmleaves.whole_files import check_can_write


@reports_errors
def main(argv: list[str] | None = None) -> None:
    """Fold what ``argv`` (default: the command line) names."""
    parser = argparse.ArgumentParser(
        description=f"{__doc__} RepVGG, MobileOne and others are made for it; `test` "
        "and `predict` take what it writes."
    )
    add_config_arguments(parser)
    add_trust_argument(parser)
    parser.add_argument("checkpoint", help="checkpoint file that training wrote")
    parser.add_argument(
        "out", help="folded checkpoint to write, .pth; its config goes beside it"
    )
    parser.add_argument(
        "--image-px",
        type=int,
        metavar="N",
        help="side of the images to compare and measure with (default: the config's)",
    )
    args = parser.parse_args(argv)
    check_can_write(Path(args.out), "OUT")
    from mmleaves.config import load_config

    cfg = load_config(args.config, args.cfg_options)

    from mmleaves.checkpoints.folding import check_out, fold, write_folded

    check_out(args.out)
    folded = fold(cfg, args.checkpoint, image_px=args.image_px)
    config = write_folded(folded, args.out)
    exact, usual = folded.differences
    print(
        f"Outputs for random images agree: they differ by {exact:.1e} of the largest "
        f"in float64, by {usual:.1e} in float32."
    )
    before, after = folded.parameters
    print(f"Parameters: {before:,} before, {after:,} after.")
    before, after = folded.images_per_s
    print(f"Speed: {before:.1f} images/s before, {after:.1f} after.")
    print(f"Folded: {args.out}, with its config: {config}")
