"""Whether the weights that a run starts from are there."""

import difflib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlparse

import torch
from mmengine.config import Config

from mmleaves.checkpoints.pretrained import WEIGHTS, packaged_file
from mmleaves.doctor.finding import Finding

# Of whole classifiers: their tensors' names begin with "backbone.".
_CLASSIFIERS = ("mmleaves://", "https://download.openmmlab.com/mmclassification/")


def check_weights(cfg: Config) -> Iterator[Finding]:
    """Yield each file of weights that is missing, misspelt, or would not be loaded."""
    for where, init in _pretrained(cfg.get("model") or {}, "model"):
        checkpoint = str(init.get("checkpoint"))
        yield from _check_file(f"{where}.checkpoint", checkpoint)
        inside = where.split(".")[1] if where.count(".") > 1 else ""
        if (
            inside == "backbone"
            and not init.get("prefix")
            and checkpoint.startswith(_CLASSIFIERS)
        ):
            yield Finding(
                "error",
                "weights",
                f"{where}.prefix",
                f"found none: {checkpoint} holds a whole classifier, of which the "
                "backbone would take nothing, as all its names begin with 'backbone.'.",
                f'init_cfg=dict(checkpoint="{checkpoint}", prefix="backbone")',
            )
    if start := cfg.get("load_from"):
        yield from _check_file("load_from", str(start))


def _pretrained(node: object, path: str) -> Iterator[tuple[str, dict]]:
    if isinstance(node, list | tuple):
        for i, item in enumerate(node):
            yield from _pretrained(item, f"{path}.{i}")
    elif isinstance(node, dict):
        if node.get("type") == "Pretrained" and "checkpoint" in node:
            yield path, node
        for key, value in node.items():
            yield from _pretrained(value, f"{path}.{key}")


def _check_file(where: str, checkpoint: str) -> Iterator[Finding]:
    url = checkpoint
    if checkpoint.startswith("mmleaves://"):
        name = checkpoint.removeprefix("mmleaves://")
        if name not in WEIGHTS:
            near = difflib.get_close_matches(name, WEIGHTS, n=1, cutoff=0)[0]
            yield Finding(
                "error",
                "weights",
                where,
                f"there are no weights {checkpoint!r}. Did you mean mmleaves://{near}?",
                f'checkpoint="mmleaves://{near}"',
            )
            return
        if packaged_file(WEIGHTS[name]):
            return
        url = WEIGHTS[name].url
    if url.startswith(("http://", "https://")):
        cached = Path(torch.hub.get_dir(), "checkpoints", Path(urlparse(url).path).name)
        if not cached.is_file():
            yield Finding(
                "note",
                "weights",
                where,
                f"{cached.name} is not on this machine: {url} will be downloaded when "
                f"the run starts. Without internet: put it into {cached.parent}, or "
                "--no-pretrained.",
            )
        return
    path = Path(checkpoint).expanduser()
    there = path.is_file() or ("*" in path.name and any(path.parent.glob(path.name)))
    if "://" not in checkpoint and not there:
        yield Finding(
            "error",
            "weights",
            where,
            f"there is no file {checkpoint}. Correct the path, train what makes it "
            "first, or --no-pretrained.",
            f'{where.split(".")[-1]} = "..."',
        )
