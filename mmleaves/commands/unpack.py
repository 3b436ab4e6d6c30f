"""Unpack a zip or tar archive of images, if no member of it can do harm."""

import argparse
from pathlib import Path

from mmleaves.commands.arguments import above_zero, from_one
from mmleaves.commands.reported_errors import reports_errors


@reports_errors
def main(argv: list[str] | None = None) -> None:
    """Unpack what ``argv`` (default: the command line) names."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="Refused whole, before anything is written: paths that lead outside of "
        "FOLDER, links, devices, two members for one file, also where capitals do not "
        "count, names too long for the disk, and more members or bytes than allowed.",
    )
    parser.add_argument("archive", help="zip or tar file (.tar, .tar.gz, .tgz, ...)")
    parser.add_argument("folder", help="new or empty folder for what is in it")
    parser.add_argument(
        "--max-members",
        type=from_one,
        default=100_000,
        metavar="N",
        help="members that are not too many (default: %(default)s)",
    )
    parser.add_argument(
        "--max-gb",
        type=above_zero,
        default=20,
        metavar="GB",
        help="gigabytes, unpacked, that are not too many (default: %(default)s)",
    )
    parser.add_argument(
        "--max-ratio",
        type=above_zero,
        default=200,
        metavar="TIMES",
        help="times the archive's own size, unpacked, that is not too much (default: "
        "%(default)s)",
    )
    parser.add_argument(
        "--debug", action="store_true", help="show the traceback of an error"
    )
    args = parser.parse_args(argv)
    from mmleaves.archives.unpacking import unpack

    n_files = unpack(
        Path(args.archive),
        Path(args.folder),
        max_members=args.max_members,
        max_gb=args.max_gb,
        max_ratio=args.max_ratio,
    )
    print(f"{n_files} files: {args.folder}")
