"""Where nets looked: Grad-CAMs from the checkpoints that runs left."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from mmleaves.evidence.epochs import find_in_run
from mmleaves.evidence.gathered import GatheredRun
from mmleaves.report.pictures import HardImage
from mmleaves.report.scored import Scored

if TYPE_CHECKING:
    from mmleaves.report.saliency import Net


@dataclass(frozen=True)
class HeatMap:
    """Where one run looked when it named a class.

    Args:
        recipe: The recipe.
        said: The class that it named.
        uri: ``data:`` address of a JPEG, the image as the net saw it under the map.
        is_empty: Whether nothing in the image spoke for the class.
    """

    recipe: str
    said: str
    uri: str
    is_empty: bool


class HeatMaps:
    """The Grad-CAMs of a page, made as they are asked for.

    Args:
        scored: Recipes and runs.
        most: Images of each kind that get one, at most.
    """

    def __init__(self, scored: Scored, most: int) -> None:
        self._scored = scored
        self._most = most
        self._nets: dict[Path, Net | None] = {}
        self._reasons: dict[str, None] = {}
        if most and not scored.gathered.runs:
            self._reasons["tables hold no checkpoints"] = None
        elif most and find_spec("captum") is None:
            self._reasons[
                "captum is not installed (pip install 'mmleaves[grad-cam]')"
            ] = None
        # What was found missing at once is missing for all.
        self._off = not most or bool(self._reasons)

    @property
    def lacking(self) -> str:
        """Why some or all Grad-CAMs lack, in a sentence; empty if none do."""
        if not self._reasons:
            return ""
        return f"Grad-CAMs are left out: {'; '.join(self._reasons)}."

    def of(self, place: int, image: HardImage, path: Path | None) -> list[HeatMap]:
        """Return a map of each recipe that has the image wrong, from such a run.

        Args:
            place: Where the image stands in its gallery, from 0.
            image: The image.
            path: Its file, or None if there is none.
        """
        if self._off or place >= self._most or path is None:
            return []
        found = []
        for recipe, said in self._scored.said.items():
            wrong = (~said.correct[:, image.index]).nonzero()[0]
            if not len(wrong):
                continue
            row = int(wrong[0])
            label = int(said.predicted[row, image.index])
            drawn = self._draw(self._run(recipe, row, image.index), path, label)
            if drawn is not None:
                name = self._scored.design.classes[label]
                found.append(HeatMap(recipe, name, *drawn))
        return found

    def _run(self, recipe: str, row: int, image: int) -> GatheredRun:
        """Return the run that scored an image in a repeat."""
        folds = self._scored.design.folds
        fold = 0 if folds is None else int(folds[row, image])
        runs = [run for run in self._scored.gathered.runs if run.recipe == recipe]
        repeats = sorted({run.record.repeat for run in runs})
        place = repeats[row], fold
        return next(
            run for run in runs if (run.record.repeat, run.record.fold) == place
        )

    def _draw(
        self, run: GatheredRun, path: Path, label: int
    ) -> tuple[str, bool] | None:
        """Return the map of a run's net, or None if it left none to make one of."""
        try:
            if run.folder not in self._nets:
                self._nets[run.folder] = self._load(run)
            net = self._nets[run.folder]
            return net and net.map_of(path, label)
        except ValueError as error:
            self._reasons[f"{run.recipe}: {error}"] = None
            self._nets[run.folder] = None
            return None

    def _load(self, run: GatheredRun) -> "Net | None":
        checkpoint = _checkpoint(run)
        config = find_in_run(run.folder, "*.py")
        if checkpoint is None or config is None:
            why = f"some runs of {run.recipe} left no checkpoint with its config"
            self._reasons[why] = None
            return None
        # Deferred: it imports torch.
        from mmleaves.report.saliency import load_net

        return load_net(config, checkpoint)


def _checkpoint(run: GatheredRun) -> Path | None:
    """Return the weights that were scored, or None if they are not there."""
    if run.record.epoch_rule == "best":
        return find_in_run(run.folder, "best_*.pth")
    # MMEngine writes into it where the last checkpoint is.
    pointer = find_in_run(run.folder, "last_checkpoint")
    if pointer is None:
        return None
    path = pointer.with_name(Path(pointer.read_text(encoding="utf-8").strip()).name)
    return path if path.is_file() else None
