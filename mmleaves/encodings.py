"""Encodings that spreadsheets save text in, and no table of ours may have."""

import codecs


def refuse_utf16(file: str, data: bytes) -> None:
    """Raise a ``ValueError`` if the first bytes of a file say that it is UTF-16."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ValueError(
            f"{file}, line 1: found UTF-16 text, expected UTF-8. Save the file as "
            "UTF-8 (in Excel: 'CSV UTF-8')."
        )
