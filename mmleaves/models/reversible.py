"""Blocks of a reversible ViT that draw by the run's seed, and in training only."""

import torch
from mmpretrain.models.backbones.revvit import RevTransformerEncoderLayer
from torch import nn


class SeededReversibleLayer(RevTransformerEncoderLayer):
    """MMPretrain's block, with two faults less.

    Its own draws a new seed from the system in each forward pass, for all that draws
    after it too, so that no run could be repeated; and it builds its stochastic depth
    anew each time, in training mode, so that a network in evaluation drops paths.
    """

    def seed_cuda(self, key: str) -> None:
        """Draw and keep the seed by which the backward pass repeats a draw."""
        self.seeds[key] = int(torch.randint(2**62, ()))
        torch.manual_seed(self.seeds[key])

    @property
    def drop_path_cfg(self) -> dict:
        """Settings of the stochastic depth, as they are used now."""
        given = self.__dict__["drop_path_cfg"]
        return given if self.training else given | {"drop_prob": 0.0}

    @drop_path_cfg.setter
    def drop_path_cfg(self, given: dict) -> None:
        self.__dict__["drop_path_cfg"] = given


def mend_reversible(model: nn.Module) -> None:
    """Turn the blocks of MMPretrain's ``RevVisionTransformer`` into seeded ones."""
    for module in model.modules():
        if type(module) is RevTransformerEncoderLayer:
            module.__class__ = SeededReversibleLayer
