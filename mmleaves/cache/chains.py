"""Which BatchNorm follows which convolution, and which activation that."""

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


class Chains:
    """What goes from module to module, noted in the course of a forward pass.

    `before` and `after` are for hooks of the modules that `may_be_part` of one. They
    hold the outputs of convolutions and BatchNorms, so let go of this after the pass.

    Attributes:
        norms: Each convolution whose output goes to a BatchNorm, with that one.
        activations: Each of these whose output goes to a module without parameters
            or parts, with that one.
    """

    def __init__(self) -> None:
        self.norms: dict[nn.Module, nn.Module] = {}
        self.activations: dict[nn.Module, nn.Module] = {}
        self._made: dict[int, tuple[nn.Module, int]] = {}
        # Or another tensor could get the id of one that is gone.
        self._kept: list[Tensor] = []
        self._giver: nn.Module | None = None

    @staticmethod
    def may_be_part(module: nn.Module) -> bool:
        """Return whether a module is a convolution, a BatchNorm or has no parts."""
        return isinstance(module, nn.Conv2d | _BatchNorm) or not (
            module._parameters or module._buffers or module._modules
        )

    def before(self, module: nn.Module, inputs: tuple) -> None:
        """Note whose output a module is given, if it has not changed since."""
        self._giver = None
        if inputs:
            giver, version = self._made.pop(id(inputs[0]), (None, None))
            # A sum may have been made in its place.
            if giver is not None and inputs[0]._version == version:
                self._giver = giver

    def after(self, module: nn.Module, inputs: tuple, output: Tensor) -> None:
        """Note what a module made."""
        giver = self._giver
        if isinstance(module, nn.Conv2d):
            self._note(module, output)
        elif isinstance(module, _BatchNorm):
            if isinstance(giver, nn.Conv2d) and module.running_mean is not None:
                self.norms[giver] = module
                self._note(module, output)
        elif giver is not None and isinstance(module, nn.Identity):
            self._note(giver, output)
        elif isinstance(giver, _BatchNorm):
            self.activations[giver] = module

    def _note(self, module: nn.Module, output: Tensor) -> None:
        self._kept.append(output)
        self._made[id(output)] = module, output._version
