"""Draw a sample data set of leaves, to try everything without a data set."""

import argparse
from pathlib import Path

from mmleaves.commands.reported_errors import reports_errors
from mmleaves.sample.settings import LAYOUTS, PER_CLASS, Settings


@reports_errors
def main(argv: list[str] | None = None) -> None:
    """Draw the sample that the arguments ask for, and say where it is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, metavar="OUT", help="new or empty folder")
    parser.add_argument(
        "--layout", choices=LAYOUTS, required=True, help="data set to look like"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="same seed, same bytes (default: 0)"
    )
    defaults = ", ".join(f"{count} for {name}" for name, count in PER_CLASS.items())
    parser.add_argument(
        "--per-class",
        type=int,
        metavar="N",
        help=f"images of each class, test images included (default: {defaults})",
    )
    parser.add_argument(
        "--size",
        type=int,
        default=208,
        metavar="PX",
        help="side of the images (default: 208)",
    )
    parser.add_argument(
        "--debug", action="store_true", help="show the traceback of an error"
    )
    args = parser.parse_args(argv)
    per_class = PER_CLASS[args.layout] if args.per_class is None else args.per_class
    settings = Settings(args.layout, args.seed, per_class, args.size)

    from mmleaves.sample.layouts import write_sample

    drawn = write_sample(args.out, settings)
    count = sum(1 for _ in args.out.rglob("*.jpg"))
    if drawn:
        print(f"Drew {count} images into {args.out} (layout {args.layout}).")
    else:
        print(f"{args.out} holds this sample already: kept its {count} images.")
