"""One vector for each image, whatever a backbone gives."""

from torch import Tensor


def pooled(features: Tensor) -> Tensor:
    """Return the mean over positions, (N, C).

    Args:
        features: A map, (N, C, H, W); tokens, (N, L, C), all of which count alike, a
            class token too; or vectors, (N, C), which stay as they are.

    Raises:
        ValueError: If it is none of these.
    """
    if features.ndim == 4:
        return features.mean(dim=(2, 3))
    if features.ndim == 3:
        return features.mean(dim=1)
    if features.ndim == 2:
        return features
    raise ValueError(
        f"A backbone gave features of shape {tuple(features.shape)}, expected (N, C), "
        "(N, L, C) or (N, C, H, W). Set the backbone's `out_type`."
    )
