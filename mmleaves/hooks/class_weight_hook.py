"""Give a loss the class weights that its config gives by name."""

from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from torch import nn

from mmleaves.hooks.later_recipes import later_recipes
from mmleaves.models.class_weights import class_weights, told, weighted_losses
from mmleaves.registry import HOOKS


@HOOKS.register_module()
class ClassWeightHook(Hook):
    """Put ``class_weight`` of each loss into label order, before a training starts.

    Those that a ``SwitchRecipeHook`` puts in later are among them.

    Only then are the class names and the training images known for certain; a test or
    a prediction has no loss and needs neither.

    Raises:
        ValueError: If the weights do not fit the classes.
    """

    # Before CheckDataHook, which lists the weights beside the classes.
    priority = "HIGHEST"

    def before_train(self, runner: Runner) -> None:
        losses = list(weighted_losses(runner.model))
        for recipe in later_recipes(runner.hooks):
            if isinstance(loss := recipe.get("loss"), nn.Module):
                losses += weighted_losses(loss)
        if not losses:
            return
        dataset = runner.train_dataloader.dataset
        classes = dataset.metainfo["classes"]
        labels = [
            int(dataset.get_data_info(i)["gt_label"]) for i in range(len(dataset))
        ]
        for loss in losses:
            given = loss.class_weight
            loss.class_weight = class_weights(given, classes, labels)
            print_log(told(given, classes, loss.class_weight), logger="current")
