"""All checks together: of the environment, and of a config before it runs."""

import copy
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

from mmleaves.doctor.finding import SEVERITIES, Finding
from mmleaves.doctor.machine import check_threads, cores, machine_facts
from mmleaves.doctor.versions import check_versions, installed_versions

# In the order in which each needs the one before.
_STACK = ("torch", "torchvision", "mmengine", "mmcv", "mmpretrain", "mmleaves.runner")


@dataclass
class Diagnosis:
    """What was looked at, and what was found.

    Args:
        versions: Of the packages that matter.
        machine: Cores, shared memory, disk.
        findings: The gravest first.
        config: The config's file, None if the environment alone was looked at.
    """

    versions: dict[str, str]
    machine: dict[str, object]
    findings: list[Finding] = field(default_factory=list)
    config: Path | None = None

    @property
    def has_errors(self) -> bool:
        return any(finding.severity == "error" for finding in self.findings)


def diagnose(config: str | None = None, options: Sequence[str] = ()) -> Diagnosis:
    """Look at the environment, and at ``config`` if there is one.

    Args:
        config: A path or a name, as for ``train``.
        options: Settings over the config's, as ``--cfg-options`` takes them.

    Raises:
        FileNotFoundError: If there is no such config.
        ValueError: If an option cannot be read.
    """
    versions = installed_versions()
    result = Diagnosis(versions, machine_facts())
    findings = [
        *check_versions(versions),
        *check_threads(os.environ.get("OMP_NUM_THREADS"), cores()),
        *_import_errors(),
    ]
    if config is not None and not any(f.kind == "import" for f in findings):
        from mmleaves.config import find_config

        result.config = find_config(config)
        findings += config_findings(config, options)
    # One fault may be seen by two checks.
    unique: dict[tuple[str, str], Finding] = {}
    for finding in findings:
        unique.setdefault((finding.kind, finding.where), finding)
    order = {severity: i for i, severity in enumerate(SEVERITIES)}
    result.findings = sorted(unique.values(), key=lambda f: order[f.severity])
    return result


def _import_errors() -> list[Finding]:
    for name in _STACK:
        try:
            import_module(name)
        # Compiled libraries that do not fit fail in any way.
        except Exception as error:
            said = str(error).splitlines() or [type(error).__name__]
            text = f"does not import: {type(error).__name__}: {said[0]}"
            return [Finding("error", "import", name, text)]
    return []


def config_findings(config: str, options: Sequence[str] = ()) -> list[Finding]:
    """Return what is wrong with a config, its data and its weights.

    Args:
        config: A path or a name.
        options: Settings over it.

    Raises:
        FileNotFoundError: If there is no such config.
        ValueError: If an option cannot be read.
    """
    from mmleaves.config import find_config, load_config

    path = find_config(config)
    try:
        cfg = load_config(str(path), refuse_wrong=False)
    # It runs the config, which may fail in any way.
    except Exception as error:
        said = " ".join(str(error).split())
        hint = ""
        if "_delete_=True" in said:
            hint = " Give the dict _delete_=True."
        text = f"it cannot be read: {type(error).__name__}: {said[:300]}{hint}"
        return [Finding("error", "config", path.name, text)]
    if options:
        from mmleaves.config_options import merge_options

        merge_options(cfg, options)
    return check_config(cfg)


def check_config(cfg: "Config") -> list[Finding]:  # noqa: F821
    """Return what is wrong with a config that was read."""
    from mmengine.registry import init_default_scope

    from mmleaves.config import fill_datasets
    from mmleaves.dict_settings import wrong_dicts
    from mmleaves.doctor.classes import check_classes
    from mmleaves.doctor.data import DataFacts, check_data
    from mmleaves.doctor.old_keys import check_old_keys
    from mmleaves.doctor.schedule import check_schedule, check_schedule_types

    filled = copy.deepcopy(cfg)
    findings = list(check_old_keys(filled))
    if findings and not filled.get("train_dataloader"):
        return findings  # of 0.x as a whole: nothing else can be said of it
    for name, wrong in list(wrong_dicts(filled)):
        findings.append(Finding("error", "setting", name, wrong))
        filled.pop(name)  # which no other check can read
    fill_datasets(filled)
    init_default_scope("mmpretrain")
    if without_type := list(check_schedule_types(filled)):
        findings += without_type
        filled.param_scheduler = None  # which no other check can read
    findings += _check_parts(filled)
    unknown = [finding.where for finding in findings if finding.kind == "type"]
    facts = DataFacts()
    if not any("dataset" in where for where in unknown):
        findings += check_data(filled, facts)
    n_classes = None if facts.classes is None else len(facts.classes)
    findings += check_classes(filled, n_classes)
    findings += check_schedule(filled, _iters_per_epoch(filled, facts))
    if filled.get("model") and not any(x.startswith("model") for x in unknown):
        findings += _check_model_and_room(filled, n_classes)
    return findings


def _check_parts(cfg: "Config") -> list[Finding]:  # noqa: F821
    """Return what is wrong with settings that neither data nor a model is needed for.

    And with the weights to start from, whose file alone is looked at.
    """
    from mmleaves.doctor.loops import check_loops
    from mmleaves.doctor.monitors import check_monitors
    from mmleaves.doctor.pipelines import check_pipelines
    from mmleaves.doctor.pixels import check_pixels
    from mmleaves.doctor.registered_types import check_types
    from mmleaves.doctor.weights import check_weights

    findings = []
    for check in (
        *(check_types, check_loops, check_pipelines),
        *(check_pixels, check_monitors, check_weights),
    ):
        findings += check(cfg)
    return findings


def _check_model_and_room(
    cfg: "Config",  # noqa: F821
    n_classes: int | None,
) -> list[Finding]:
    """Return what is wrong with the model, and where the machine has no room for it."""
    from mmleaves.doctor.freezing import check_model
    from mmleaves.doctor.machine import check_disk, check_workers

    stand_in = n_classes or cfg.get("reference_classes") or 10
    side_px = _side_px(cfg)
    *findings, size = _with_size(check_model(cfg, stand_in, side_px))
    needed = _written_bytes(cfg, size)
    findings += check_disk(Path(cfg.work_dir), needed, "the checkpoints of this run")
    workers = (cfg.get("train_dataloader") or {}).get("num_workers", 0)
    findings += check_workers(workers, cores())
    findings += _check_shared_memory(cfg, workers, side_px)
    return findings


def _check_shared_memory(
    cfg: "Config",  # noqa: F821
    workers: int,
    side_px: int | None,
) -> list[Finding]:
    from mmleaves.doctor.machine import SHARED_MEMORY, check_shared_memory

    if not workers or not side_px or not SHARED_MEMORY.is_dir():
        return []
    # Two batches wait for each worker.
    images = (cfg.get("train_dataloader") or {}).get("batch_size") or 1
    needed = 2 * workers * images * 3 * side_px * side_px
    return list(check_shared_memory(needed, shutil.disk_usage(SHARED_MEMORY).free))


def _with_size(found: object) -> list:
    items = list(found)
    return items if items and isinstance(items[-1], int) else [*items, 0]


def _iters_per_epoch(cfg: "Config", facts: object) -> int | None:  # noqa: F821
    size = (cfg.get("train_dataloader") or {}).get("batch_size")
    images = facts.sizes.get("train_dataloader")
    return -(-images // size) if images and size else None


def _side_px(cfg: "Config") -> int | None:  # noqa: F821
    from mmleaves.doctor.pipelines import pipelines

    side = None
    for where, pipeline in pipelines(cfg).items():
        if where.startswith("train"):
            for step in pipeline:
                given = step.get("crop_size") or step.get("scale")
                given = given[0] if isinstance(given, list | tuple) else given
                side = given if isinstance(given, int) else side
    return side


def _written_bytes(cfg: "Config", weights: int) -> int:  # noqa: F821
    hook = (cfg.get("default_hooks") or {}).get("checkpoint") or {}
    kept = hook.get("max_keep_ckpts", -1)
    if kept < 0:
        kept = (cfg.get("train_cfg") or {}).get("max_epochs") or 1
    kind = str(
        ((cfg.get("optim_wrapper") or {}).get("optimizer") or {}).get("type", "")
    )
    states = 2 if "Adam" in kind else 1
    # One more is written before the oldest is removed; the best has weights alone.
    return weights * ((1 + states) * (kept + 1) + 1)
