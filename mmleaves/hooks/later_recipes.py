from collections.abc import Iterator

from mmengine.runner import Runner


def later_recipes(runner: Runner) -> Iterator[dict]:
    """Yield what each ``SwitchRecipeHook`` of a run changes from some epoch on.

    Each has some of ``train_pipeline``, ``batch_augments`` and ``loss``.
    """
    # Deferred: it imports the whole stack.
    from mmpretrain.engine.hooks import SwitchRecipeHook

    for hook in runner.hooks:
        if isinstance(hook, SwitchRecipeHook):
            yield from hook.schedule.values()
