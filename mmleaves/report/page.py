"""A page that holds everything a comparison found, and needs nothing else."""

import math
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from mmleaves.audit.page_style import BASE_STYLE
from mmleaves.evidence.comparison_text import SHORT, habit_text
from mmleaves.evidence.score_sums import SCORES
from mmleaves.evidence.verdict import counted_looks, p_text
from mmleaves.report import sections
from mmleaves.report.curves import choice_gains
from mmleaves.report.facts import facts
from mmleaves.report.intervals import share_interval
from mmleaves.report.markup import cut, element, number, text
from mmleaves.report.scored import Scored
from mmleaves.whole_files import write_whole

TEMPLATES = Path(__file__).parent / "templates"
PICTURES = 24


def check_page_name(path: str) -> None:
    """Raise a ``ValueError`` unless ``path`` ends in ``.html``."""
    if Path(path).suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"--out {path}: expected a name that ends in .html.")


def write_report(
    scored: Scored,
    path: str,
    *,
    roc_classes: Sequence[str] = (),
    pictures: int = PICTURES,
    images: str = ".",
    grad_cam: int = 0,
) -> None:
    """Write the page as one HTML file; the same input gives the same bytes.

    Args:
        scored: What it is about.
        path: File to write; its name ends in ``.html``.
        roc_classes: Classes to draw ROC curves for, each against the rest; of two
            classes the one that is to be found, without them.
        pictures: Images to show of each kind, at most.
        images: Folder that relative names of images start from.
        grad_cam: Images of each kind to show a Grad-CAM of, at most; needs captum.

    Raises:
        ValueError: If the name ends otherwise, or a class is none.
        OSError: If it cannot be written.
    """
    check_page_name(path)
    rows = sections.classes(scored)
    # The class that is asked for and is none is refused before the pictures are made.
    curves = sections.roc_curves(scored, roc_classes)
    galleries = sections.galleries(scored, pictures, images, grad_cam)
    shown = [one for _, found, _ in galleries.values() for one in found]
    page = (
        environment()
        .get_template("page.html")
        .render(
            scored=scored,
            design=scored.design,
            gathered=scored.gathered,
            plan=scored.gathered.plan,
            facts=facts(scored),
            recipes=list(scored.said),
            verdicts=sections.verdicts(scored),
            metrics=[name for name in SCORES if name in scored.recipes[0].scores],
            classes=rows,
            hardest=sections.hardest(rows),
            confusions=sections.confusions(scored),
            roc=curves,
            reliability=sections.reliabilities(scored),
            curves=sections.training_curves(scored),
            choice_gains=choice_gains(scored.gathered.runs),
            stability=sections.stability(scored),
            galleries=galleries,
            has_maps=any(maps for *_, maps in shown),
            has_pictures=any(picture.uri for _, picture, _ in shown),
            images_folder=images,
            extensions=len(scored.gathered.earlier_repeats),
            looks=counted_looks(scored.design, scored.gathered.earlier_repeats),
            widening=math.sqrt(1 + scored.design.test_train_ratio),
        )
    )
    write_whole(Path(path), lambda file: file.write_text(page, encoding="utf-8"))


def environment() -> Environment:
    """Return what fills in the templates: every value is text unless it is markup."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=text,
    )
    style = (TEMPLATES / "page.css").read_text(encoding="utf-8")
    made.globals |= {
        "n": number,
        "p": _p_value,
        "between": _between,
        "share_interval": share_interval,
        "habit_text": habit_text,
        "SCORES": SCORES,
        "SHORT": SHORT,
        "style": Markup(BASE_STYLE + style),
    }
    made.filters |= {"cut": cut, "listed": _listed, "short_path": _short_path}
    return made


def _p_value(value: float | None, key: str) -> Markup:
    if value is None:
        return number(None, key)
    return element("data", p_text(value), value=repr(float(value)), data_key=key)


def _between(ends: tuple[int, int], key: str) -> Markup:
    """Return a range of counts, or a single one where both ends are the same."""
    low, high = (
        number(end, f"{key}/{name}", digits=0, grouped=True)
        for end, name in zip(ends, ("least", "most"), strict=True)
    )
    return low if ends[0] == ends[1] else low + Markup(" to ") + high


def _listed(values: Sequence[object], word: str = "and") -> Markup:
    """Return ``a``, ``a and b``, or ``a, b and c``; ``word`` is the one between."""
    *most, last = map(text, values)
    return Markup(", ").join(most) + f" {word} " + last if most else last


def _short_path(name: str) -> str:
    """Return the last two parts of a path; an image's own folder often is its class."""
    return "/".join(name.replace("\\", "/").split("/")[-2:])
