"""Parts from what a user names: a config, or folders and CSV files."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mmleaves.archives.reading import ARCHIVE_ENDINGS
from mmleaves.audit.from_csv import Columns, parts_of_csv
from mmleaves.audit.from_datasets import audited_config, config_megapixels
from mmleaves.audit.from_folder import parts_of_folder
from mmleaves.audit.name_groups import groups_of_names
from mmleaves.audit.parts import Part
from mmleaves.audit.report import Finding
from mmleaves.config import find_config, load_config
from mmleaves.datasets.where_to_get import unpack_advice
from mmleaves.plain_configs import refuse_code

CONFIG_ENDINGS = (".py", ".json", ".yaml", ".yml")


def parts_of_sources(
    sources: Sequence[str],
    columns: Columns,
    *,
    group_pattern: str | None = None,
    options: Sequence[str] = (),
    trust_config: bool = False,
) -> tuple[list[Part], list[Finding], float | None]:
    """Return the parts, what was found while they were read, and the config's limit.

    Args:
        sources: A config, or folders and CSV files.
        columns: Those of CSV files; a config's data sets have their own, but for the
            group.
        group_pattern: What finds the groups in the images' names instead, see
            `groups_of_names`.
        options: Settings over the config's, ``KEY=VALUE``.
        trust_config: Run a config that holds more than settings.

    Raises:
        FileNotFoundError: If there is nothing of a name.
        ValueError: If a source is none, or they do not go together.
    """
    kinds = {source: _kind(source) for source in sources}
    if len({Path(source).resolve() for source in sources}) < len(sources):
        raise ValueError(
            f"found a source twice in {', '.join(sources)}, expected each once: "
            "parts are held against each other. Name the other part."
        )
    if "config" in kinds.values():
        return _parts_of_config(
            sources, columns.group, group_pattern, options, trust_config=trust_config
        )
    if options:
        raise ValueError(
            f"found --cfg-options without a config ({sources[0]} is none), "
            "expected a config. Leave them out."
        )
    parts, known = [], []
    files = [source for source, kind in kinds.items() if kind == "csv"]
    for source, kind in kinds.items():
        if kind == "folder":
            name = Path(source).resolve().name if len(kinds) > 1 else "all"
            more, found = parts_of_folder(source, columns, name=name)
            more = [_grouped(part, source, group_pattern) for part in more]
            parts, known = parts + more, known + found
    if files:
        more, found = parts_of_csv(files, columns)
        roots = [columns.root or Path(file).parent for file in files]
        more = [
            _grouped(part, root, group_pattern)
            for part, root in zip(more, roots, strict=True)
        ]
        parts, known = parts + more, known + found
    return parts, known, None


def _parts_of_config(
    sources: Sequence[str],
    group_column: str | None,
    group_pattern: str | None,
    options: Sequence[str],
    *,
    trust_config: bool,
) -> tuple[list[Part], list[Finding], float | None]:
    """Return what `parts_of_sources` does, of sources with a config among them.

    Raises:
        ValueError: If it is not alone, or holds more than settings.
    """
    if len(sources) > 1:
        raise ValueError(
            f"found {len(sources)} sources with a config among them "
            f"({', '.join(sources)}), expected the config alone. Check them "
            "one by one."
        )
    if not trust_config:
        refuse_code(find_config(sources[0]))
    cfg = load_config(sources[0], options)
    parts, known = audited_config(cfg, group_column, group_pattern)
    return parts, known, config_megapixels(cfg)


def _grouped(part: Part, root: Path | str, pattern: str | None) -> Part:
    """Return a part with the groups that a pattern finds, if there is one."""
    if pattern is None:
        return part
    folder = Path(root).absolute().as_posix()
    return replace(part, groups=groups_of_names(part.paths, folder, pattern))


def _kind(source: str) -> str:
    """Return whether ``source`` is a ``"folder"``, a ``"csv"`` or a ``"config"``.

    Raises:
        FileNotFoundError: If there is nothing of that name.
    """
    if Path(source).is_dir():
        return "folder"
    if source.lower().endswith(".csv"):
        return "csv"
    wanted = "expected a folder, a CSV file or a config. Correct it."
    if source.lower().endswith(ARCHIVE_ENDINGS) and Path(source).is_file():
        raise ValueError(
            f"{source}: found an archive, expected a folder, a CSV file or a config. "
            f"{unpack_advice(Path(source))}"
        )
    try:
        config = find_config(source)
    except FileNotFoundError as error:
        # A path is not meant as the name of one of our configs.
        more = "" if Path(source).parent.parts else f" {error}"
        raise FileNotFoundError(
            f"{source}: found nothing there, {wanted}{more}"
        ) from error
    if config.suffix not in CONFIG_ENDINGS:
        raise ValueError(
            f"{source}: found a file ending in {config.suffix!r}, {wanted}"
        )
    return "config"
