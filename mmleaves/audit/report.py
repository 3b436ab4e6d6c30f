"""What an audit found."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from mmleaves.audit.parts import Item

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class ImagePair:
    """Two images, and what makes them a pair.

    Attributes:
        first: The one.
        second: The other.
        relation: ``"the same file"``, ``"the same bytes"``, ``"the same pixels"``, or
            ``"nearly the same"``, followed by how the first is turned to look like the
            second, if it is.
    """

    first: Item
    second: Item
    relation: str


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Attributes:
        kind: Its name in a word, such as ``"leak"``, for programs.
        severity: An ``"error"`` makes results wrong, a ``"warning"`` may, a ``"note"``
            is to be known.
        where: The part, class or file that it is about.
        found: What was found.
        means: What that means for a result.
        do: What to do about it.
        pairs: Pairs of images that it is about, if any.
        images: Single images that it is about, if any, each with a remark or ``""``.
    """

    kind: str
    severity: Severity
    where: str
    found: str
    means: str
    do: str
    pairs: tuple[ImagePair, ...] = ()
    images: tuple[tuple[Item, str], ...] = ()


@dataclass(frozen=True)
class Report:
    """What an audit found, the gravest first.

    Attributes:
        sizes: Number of images by the part's name.
        root: Folder that all images lie in; paths are shown below it.
        findings: What was found.
        leaks: For each part that shares pictures, or groups that are known, with an
            earlier one, why no score from it counts.
        clusters: For each image of the parts in a row, a number that images of one
            picture or one group share.
        items: The images of the parts in a row.
    """

    sizes: dict[str, int]
    root: str
    findings: list[Finding]
    leaks: dict[str, str] = field(default_factory=dict)
    clusters: Sequence[int] = ()
    items: Sequence[Item] = ()

    @property
    def has_errors(self) -> bool:
        """Whether anything was found that makes results wrong."""
        return any(finding.severity == "error" for finding in self.findings)

    def as_dict(self) -> dict:
        """Return what ``--json`` prints: lists, dicts, texts and numbers."""
        return {
            "sizes": self.sizes,
            "root": self.root,
            "leaks": self.leaks,
            "findings": [self._finding(finding) for finding in self.findings],
        }

    def _finding(self, finding: Finding) -> dict:
        pairs = [
            {"first": _item(p.first), "second": _item(p.second), "relation": p.relation}
            for p in finding.pairs
        ]
        images = [_item(item) | {"remark": remark} for item, remark in finding.images]
        return {
            "kind": finding.kind,
            "severity": finding.severity,
            "where": finding.where,
            "found": finding.found,
            "means": finding.means,
            "do": finding.do,
            "pairs": pairs,
            "images": images,
        }


def counted(number: int, noun: str) -> str:
    """Return ``number`` and ``noun``, in the plural unless it is one."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def by_severity(findings: Sequence[Finding]) -> list[Finding]:
    """Return ``findings``, the gravest first, else in their order."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def _item(item: Item) -> dict:
    return {
        "path": item.path,
        "part": item.part,
        "label": item.label,
        "group": item.group,
        "place": item.place,
    }
