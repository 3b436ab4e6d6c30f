"""Names of files in tables: a name is bytes, and a table holds text in UTF-8."""

import os
from urllib.parse import quote_from_bytes, unquote_to_bytes

_MARK = "bytes:"


def as_text(name: str) -> str:
    """Return a file's name as text that any table holds, and `from_text` takes back.

    That is the name itself, but where its bytes are no UTF-8: then ``bytes:`` and the
    bytes, those that are no plain letters as in an address on the web (``%ff``).
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        pass
    else:
        if not name.startswith(_MARK):
            return name
    return _MARK + quote_from_bytes(os.fsencode(name), safe="/ ")


def shown(name: str, *, longest: int = 100) -> str:
    """Return a file's name for a message: quoted, printable, and cut if it is long."""
    text = as_text(name)
    cut = text if len(text) <= longest else f"{text[:longest]}..."
    return repr(cut)


def from_text(text: str) -> str:
    """Return the name that `as_text` was given."""
    if not text.startswith(_MARK):
        return text
    return os.fsdecode(unquote_to_bytes(text.removeprefix(_MARK)))
