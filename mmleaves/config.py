"""Find, read and complete a config."""

import copy
import difflib
import warnings
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config

from mmleaves.dict_settings import refuse_wrong_dicts

PACKAGED_CONFIGS = Path(__file__).parent / ".mim" / "configs"
LOADERS = ("train_dataloader", "val_dataloader", "test_dataloader")


class FormattedOnce(Config):
    """A config whose text is made when it is first wanted, and when it has changed.

    MMEngine wants it for each checkpoint. To format it takes a twentieth of a second
    or more, and takes whatever a signal raises meanwhile for a fault of the config.
    """

    @property
    def pretty_text(self) -> str:
        held = repr(self._cfg_dict)
        known = self.__dict__.get("_formatted")
        if known is None or known[0] != held:
            known = held, super().pretty_text
            self.__dict__["_formatted"] = known
        return known[1]


def find_config(name: str) -> Path:
    """Return the file of a config given as a path or by its name alone.

    Args:
        name: A path, or a name such as ``resnet50_frozen2_b64_caltech``, looked for in
            ``configs/`` here and then among those that came with the package.

    Raises:
        FileNotFoundError: If there is none; names the nearest.
    """
    if Path(name).is_file():
        return Path(name)
    stem = Path(name).stem if name.endswith(".py") else name
    if not Path(name).parent.parts:
        for folder in (Path("configs"), PACKAGED_CONFIGS):
            if (folder / f"{stem}.py").is_file():
                return folder / f"{stem}.py"
    known = sorted(path.stem for path in PACKAGED_CONFIGS.glob("[!_]*.py"))
    near = difflib.get_close_matches(Path(stem).name, known, n=3, cutoff=0.4)
    raise FileNotFoundError(
        f"There is no config {name!r}: not as a file, not in configs/, not in the "
        f"package. Nearest: {', '.join(near or known)}."
    )


def load_config(
    name: str,
    options: Sequence[str] = (),
    *,
    import_custom_modules: bool = True,
    refuse_wrong: bool = True,
) -> Config:
    """Read a config and merge in ``KEY=VALUE`` options.

    Args:
        name: A path or a name, see `find_config`.
        options: Settings as on the command line, ``optim_wrapper.optimizer.lr=0.01``.
        import_custom_modules: Whether to import what the config is built from, which
            takes seconds; not needed to print it.
        refuse_wrong: Whether to refuse settings that should be dicts and are not;
            ``doctor`` tells them with all else.

    Raises:
        FileNotFoundError: If there is no such config.
        ValueError: If an option has no value or sets something that does not exist, or
            a setting should be a dict and is not.
    """
    path = find_config(name)
    # MMEngine asks it where `mmpretrain::` is; setup pins a version that can tell.
    warnings.filterwarnings("ignore", "pkg_resources is deprecated")
    cfg = Config.fromfile(path, import_custom_modules=import_custom_modules)
    object.__setattr__(cfg, "__class__", FormattedOnce)  # `fromfile` knows one class
    if options:
        # Deferred: it imports the whole stack to look into signatures.
        from mmleaves.config_options import merge_options

        merge_options(cfg, options)
    if refuse_wrong:
        refuse_wrong_dicts(cfg)
    if cfg.get("work_dir") is None:
        cfg.work_dir = str(Path("work_dirs") / path.stem)
    return cfg


def fill_datasets(cfg: Config) -> None:
    """Give each data loader's dataset the settings that all of them share.

    A config says once, in its top-level ``dataset``, what the data are and where they
    lie; a loader's own dataset says which part it reads, and wins where both speak.
    Within a wrapper such as ``RepeatDataset``, the wrapped data sets are filled; of
    `PlannedImages` the data sets that have the images.

    Raises:
        ValueError: If ``dataset`` is neither a dict nor None.
    """
    from mmleaves.datasets.wrappers import inner_configs

    refuse_wrong_dicts({"dataset": cfg.get("dataset")})
    shared = cfg.get("dataset") or {}
    for name in LOADERS:
        loader = cfg.get(name)
        for inner in inner_configs(loader.dataset) if loader else ():
            for own in inner.get("sources") or [inner]:
                for key, value in shared.items():
                    own.setdefault(key, copy.deepcopy(value))
