"""Columns of a CSV file as people write it: with BOM, CRLF, quotes, or mistakes."""

import csv
import io
from pathlib import Path

from mmleaves.datasets.image_files import relative_path
from mmleaves.encodings import refuse_utf16
from mmleaves.names_as_text import from_text


def read_columns(file: str, options: dict[str, str]) -> list[tuple]:
    """Read some columns of a comma-separated file in UTF-8 with a header line.

    Blank lines, a BOM, CRLF, quoted fields and spaces around the header's names are
    taken as they come; nothing else is guessed at.

    Args:
        file: The CSV file.
        options: The columns to read, by the option that names each, such as
            ``{"image_column": "image"}``; an error advises the option.

    Returns:
        For each row its line number, from 1, and its fields, in file order.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is not such a table, with its line and what to do.
    """
    text = _decode(file)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows, line = [], 1
    places: list[int] = []
    try:
        for fields in reader:
            if not any(map(str.strip, fields)) and len(fields) < 2:
                pass
            elif not places:
                header = [name.strip() for name in fields]
                places = _places(f"{file}, line {line}", header, options)
            elif len(fields) != len(header):
                raise ValueError(
                    f"{file}, line {line}: found {len(fields)} fields, expected "
                    f"{len(header)} ({','.join(header)}). Complete the line, and put "
                    "quotes around a field with a comma in it."
                )
            else:
                rows.append((line, *[fields[place] for place in places]))
            line = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(
            f"{file}, line {line}: found a field that is quoted wrongly ({error}), "
            "expected every quote that opens to close. Correct the line."
        ) from error
    if not rows:
        names = ",".join(options.values())
        found = "no rows below the header" if places else "an empty file"
        raise ValueError(
            f"{file}, line {line}: found {found}, expected a header with {names} and "
            "one row an image. Get the file again, or write the rows."
        )
    return rows


def read_path(file: str, line: int, written: str, column: str) -> str:
    """Return the path in a field, relative and with ``/``, as of `as_text` as well.

    Raises:
        ValueError: If there is none, or it leaves the data root; with file and line.
    """
    try:
        path = relative_path(from_text(written))
    except ValueError as error:
        raise ValueError(
            f"{file}, line {line}: {error}, expected a path below the data root. "
            "Write it relative to `data_root`."
        ) from None
    if not path:
        raise ValueError(
            f"{file}, line {line}: found no {column!r}, expected an image's path. "
            "Write it there, or take the row out."
        )
    return path


def _decode(file: str) -> str:
    if Path(file).is_dir():
        raise ValueError(f"{file}: found a folder, expected a CSV file. Name the file.")
    try:
        data = Path(file).read_bytes()
    except FileNotFoundError:
        raise FileNotFoundError(
            f"{file}: found no such file, expected a CSV file with one row an image. "
            "Correct the name, or put the file there."
        ) from None
    refuse_utf16(file, data)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{file}, line {data[: error.start].count(10) + 1}: found the byte "
            f"0x{data[error.start]:02x}, expected UTF-8 text. Save the file as UTF-8 "
            "(in Excel: 'CSV UTF-8'); if it is damaged, get it again."
        ) from error
    if (zero := data.find(0)) >= 0:
        raise ValueError(
            f"{file}, line {data[:zero].count(10) + 1}: found a zero byte, expected "
            "text. The file is damaged: get it again."
        )
    return text


def _places(where: str, header: list[str], options: dict[str, str]) -> list[int]:
    for option, name in options.items():
        if header.count(name) == 1:
            continue
        if name in header:
            raise ValueError(
                f"{where}: found the column {name!r} {header.count(name)} times, "
                "expected it once. Take the others out."
            )
        for separator, called in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
            if separator in header[0] and len(header) == 1:
                raise ValueError(
                    f"{where}: found fields separated by {called} ({separator!r}), "
                    "expected commas. Save the file with commas."
                )
        raise ValueError(
            f"{where}: found the columns {', '.join(map(repr, header))}, expected "
            f"{name!r} among them. Write it into the first line, or set `{option}` to "
            "the column that holds it."
        )
    return [header.index(name) for name in options.values()]
