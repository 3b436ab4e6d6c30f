"""Annotation files hold data: no code in them is run, whatever reads them."""

import yaml
from mmengine.fileio import PickleHandler, YamlHandler, register_handler

from mmleaves import exit_codes
from mmleaves.errors import RunError

# In C where it can be: MMPretrain's index of models, which each config with a base of
# it reads, takes a second in Python.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class PickledAnnotationsError(RunError, ValueError):
    """A file of annotations is a pickle."""

    exit_code = exit_codes.FOREIGN_PICKLE


@register_handler(["pickle", "pkl"])
class RefusePickles(PickleHandler):
    """Writes pickles as MMEngine's handler does, and reads none.

    Data sets of MMEngine read their ``ann_file`` by its ending; with this one any
    config could run code, also while it is only checked.

    Raises:
        PickledAnnotationsError: Whenever a file is to be read.
    """

    def load_from_fileobj(self, file: object, **kwargs: object) -> None:
        raise _refusal(getattr(file, "name", "The annotation file (ann_file)"))

    def load_from_path(self, filepath: object, **kwargs: object) -> None:
        raise _refusal(filepath)


@register_handler(["yaml", "yml"])
class PlainYaml(YamlHandler):
    """Reads YAML of plain values; MMEngine's own makes any Python object of it."""

    def load_from_fileobj(self, file: object, **kwargs: object) -> object:
        return super().load_from_fileobj(file, **kwargs | {"Loader": _LOADER})


def _refusal(name: object) -> PickledAnnotationsError:
    return PickledAnnotationsError(
        f"{name} was not read: it is a pickle, which could run any code, expected "
        "annotations as JSON or text. If you made it yourself, save them as JSON: "
        "mmengine.dump(annotations, 'FILE.json')."
    )
