"""Print a config with its bases merged in."""

import argparse

from mmleaves.commands.arguments import add_config_arguments
from mmleaves.commands.reported_errors import reports_errors


@reports_errors
def main(argv: list[str] | None = None) -> None:
    """Print what ``argv`` (default: the command line) names."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_config_arguments(parser)
    args = parser.parse_args(argv)
    from mmleaves.config import load_config

    cfg = load_config(args.config, args.cfg_options, import_custom_modules=False)
    print(cfg.pretty_text)
