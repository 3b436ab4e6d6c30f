"""Whether mean, std and channel order are those of 8-bit RGB images."""

from collections.abc import Iterator, Sequence

from mmengine.config import Config

from mmleaves.doctor.finding import Finding
from mmleaves.doctor.pipelines import pipelines

_IMAGENET = "mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], to_rgb=True"


def check_pixels(cfg: Config) -> Iterator[Finding]:
    """Yield what is wrong with how pixels become numbers."""
    model = cfg.get("model") or {}
    where = "data_preprocessor"
    if model.get("data_preprocessor"):
        where = "model.data_preprocessor"
    own = model.get("data_preprocessor") or cfg.get("data_preprocessor") or {}
    mean, std = own.get("mean"), own.get("std")
    steps = [str(step.get("type")) for p in pipelines(cfg).values() for step in p]
    if mean is None and not any(kind.endswith("Normalize") for kind in steps):
        if steps and cfg.get("img_norm_cfg") is None:
            yield Finding(
                "error",
                "pixels",
                f"{where}.mean",
                "found none: the model would get pixels of 0 to 255, expected numbers "
                "around 0, as it was pretrained with.",
                f"data_preprocessor = dict({_IMAGENET})",
            )
        return
    if not _are_numbers(mean) or not _are_numbers(std):
        return
    line = f"{where} = dict({_IMAGENET})"
    if any(value == 0 for value in std):
        yield Finding(
            "error",
            "pixels",
            f"{where}.std",
            f"found {list(std)}, by which one cannot divide.",
            line,
        )
    elif max(std) < 2 and (max(mean) > 2 or _looks_scaled(mean, std)):
        yield Finding(
            "error",
            "pixels",
            f"{where}.std",
            f"found mean {list(mean)} and std {list(std)}, the latter of pixels "
            "between 0 and 1, expected those of 0 to 255: 255 times as much.",
            line,
        )
    elif max(mean) <= 1 and max(std) > 2 and max(mean) > 0:
        yield Finding(
            "error",
            "pixels",
            f"{where}.mean",
            f"found mean {list(mean)} beside std {list(std)}, the former of pixels "
            "between 0 and 1, expected those of 0 to 255.",
            line,
        )
    to_rgb = own.get("to_rgb", False)
    if len(mean) == 3 and _is_imagenet(mean) and not to_rgb:
        yield Finding(
            "error",
            "pixels",
            f"{where}.to_rgb",
            f"found {to_rgb} beside the mean of red, green and blue: images come as "
            "BGR, so red would be taken for blue.",
            f"{where} = dict(to_rgb=True)",
        )
    if len(mean) == 3 and _is_imagenet(mean[::-1]) and to_rgb:
        yield Finding(
            "error",
            "pixels",
            f"{where}.mean",
            f"found {list(mean)}, the mean of blue, green and red, beside to_rgb=True, "
            "expected that of red, green and blue.",
            f"{where} = dict(mean={list(mean)[::-1]}, std={list(std)[::-1]})",
        )


def _are_numbers(values: object) -> bool:
    return isinstance(values, Sequence) and all(
        isinstance(value, int | float) for value in values
    )


def _looks_scaled(mean: Sequence[float], std: Sequence[float]) -> bool:
    # mean 0 and std 1 leave the pixels as they are, which may be meant.
    return max(mean) > 0 and max(std) < 1


def _is_imagenet(mean: Sequence[float]) -> bool:
    imagenet = (123.675, 116.28, 103.53)
    return all(abs(a - b) < 1.5 for a, b in zip(mean, imagenet, strict=True))
