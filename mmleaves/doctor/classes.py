"""Whether all that counts classes counts those of the data."""

from collections.abc import Iterator

from mmengine.config import Config

from mmleaves.doctor.finding import Finding
from mmleaves.model_config import innermost


def check_classes(cfg: Config, n_classes: int | None) -> Iterator[Finding]:
    """Yield sizes that do not fit ``n_classes``, the number of classes of the data.

    Where it is unknown, what the config itself says is compared.
    """
    model = innermost(cfg.get("model") or {})
    head = model.get("head") or {}
    asked = (head or model).get("num_classes")
    if n_classes is not None and asked not in (None, n_classes):
        yield Finding(
            "error",
            "num-classes",
            "model.head.num_classes" if head else "model.num_classes",
            f"found {asked}, and the data have {n_classes} classes. Leave it out: it "
            "follows the data.",
            f"model = dict(head=dict(num_classes={n_classes}))",
        )
    n = n_classes or asked
    if n is None:
        return
    if n_classes == 1:
        yield Finding(
            "error",
            "num-classes",
            "dataset",
            "found one class, expected two or more. Is the data's folder one too deep?",
            'dataset = dict(data_root="...")',
        )
    for where, topk in _topks(cfg, head):
        if max(topk) > n:
            yield Finding(
                "error",
                "topk",
                where,
                f"found {tuple(topk)}, and there are {n} classes.",
                "topk=(1,)",
            )
    for key in ("class_weight", "num_classes"):
        loss = head.get("loss") or {}
        given = loss.get(key)
        count = len(given) if isinstance(given, list | tuple) else given
        if isinstance(count, int) and count != n:
            yield Finding(
                "error",
                "num-classes",
                f"model.head.loss.{key}",
                f"found {count}, and there are {n} classes.",
                f"model = dict(head=dict(loss=dict({key}=...)))  # {n} of them"
                if key == "class_weight"
                else f"model = dict(head=dict(loss=dict({key}={n})))",
            )


def _topks(cfg: Config, head: dict) -> Iterator[tuple[str, list[int]]]:
    for name in ("val_evaluator", "test_evaluator"):
        given = cfg.get(name) or []
        for i, metric in enumerate([given] if isinstance(given, dict) else given):
            if metric.get("type") == "Accuracy" and "topk" in metric:
                where = (
                    f"{name}.topk" if isinstance(given, dict) else f"{name}.{i}.topk"
                )
                yield where, _numbers(metric["topk"])
    if "topk" in head:
        yield "model.head.topk", _numbers(head["topk"])


def _numbers(topk: object) -> list[int]:
    return [topk] if isinstance(topk, int) else list(topk)
