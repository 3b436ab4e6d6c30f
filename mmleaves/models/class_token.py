"""A Vision Transformer whose last block computes the class token alone."""

from mmpretrain.models import VisionTransformer
from mmpretrain.models.backbones.vision_transformer import TransformerEncoderLayer
from mmpretrain.models.utils import MultiheadAttention
from torch import Tensor, nn


class FirstTokenLayer(TransformerEncoderLayer):
    """MMPretrain's block, of whose output the first token is all there is."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the first token, (N, 1, C), of tokens, (N, L, C)."""
        first = x[:, :1] + self.attn(self.ln1(x))
        return self.ffn(self.ln2(first), identity=first)


class FirstTokenAttention(MultiheadAttention):
    """MMPretrain's self-attention, with the first token as the only query."""

    def forward(self, x: Tensor) -> Tensor:
        """Return what the first token, (N, 1, C), finds in tokens, (N, L, C)."""
        parts = self.qkv(x).unflatten(2, (3, self.num_heads, self.head_dims))
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        dropout = self.attn_drop if self.training else 0.0
        first = self.scaled_dot_product_attention(
            query[:, :, :1], key, value, dropout_p=dropout
        )
        first = self.proj(first.transpose(1, 2).flatten(2))
        return self.out_drop(self.gamma1(self.proj_drop(first)))


def compute_class_token_alone(backbone: nn.Module) -> None:
    """Let the last block of a ViT leave out the tokens that nobody reads.

    A ViT with ``out_type="cls_token"`` gives that token and drops all others, which
    only the keys and values of its last block need. What it gives stays the same but
    for rounding, and what dropout draws. ViT-B/16 has a sixteenth less to compute.

    Args:
        backbone: Changed in place if it is MMPretrain's own ViT, its blocks are, and it
            gives nothing else.
    """
    if (
        type(backbone) is VisionTransformer
        and backbone.out_type == "cls_token"
        and list(backbone.out_indices) == [len(backbone.layers) - 1]
    ):
        last = backbone.layers[-1]
        if (
            type(last) is TransformerEncoderLayer
            and type(last.attn) is MultiheadAttention
            and not last.attn.v_shortcut
        ):
            last.__class__ = FirstTokenLayer
            last.attn.__class__ = FirstTokenAttention
