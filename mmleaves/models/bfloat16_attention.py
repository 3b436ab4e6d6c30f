"""Self-attention in bfloat16 on a CPU, by products of matrices that fit the caches."""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx, once_differentiable
from torch.nn import functional

# Of an image's 12 heads and 257 tokens: 1.6 MB. Larger parts leave the caches, smaller
# ones take longer to ask for than to compute.
_SHARE_BYTES = 2_000_000


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

    Where it is trained in bfloat16, without a mask and without dropout, it is computed
    a few images at a time, so that the scores of all tokens for all others are still in
    the cache when the next product needs them. They are rounded to bfloat16, which
    PyTorch's own does not do, and kept for the gradient.

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
        and torch.is_grad_enabled()
        and any(tensor.requires_grad for tensor in given)
        and all(tensor.dtype == torch.bfloat16 for tensor in given)
        and query.ndim == 4
        and key.shape == value.shape
        and (*query.shape[:2], query.shape[3]) == (*key.shape[:2], key.shape[3])
    ):
        return _FewAtATime.apply(*given)
    return functional.scaled_dot_product_attention(
        *given, attn_mask, dropout_p, is_causal, **others
    )


class _FewAtATime(torch.autograd.Function):
    @staticmethod
    def forward(ctx: FunctionCtx, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        scale = query.shape[-1] ** -0.5
        shares = query.new_empty(*query.shape[:3], key.shape[2])
        output = torch.empty_like(query)
        with torch.autocast("cpu", enabled=False):
            for q, k, v, share, out in _few(query, key, value, shares, output):
                torch.softmax((q * scale) @ k.mT, -1, out=share)
                out.copy_(share @ v)
        ctx.save_for_backward(query, key, value, shares)
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: FunctionCtx, gradient: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        query, key, value, shares = ctx.saved_tensors
        scale = query.shape[-1] ** -0.5
        given = tuple(torch.empty_like(t) for t in (query, key, value))
        for q, k, v, share, g, of_q, of_k, of_v in _few(
            query, key, value, shares, gradient, *given
        ):
            of_v.copy_(share.mT @ g)
            of_scores = torch._softmax_backward_data(g @ v.mT, share, -1, share.dtype)
            of_q.copy_((of_scores @ k).mul_(scale))
            of_k.copy_(of_scores.mT @ (q * scale))
        return given


def _few(
    query: Tensor, key: Tensor, value: Tensor, shares: Tensor, *others: Tensor
) -> Iterator[tuple[Tensor, ...]]:
    """Yield a few images of each, in place, whose shares are small."""
    images = max(1, _SHARE_BYTES // (shares[:1].numel() * shares.element_size()))
    all_of_them = (query, key, value, shares, *others)
    return zip(*(tensor.split(images) for tensor in all_of_them), strict=True)
