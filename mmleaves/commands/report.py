"""Write all that is known of recipes and their runs into one page."""

import argparse
from pathlib import Path

from mmleaves.commands.arguments import add_comparison_arguments
from mmleaves.commands.reported_errors import reports_errors
from mmleaves.whole_files import check_can_write


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """Return the arguments of ``report``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "runs",
        nargs="+",
        metavar="RUNS",
        help="as of `mmleaves compare`: the folder of an experiment, or folders of "
        "configs in it; or a table of predictions for each recipe, .csv or .parquet; "
        "the first recipe is the baseline, and a single one is taken too",
    )
    parser.add_argument(
        "--out", default="report.html", help="page to write (default: %(default)s)"
    )
    add_comparison_arguments(parser)
    parser.add_argument(
        "--roc",
        nargs="+",
        default=[],
        metavar="CLASS",
        help="classes to draw ROC curves of, each against the rest (default: of two "
        "classes the one that is to be found)",
    )
    parser.add_argument(
        "--images",
        default=".",
        metavar="DIR",
        help="folder that relative names of images start from (default: this one)",
    )
    parser.add_argument(
        "--pictures",
        type=int,
        default=24,
        metavar="N",
        help="images to show of each kind, always wrong and flipping, at most "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--grad-cam",
        type=int,
        default=0,
        metavar="N",
        help="for how many of each kind to show where the nets looked; needs "
        "checkpoints in the runs' folders, and `pip install 'mmleaves[grad-cam]'` "
        "(default: none)",
    )
    parser.add_argument(
        "--debug", action="store_true", help="show the traceback of an error"
    )
    args = parser.parse_args(argv)
    for option in ("pictures", "grad_cam"):
        if getattr(args, option) < 0:
            name = option.replace("_", "-")
            parser.error(f"--{name} is {getattr(args, option)}, expected 0 or more")
    return args


@reports_errors
def main(argv: list[str] | None = None) -> None:
    """Write the page on what ``argv`` (default: the command line) names."""
    args = parse_args(argv)
    # What can be refused at once is not refused after the work.
    check_can_write(Path(args.out), "--out")
    from mmleaves.evidence.gather import gather
    from mmleaves.report.page import check_page_name, write_report
    from mmleaves.report.scored import score

    check_page_name(args.out)
    scored = score(
        gather(
            args.runs,
            train_images=args.train_images,
            planned_repeats=args.planned_repeats,
        ),
        metric=args.metric,
        margin=args.margin,
        positive=args.positive,
        all_pairs=args.all_pairs,
    )
    write_report(
        scored,
        args.out,
        roc_classes=args.roc,
        pictures=args.pictures,
        images=args.images,
        grad_cam=args.grad_cam,
    )
    for comparison in scored.comparisons:
        print(comparison.sentence)
    print(f"Page: {args.out}")
