"""The files of one finished run: what it was, what it saw, what it said."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from mmleaves.evidence.json_files import check_types, read_json
from mmleaves.evidence.plan import FORMAT, check_format
from mmleaves.evidence.predictions import Predictions, float_columns, prediction_table
from mmleaves.whole_files import write_whole

KINDS = {
    **dict.fromkeys(("config", "config_sha256", "data_sha256", "epoch_rule"), str),
    **dict.fromkeys(("repeat", "fold", "seed", "split_seed"), int),
    "minutes": (int, float),
    "versions": dict,
}
USES = {"train", "select"}
RUN, PREDICTIONS, SEEN = "run.json", "predictions.parquet", "images.parquet"
# What `mmleaves repeat --score-every-epoch` leaves of the scored images.
SCORED_BY_EPOCH = "scored-by-epoch.csv"
COMPLETE = "complete"


@dataclass(frozen=True)
class RunRecord:
    """What a run was.

    Args:
        config: Name of the config.
        repeat: Which repeat, from 0.
        fold: Which fold was scored, from 0; 0 on a hold-out.
        seed: What training started from.
        split_seed: What the folds were drawn by.
        config_sha256: sha256 of the merged config, in hex, as in the plan.
        data_sha256: sha256 of images and labels, as in the plan.
        epoch_rule: Which epoch was scored, ``"last"`` or ``"best"``.
        minutes: How long the run took.
        versions: Version of each package that matters, by its name.
        status: ``"complete"``, or anything else for a run that is not.
    """

    config: str
    repeat: int
    fold: int
    seed: int
    split_seed: int
    config_sha256: str
    data_sha256: str
    epoch_rule: str
    minutes: float
    versions: Mapping[str, str] = field(default_factory=dict)
    status: str = COMPLETE


@dataclass(frozen=True, eq=False)
class ScoredRun:
    """What a run said, and what it saw before.

    Args:
        record: What it was.
        hashes: Content hash of each scored image, (m,).
        paths: Where the images lay, (m,).
        truth: True class name of each, (m,).
        classes: Class names in the order of the probabilities, C of them.
        probs: Probabilities, (m, C).
        trained: Content hashes of the images that it was trained on.
        selected: Those of the images that chose the epoch; empty for the last one.
    """

    record: RunRecord
    hashes: Sequence[str]
    paths: Sequence[str]
    truth: Sequence[str]
    classes: tuple[str, ...]
    probs: np.ndarray
    trained: frozenset[str]
    selected: frozenset[str]


def run_folder(experiment: str | Path, config: str, repeat: int, fold: int) -> Path:
    """Return where the files of a run lie."""
    return Path(experiment, config, f"repeat{repeat}-fold{fold}")


def write_run(
    experiment: str | Path,
    record: RunRecord,
    predictions: Predictions,
    hashes: Sequence[str],
    *,
    trained: Collection[str],
    selected: Collection[str] = (),
) -> Path:
    """Write the files of a finished run, ``run.json`` last, and return their folder.

    A process that is killed on the way leaves no ``run.json``, and so no run.

    Args:
        experiment: Folder of the experiment.
        record: What the run was.
        predictions: What it said of the scored images, with their true labels.
        hashes: Content hash of each scored image, as of `content_hash`.
        trained: Content hashes of the images that it was trained on.
        selected: Content hashes of the images that chose the epoch.

    Raises:
        ValueError: If the predictions have no true labels, or as many hashes.
    """
    import pyarrow as pa
    from pyarrow.parquet import write_table

    if predictions.truth is None or len(hashes) != len(predictions.images):
        raise ValueError(
            f"found {len(hashes)} content hashes for {len(predictions.images)} "
            "predictions, with"
            f"{'out' if predictions.truth is None else ''} true labels, expected a "
            "hash and a true label of each."
        )
    folder = run_folder(experiment, record.config, record.repeat, record.fold)
    table = prediction_table(predictions).add_column(0, "hash", [list(hashes)])
    uses = {"train": sorted(trained), "select": sorted(selected)}
    seen = pa.table(
        {
            "hash": pa.array([h for part in uses.values() for h in part], pa.string()),
            "use": pa.array([u for u, part in uses.items() for _ in part], pa.string()),
        }
    )
    write_whole(folder / PREDICTIONS, lambda path: write_table(table, path))
    write_whole(folder / SEEN, lambda path: write_table(seen, path))
    data = {"format": FORMAT} | asdict(record)
    text = json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    write_whole(folder / RUN, lambda path: path.write_text(text, encoding="utf-8"))
    return folder


def read_record(folder: Path) -> RunRecord | None:
    """Return what a run was, or None if there is none, or it is not complete.

    Raises:
        ValueError: If its ``run.json`` is of another kind.
    """
    path = folder / RUN
    if not path.is_file():
        return None
    data = read_json(path)
    if data.get("status") != COMPLETE:
        return None
    check_format(data, path)
    check_types(data, KINDS, path)
    return RunRecord(**{name: data[name] for name in RunRecord.__dataclass_fields__})


def read_run(folder: Path, record: RunRecord) -> ScoredRun:
    """Read what `write_run` wrote.

    Raises:
        ValueError: If a file misses or is of another kind.
    """
    from pyarrow import ArrowInvalid
    from pyarrow.parquet import read_table

    tables = []
    needed = {PREDICTIONS: ("hash", "image", "truth"), SEEN: ("hash", "use")}
    for name, columns in needed.items():
        path = folder / name
        if not path.is_file():
            raise ValueError(
                f"{folder}: found a complete run without {name}. Remove the folder, "
                "and let `mmleaves repeat` do the run again."
            )
        # Not as a data set, which would read column values from the folders' names.
        try:
            table = read_table(path, partitioning=None)
            # Text that is no UTF-8, too.
            table.validate(full=True)
        except (ArrowInvalid, UnicodeDecodeError, OSError) as error:
            # One with a number is the disk's; pyarrow has none for what is damaged.
            if getattr(error, "errno", None) is not None:
                raise
            raise ValueError(
                f"{path}: found what is no parquet file ({error}). Remove the folder, "
                "and let `mmleaves repeat` do the run again."
            ) from None
        if missing := set(columns) - set(table.column_names):
            raise ValueError(
                f"{path}: found the columns {', '.join(table.column_names)}, expected "
                f"{min(missing)!r} among them."
            )
        for column in columns:
            if table[column].null_count:
                raise ValueError(f"{path}: found gaps in the column {column!r}.")
        tables.append(table)
    said, seen = tables
    probs = [name for name in said.column_names if name.startswith("prob:")]
    if not probs:
        raise ValueError(
            f"{folder / PREDICTIONS}: found the columns {', '.join(said.column_names)}"
            ", expected prob:CLASS for each class."
        )
    seen_as = list(zip(seen["hash"].to_pylist(), seen["use"].to_pylist(), strict=True))
    if odd := {use for _, use in seen_as} - USES:
        raise ValueError(
            f"{folder / SEEN}: found the use {min(odd)!r}, expected train or select: "
            "an image of another use would not be held against those that are scored."
        )
    try:
        numbers = float_columns(said, probs)
    except ValueError as error:
        raise ValueError(f"{folder / PREDICTIONS}, {error}") from None
    return ScoredRun(
        record=record,
        hashes=said["hash"].to_pylist(),
        paths=said["image"].to_pylist(),
        truth=said["truth"].to_pylist(),
        classes=tuple(name.removeprefix("prob:") for name in probs),
        probs=numbers,
        trained=frozenset(image for image, use in seen_as if use == "train"),
        selected=frozenset(image for image, use in seen_as if use == "select"),
    )
