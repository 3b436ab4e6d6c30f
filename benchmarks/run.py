"""Measure training next to stock MMPretrain: the same data, model, batch and epochs.

python benchmarks/run.py [CASE ...] [--repeats 3] [--quick] [--data DIR]
    [--fastai PYTHON] [--timm DIR] [--without NAME] [--json FILE]

The contenders of a case take turns, each in a process of its own, and the median of
each is compared with the first's. `--list` names the cases.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from cases import CUTS, ROOT, Case, Contender, cases
from processes import Measured, run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", help="which (default: all)")
    parser.add_argument("--list", action="store_true", help="name the cases")
    parser.add_argument("--repeats", type=int, default=3, help="turns of each (3)")
    parser.add_argument("--quick", action="store_true", help="to see that it works")
    parser.add_argument(
        "--data",
        type=Path,
        default=ROOT / "data" / "101_ObjectCategories",
        help="Caltech-101 (default: %(default)s)",
    )
    parser.add_argument(
        "--fastai",
        metavar="PYTHON",
        help="a Python with fastai, whose loop takes part in resnet50-frozen2",
    )
    parser.add_argument(
        "--timm",
        metavar="DIR",
        type=Path,
        help="a checkout of timm, whose train.py takes part in resnet50-frozen2",
    )
    parser.add_argument(
        "--without", metavar="NAME", help="a contender that has no turn"
    )
    parser.add_argument("--json", type=Path, help="file for every single figure")
    args = parser.parse_args()
    timm = str(args.timm.resolve()) if args.timm else None
    known = cases(quick=args.quick, fastai=args.fastai, timm=timm)
    if args.list:
        for case in known.values():
            print(f"{case.name}: {case.work}")
        return
    if unknown := set(args.cases) - set(known):
        parser.error(f"there is no {min(unknown)!r}; there are {', '.join(known)}.")
    if not args.data.is_dir():
        parser.error(
            f"there is no {args.data}; docs/your_own_data.md says where to get"
        )
    for name, case in known.items():
        left = [c for c in case.contenders if c.name != args.without]
        known[name] = replace(case, contenders=left)
    figures = {"machine": machine(), "quick": args.quick, "cases": {}}
    with tempfile.TemporaryDirectory(prefix="mmleaves-benchmarks-") as folder:
        places = prepare(Path(folder), args.data.resolve())
        for name in args.cases or known:
            figures["cases"][name] = measure(known[name], args.repeats, places)
            print(table(known[name], figures["cases"][name]), flush=True)
    if args.json:
        args.json.write_text(json.dumps(figures, indent=2) + "\n")


def machine() -> dict:
    from importlib.metadata import version

    from mmleaves.optim.precision import resolve_precision

    packages = ("torch", "torchvision", "mmpretrain", "mmengine", "mmcv-lite", "numpy")
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)),
        # Of two with one name, this makes the difference.
        "auto computes in": str(resolve_precision("auto")),
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
    }


def processor() -> str:
    """Return the processor's name, which Python itself tells on few systems."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def prepare(folder: Path, data: Path) -> dict[str, str]:
    """Write what stock needs: lists of files of our split, and weights as a file."""
    import torch

    from mmleaves.checkpoints.pretrained import load_from_mmleaves
    from mmleaves.config import fill_datasets, load_config
    from mmleaves.registry import DATASETS

    config = "mobilenet-v2_probe_b32-adamw-cosine10_caltech"
    for name, cut in CUTS.items():
        cfg = load_config(config, [f"dataset.data_root={data}", *cut])
        fill_datasets(cfg)
        (folder / name).mkdir()
        for part in ("train", "val"):
            dataset = DATASETS.build(cfg[f"{part}_dataloader"].dataset)
            with (folder / name / f"{part}.txt").open("w") as file:
                for i in range(len(dataset)):
                    info = dataset.get_data_info(i)
                    path = Path(info["img_path"]).relative_to(data)
                    file.write(f"{path} {info['gt_label']}\n")
    state = load_from_mmleaves("mmleaves://mobilenet-v2_in1k")["state_dict"]
    prefix = "backbone."
    trunk = {k.removeprefix(prefix): v for k, v in state.items() if prefix in k}
    torch.save({"state_dict": trunk}, folder / "weights.pth")
    return {
        "folder": str(folder),
        "data": str(data),
        **{name: str(folder / name) for name in CUTS},
        "weights": str(folder / "weights.pth"),
    }


def measure(case: Case, repeats: int, places: dict[str, str]) -> dict:
    taken: dict[str, list[Measured]] = {c.name: [] for c in case.contenders}
    if not any(contender.clean for contender in case.contenders):
        # What all of them find in the caches.
        one_turn(case.contenders[0], places)
    for _ in range(repeats):
        for contender in case.contenders:
            done = one_turn(contender, places)
            taken[contender.name].append(done)
            seconds = contender.seconds(done)
            print(f"  {case.name}, {contender.name}: {seconds:.3f} s", file=sys.stderr)
    return {
        contender.name: {
            "seconds": [contender.seconds(done) for done in taken[contender.name]],
            "peak_mb": [done.peak_mb for done in taken[contender.name]],
            "command": contender.command,
        }
        for contender in case.contenders
    }


def one_turn(contender: Contender, places: dict[str, str]) -> Measured:
    folder = Path(places["folder"])
    cache, work = folder / "cache", folder / "work"
    shutil.rmtree(work, ignore_errors=True)
    if contender.clean:
        shutil.rmtree(cache, ignore_errors=True)
    known = {**places, "work": str(work)}
    command = [str(part).format(**known) for part in contender.command]
    # The audit of the data keeps its facts in the other one.
    caches = {"MMLEAVES_CACHE": str(cache), "XDG_CACHE_HOME": str(cache / "xdg")}
    env = {**caches, "PYTHONPATH": str(ROOT), **contender.env}
    return run(command, env, ROOT)


def table(case: Case, figures: dict) -> str:
    """Return the case as rows of a Markdown table."""
    lines = [f"\n{case.work}", f"| | {case.unit} | spread | ratio | peak MB |"]
    lines.append("|---|---|---|---|---|")
    first = statistics.median(figures[case.contenders[0].name]["seconds"])
    for name, own in figures.items():
        shown = own["seconds"]
        if case.unit == "images/s":
            shown = [case.images / seconds for seconds in shown]
        median = statistics.median(own["seconds"])
        lines.append(
            f"| {name} | {statistics.median(shown):.1f} | {min(shown):.1f} to "
            f"{max(shown):.1f} | {first / median:.2f} | "
            f"{statistics.median(own['peak_mb']):,.0f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
