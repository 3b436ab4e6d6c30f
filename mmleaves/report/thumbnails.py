"""Small pictures of images by the names that tables have for them."""

from dataclasses import dataclass
from pathlib import Path

from mmleaves.evidence.plan import content_hash

SIDE_PX, QUALITY = 144, 80


@dataclass(frozen=True)
class Thumbnail:
    """A small picture, or why there is none.

    Args:
        uri: ``data:`` address of a JPEG, or None.
        path: The file, or None if it isn't there or isn't the one that was scored.
        reason: Why there is no picture; empty if there is one.
    """

    uri: str | None
    path: Path | None
    reason: str = ""


def thumbnail(name: str, folder: str, sha256: str | None) -> Thumbnail:
    """Return the picture of an image.

    Args:
        name: Its name or path.
        folder: What a relative name starts from.
        sha256: Its content hash, which the file must have, or None if nobody knows it.
    """
    # Deferred: it imports the whole stack.
    from mmleaves.audit.thumbnails import data_uri
    from mmleaves.transforms.load_image import read_image

    path = Path(folder, name)
    try:
        if not path.is_file():
            return Thumbnail(None, None, "no file of this name")
        if sha256 is not None and content_hash(path) != sha256:
            return Thumbnail(None, None, "the file is not the one that was scored")
        uri = data_uri(read_image(path), side_px=SIDE_PX, quality=QUALITY)
    except (OSError, ValueError):
        # A name may hold what no file system takes.
        return Thumbnail(None, None, "the file cannot be read")
    return Thumbnail(uri, path)
