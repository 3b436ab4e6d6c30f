"""Try how often `compare` and the usual rules name a winner where there is none."""

import argparse

from mmleaves import exit_codes
from mmleaves.commands.reported_errors import reports_errors


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """Return the arguments of ``calibrate``."""
    parser = argparse.ArgumentParser(
        description=f"{__doc__} Each experiment draws its own images and trains every "
        "recipe on them."
    )
    parser.add_argument(
        "--experiments",
        type=int,
        default=1000,
        metavar="N",
        help="experiments for each column (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="seed of the study (default: %(default)s)"
    )
    parser.add_argument(
        "--features",
        metavar="FILE",
        help=".npz of `features`, (N, D), and `labels`, (N,): heads are trained on "
        "these in place of simulated images",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="leave out the checks beyond the main table",
    )
    parser.add_argument(
        "--debug", action="store_true", help="show the traceback of an error"
    )
    args = parser.parse_args(argv)
    if args.experiments < 1:
        parser.error(f"--experiments is {args.experiments}, expected 1 or more")
    if args.seed < 0:
        parser.error(f"--seed is {args.seed}, expected 0 or more")
    return args


@reports_errors
def main(argv: list[str] | None = None) -> None:
    """Calibrate as ``argv`` (default: the command line) says."""
    args = parse_args(argv)
    import sys

    from rich.progress import track
    from threadpoolctl import threadpool_limits

    from mmleaves.calibration.checks import further_checks
    from mmleaves.calibration.features import read_features
    from mmleaves.calibration.goals import study_checks
    from mmleaves.calibration.mixture import draw_images
    from mmleaves.calibration.scenarios import SIMULATED, real_scenarios
    from mmleaves.calibration.study import run_study
    from mmleaves.calibration.tables import (
        check_table,
        interval_table,
        missed_line,
        rule_table,
    )

    source, scenarios = draw_images, SIMULATED
    if args.features:
        source = read_features(args.features)
        scenarios = real_scenarios(source)
    quiet = not sys.stderr.isatty()
    # The matrices are small: threads would wait for each other, for long where other
    # processes take the cores.
    with threadpool_limits(1):
        studies = [
            run_study(scenario, source, args.experiments, seed=args.seed)
            for scenario in track(scenarios, "experiments", disable=quiet)
        ]
        print(f"{args.experiments} experiments a column, seed {args.seed}.\n")
        print(rule_table(studies), end="\n\n")
        print(interval_table(studies))
        checks = [check for study in studies for check in study_checks(study)]
        if args.features:
            for scenario in scenarios:
                print(
                    f"\n{scenario.name}: {scenario.recipes[0]}, {scenario.recipes[1]}"
                )
        elif not args.quick:
            further = further_checks(args.experiments, args.seed)
            print(f"\n{check_table(further)}")
            checks += further
    if line := missed_line(checks):
        print(f"\n{line}", file=sys.stderr)
        sys.exit(exit_codes.FAULT)
