"""Find what is wrong with a data set: damage, copies, leaks, labels, classes, cues."""

import argparse
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from mmleaves import exit_codes
from mmleaves.commands.arguments import above_zero
from mmleaves.commands.reported_errors import reports_errors
from mmleaves.whole_files import check_can_write

if TYPE_CHECKING:
    from mmleaves.audit.facts_cache import FactsCache


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """Return the arguments of ``check``."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="Exit code: 0 if nothing was found that makes results wrong, 1 if there "
        "is a finding of severity error, 2 if the data cannot be checked. Files are "
        "never changed.",
    )
    parser.add_argument(
        "sources",
        nargs="+",
        metavar="SOURCE",
        help="a config, a folder or a CSV file; several folders or several CSV files "
        "are parts of one data set, the first the one to train with",
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    parser.add_argument(
        "--html", metavar="FILE", help="page to write, with the pictures side by side"
    )
    parser.add_argument(
        "--split-out",
        metavar="DIR",
        help="new folder for a split of all labelled images that keeps copies and "
        "groups together: train, val and test, 60, 20 and 20 %%",
    )
    parser.add_argument(
        "--split-seed", type=int, default=0, help="seed of it (default: %(default)s)"
    )
    parser.add_argument(
        "--image-column",
        default="image",
        help="column of a CSV file with the paths (default: %(default)s)",
    )
    parser.add_argument(
        "--label-column",
        default="label",
        help="column of a CSV file with the labels (default: %(default)s)",
    )
    groups = parser.add_mutually_exclusive_group()
    groups.add_argument(
        "--group-column",
        metavar="COLUMN",
        help="column of a CSV file with what belongs together, such as the patient "
        "(default: one called patient or group, if there is one; '' for none)",
    )
    groups.add_argument(
        "--group-pattern",
        metavar="REGEX",
        help="what finds that in the name of each file below the data's folder, such "
        r"as 'P\d+'; of one with (...), what is in there",
    )
    parser.add_argument(
        "--data-root",
        help="folder that the paths of a CSV file start from (default: the file's own)",
    )
    parser.add_argument(
        "--shown",
        type=int,
        default=5,
        metavar="N",
        help="images to name for each finding, at most; damaged ones are all named "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--max-megapixels",
        type=above_zero,
        help="a file whose header announces more is not decoded (default: the config's "
        "limit, or 64)",
    )
    cache = parser.add_mutually_exclusive_group()
    cache.add_argument(
        "--cache-dir", help="folder for what is kept (default: ~/.cache/mmleaves)"
    )
    cache.add_argument(
        "--no-cache", action="store_true", help="read every image, and keep nothing"
    )
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        default=[],
        metavar="KEY=VALUE",
        help="settings over the config's, such as dataset.data_root=my/folder",
    )
    parser.add_argument(
        "--trust-config",
        action="store_true",
        help="run a config that holds more than settings; it may do anything",
    )
    parser.add_argument(
        "--debug", action="store_true", help="show the traceback of an error"
    )
    args = parser.parse_args(argv)
    if args.shown < 0:
        parser.error(f"--shown is {args.shown}, expected 0 or more")
    return args


@reports_errors
def main(argv: list[str] | None = None) -> None:
    """Check what ``argv`` (default: the command line) names."""
    args = parse_args(argv)
    if args.html:
        check_can_write(Path(args.html), "--html")
    if args.split_out:
        check_can_write(Path(args.split_out, "train.csv"), "--split-out")
    # Deferred, so that --help does not wait for the whole stack.
    from mmleaves.audit.page import check_page_name, write_page

    if args.html:
        check_page_name(args.html)
    if args.split_out:
        from mmleaves.audit.split_proposal import check_split_folder

        check_split_folder(Path(args.split_out))
    from mmleaves.audit.from_csv import Columns
    from mmleaves.audit.from_sources import parts_of_sources

    # Where a pattern is to find the groups, no column is looked for.
    group = "" if args.group_pattern else args.group_column
    parts, known, limit = parts_of_sources(
        args.sources,
        Columns(args.image_column, args.label_column, group, args.data_root),
        group_pattern=args.group_pattern,
        options=args.cfg_options,
        trust_config=args.trust_config,
    )
    limit = args.max_megapixels or limit or 64

    from mmleaves.audit.audit import audit_parts
    from mmleaves.audit.report import counted
    from mmleaves.audit.split_proposal import write_split
    from mmleaves.audit.terminal import print_report, printable
    from mmleaves.datasets.class_order import some_names

    with _progress() as progress:
        report = audit_parts(
            parts,
            known,
            cache=_cache(args),
            max_megapixels=limit,
            progress=progress,
        )
    if args.json:
        import json

        print(json.dumps(report.as_dict(), indent=2))
    else:
        print_report(report, sys.stdout, shown=args.shown)
    said = sys.stderr if args.json else sys.stdout
    if args.html:
        write_page(report, args.html, max_megapixels=limit)
        print(f"Page: {args.html}", file=said)
    if args.split_out:
        written = write_split(report, Path(args.split_out), seed=args.split_seed)
        sizes = ", ".join(f"{name} {size}" for name, size in written.sizes.items())
        print(f"Split: {args.split_out} ({sizes} images)", file=said)
        for part, names in written.lacking.items():
            if names:
                text = f"  {part} has none of {some_names(names)}: they are too few."
                print(printable(text), file=said)
        if written.n_left_out:
            left_out = counted(written.n_left_out, "image")
            print(f"  {left_out} without a label or damaged left out.", file=said)
        print("To train on it:", file=said)
        print(f"  --cfg-options {shlex.join(written.options)}", file=said)
    if report.has_errors:
        sys.exit(exit_codes.FAULT)


def _cache(args: argparse.Namespace) -> "FactsCache | None":
    from mmleaves.audit.facts_cache import FactsCache, open_cache

    if args.no_cache:
        return None
    if args.cache_dir:
        return FactsCache(Path(args.cache_dir))
    return open_cache(lambda text: print(text, file=sys.stderr))


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None] | None]:
    """Yield what draws the progress, if there is a terminal to see it."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, int] = {}

        def show(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield show
