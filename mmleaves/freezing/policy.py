"""What is trained and what stays as it is."""

from collections.abc import Iterator

from torch import nn

POLICIES = ("all", "classifier")


def frozen_modules(model: nn.Module, trainable: str) -> Iterator[nn.Module]:
    """Yield the parts of ``model`` that a policy freezes, each with all its children.

    Args:
        model: An image classifier of MMPretrain, with a ``head``.
        trainable: ``"all"`` freezes nothing, ``"classifier"`` all but the head.

    Raises:
        ValueError: If there is no such policy, or no head.
    """
    if trainable not in POLICIES:
        raise ValueError(
            f"trainable={trainable!r} is not a freeze policy; there are "
            f"{', '.join(map(repr, POLICIES))}."
        )
    if trainable == "classifier":
        if getattr(model, "head", None) is None:
            raise ValueError(
                f"trainable='classifier' needs a model with a head, and "
                f"{type(model).__name__} has none."
            )
        yield from (child for name, child in model.named_children() if name != "head")


def freeze(model: nn.Module, trainable: str) -> None:
    """Switch off the gradients of what ``trainable`` leaves out of the training."""
    for module in frozen_modules(model, trainable):
        module.requires_grad_(False)
