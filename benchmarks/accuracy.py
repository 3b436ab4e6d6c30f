"""Whether bfloat16 and caches cost accuracy: the same training by stock MMPretrain.

python benchmarks/accuracy.py [--seeds 3] [--data DIR] [--json FILE]

MobileNetV2 with ImageNet weights on Caltech-101, 7 images a class, 10 epochs of AdamW
along a cosine, random crops and flips; top-1 of the last epoch on 10 other images a
class, the same for all. Stock computes in float32 and reads each image each time. Ours
computes in bfloat16 where the machine is good at it, and keeps decoded images, and for
the linear probe the features of 4 views of each image; once more in float32, without.
"""

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

from cases import ROOT, Contender, ours, stock
from processes import final_score, whole
from run import machine, one_turn, prepare

PROBE = "mobilenet-v2_probe_b32-adamw-cosine10_caltech"
EPOCHS, CUT = "train_cfg.max_epochs=10", "wide_val"


def contenders(seed: int) -> dict[str, list[Contender]]:
    """Return stock, first, and ours with a seed, for each training."""
    settings = (EPOCHS, "train_cfg.val_interval=10", f"randomness.seed={seed}")
    plain = (*settings, "precision=float32", "image_cache=None")
    all_trained = ("trainable=all", "optim_wrapper.optimizer.lr=1e-4")
    alike = dict(cut=CUT, seconds=whole)
    slow = dict(name="mmleaves, float32, nothing kept", **alike)
    return {
        "linear probe": [
            stock("mobilenet-v2_probe.py", *settings, weights="{weights}", **alike),
            ours(PROBE, *settings, "feature_cache.views=4", **alike),
            ours(PROBE, *plain, **slow),
        ],
        "all trained": [
            stock("mobilenet-v2_all.py", *settings, weights="{weights}", **alike),
            ours(PROBE, *settings, *all_trained, **alike),
            ours(PROBE, *plain, *all_trained, **slow),
        ],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=3, help="how many (3)")
    parser.add_argument(
        "--data",
        type=Path,
        default=ROOT / "data" / "101_ObjectCategories",
        help="Caltech-101 (default: %(default)s)",
    )
    parser.add_argument("--json", type=Path, help="file for every single figure")
    args = parser.parse_args()
    if args.seeds < 1:
        parser.error(f"--seeds is {args.seeds}, expected 1 or more.")
    if not args.data.is_dir():
        parser.error(
            f"there is no {args.data}; docs/your_own_data.md says where to get"
        )
    scores: dict[str, dict[str, list[float]]] = {}
    with tempfile.TemporaryDirectory(prefix="mmleaves-benchmarks-") as folder:
        places = prepare(Path(folder), args.data.resolve())
        for seed in range(args.seeds):
            for training, group in contenders(seed).items():
                for contender in group:
                    score = final_score(one_turn(contender, places).log)
                    by_name = scores.setdefault(training, {})
                    by_name.setdefault(contender.name, []).append(score)
                    told = f"{training}, {contender.name}, seed {seed}: {score:.2f}"
                    print(f"  {told}", file=sys.stderr)
            if args.json:
                found = {"machine": machine(), "scores": scores}
                args.json.write_text(json.dumps(found, indent=2) + "\n")
    print("| | | top-1, each seed | mean | less stock, each seed | mean |")
    print("|---|---|---|---|---|---|")
    for training, by_name in scores.items():
        first = next(iter(by_name.values()))
        for name, each in by_name.items():
            apart = [
                score - of_stock for score, of_stock in zip(each, first, strict=True)
            ]
            print(
                f"| {training} | {name} | {' '.join(f'{x:.1f}' for x in each)} | "
                f"{statistics.mean(each):.2f} | "
                f"{' '.join(f'{x:+.1f}' for x in apart)} | "
                f"{statistics.mean(apart):+.2f} |"
            )


if __name__ == "__main__":
    main()
