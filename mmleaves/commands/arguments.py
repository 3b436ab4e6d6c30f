"""Arguments that several commands share."""

import argparse
import math
import os
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mmleaves.checkpoints import trusted

if TYPE_CHECKING:
    from mmengine.config import Config


class _Trust(argparse.Action):
    """Add a sha256 to those of files that may run code."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence,
        option_string: str | None = None,
    ) -> None:
        if not re.fullmatch("[0-9a-fA-F]{64}", values):
            parser.error(
                f"--trust {values}: expected the 64 digits of a file's sha256, which "
                "the message that refused it gives."
            )
        before = os.environ.get(trusted.VARIABLE)
        os.environ[trusted.VARIABLE] = f"{before},{values}" if before else values


def above_zero(text: str) -> float:
    """Return an option's number, for argparse; refuse 0, less, NaN and infinity."""
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return number


def from_one(text: str) -> int:
    """Return an option's whole number, for argparse; refuse less than 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number from 1")
    return number


def add_common_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the config, where results go, and the launcher, as in mmpretrain's tools."""
    add_config_arguments(parser)
    add_trust_argument(parser)
    parser.add_argument(
        "--work-dir", help="folder for the results (default: work_dirs/CONFIG)"
    )
    parser.add_argument(
        "--launcher",
        choices=["none", "pytorch", "slurm", "mpi"],
        default="none",
        help="what started this process, if one of several (default: %(default)s)",
    )
    # torchrun's predecessor passes this one.
    parser.add_argument("--local_rank", "--local-rank", help=argparse.SUPPRESS)


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the config, settings over it, and ``--debug``."""
    parser.add_argument("config", help="config file, or the name of a shipped config")
    parser.add_argument(
        "--cfg-options",
        nargs="+",
        default=[],
        metavar="KEY=VALUE",
        help="settings over the config's, such as optim_wrapper.optimizer.lr=0.01 or "
        "dataset.data_root=my/folder; a list as key=a,b or key='[a,b]'",
    )
    parser.add_argument(
        "--debug", action="store_true", help="show the traceback of an error"
    )


def add_trust_argument(parser: argparse.ArgumentParser) -> None:
    """Add ``--trust``, for commands that read checkpoints."""
    parser.add_argument(
        "--trust",
        action=_Trust,
        default=argparse.SUPPRESS,
        metavar="SHA256",
        help="load the checkpoint with this sha256 even if code in it runs",
    )


def default_data_loaders(cfg: "Config", args: argparse.Namespace) -> None:
    """Fill in what mmpretrain's tools set for data loaders, and apply the flags.

    It also exports ``LOCAL_RANK``, which MMEngine wants from a launcher.
    """
    os.environ.setdefault("LOCAL_RANK", args.local_rank or "0")
    import torch

    for name in ("train_dataloader", "val_dataloader", "test_dataloader"):
        loader = cfg.get(name)
        if not loader:
            continue
        loader.setdefault("collate_fn", {"type": "default_collate"})
        # Without an accelerator there is nothing to pin for.
        loader.setdefault("pin_memory", torch.cuda.is_available())
        if getattr(args, "no_pin_memory", False):
            loader.pin_memory = False
        loader.setdefault("persistent_workers", loader.num_workers > 0)
        if loader.num_workers > 0:
            # Unasked, a loader waits for ever for workers that hang.
            loader.setdefault("timeout", 600)
        if loader.num_workers == 0 or getattr(args, "no_persistent_workers", False):
            loader.persistent_workers = False


def add_comparison_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what says how recipes are compared."""
    parser.add_argument(
        "--metric",
        default="accuracy",
        help="score that decides: accuracy, balanced_accuracy, macro_f1, and of two "
        "classes auroc, sensitivity, specificity (default: %(default)s)",
    )
    parser.add_argument(
        "--margin",
        type=float,
        metavar="POINTS",
        help="difference that is too small to matter (default: the plan's, or 1)",
    )
    parser.add_argument(
        "--all-pairs",
        action="store_true",
        help="compare every recipe with every other, not with the first alone",
    )
    parser.add_argument(
        "--positive",
        metavar="CLASS",
        help="of two classes the one that is to be found (default: the plan's, or the "
        "second)",
    )
    parser.add_argument(
        "--planned-repeats",
        type=from_one,
        metavar="N",
        help="with tables: how many repeats were planned, if more than there are yet",
    )
    parser.add_argument(
        "--train-images",
        type=int,
        metavar="N",
        help="with tables of several runs on a hold-out: how many images each was "
        "trained on",
    )
