"""Say whether one recipe is better than another, from the predictions of their runs."""

import argparse
from pathlib import Path

from mmleaves.commands.arguments import add_comparison_arguments
from mmleaves.commands.reported_errors import reports_errors
from mmleaves.whole_files import check_can_write, check_no_input, write_whole


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """Return the arguments of ``compare``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "runs",
        nargs="+",
        metavar="RUNS",
        help="the folder of an experiment that `mmleaves repeat` wrote, or folders of "
        "configs in it; or a table of predictions for each recipe, .csv or .parquet; "
        "the first recipe is the baseline",
    )
    add_comparison_arguments(parser)
    parser.add_argument(
        "--json",
        metavar="FILE.json",
        help="write all figures there; - prints them instead",
    )
    parser.add_argument(
        "--debug", action="store_true", help="show the traceback of an error"
    )
    return parser.parse_args(argv)


@reports_errors
def main(argv: list[str] | None = None) -> None:
    """Compare what ``argv`` (default: the command line) names."""
    args = parse_args(argv)
    printed = args.json in ("-", "/dev/stdout")
    if args.json and not printed:
        _check_place(Path(args.json), args.runs)
    import json
    import sys

    from rich.console import Console

    from mmleaves.evidence.comparison_text import print_report
    from mmleaves.evidence.gather import gather

    gathered = gather(
        args.runs,
        train_images=args.train_images,
        planned_repeats=args.planned_repeats,
    )
    report = gathered.compare(
        metric=args.metric,
        margin=args.margin,
        positive=args.positive,
        all_pairs=args.all_pairs,
    )
    text = json.dumps(report.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
    if printed:
        print(text)
        return
    # A file or a pipe has no width, and the tables need some.
    width = None if sys.stdout.isatty() else 110
    print_report(report, Console(markup=False, highlight=False, width=width))
    if args.json:
        write_whole(
            Path(args.json),
            lambda path: path.write_text(text + "\n", encoding="utf-8"),
        )
        print(f"Figures: {args.json}")


def _check_place(path: Path, runs: list[str]) -> None:
    """Refuse to write over what is read, and over any other file of an experiment."""
    check_can_write(path, "--json")
    check_no_input(path, "--json", _read_files(runs))
    if path.suffix.lower() != ".json" and not path.is_char_device():
        raise ValueError(
            f"--json {path}: expected a name that ends in .json, or - to print the "
            "figures. Name another."
        )


def _read_files(runs: list[str]) -> list[Path]:
    """Return the tables, and what an experiment and its runs have in .json."""
    folders = [path for path in map(Path, runs) if path.is_dir()]
    return [
        *map(Path, runs),
        *(folder.resolve().parent / "plan.json" for folder in folders),
        *(folder / "plan.json" for folder in folders),
        *(file for folder in folders for file in folder.rglob("repeat*/**/*.json")),
    ]
