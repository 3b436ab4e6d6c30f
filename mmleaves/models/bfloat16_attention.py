"""Self-attention whose gradient in bfloat16 is computed by products of matrices."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable
from torch.nn import functional

# Of what is computed at a time. More leaves the caches, less takes longer to ask for
# than to compute. An image of 12 heads and 257 tokens has 3.2 MB of scores.
_BYTES_AT_ONCE = 2_000_000


def attend(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    **others: object,
) -> Tensor:
    """Return what `torch.nn.functional.scaled_dot_product_attention` does.

    Without a mask and dropout, the gradient in bfloat16 is computed a few images at a
    time, by products of whole matrices. PyTorch's (of torch 2.14.1) takes half as long
    again on a CPU, for blocks of them. Scores are float32, as there, and nothing more
    is kept for the gradient.

    Args:
        query: Of shape (N, heads, L, D).
        key: Of shape (N, heads, S, D).
        value: Of shape (N, heads, S, D).
        attn_mask: As PyTorch's takes it.
        dropout_p: As PyTorch's takes it.
        is_causal: As PyTorch's takes it.
        **others: As PyTorch's takes them.

    Returns:
        Of shape (N, heads, L, D).
    """
    given = (query, key, value)
    if (
        attn_mask is None
        and not dropout_p
        and not is_causal
        and not others
        and all(tensor.dtype == torch.bfloat16 for tensor in given)
        and query.ndim == 4
        and key.shape == value.shape
        and (*query.shape[:2], query.shape[3]) == (*key.shape[:2], key.shape[3])
    ):
        return _Attention.apply(*given)
    return functional.scaled_dot_product_attention(
        *given, attn_mask, dropout_p, is_causal, **others
    )


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        return functional.scaled_dot_product_attention(query, key, value)

    @staticmethod
    def setup_context(ctx: FunctionCtx, inputs: tuple, output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        query, key, value = ctx.saved_tensors
        scale = query.shape[-1] ** -0.5
        given = tuple(torch.empty_like(t) for t in (query, key, value))
        for q, k, v, g, of_q, of_k, of_v in _few_images(
            query, key, value, gradient, *given
        ):
            # Rounded to bfloat16, large scores would be off by more than what follows.
            scores = (q.float() * scale) @ k.float().mT
            shares = torch.softmax(scores, -1).to(q.dtype)
            of_v.copy_(shares.mT @ g)
            # Of Dao et al., FlashAttention, NeurIPS 2022, appendix B.2.
            of_scores = torch._softmax_backward_data(g @ v.mT, shares, -1, q.dtype)
            of_q.copy_((of_scores @ k).mul_(scale))
            of_k.copy_((of_scores.mT @ q).mul_(scale))
        return given


def _few_images(query: Tensor, key: Tensor, *others: Tensor) -> Iterator[tuple]:
    """Yield a few images of each, in place."""
    _, heads, queries, channels = query.shape
    keys = key.shape[2]
    numbers = heads * (queries * keys + (queries + keys) * channels)
    images = max(1, _BYTES_AT_ONCE // (4 * numbers))
    every = (tensor.split(images) for tensor in (query, key, *others))
    return zip(*every, strict=True)
