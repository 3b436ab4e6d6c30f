"""A Vision Transformer whose last block computes the class token alone."""

from types import MethodType

from mmpretrain.models import VisionTransformer
from mmpretrain.models.backbones.vision_transformer import TransformerEncoderLayer
from mmpretrain.models.utils import MultiheadAttention
from torch import Tensor, nn


def compute_class_token_alone(backbone: nn.Module) -> None:
    """Let the last block of a ViT leave out the tokens that nobody reads.

    A ViT with ``out_type="cls_token"`` gives that token and drops all others, which
    only the keys and values of its last block need. The numbers are the same, of
    dropout's draws besides; ViT-B/16 has a sixteenth less to compute, and its last norm
    gives one token an image for a feature cache to keep, where it gave 197.

    Args:
        backbone: Changed in place if it is MMPretrain's own ViT, its blocks are, and it
            gives nothing else.
    """
    if (
        type(backbone) is VisionTransformer
        and backbone.out_type == "cls_token"
        and backbone.out_indices == [len(backbone.layers) - 1]
    ):
        last = backbone.layers[-1]
        if (
            type(last) is TransformerEncoderLayer
            and type(last.attn) is MultiheadAttention
            and not last.attn.v_shortcut
        ):
            # A bound method goes along with a deep copy, and is then bound to that.
            last.forward = MethodType(forward, last)


# Of this name, by which a bound method is pickled: read again, it is the plain one.
def forward(layer: TransformerEncoderLayer, x: Tensor) -> Tensor:
    """Return what a block makes of the first token, (N, 1, C).

    Args:
        layer: The block.
        x: Tokens, (N, L, C).
    """
    first = x[:, :1] + _attention_of_first(layer.attn, layer.ln1(x))
    return layer.ffn(layer.ln2(first), identity=first)


def _attention_of_first(attention: MultiheadAttention, x: Tensor) -> Tensor:
    heads = (attention.num_heads, attention.head_dims)
    of_all = attention.qkv(x).unflatten(2, (3, *heads))
    query, key, value = of_all.permute(2, 0, 3, 1, 4)
    dropout = attention.attn_drop if attention.training else 0.0
    first = attention.scaled_dot_product_attention(
        query[:, :, :1], key, value, dropout_p=dropout
    )
    first = attention.proj(first.transpose(1, 2).flatten(2))
    return attention.out_drop(attention.gamma1(attention.proj_drop(first)))
