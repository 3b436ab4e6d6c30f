"""A report as one HTML page that needs nothing else."""

from collections.abc import Iterator
from html import escape
from pathlib import Path

from mmleaves.audit.page_style import BASE_STYLE
from mmleaves.audit.parts import Item, below
from mmleaves.audit.report import Finding, Report
from mmleaves.audit.terminal import heading, printable, sentence, summary
from mmleaves.audit.thumbnails import data_uri
from mmleaves.transforms.load_image import read_image

PICTURE_PX = 160
PICTURES = 60  # pairs or images with pictures, in each finding

STYLE = (
    BASE_STYLE
    + """
section { border: 1px solid var(--line); border-left-width: .4rem;
  border-radius: .4rem; padding: 1rem; margin: 1rem 0; }
section.error { border-left-color: var(--error); }
section.warning { border-left-color: var(--warning); }
section.note { border-left-color: var(--note); }
.error h2 b { color: var(--error); } .warning h2 b { color: var(--warning); }
.note h2 b { color: var(--note); }
h2 { font-size: 1.1rem; margin: 0 0 .5rem; }
.pairs { display: grid; gap: 1rem; margin-top: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(min(21rem, 100%), 1fr)); }
.two { display: flex; gap: .5rem; align-items: end; }
.two > div { flex: 1; min-width: 0; }
"""
)


def write_page(report: Report, path: str, *, max_megapixels: float = 64) -> None:
    """Write ``report`` as one HTML file with the pictures inside, light and dark.

    Args:
        report: What to write.
        path: Where to.
        max_megapixels: A file whose header announces more is not decoded.

    Raises:
        ValueError: If ``path`` does not end in ``.html``.
        OSError: If it cannot be written.
    """
    check_page_name(path)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text("".join(_page(report, max_megapixels)), encoding="utf-8")


def check_page_name(path: str) -> None:
    """Raise a ``ValueError`` unless ``path`` ends in ``.html``."""
    if Path(path).suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"--html {path}: expected a name that ends in .html.")


def _page(report: Report, max_megapixels: float) -> Iterator[str]:
    title = _text(f"Audit of {Path(report.root).name}")
    yield (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        # Nothing may be fetched, whatever a name in the data says.
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "img-src data:; style-src 'unsafe-inline'\">\n"
        f"<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{title}</h1>\n<p>{_text(heading(report))}</p>\n"
    )
    for line in summary(report).splitlines():
        yield f"<p>{_text(line)}</p>\n"
    for finding in report.findings:
        yield from _section(finding, report.root, max_megapixels)
    yield "</body>\n</html>\n"


def _section(finding: Finding, root: str, max_megapixels: float) -> Iterator[str]:
    yield (
        f'<section class="{finding.severity}">\n<h2><b>{finding.severity}</b> '
        f"{_text(finding.kind)}, {_text(finding.where)}</h2>\n"
    )
    for text in (finding.found, finding.means, finding.do):
        yield f"<p>{_text(sentence(text))}</p>\n"
    yield '<div class="pairs">\n'
    for pair in finding.pairs[:PICTURES]:
        yield '<figure><div class="two">'
        for item in (pair.first, pair.second):
            yield _image(item, root, max_megapixels)
        yield f"</div><figcaption>{_text(pair.relation)}</figcaption></figure>\n"
    for item, remark in finding.images[:PICTURES]:
        picture = _image(item, root, max_megapixels)
        yield f'<figure><div class="two">{picture}</div>'
        yield f"<figcaption>{_text(remark)}</figcaption></figure>\n"
    yield "</div>\n"
    more = max(len(finding.pairs), len(finding.images)) - PICTURES
    if more > 0:
        yield f"<p>and {more} more; --json lists them all</p>\n"
    yield "</section>\n"


def _image(item: Item, root: str, max_megapixels: float) -> str:
    name = below(item.path, root)
    more = [text for text in (item.part, item.label, item.place) if text]
    try:
        image = read_image(item.path, max_megapixels=max_megapixels)
        source = data_uri(image, side_px=PICTURE_PX)
        picture = f'<img alt="{_text(name)}" src="{source}">'
    except (OSError, ValueError):
        picture = "<p>no picture</p>"
    return (
        f'<div>{picture}<div class="name">{_text(name)}<br>'
        f"{_text(', '.join(more))}</div></div>"
    )


def _text(text: str) -> str:
    return escape(printable(text))
