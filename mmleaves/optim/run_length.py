from typing import NamedTuple

from mmengine.config import Config


class RunLength(NamedTuple):
    """How long a run is; each is None where it is unknown."""

    epochs: int | None
    iters: int | None
    iters_per_epoch: int | None

    @classmethod
    def of(cls, cfg: Config, iters_per_epoch: int | None) -> "RunLength":
        epochs = cfg.train_cfg.get("max_epochs")
        iters = cfg.train_cfg.get("max_iters")
        if iters is None and epochs and iters_per_epoch:
            iters = epochs * iters_per_epoch
        return cls(epochs, iters, iters_per_epoch)

    @property
    def setting(self) -> str:
        """What sets the length of the run."""
        return f"train_cfg.max_{'iters' if self.epochs is None else 'epochs'}"

    def steps(self, *, by_epoch: bool) -> int | None:
        """Return how many epochs, or iterations, the run has."""
        return self.epochs if by_epoch else self.iters

    def in_iters(self, at: int | None, *, by_epoch: bool) -> int | None:
        """Return the iteration at which an epoch begins, or that iteration itself."""
        if not at or not by_epoch:
            return at
        return None if self.iters_per_epoch is None else at * self.iters_per_epoch
