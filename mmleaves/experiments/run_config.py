"""The config of one run: the experiment's, with fold, seed and split written in."""

import copy
from pathlib import Path

from mmengine.config import Config, ConfigDict

from mmleaves.config import fill_datasets
from mmleaves.datasets.wrappers import inner_configs
from mmleaves.evidence.plan import Plan
from mmleaves.experiments.image_table import TEST
from mmleaves.optim.schedules_of_config import plateau_schedules, type_of

# Of a data set's settings, what `PlannedImages` does instead.
_SEEN_AS = ("pipeline", "test_mode")
# What a run cannot do without: its checkpoint, what it was trained on, the audit.
RECORDS = {
    "checkpoint": {"type": "mmleaves.SafeCheckpointHook"},
    "run_record": {"type": "mmleaves.RunRecordHook"},
    "audit": {"type": "mmleaves.AuditHook"},
}


def run_config(
    cfg: Config,
    plan: Plan,
    experiment: Path,
    repeat: int,
    fold: int,
    *,
    with_test: bool,
    score_every_epoch: bool = False,
) -> Config:
    """Return a config that `mmleaves train` trains as planned.

    Its ``test_dataloader`` has the images that the run is scored on. There is no
    validation, unless the plan's epoch rule is ``"best"``.

    Args:
        cfg: The experiment's config.
        plan: The plan.
        experiment: Folder of the experiment.
        repeat: Which repeat, from 0.
        fold: Which fold is scored, from 0.
        with_test: Whether the plan's images are those of the test part too.
        score_every_epoch: Whether to write down each epoch's score on the scored fold,
            which nothing goes by.

    Raises:
        ValueError: If the config cannot be run as planned; says why.
    """
    check_epoch_rule(cfg, plan.epoch_rule)
    cfg = copy.deepcopy(cfg)
    filled = copy.deepcopy(cfg)
    fill_datasets(filled)
    scored = scored_loader(filled)
    pipeline = next(inner_configs(scored.dataset))["pipeline"]
    pool = _sources(cfg, "train", "val")
    test = _sources(cfg, "test") if with_test else []
    holdout = plan.kind == "holdout"

    def planned(part: str, sources: list[dict]) -> dict:
        return {
            "type": "mmleaves.PlannedImages",
            "experiment": str(experiment.absolute()),
            "repeat": repeat,
            "fold": fold,
            "part": part,
            "sources": sources,
        }

    train = planned("train", pool if holdout else pool + test)
    train_pipelines = [
        inner["pipeline"] for inner in inner_configs(filled.train_dataloader.dataset)
    ]
    if any(other != train_pipelines[0] for other in train_pipelines):
        raise ValueError(
            f"{cfg.filename}: found several data sets in train_dataloader with "
            "pipelines of their own, expected one pipeline: folds mix their images. "
            "Give them the same."
        )
    train["pipeline"] = train_pipelines[0]
    cfg.train_dataloader.dataset = _put_in(cfg.train_dataloader.dataset, train)
    loader = copy.deepcopy(scored_loader(cfg))
    loader.dataset = planned("test", test if holdout else pool + test)
    loader.dataset |= {"pipeline": pipeline, "test_mode": True}
    evaluator = cfg.get("test_evaluator") or cfg.val_evaluator
    if plan.epoch_rule == "best":
        cfg.val_dataloader = copy.deepcopy(cfg.get("val_dataloader") or loader)
        cfg.val_dataloader.dataset = planned("val", train["sources"])
        cfg.val_dataloader.dataset |= {"pipeline": pipeline, "test_mode": True}
        cfg.val_cfg = cfg.get("val_cfg") or {}
    else:
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    cfg.test_dataloader, cfg.test_evaluator = loader, evaluator
    cfg.test_cfg = cfg.get("test_cfg") or {}
    cfg.randomness = {
        **(cfg.get("randomness") or {}),
        "seed": plan_seed(plan, repeat, fold),
    }
    # A plain config of MMPretrain has no hooks of ours.
    cfg.default_hooks = RECORDS | (cfg.get("default_hooks") or {})
    hooks = cfg.default_hooks
    hooks.checkpoint |= {
        # Half a run is started over, so only its end is kept, and without optimiser.
        "interval": -1,
        "save_last": True,
        "save_optimizer": False,
        "save_param_scheduler": False,
    }
    # It is started over too when a signal ends it: nothing is to be saved then.
    hooks.pop("stop_on_signal", None)
    if plan.epoch_rule == "last":
        hooks.checkpoint.save_best = None
    if score_every_epoch:
        hook = {"type": "mmleaves.ScoreEveryEpochHook"}
        cfg.custom_hooks = [*(cfg.get("custom_hooks") or []), hook]
    if cfg.get("precision") == "auto" and plan.precision:
        cfg.precision = plan.precision
    cfg.resume = False
    return cfg


def scored_loader(cfg: Config) -> ConfigDict:
    """Return the loader that says how images are seen when they are scored.

    Raises:
        ValueError: If the config has none.
    """
    loader = cfg.get("test_dataloader") or cfg.get("val_dataloader")
    if loader is None:
        raise ValueError(
            f"{cfg.filename}: found neither a test_dataloader nor a val_dataloader, "
            "expected one that says how images are seen when they are scored. Add one."
        )
    return loader


def plan_seed(plan: Plan, repeat: int, fold: int) -> int:
    """Return what the training of a run starts from."""
    return plan.repeats[repeat].seeds[fold]


def has_test(images: list) -> bool:
    """Return whether the plan's images are those of the test part too."""
    return any(one.part == TEST for one in images)


def check_epoch_rule(cfg: Config, epoch_rule: str) -> None:
    """Refuse a config that the plan's epoch rule does not fit.

    Raises:
        ValueError: If the last epoch is scored and something goes by a validation, or
            if the best is and nothing says which that is.
    """
    hooks = [
        *(cfg.get("default_hooks") or {}).values(),
        *(cfg.get("custom_hooks") or []),
    ]
    hooks = [hook for hook in hooks if hook]
    if epoch_rule == "last":
        names = [h["type"] for h in hooks if "EarlyStopping" in str(h.get("type"))]
        names += [type_of(schedule) for _, schedule in plateau_schedules(cfg)]
        if names:
            raise ValueError(
                f"{cfg.filename}: found {names[0]}, which goes by a validation, and "
                "with --epoch last there is none. Take it out, or use --epoch best, "
                "which takes images for it out of the training part."
            )
        return
    best = ((cfg.get("default_hooks") or {}).get("checkpoint") or {}).get("save_best")
    if not isinstance(best, str):
        raise ValueError(
            f"{cfg.filename}: found default_hooks.checkpoint.save_best={best!r}, "
            "expected the one metric by which --epoch best chooses, such as "
            "'accuracy/top1'. Set it, or use --epoch last."
        )
    if not cfg.get("val_evaluator"):
        raise ValueError(
            f"{cfg.filename}: found no val_evaluator, expected one that measures "
            f"{best!r}, by which --epoch best chooses. Add it, or use --epoch last."
        )


def _sources(cfg: Config, *parts: str) -> list[dict]:
    """Return the configs of the data sets that have the images, each once."""
    found: list[dict] = []
    for part in parts:
        loader = cfg.get(f"{part}_dataloader")
        for inner in inner_configs(loader.dataset) if loader else ():
            own = {k: v for k, v in inner.items() if k not in _SEEN_AS}
            if own not in found:
                found.append(copy.deepcopy(own))
    return found


def _put_in(dataset: dict, planned: dict) -> dict:
    """Return the data set's wrappers with another data set inside."""
    if dataset.get("dataset"):
        return {**dataset, "dataset": _put_in(dataset["dataset"], planned)}
    return planned
