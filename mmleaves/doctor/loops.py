"""Whether loops, loaders and evaluators go together."""

from collections.abc import Iterator

from mmengine.config import Config

from mmleaves.doctor.finding import Finding

# MMEngine wants all of each, or none.
TOGETHER = (
    ("train_dataloader", "train_cfg", "optim_wrapper"),
    ("val_dataloader", "val_cfg", "val_evaluator"),
    ("test_dataloader", "test_cfg", "test_evaluator"),
)
_EMPTY = {
    "val_cfg": "val_cfg = dict()",
    "test_cfg": "test_cfg = dict()",
    "train_cfg": "train_cfg = dict(by_epoch=True, max_epochs=..., val_interval=1)",
    "optim_wrapper": 'optim_wrapper = dict(optimizer=dict(type="AdamW", lr=1e-3))',
    "val_evaluator": 'val_evaluator = [dict(type="Accuracy", topk=(1,))]',
    "test_evaluator": 'test_evaluator = [dict(type="Accuracy", topk=(1,))]',
}


def check_loops(cfg: Config) -> Iterator[Finding]:
    """Yield what of a loop is missing, and loops and loaders that cannot be meant."""
    for names in TOGETHER:
        there = [name for name in names if cfg.get(name) is not None]
        if there and len(there) < len(names):
            (first, *_) = missing = [name for name in names if name not in there]
            yield Finding(
                "error",
                "loop",
                there[0],
                f"found {' and '.join(there)} without {' and '.join(missing)}, "
                "expected all three, or none.",
                _EMPTY.get(first, f"{first} = dict(...)"),
            )
    train = cfg.get("train_cfg") or {}
    yield from _check_length(cfg, train)
    for name in ("train_dataloader", "val_dataloader", "test_dataloader"):
        if loader := cfg.get(name):
            yield from _check_loader(name, loader)


def _check_length(cfg: Config, train: dict) -> Iterator[Finding]:
    if not train:
        return
    epochs, iters = train.get("max_epochs"), train.get("max_iters")
    if epochs is not None and iters is not None:
        yield Finding(
            "error",
            "length",
            "train_cfg",
            f"found max_epochs={epochs} and max_iters={iters}, expected one of them.",
            f"train_cfg = dict(by_epoch=True, max_epochs={epochs})",
        )
    elif epochs is None and iters is None:
        yield Finding(
            "error",
            "length",
            "train_cfg.max_epochs",
            "found no max_epochs, expected how long the run is.",
            "train_cfg = dict(by_epoch=True, max_epochs=10, val_interval=1)",
        )
    elif iters is None and (not isinstance(epochs, int) or epochs < 1):
        yield Finding(
            "error",
            "length",
            "train_cfg.max_epochs",
            f"found {epochs!r}, expected a whole number from 1.",
            "train_cfg = dict(by_epoch=True, max_epochs=10, val_interval=1)",
        )
    every, first = train.get("val_interval", 1), train.get("val_begin", 1)
    length = epochs if epochs is not None else iters
    if (
        cfg.get("val_dataloader")
        and isinstance(length, int)
        and isinstance(every, int)
        and (every > length or first > length)
    ):
        yield Finding(
            "error",
            "length",
            "train_cfg.val_interval" if every > length else "train_cfg.val_begin",
            f"found {max(every, first)}, and the run ends at {length}, so that it is "
            "validated once at its end, or never, and no best epoch is kept.",
            "train_cfg = dict(val_interval=1, val_begin=1)",
        )


def _check_loader(name: str, loader: dict) -> Iterator[Finding]:
    if loader.get("batch_size") is None and loader.get("batch_sampler") is None:
        yield Finding(
            "error",
            "loader",
            f"{name}.batch_size",
            "found none, expected the images of a step.",
            f"{name} = dict(batch_size=32)",
        )
    sampler = loader.get("sampler")
    if sampler is None and "batch_sampler" not in loader:
        shuffle = name == "train_dataloader"
        yield Finding(
            "error",
            "loader",
            f"{name}.sampler",
            "found none, expected one: MMEngine reads no `shuffle` of the loader.",
            f'{name} = dict(sampler=dict(type="DefaultSampler", shuffle={shuffle}))',
        )
    if "shuffle" in loader:
        yield Finding(
            "error",
            "loader",
            f"{name}.shuffle",
            "found it beside the sampler, which says it.",
            f'{name} = dict(sampler=dict(type="DefaultSampler", '
            f"shuffle={loader['shuffle']}))",
        )
    kind = sampler.get("type") if isinstance(sampler, dict) else None
    shuffles = isinstance(sampler, dict) and sampler.get("shuffle", True)
    if name == "train_dataloader" and kind == "DefaultSampler" and not shuffles:
        yield Finding(
            "error",
            "loader",
            "train_dataloader.sampler.shuffle",
            "found False, expected True: batches would hold one class after another.",
            'sampler=dict(type="DefaultSampler", shuffle=True)',
        )
    if kind == "InfiniteSampler" and name != "train_dataloader":
        yield Finding(
            "error",
            "loader",
            f"{name}.sampler.type",
            "found InfiniteSampler, by which a validation never ends.",
            f'{name} = dict(sampler=dict(type="DefaultSampler", shuffle=False))',
        )
    if loader.get("persistent_workers") and loader.get("num_workers", 0) == 0:
        yield Finding(
            "warning",
            "loader",
            f"{name}.persistent_workers",
            "found True with num_workers=0; it is taken for False.",
            f"{name} = dict(persistent_workers=False)",
        )
    if name != "train_dataloader" and loader.get("drop_last"):
        yield Finding(
            "error",
            "loader",
            f"{name}.drop_last",
            "found True, expected False: the last images would not be scored.",
            f"{name} = dict(drop_last=False)",
        )
