"""Find what would go wrong in a run: versions, machine, config, data, weights."""

import argparse
import json
import sys

from mmleaves.commands.reported_errors import reports_errors
from mmleaves.exit_codes import USAGE


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """Return the arguments of ``doctor``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "config",
        nargs="?",
        help="config file, or the name of a shipped config (default: the environment "
        "alone)",
    )
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        default=[],
        metavar="KEY=VALUE",
        help="settings over the config's, as for train",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--debug", action="store_true", help="show the traceback of an error"
    )
    args = parser.parse_args(argv)
    if args.cfg_options and args.config is None:
        parser.error("--cfg-options are settings over a config, and none is given")
    return args


@reports_errors
def main(argv: list[str] | None = None) -> None:
    """Diagnose what ``argv`` (default: the command line) says; exit with 2 on errors.

    Nothing is written.
    """
    args = parse_args(argv)
    from mmleaves.doctor.diagnosis import diagnose
    from mmleaves.doctor.terminal import as_dict, lines

    diagnosis = diagnose(args.config, args.cfg_options)
    if args.json:
        print(json.dumps(as_dict(diagnosis), indent=2))
    else:
        print("\n".join(lines(diagnosis)))
    if diagnosis.has_errors:
        sys.exit(USAGE)


if __name__ == "__main__":
    main()
