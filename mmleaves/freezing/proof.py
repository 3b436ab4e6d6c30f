"""Proves that what was frozen has not changed."""

import hashlib
from collections.abc import Mapping

import torch
from torch import Tensor


def digests(tensors: Mapping[str, Tensor]) -> dict[str, str]:
    """Return the sha256 of the bytes, the shape and the type of each tensor, in hex."""
    return {name: _digest(tensor) for name, tensor in tensors.items()}


def _digest(tensor: Tensor) -> str:
    values = tensor.detach().cpu().contiguous()
    what = f"{values.dtype} {tuple(values.shape)}".encode()
    digest = hashlib.sha256(what)
    digest.update(values.reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def check_unchanged(before: Mapping[str, str], after: Mapping[str, str]) -> None:
    """Compare digests from before and after a stretch of the training.

    Raises:
        RuntimeError: If a tensor differs; names it.
    """
    changed = [name for name, digest in before.items() if after.get(name) != digest]
    if changed:
        others = len(changed) - 5
        raise RuntimeError(
            f"{len(changed)} of {len(before)} frozen tensors have changed during the "
            f"training: {', '.join(changed[:5])}"
            + (f" and {others} more" if others > 0 else "")
            + ". A hook or a custom layer changes them: `trainable` freezes parameters "
            "and the statistics of norms; look for what writes to these tensors."
        )
