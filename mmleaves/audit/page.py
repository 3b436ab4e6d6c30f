"""A report as one HTML page that needs nothing else."""

import base64
from collections.abc import Iterator
from html import escape
from pathlib import Path

import cv2

from mmleaves.audit.parts import Item, below
from mmleaves.audit.report import Finding, Report
from mmleaves.audit.terminal import heading, printable, sentence, summary
from mmleaves.transforms.load_image import read_image

PICTURE_PX = 160
PICTURES = 60  # pairs or images with pictures, in each finding

STYLE = """
:root { color-scheme: light dark; --ink: #1f2328; --page: #ffffff; --line: #d1d9e0;
  --soft: #59636e; --error: #b3121d; --warning: #7d4e00; --note: #0757ba; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --page: #0d1117;
  --line: #3d444d; --soft: #9198a1; --error: #ff7b72; --warning: #e3b341;
  --note: #79c0ff; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink);
  background: var(--page); margin: 0 auto; max-width: 72rem; padding: 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin: 0 0 .5rem; }
section { border: 1px solid var(--line); border-left-width: .4rem;
  border-radius: .4rem; padding: 1rem; margin: 1rem 0; }
section.error { border-left-color: var(--error); }
section.warning { border-left-color: var(--warning); }
section.note { border-left-color: var(--note); }
.error h2 b { color: var(--error); } .warning h2 b { color: var(--warning); }
.note h2 b { color: var(--note); }
p { margin: .25rem 0; overflow-wrap: anywhere; }
.pairs { display: grid; gap: 1rem; margin-top: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(min(21rem, 100%), 1fr)); }
figure { margin: 0; } .two { display: flex; gap: .5rem; align-items: end; }
.two > div { flex: 1; min-width: 0; }
img { max-width: 100%; height: auto; display: block; border: 1px solid var(--line); }
figcaption, .name { color: var(--soft); font-size: .85rem; overflow-wrap: anywhere; }
"""


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
        source = _thumbnail(item.path, max_megapixels)
        picture = f'<img alt="{_text(name)}" src="{source}">'
    except (OSError, ValueError):
        picture = "<p>no picture</p>"
    return (
        f'<div>{picture}<div class="name">{_text(name)}<br>'
        f"{_text(', '.join(more))}</div></div>"
    )


def _thumbnail(path: str, max_megapixels: float) -> str:
    img = read_image(path, max_megapixels=max_megapixels)
    scale = PICTURE_PX / max(img.shape[:2])
    size = [max(1, round(side * scale)) for side in img.shape[1::-1]]
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_NEAREST
    _, data = cv2.imencode(".jpg", cv2.resize(img, size, interpolation=how))
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}"


def _text(text: str) -> str:
    return escape(printable(text))
