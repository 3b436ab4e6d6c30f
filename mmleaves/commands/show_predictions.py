"""Draw predictions with their images, the least certain and the wrong ones first."""

import argparse
from pathlib import Path

from mmleaves.commands.reported_errors import reports_errors
from mmleaves.whole_files import check_can_write


@reports_errors
def main(argv: list[str] | None = None) -> None:
    """Draw what ``argv`` (default: the command line) names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("predictions", help="table that `predict` wrote")
    parser.add_argument(
        "--images",
        default=".",
        help="folder its image names start from (default: here)",
    )
    parser.add_argument(
        "--labels",
        help="CSV file with the true labels: image,label (default: the table's own, "
        "if it has them)",
    )
    parser.add_argument(
        "--out", default="predictions.png", help="PNG to write (default: %(default)s)"
    )
    parser.add_argument(
        "--count",
        type=int,
        default=24,
        metavar="N",
        help="how many to draw (default: %(default)s)",
    )
    parser.add_argument(
        "--debug", action="store_true", help="show the traceback of an error"
    )
    args = parser.parse_args(argv)
    check_can_write(Path(args.out), "--out")
    from mmleaves.evidence.prediction_sheet import draw_sheet
    from mmleaves.evidence.predictions import read_predictions
    from mmleaves.evidence.scores import read_labels, summary

    predictions = read_predictions(args.predictions, images=args.images)
    labels = predictions.truth
    if args.labels:
        labels = read_labels(args.labels, predictions)
    draw_sheet(predictions, args.out, labels=labels, count=args.count)
    if labels is not None:
        print(summary(predictions, labels))
    print(f"Picture: {args.out}")
