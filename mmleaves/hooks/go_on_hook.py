"""Go on where a run was stopped, not only where an epoch began."""

from collections.abc import Iterator

from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.utils.data import Sampler

from mmleaves.registry import HOOKS

# What a checkpoint within an epoch says beside what all of them do. (MMEngine logs what
# begins with "val" as a score.)
PENDING, ITERATIONS_DONE = "pending_validation", "iterations_of_the_epoch"


@HOOKS.register_module()
class GoOnHook(Hook):
    """Go on in the middle of an epoch, with the images that it had not come to."""

    # Before the others save that an epoch or a validation is over.
    priority = "HIGHEST"
    _sampler: Sampler | None = None

    def before_train_epoch(self, runner: Runner) -> None:
        done = runner.message_hub.runtime_info.get(ITERATIONS_DONE, 0)
        if done:
            loader = runner.train_loop.dataloader
            self._sampler = loader.batch_sampler.sampler
            batch = loader.batch_sampler.batch_size
            loader.batch_sampler.sampler = _Later(self._sampler, done * batch)
            runner.logger.info(
                f"Epoch {runner.epoch + 1} goes on after {done} iterations."
            )

    def after_train_epoch(self, runner: Runner) -> None:
        if self._sampler is not None:
            runner.train_loop.dataloader.batch_sampler.sampler = self._sampler
            self._sampler = None
        runner.message_hub.update_info(ITERATIONS_DONE, 0)

    def after_val_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        runner.message_hub.update_info(PENDING, 0)


def epoch_of_state(runner: Runner) -> int:
    """Return the epoch, from 0, whose model and loaders a resumed run begins with.

    That is the one before where its validation has still to be done.
    """
    pending = runner.message_hub.runtime_info.get(PENDING, 0)
    return runner.epoch - 1 if pending else runner.epoch


class _Later(Sampler):
    """A sampler without its first images."""

    def __init__(self, sampler: Sampler, first: int) -> None:
        self._sampler, self._first = sampler, first

    def __iter__(self) -> Iterator[int]:
        images = iter(self._sampler)
        for _ in range(self._first):
            next(images, None)
        return images

    def __len__(self) -> int:
        return len(self._sampler)
