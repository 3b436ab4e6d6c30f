"""Low-rank updates in the linear layers of self-attention."""

from torch import Tensor, nn

from mmleaves.freezing.parts import model_parts
from mmleaves.freezing.selection import attention_modules


def add_lora(model: nn.Module, rank: int, *, branch: str | None = None) -> None:
    """Put MMPretrain's ``LoRALinear`` around the linear layers of self-attention.

    The update starts at zero and is scaled by 1 (alpha equal to the rank), so that the
    model's output is as before. Weights without LoRA can still be loaded.

    Args:
        model: An image classifier, changed in place.
        rank: Rank of each update, from 1.
        branch: The one branch to change, in a net of several.

    Raises:
        ValueError: If there is no self-attention, or none that can be updated.
    """
    # Deferred: it imports the whole stack.
    from mmpretrain.models.peft.lora import LoRALinear

    trunk = [part for part in model_parts(model) if not part.is_new]
    names = attention_modules(
        model, [part for part in trunk if branch is None or part.branch == branch]
    )
    backbone = type(getattr(model, "backbone", None) or model).__name__
    if not names:
        raise ValueError(
            f"trainable='lora:{rank}' changes self-attention, and {backbone} has none "
            "that is known. Use last:N, norms or names:PATTERN."
        )
    for name in names:
        attention = model.get_submodule(name)
        layers = {
            child: layer
            for child, layer in attention.named_modules()
            if type(layer) is nn.Linear
        }
        if not layers or _reaches_in(attention):
            raise ValueError(
                f"trainable='lora:{rank}' changes linear layers, and {name}, a "
                f"{type(attention).__name__} of {backbone}, does without calling any. "
                "Use attention:N, which trains it whole."
            )
        for child, layer in layers.items():
            lora = LoRALinear(layer, alpha=rank, rank=rank)
            lora.register_load_state_dict_pre_hook(_load_weights_without_lora)
            owner, _, attribute = child.rpartition(".")
            setattr(attention.get_submodule(owner), attribute, lora)


def reset_lora(model: nn.Module) -> None:
    """Let every update start at zero, after an initialisation of all linear layers."""
    for name, module in model.named_modules():
        if name.endswith(".lora_up"):
            nn.init.zeros_(module.weight)


def _reaches_in(attention: nn.Module) -> bool:
    # PyTorch's own, and those with biases apart (BEiT, Swin v2, EVA; MMPretrain's and
    # timm's), take the weights out of their layers instead of calling them.
    return isinstance(attention, nn.MultiheadAttention) or hasattr(attention, "q_bias")


def _load_weights_without_lora(
    module: nn.Module, state_dict: dict[str, Tensor], prefix: str, *_: object
) -> None:
    for kind in ("weight", "bias"):
        if f"{prefix}{kind}" in state_dict:
            value = state_dict.pop(f"{prefix}{kind}")
            state_dict[f"{prefix}original_layer.{kind}"] = value
