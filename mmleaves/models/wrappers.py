"""What is put around a model, to run in several processes or to average weights."""

from torch import nn


def unwrapped(model: nn.Module) -> nn.Module:
    """Return the model inside its wrappers."""
    while hasattr(model, "module"):
        model = model.module
    return model
