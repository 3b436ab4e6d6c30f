"""A config as an experiment keeps it: merged, named, and told from every other."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config

from mmleaves.config import load_config
from mmleaves.experiments.holdout_folder import score_folder
from mmleaves.whole_files import write_whole

# What a run is called and where its results go says nothing of how it is trained.
_NO_MATTER = ("work_dir", "experiment_name")
SHOWN = 4


@dataclass(frozen=True)
class Recipe:
    """What is trained, and how.

    Args:
        name: Name of the config's file, without ``.py``.
        cfg: The config with its bases and options merged in.
    """

    name: str
    cfg: Config

    @property
    def sha256(self) -> str:
        """What the plan knows it by, in hex."""
        return hashlib.sha256(_text(self.cfg).encode()).hexdigest()


def load_recipes(
    names: Sequence[str],
    options: Sequence[str] = (),
    *,
    amp: bool = False,
    holdout: str | None = None,
) -> list[Recipe]:
    """Read configs.

    Args:
        names: Paths or names, as of `load_config`.
        options: Settings over each of them, as of `load_config`.
        amp: Whether the forward pass is in bfloat16, as by ``train --amp``.
        holdout: Folder to score in place of each config's own test part.

    Raises:
        FileNotFoundError: If one is not there.
        ValueError: If two have the same name, or an option cannot be set.
    """
    recipes: dict[str, Recipe] = {}
    for name in names:
        cfg = load_config(name, options)
        if amp:
            cfg.precision = "bfloat16"
        if holdout is not None:
            score_folder(cfg, holdout)
        recipe = Recipe(Path(cfg.filename).stem, cfg)
        if recipe.name in recipes:
            raise ValueError(
                f"{name}: found a second config called {recipe.name!r}, expected names "
                "that differ: results are kept by them. Rename the file."
            )
        recipes[recipe.name] = recipe
    return list(recipes.values())


def kept_config(experiment: Path, name: str) -> Path:
    """Return where an experiment keeps a merged config."""
    return experiment / name / f"{name}.py"


def keep_recipe(recipe: Recipe, experiment: Path) -> None:
    """Write the merged config into the experiment: a later change reaches no run."""
    path = kept_config(experiment, recipe.name)
    text = recipe.cfg.pretty_text
    write_whole(path, lambda file: file.write_text(text, encoding="utf-8"))
    if (kept := read_recipe(experiment, recipe.name)).sha256 != recipe.sha256:
        raise ValueError(
            f"{recipe.cfg.filename}: found settings that cannot be written down and "
            f"read again: {differences(recipe, kept)}. Write them as plain values."
        )


def read_recipe(experiment: Path, name: str) -> Recipe:
    """Read what `keep_recipe` wrote.

    Raises:
        FileNotFoundError: If it is not there.
    """
    return Recipe(name, load_config(str(kept_config(experiment, name))))


def differences(before: Recipe, now: Recipe) -> str:
    """Return in words which settings of two configs differ."""
    one, two = (dict(_flat(json.loads(_text(recipe.cfg)))) for recipe in (before, now))
    keys = [key for key in one | two if one.get(key, _NONE) != two.get(key, _NONE)]
    said = [f"{key} was {_show(one, key)} and is {_show(two, key)}" for key in keys]
    more = f"; and {len(said) - SHOWN} more" if len(said) > SHOWN else ""
    return "; ".join(said[:SHOWN]) + more


_NONE = object()


def _show(settings: dict[str, object], key: str) -> str:
    return repr(settings[key]) if key in settings else "not set"


def _text(cfg: Config) -> str:
    settings = {k: v for k, v in cfg.to_dict().items() if k not in _NO_MATTER}
    return json.dumps(settings, sort_keys=True, default=_name, ensure_ascii=False)


def _name(value: object) -> str:
    # Of classes and functions, whose repr may hold an address.
    return getattr(value, "__qualname__", None) or repr(value)


def _flat(value: object, path: str = "") -> list[tuple[str, object]]:
    if isinstance(value, dict) and value:
        items = value.items()
    elif isinstance(value, list) and any(isinstance(v, dict | list) for v in value):
        items = enumerate(value)
    else:
        return [(path, value)]
    return [
        leaf
        for key, child in items
        for leaf in _flat(child, f"{path}.{key}" if path else str(key))
    ]
