"""Try every freeze policy on every backbone, and write the result to docs/freezing.md.

python tests/freezing/write_table.py [--jobs 2] [BACKBONE ...]

Without names, all of them are tried, and the table between the markers of the page is
replaced; with names, the result is printed. It ends with 1 if any policy fails.
"""

import argparse
import logging
import multiprocessing
import sys
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "freezing.md"
START, END = "<!-- table: start -->", "<!-- table: end -->"


def try_case(index: int) -> tuple[str, list[str], float]:
    """Return the backbone, what each policy came to, and the seconds it took."""
    warnings.simplefilter("ignore")
    sys.path.insert(0, str(ROOT / "tests"))
    import torch

    # A row of the table is a process.
    torch.set_num_threads(1)
    from freezing.conformance import CASES, POLICIES, TIMM_CASES, build, try_policy

    logging.disable(logging.WARNING)
    case = [*CASES, *TIMM_CASES][index]
    begin = time.perf_counter()
    model = build(case)
    results = []
    for policy in POLICIES:
        try:
            try_policy(model, case, policy)
            results.append("pass")
        except ValueError as error:
            results.append(f"refused: {error}")
        except Exception as error:
            results.append(f"FAILED: {type(error).__name__}: {error}")
    return case.name, results, time.perf_counter() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("backbones", nargs="*", help="the ones to try (default: all)")
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    sys.path.insert(0, str(ROOT / "tests"))
    from freezing.conformance import CASES, NOT_BACKBONES, TIMM_CASES

    names = [case.name for case in (*CASES, *TIMM_CASES)]
    if unknown := set(args.backbones) - set(names):
        parser.error(f"there is no {min(unknown)!r}; there are {', '.join(names)}.")
    chosen = [i for i, name in enumerate(names) if name in (args.backbones or names)]
    begin = time.perf_counter()
    context = multiprocessing.get_context("spawn")
    rows = []
    with ProcessPoolExecutor(args.jobs, context) as pool:
        for name, results, seconds in pool.map(try_case, chosen):
            rows.append((name, results))
            bad = [result for result in results if result.startswith("FAILED")]
            passed = results.count("pass")
            print(f"{name}: {passed} of {len(results)} pass, {seconds:.0f} s", *bad)
    minutes = (time.perf_counter() - begin) / 60
    results = [result for _, own in rows for result in own]
    failed = sum(result.startswith("FAILED") for result in results)
    summary = (
        f"{len(rows)} backbones, {len(results)} trials: {results.count('pass')} pass, "
        f"{len(results) - results.count('pass') - failed} are refused with a reason, "
        f"{failed} fail."
    )
    print(f"{summary} {minutes:.1f} minutes, {args.jobs} processes.")
    if not args.backbones:
        table = format_table(rows, len(CASES), summary, NOT_BACKBONES)
        before, _, rest = PAGE.read_text("utf-8").partition(START)
        after = rest.partition(END)[2]
        PAGE.write_text(f"{before}{START}\n{table}\n{END}{after}", "utf-8")
    sys.exit(failed > 0)


def format_table(
    rows: list[tuple[str, list[str]]],
    first_of_timm: int,
    summary: str,
    left_out: dict[str, str],
) -> str:
    from freezing.conformance import NOTES, POLICIES

    heads = [
        policy if isinstance(policy, str) else " → ".join(policy) for policy in POLICIES
    ]
    reasons: list[str] = []
    lines = [
        summary,
        "",
        "| backbone | " + " | ".join(f"`{head}`" for head in heads) + " |",
        "|---|" + "---|" * len(heads),
    ]
    for index, (name, results) in enumerate(rows):
        cells = []
        for result in results:
            if result == "pass":
                cells.append("✓")
                continue
            # One reason for all backbones that share it.
            kind = result.replace(name, "the backbone").split(", from ")[0]
            kind = kind.replace("TIMMBackbone", "the backbone")
            if kind not in reasons:
                reasons.append(kind)
            cells.append(f"no ({reasons.index(kind) + 1})")
        shown = f"timm: {name}" if index >= first_of_timm else name
        lines.append(f"| {shown} | " + " | ".join(cells) + " |")
    lines += ["", *(f"{i}. {reason}" for i, reason in enumerate(reasons, 1))]
    lines += ["", *NOTES]
    lines += [
        "",
        *(f"Not in the table: `{name}`, {why}." for name, why in left_out.items()),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
