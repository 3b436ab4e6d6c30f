"""Give each epoch draws of its own, the same whenever it is run."""

import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, Runner

from mmleaves.draws import ItemsByEpoch, draw_from, seed_of
from mmleaves.registry import HOOKS


@HOOKS.register_module()
class DrawsHook(Hook):
    """Let chance go by the run's seed and by where the run is, and by nothing else.

    What a pipeline draws for an image goes by the epoch and the image's number, and so
    not by how many workers there are; what the model draws, as in dropout, by the
    iteration and the process. So a run that is resumed goes on as if it had never
    stopped. MMEngine's own workers start each epoch from one seed, unless they stay.

    The pipelines of runs that are counted in iterations keep MMEngine's way.
    """

    priority = "VERY_HIGH"

    def before_train(self, runner: Runner) -> None:
        if isinstance(runner.train_loop, EpochBasedTrainLoop):
            loader = runner.train_loop.dataloader
            # Else a loader draws from the common generator when it starts workers.
            loader.generator = torch.Generator()
            sampler = loader.batch_sampler.sampler
            if hasattr(sampler, "seed") and not self._ranks_differ(runner):
                # Of a run that is resumed the seed is known after its loader is built.
                sampler.seed = runner.seed
            dataset = loader.dataset
            # Torch's loader asks for it before it asks for single items.
            dataset.__getitems__ = ItemsByEpoch(dataset, runner.seed)

    def before_train_epoch(self, runner: Runner) -> None:
        if isinstance(runner.train_loop, EpochBasedTrainLoop):
            runner.train_loop.dataloader.dataset.__getitems__.epoch.fill_(runner.epoch)

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: object = None
    ) -> None:
        draw_from(seed_of(runner.seed, runner.iter, get_rank()))

    @staticmethod
    def _ranks_differ(runner: Runner) -> bool:
        return bool((runner.cfg.get("randomness") or {}).get("diff_rank_seed"))
