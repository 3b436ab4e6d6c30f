from collections.abc import Iterable, Iterator

from mmengine.hooks import Hook


def later_recipes(hooks: Iterable[Hook]) -> Iterator[dict]:
    """Yield what each ``SwitchRecipeHook`` among hooks changes from some epoch on.

    Each has some of ``train_pipeline``, ``batch_augments`` and ``loss``.
    """
    # Deferred: it imports the whole stack.
    from mmpretrain.engine.hooks import SwitchRecipeHook

    for hook in hooks:
        if isinstance(hook, SwitchRecipeHook):
            yield from hook.schedule.values()
