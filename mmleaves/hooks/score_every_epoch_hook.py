"""Write down the score of every epoch on the images that are scored in the end."""

import csv
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from mmengine.dist import master_only
from mmengine.hooks import EMAHook, Hook
from mmengine.runner import Runner, autocast

from mmleaves.evidence.run_files import SCORED_BY_EPOCH
from mmleaves.registry import HOOKS


@HOOKS.register_module()
class ScoreEveryEpochHook(Hook):
    """Score the test part after each epoch into ``scored-by-epoch.csv``, for nobody.

    Nothing goes by these scores: they are to show afterwards what choosing the epoch
    on the scored images would have pretended. The training is the same to the bit with
    and without this hook, only slower. Columns: ``epoch``, from 1; ``accuracy``, in
    percent; ``cross_entropy``, in nats, the mean over images.
    """

    # After the weights of the epoch are final.
    priority = "LOWEST"

    def __init__(self) -> None:
        self._rows: list[dict[str, float]] = []
        self._loader: torch.utils.data.DataLoader | None = None

    @master_only
    def after_train_epoch(self, runner: Runner) -> None:
        with _randomness_kept():
            if self._loader is None:
                self._loader = runner.build_dataloader(runner.cfg.test_dataloader)
            averages = [hook for hook in runner.hooks if isinstance(hook, EMAHook)]
            for hook in averages:
                hook.before_test_epoch(runner)
            accuracy, cross_entropy = _score(runner, self._loader)
            for hook in averages:
                hook.after_test_epoch(runner)
        row = {"accuracy": accuracy, "cross_entropy": cross_entropy}
        self._rows.append({"epoch": runner.epoch + 1} | row)
        with Path(runner.work_dir, SCORED_BY_EPOCH).open("w", newline="") as file:
            writer = csv.DictWriter(file, list(self._rows[0]))
            writer.writeheader()
            writer.writerows(self._rows)


def _score(runner: Runner, loader: torch.utils.data.DataLoader) -> tuple[float, float]:
    """Return the accuracy, percent, and the mean cross entropy, nats."""
    model = runner.model
    was_training = model.training
    model.eval()
    right, surprise = [], []
    # In the number format of the test loop, which makes the final predictions.
    half = bool((runner.cfg.get("test_cfg") or {}).get("fp16"))
    with torch.no_grad(), autocast(enabled=half):
        for batch in loader:
            for sample in model.test_step(batch):
                probs = sample.pred_score.float().cpu().numpy()
                label = int(sample.gt_label)
                right.append(probs.argmax() == label)
                surprise.append(-np.log(max(float(probs[label]), 1e-12)))
    model.train(was_training)
    return 100 * float(np.mean(right)), float(np.mean(surprise))


@contextmanager
def _randomness_kept() -> Iterator[None]:
    """Let what is drawn inside not be missing outside."""
    states = random.getstate(), np.random.get_state(), torch.get_rng_state()
    try:
        with torch.random.fork_rng(devices=None):
            yield
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.set_rng_state(states[2])
