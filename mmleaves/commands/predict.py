"""Predict the class of images: a table of every class's probability for each."""

import argparse
from pathlib import Path

from mmleaves.commands.arguments import add_config_arguments, add_trust_argument
from mmleaves.commands.reported_errors import reports_errors
from mmleaves.whole_files import check_can_write


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """Return the arguments of ``predict``."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    add_trust_argument(parser)
    parser.add_argument("checkpoint", help="checkpoint file")
    parser.add_argument(
        "images",
        nargs="?",
        help="an image, a folder of images, or a CSV file with a column `image` "
        "(default: the images of --part)",
    )
    parser.add_argument(
        "--part",
        choices=["test", "val"],
        default="test",
        help="without IMAGES: which of the config's own data (default: %(default)s)",
    )
    parser.add_argument(
        "--out",
        default="predictions.csv",
        help="table to write, .csv or .parquet (default: %(default)s)",
    )
    parser.add_argument(
        "--submission", help="Kaggle submission to write as well: image,label"
    )
    parser.add_argument(
        "--sample-submission",
        help="the competition's sample_submission.csv, to check the submission against",
    )
    parser.add_argument(
        "--image-column",
        default="image",
        help="column of the CSV file that holds the images (default: %(default)s)",
    )
    args = parser.parse_args(argv)
    if args.sample_submission and not args.submission:
        parser.error("--sample-submission checks a --submission, and there is none")
    return args


@reports_errors
def main(argv: list[str] | None = None) -> None:
    """Predict what ``argv`` (default: the command line) names."""
    args = parse_args(argv)
    # What can be refused at once is not refused after minutes of work.
    check_can_write(Path(args.out), "--out")
    if args.submission:
        check_can_write(Path(args.submission), "--submission")
    # Deferred, so that --help does not wait seconds for the whole stack.
    from mmleaves.config import load_config
    from mmleaves.evidence.predict import predict
    from mmleaves.evidence.predictions import check_table_name, write_predictions
    from mmleaves.evidence.submission import read_sample, write_submission

    check_table_name(args.out)
    sample = args.sample_submission and read_sample(args.sample_submission)
    cfg = load_config(args.config, args.cfg_options)
    predictions = predict(
        cfg,
        args.checkpoint,
        args.images,
        part=args.part,
        image_column=args.image_column,
    )
    write_predictions(predictions, args.out)
    print(f"{len(predictions.images)} predictions: {args.out}")
    if args.submission:
        write_submission(predictions, args.submission, sample=sample)
        checked = f", checked against {args.sample_submission}"
        print(
            f"Submission: {args.submission}{checked if args.sample_submission else ''}"
        )
