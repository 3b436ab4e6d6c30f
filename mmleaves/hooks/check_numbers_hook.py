"""Stop a run whose numbers are none."""

import math
from collections import Counter
from collections.abc import Sequence

import torch
from mmengine.hooks import CheckpointHook, Hook
from mmengine.optim import OptimWrapperDict
from mmengine.runner import Runner
from torch import Tensor
from torch.optim import Optimizer

from mmleaves import exit_codes
from mmleaves.errors import RunError
from mmleaves.registry import HOOKS

# Epochs after which a model should beat the guess of one class for all.
_EPOCHS_TO_LEARN = 3


class NotFiniteError(RunError):
    """A loss, a gradient or a metric is NaN or infinite."""

    exit_code = exit_codes.NUMBERS


@HOOKS.register_module()
class CheckNumbersHook(Hook):
    """Stop at the first loss, gradient or deciding metric that is NaN or infinite.

    Upstream trains on to the end, and calls such weights the best. Here they are not
    saved, the weights are not updated by such a gradient, and the images of the batch
    are named. A run that is no better than the guess of one class for all images, after
    some epochs, is told so.

    Raises:
        NotFiniteError: At the first of them.
    """

    # Before what saves, logs and chooses by them.
    priority = "VERY_HIGH"
    _batch: object = None
    _compared = False

    def before_train(self, runner: Runner) -> None:
        wrapper = runner.optim_wrapper
        wrappers = (
            wrapper.values() if isinstance(wrapper, OptimWrapperDict) else [wrapper]
        )
        self._runner = runner
        for one in wrappers:
            # A scaler of float16 has looked for them by itself, and skips the step.
            one.optimizer.register_step_pre_hook(self._check_gradients)

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: object = None
    ) -> None:
        self._batch = data_batch

    def _after_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: object = None,
        outputs: Sequence | dict | None = None,
        mode: str = "train",
    ) -> None:
        if mode != "train":
            _check_scores(outputs or (), data_batch)
            return
        for name, value in (outputs or {}).items():
            if torch.is_tensor(value) and not torch.isfinite(value).all():
                self._stop(f"{name} is {value.flatten()[0].item()}")

    def _check_gradients(self, optimizer: Optimizer, *_: object) -> None:
        gradients = [
            parameter.grad
            for group in optimizer.param_groups
            for parameter in group["params"]
            if parameter.grad is not None
        ]
        norms = torch._foreach_norm(gradients) if gradients else []
        if norms and not torch.isfinite(torch.stack(norms)).all():
            names = {id(p): name for name, p in self._runner.model.named_parameters()}
            name = next(
                names.get(id(parameter), "a parameter")
                for group in optimizer.param_groups
                for parameter in group["params"]
                if parameter.grad is not None and not _is_finite(parameter.grad)
            )
            self._stop(f"the gradient of {name} is not finite")

    def _stop(self, what: str) -> None:
        runner = self._runner
        raise NotFiniteError(
            f"In epoch {runner.epoch + 1}, iteration {runner.iter + 1} of the run, "
            f"{what}, expected a number. The checkpoint of the epoch before is whole; "
            "nothing of this one was saved. Lower optim_wrapper.optimizer.lr, set "
            "optim_wrapper.clip_grad.max_norm=1, or look at the batch's images: "
            f"{', '.join(_paths(self._batch)) or 'unnamed'}.{_bad_inputs(self._batch)}"
        )

    def after_val_epoch(
        self, runner: Runner, metrics: dict[str, float] | None = None
    ) -> None:
        deciding = [
            name
            for hook in runner.hooks
            if isinstance(hook, CheckpointHook) and hook.save_best
            for name in hook.key_indicators
        ]
        for name, value in (metrics or {}).items():
            is_bad = isinstance(value, float) and not math.isfinite(value)
            if is_bad and (name in deciding or "loss" in name):
                raise NotFiniteError(
                    f"The validation after epoch {runner.epoch} gives {name}={value}, "
                    "expected a number. The checkpoint of the epoch before is whole. "
                    "Lower optim_wrapper.optimizer.lr, or go by another metric."
                )
        accuracy = (metrics or {}).get("accuracy/top1")
        if accuracy is not None and runner.epoch >= _EPOCHS_TO_LEARN:
            if not self._compared:
                self._compare_with_one_class(runner, accuracy)
            self._compared = True

    def _compare_with_one_class(self, runner: Runner, accuracy: float) -> None:
        dataset = runner.val_dataloader.dataset
        infos = (dataset.get_data_info(i) for i in range(len(dataset)))
        (label, count), *_ = Counter(info["gt_label"] for info in infos).most_common(1)
        share = 100 * count / len(dataset)
        if accuracy <= share:
            name = dataset.metainfo["classes"][label]
            runner.logger.warning(
                f"After {runner.epoch} epochs, {accuracy:.1f} % of the validation part "
                f"is right, and calling all of it {name!r} gives {share:.1f} %. Likely "
                "causes: a learning rate that is too high or too low (mmleaves "
                "find-lr), no pretrained weights, or labels that do not fit the images "
                "(mmleaves check)."
            )


def _check_scores(samples: Sequence, batch: object) -> None:
    """Stop at scores that are none: the class of the highest would be a guess."""
    scored = [(s, s.pred_score) for s in samples if "pred_score" in s]
    if not scored or _is_finite(torch.stack([score for _, score in scored])):
        return
    sample, score = next((s, p) for s, p in scored if not _is_finite(p))
    raise NotFiniteError(
        f"{sample.metainfo.get('img_path', 'An image')}: the model gives it the scores "
        f"{[round(value, 4) for value in score.flatten().tolist()[:5]]}, expected "
        "numbers. The checkpoint's weights hold NaN or infinity, or the pipeline makes "
        f"such of the image. Take an earlier checkpoint.{_bad_inputs(batch)}"
    )


def _bad_inputs(batch: object) -> str:
    """Return which images of a batch hold NaN or infinity themselves, as a sentence."""
    inputs = batch.get("inputs", ()) if isinstance(batch, dict) else ()
    bad = [
        path
        for path, image in zip(_paths(batch), inputs, strict=False)
        if torch.is_tensor(image) and not _is_finite(image)
    ]
    return f" The input itself is not finite of: {', '.join(bad)}." if bad else ""


def _is_finite(tensor: Tensor) -> bool:
    return bool(torch.isfinite(tensor).all())


def _paths(batch: object) -> Sequence[str]:
    samples = batch.get("data_samples", []) if isinstance(batch, dict) else []
    return [path for s in samples if (path := s.metainfo.get("img_path")) is not None]
