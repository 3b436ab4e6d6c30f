"""What is measured: the same work, done by stock MMPretrain and by mmleaves."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from processes import (
    Measured,
    seconds_per_epoch,
    seconds_per_iteration,
    seconds_per_iteration_of_timm,
    whole,
)

ROOT = Path(__file__).parents[1]
STOCK = Path(__file__).parent / "stock"
# Cuts of the data: so many of each class, the second number of them for validation.
CUTS = {
    "all": (),
    "few": ("dataset.train_per_class=9", "dataset.val_per_class=2"),
    "fewest": ("dataset.train_per_class=5", "dataset.val_per_class=2"),
    "wide_val": ("dataset.train_per_class=17", "dataset.val_per_class=10"),
}
_TWO_RUN = "stock mmpretrain, two epochs run, the rest counted as long as the second"


@dataclass(frozen=True)
class Contender:
    """One way to do the work.

    Args:
        name: What the table calls it.
        command: What runs it, from the folder of the run on.
        seconds: What is compared, from what was measured; the less the better.
        env: Environment beyond the usual.
        clean: Whether caches are emptied before.
    """

    name: str
    command: list[str]
    seconds: Callable[[Measured], float]
    env: dict[str, str] = field(default_factory=dict)
    clean: bool = True


@dataclass(frozen=True)
class Case:
    """A comparison.

    Args:
        name: On the command line.
        work: What is done, for the table.
        unit: What is compared: ``"images/s"`` or ``"s"``.
        images: How many images an iteration has, for images/s.
        contenders: The first is what the others are compared with.
    """

    name: str
    work: str
    unit: str
    contenders: list[Contender]
    images: int = 1


# Each iteration's own time, not a mean of several.
_EACH = ("default_hooks.logger.interval=1", "log_processor.window_size=1")


def per_iteration(measured: Measured) -> float:
    return seconds_per_iteration(measured.log)


def stock(
    config: str,
    *options: str,
    seconds: Callable[[Measured], float],
    weights: str | None = None,
    cut: str = "all",
    name: str = "stock mmpretrain",
    **kwargs: object,
) -> Contender:
    """Return stock MMPretrain's own training tool, as it comes in its wheel."""
    tool = Path(find_spec("mmpretrain").origin).parent / ".mim" / "tools" / "train.py"
    given = [*options, *(_EACH if seconds is per_iteration else ())]
    if weights:
        # Of the trunk; a dict is not written as a value.
        init = "model.backbone.init_cfg"
        given += [f"{init}.type=Pretrained", f"{init}.checkpoint={weights}"]
    given += [
        "train_dataloader.dataset.data_root={data}",
        "val_dataloader.dataset.data_root={data}",
        f"train_dataloader.dataset.ann_file={{{cut}}}/train.txt",
        f"val_dataloader.dataset.ann_file={{{cut}}}/val.txt",
    ]
    command = [sys.executable, str(tool), str(STOCK / config), "--work-dir", "{work}"]
    return Contender(name, [*command, "--cfg-options", *given], seconds, **kwargs)


def ours(
    config: str,
    *options: str,
    cut: str = "all",
    name: str = "mmleaves",
    flags: tuple = (),
    tool: str = "train",
    seconds: Callable[[Measured], float],
    **kwargs: object,
) -> Contender:
    """Return this package's tool."""
    command = [
        sys.executable, str(ROOT / "tools" / f"{tool}.py"), config,
        "--work-dir", "{work}", *flags,
        "--cfg-options", "dataset.data_root={data}", *CUTS[cut], *options,
        *(_EACH if seconds is per_iteration else ()),
    ]  # fmt: skip
    return Contender(name, command, seconds, **kwargs)


def of_fastai(python: str, cut: str) -> Contender:
    """Return fastai's loop, on the lists of images that stock gets."""
    script = str(Path(__file__).parent / "fastai_resnet50.py")
    return Contender(
        "fastai",
        [python, script, "{data}", f"{{{cut}}}"],
        seconds=lambda measured: float(measured.log.split()[-1]),
    )


def of_timm(checkout: str, cut: str) -> Contender:
    """Return timm's train.py, on the lists of images that stock gets."""
    script = str(Path(__file__).parent / "timm_resnet50.py")
    return Contender(
        "timm",
        [sys.executable, script, checkout, "{data}", f"{{{cut}}}", "{work}"],
        seconds=lambda measured: seconds_per_iteration_of_timm(measured.log),
    )


def whole_of(epochs: int, run: int) -> Callable[[Measured], float]:
    """Return the seconds of a run of ``epochs``, of which ``run`` were run.

    The epochs that were not run count as the mean of those after the first, which the
    log tells to a second.
    """

    def seconds(measured: Measured) -> float:
        return measured.seconds + (epochs - run) * seconds_per_epoch(measured.log)

    return seconds


def probes(of_stock: str, config: str, epochs: int, views: int) -> list[Contender]:
    """Return stock's linear probe, and ours without and with features in the cache."""
    settings = (f"train_cfg.max_epochs={epochs}", f"feature_cache.views={views}")
    return [
        stock(
            of_stock,
            "train_cfg.max_epochs=2",
            weights="{weights}",
            name=_TWO_RUN,
            seconds=whole_of(epochs, run=2),
        ),
        ours(config, *settings, name="mmleaves, empty cache", seconds=whole),
        ours(
            config,
            *settings,
            "randomness.seed=1",
            "optim_wrapper.optimizer.lr=2e-3",
            name="mmleaves, filled cache, other seed and rate",
            seconds=whole,
            clean=False,
        ),
        ours(
            config,
            *settings,
            "randomness.seed=2",
            name="the same by tools/linear_probe.py, one validation",
            tool="linear_probe",
            flags=("--rates", "2e-3"),
            seconds=whole,
            clean=False,
        ),
    ]


def cases(
    *, quick: bool, fastai: str | None = None, timm: str | None = None
) -> dict[str, Case]:
    """Return all comparisons by name.

    Args:
        quick: Fewer images and epochs: to see that it works, not to be quoted.
        fastai: A Python that has fastai, for the case that it takes part in.
        timm: A checkout of timm, whose train.py takes part in the same.
    """
    # Where all are not needed to see how fast it is.
    cut, a_class = ("fewest", 3) if quick else ("few", 7)
    resnet = "resnet50_frozen2_b64_caltech"
    no_weights = ("--no-pretrained",)
    two = ["train_cfg.max_epochs=2"]
    probe = "mobilenet-v2_probe_b32-adamw-cosine10_caltech"
    probe_epochs = 3 if quick else 30
    views_epochs = 5 if quick else 20
    found = [
        Case(
            "resnet50-frozen2",
            f"ResNet-50, two stages frozen, batch 64, random crops, {a_class} images a "
            "class: second epoch of training; ours has the images decoded in the first",
            "images/s",
            [
                stock("resnet50_frozen2.py", *two, cut=cut, seconds=per_iteration),
                ours(
                    resnet,
                    *two,
                    cut=cut,
                    flags=no_weights,
                    seconds=per_iteration,
                ),
                *([of_fastai(fastai, cut)] if fastai else []),
                *([of_timm(timm, cut)] if timm else []),
            ],
            images=64,
        ),
        Case(
            "resnet50-frozen2-views",
            f"ResNet-50 so, 3 images a class, {views_epochs} epochs, a validation of 2 "
            "images a class each: whole run; ours with 4 fixed views of each image",
            "s",
            [
                stock(
                    "resnet50_frozen2.py",
                    "train_cfg.max_epochs=2",
                    cut="fewest",
                    name=_TWO_RUN,
                    seconds=whole_of(views_epochs, run=2),
                ),
                ours(
                    resnet,
                    f"train_cfg.max_epochs={views_epochs}",
                    "feature_cache.views=4",
                    cut="fewest",
                    flags=no_weights,
                    seconds=whole,
                ),
            ],
        ),
        Case(
            "mobilenet-v2-all",
            "MobileNetV2, all trained, batch 32, 3 images a class: the same",
            "images/s",
            [
                stock("mobilenet-v2_all.py", *two, cut="fewest", seconds=per_iteration),
                ours(
                    probe,
                    *two,
                    "trainable=all",
                    "optim_wrapper.optimizer.lr=1e-4",
                    cut="fewest",
                    flags=no_weights,
                    seconds=per_iteration,
                ),
            ],
            images=32,
        ),
        Case(
            "vit-attention",
            "ViT-B/16, all self-attention trained, 256 px, batch 16, 3 images a class: "
            "the same",
            "images/s",
            [
                stock(
                    "vit-base_attention12.py",
                    *two,
                    cut="fewest",
                    seconds=per_iteration,
                ),
                ours(
                    str(STOCK.parent / "vit-base_attention12.py"),
                    *two,
                    cut="fewest",
                    flags=no_weights,
                    seconds=per_iteration,
                ),
            ],
            images=16,
        ),
        Case(
            "probe",
            f"linear probe, MobileNetV2, 25 a class, {probe_epochs} epochs, a "
            "validation each: whole process; ours with 4 fixed views of each image",
            "s",
            probes("mobilenet-v2_probe.py", probe, probe_epochs, views=4),
        ),
        Case(
            "probe-fixed",
            "the same with the same crop of each image in each epoch, both",
            "s",
            probes(
                "mobilenet-v2_probe_fixed.py",
                str(STOCK.parent / "mobilenet-v2_probe_fixed.py"),
                probe_epochs,
                views=1,
            ),
        ),
        Case(
            "heads",
            "a grid of 32 linear classifiers next to one, features in the cache",
            "s",
            [
                ours(
                    probe,
                    tool="linear_probe",
                    flags=("--rates", "1e-3"),
                    name="1 classifier",
                    seconds=whole,
                    clean=False,
                ),
                ours(
                    probe,
                    tool="linear_probe",
                    flags=(
                        *("--rates", "1e-4", "3e-4", "1e-3", "3e-3"),
                        *("--weight-decays", "0", "1e-3", "1e-2", "1e-1"),
                        *("--class-weights", "none", "auto"),
                    ),
                    name="32 classifiers",
                    seconds=whole,
                    clean=False,
                ),
            ],
        ),
    ]
    return {case.name: case for case in found}
