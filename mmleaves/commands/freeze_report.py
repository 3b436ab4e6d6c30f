"""Say how many parameters of each part of a config's model are trained."""

import argparse

from mmleaves.commands.arguments import add_config_arguments
from mmleaves.commands.reported_errors import reports_errors


@reports_errors
def main(argv: list[str] | None = None) -> None:
    """Report on the config that ``argv`` (default: the command line) names."""
    parser = argparse.ArgumentParser(
        description=f"{__doc__} It needs neither weights nor data, and trains nothing."
    )
    add_config_arguments(parser)
    parser.add_argument(
        "--num-classes",
        type=int,
        help="classes to count with (default: the data's, or those of the config's "
        "`reference_classes` where the data are not there)",
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    args = parser.parse_args(argv)
    import json
    import sys

    from mmleaves.config import load_config
    from mmleaves.freezing.counting import count_parameters
    from mmleaves.freezing.report import format_report

    cfg = load_config(args.config, args.cfg_options)
    report, note = count_parameters(cfg, args.num_classes)
    if args.json:
        print(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        print(f"What is trained, trainable={cfg.get('trainable', 'all')!r}:")
        print(format_report(report))
    print(note, file=sys.stderr)
