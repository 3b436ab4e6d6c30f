"""The number format of the forward pass: the one that the machine is good at."""

from dataclasses import dataclass

import torch
from mmengine.config import Config
from torch import nn

PRECISIONS = ("auto", "float32", "bfloat16", "float16")
# The optimiser wrapper of a training in bfloat16.
BFLOAT16_WRAPPER = "mmleaves.AutocastOptimWrapper"


@dataclass(frozen=True)
class Precision:
    """What the forward pass computes in.

    Args:
        dtype: Number format of convolutions and matrix products; weights, losses and
            updates stay in float32.
        why: What it goes by, for the log.
        tf32: Whether a GPU may round the factors of float32 matrix products to 10
            bits, as TF32 does. Those of its convolutions are, by PyTorch's default.
    """

    dtype: torch.dtype
    why: str
    tf32: bool = False

    def __str__(self) -> str:
        name = str(self.dtype).removeprefix("torch.")
        return f"{name}{' with TF32' if self.tf32 else ''} ({self.why})"


def resolve_precision(name: str) -> Precision:
    """Return what the config's ``precision`` means on this machine.

    Args:
        name: ``"auto"``, or one of the formats. ``auto`` is bfloat16 on a CPU with
            instructions for it (AVX512-BF16 or AMX) and on a GPU that has it, float16
            on another GPU, float32 elsewhere.

    Raises:
        ValueError: If it is none of them, or float16 is asked of a CPU.
    """
    if name not in PRECISIONS:
        raise ValueError(
            f"precision is {name!r}, expected one of {', '.join(PRECISIONS)}."
        )
    gpu = torch.cuda.is_available()
    if name != "auto":
        if name == "float16" and not gpu:
            raise ValueError(
                "precision='float16' needs a GPU, and there is none. Set it to "
                "'bfloat16', 'float32' or 'auto'."
            )
        # Who takes bfloat16 takes 10 bits for what stays in float32 beside it, too.
        tf32 = gpu and name != "float32"
        return Precision(getattr(torch, name), "set by precision", tf32=tf32)
    if gpu:
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return Precision(torch.bfloat16, "the GPU has it", tf32=True)
        return Precision(torch.float16, "the GPU has no bfloat16", tf32=True)
    if feature := cpu_bfloat16():
        return Precision(torch.bfloat16, f"the processor has {feature}")
    return Precision(torch.float32, "the processor has no bfloat16")


def cpu_bfloat16() -> str | None:
    """Return the name of the processor's instructions for bfloat16, None without."""
    if hasattr(torch.cpu, "get_capabilities"):
        found = torch.cpu.get_capabilities()
    else:  # before torch 2.11
        found = {
            "amx_bf16": torch.cpu._is_amx_tile_supported(),
            "avx512_bf16": torch.cpu._is_avx512_bf16_supported(),
        }
    # Without them oneDNN imitates the format, which is slower than float32.
    return next((k for k in ("amx_bf16", "avx512_bf16") if found.get(k)), None)


def apply_precision(cfg: Config, precision: Precision) -> str | None:
    """Write a precision into a config: into training, validation and test.

    An optimiser wrapper that the config names itself stays.

    Returns:
        The name of such a wrapper, by which the training then goes.
    """
    # Both ways, as an earlier run of this process may have set it.
    torch.set_float32_matmul_precision("high" if precision.tf32 else "highest")
    wrapper = cfg.get("optim_wrapper")
    kind = "OptimWrapper" if wrapper is None else wrapper.get("type", "OptimWrapper")
    own = None if kind == "OptimWrapper" else str(kind)
    if precision.dtype == torch.float32:
        return own
    if wrapper is not None and own is None:
        if precision.dtype == torch.float16:
            # Small gradients would be zero in it: this one scales the loss.
            wrapper.type, wrapper.dtype = "AmpOptimWrapper", "float16"
        else:
            wrapper.type = BFLOAT16_WRAPPER
    for name in ("val_cfg", "test_cfg"):
        if cfg.get(name) is not None:
            cfg[name].setdefault("fp16", True)
    if torch.cuda.is_available():
        # What MMEngine's validation takes when it is told "fp16".
        torch.set_autocast_dtype("cuda", precision.dtype)
    return own


def scores_in_float32(model: nn.Module) -> None:
    """Let scores, and what is made of them, probabilities and losses, be float32.

    The last product is computed in what the forward pass has. A softmax or a loss in
    bfloat16, which has three digits, would round small differences away.
    """
    for name, module in model.named_modules():
        match name.rpartition(".")[2]:
            case "head":
                module.register_forward_hook(lambda *call: _in_float32(call[-1]))
            case "loss_module":
                # Also of classifiers that have no head of MMPretrain's.
                module.register_forward_pre_hook(
                    lambda _, inputs: tuple(map(_in_float32, inputs))
                )


def _in_float32(value: object) -> object:
    if isinstance(value, list | tuple):  # of a head with several
        return type(value)(map(_in_float32, value))
    if torch.is_tensor(value) and value.is_floating_point():
        return value.float()
    return value
