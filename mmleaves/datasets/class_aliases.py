"""What folders of benign and of malignant images are called."""

from collections.abc import Mapping, Sequence

from mmleaves.datasets.image_files import list_folders, nfc

ALIASES = {
    "benign": ("benign", "b", "neg", "negative", "healthy", "良性", "阴性"),
    "malignant": (
        "malignant", "m", "pos", "positive", "cancer", "恶性", "惡性", "阳性",
    ),
}  # fmt: skip


def class_by_name(aliases: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return ``"benign"`` or ``"malignant"`` for each name that a folder may have.

    Args:
        aliases: More names for each class; they come before the built-in ones.

    Raises:
        ValueError: If ``aliases`` has a third class, or a name for both.
    """
    names = {_key(name): cls for cls, known in ALIASES.items() for name in known}
    added: dict[str, str] = {}
    for cls, more in aliases.items():
        if cls not in ALIASES:
            raise ValueError(
                f"`aliases`: found {cls!r}, expected 'benign' or 'malignant'. Write "
                'them as {"malignant": ["krebs"]}.'
            )
        for name in [more] if isinstance(more, str) else more:
            if added.setdefault(_key(name), cls) != cls:
                raise ValueError(
                    f"`aliases`: found {name!r} for both classes, expected it for one. "
                    "Take it out of the other."
                )
    return names | added


def class_of_folders(folder: str, names: Mapping[str, str]) -> dict[str, str]:
    """Return the folder in ``folder`` of each of the two classes, by the class.

    Raises:
        ValueError: If a folder is of neither class, or a class has no folder or two.
    """
    found: dict[str, str] = {}
    for shown, name in list_folders(folder).items():
        cls = names.get(_key(shown))
        if cls is None:
            raise ValueError(
                f"{folder}/{name}: found a folder neither benign nor malignant, "
                f"expected one called {_called(names, 'benign')}, and one called "
                f"{_called(names, 'malignant')}. Move it out of {folder}, or say what "
                f'it is: aliases={{"malignant": [{shown!r}]}}.'
            )
        if cls in found:
            raise ValueError(
                f"{folder}: found {found[cls]!r} and {name!r}, both {cls}, expected "
                "one folder a class. Put their images into one."
            )
        found[cls] = name
    for cls in ALIASES:
        if cls not in found:
            here = ", ".join(map(repr, found.values())) or "no folders"
            raise ValueError(
                f"{folder}: found {here}, expected a folder of {cls} images too, "
                f"called {_called(names, cls)}. Put it there, correct `data_prefix`, "
                "or give its name by `aliases`."
            )
    return found


def _key(name: str) -> str:
    return nfc(name.strip()).casefold()


def _called(names: Mapping[str, str], cls: str) -> str:
    return " or ".join(repr(name) for name, known in names.items() if known == cls)
