"""A .csv as people have it: separated by commas, semicolons or tabs, decimal points or commas, UTF-8 or UTF-16.

Nothing is guessed where two readings fit: the file is refused, with what would tell them apart.
"""

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from numerics.data.contents import contents
from numerics.errors import NumericsError

Array = NDArray[np.float64]
Row = tuple[int, list[str]]  # the number of its line, its fields

MAX_CSV_BYTES = 2**31
_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs"}
# What pandas calls a column without a name when it reads one.
_NAMELESS = re.compile(r"(Unnamed: \d+(_level_\d+)?)?")
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d*([eE][+-]?\d+)?")
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")


@dataclass(frozen=True)
class Table:
    """Numbers `x` (n, d) and `y` (n,) of a .csv, with the names of the input columns and of the target."""

    x: Array
    y: Array
    inputs: tuple[str, ...]
    target: str


def read_csv(path: Path, name: str, *, target: str | None = None, drop: Sequence[str] = ()) -> Table:
    """The table in a .csv file; `target` names the target column (default: the last), `drop` columns to leave out.

    Columns left out need not be numbers.  Raises NumericsError, in one line that names column and line, for a file that
    is no such table.
    """
    if path.stat().st_size > MAX_CSV_BYTES:
        raise NumericsError(f"{name}: larger than {MAX_CSV_BYTES} bytes as text; save it as .npz instead")
    text = _decoded(path.read_bytes())
    if text is None:
        raise NumericsError(f"{name}: is {contents(path)}, not a .csv of UTF-8 text")
    return parse_csv(text, name, target=target, drop=drop)


def parse_csv(text: str, name: str, *, target: str | None = None, drop: Sequence[str] = ()) -> Table:
    """The table in the text of a .csv, as `read_csv`; `name` is what refusals call it."""
    declared = re.match(r"sep=([,;\t])\r?\n", text)  # the line that Excel writes and reads
    body, shift = (text[declared.end() :], 1) if declared else (text, 0)
    if not body.strip():
        raise NumericsError(f"{name}: is empty; a header line and rows of numbers are needed")

    def read(delimiter: str) -> Table:
        return _table(_rows(body, delimiter, name, shift), delimiter, name, target, drop)

    if declared:
        return read(declared[1])
    head = next(line for line in body.splitlines() if line.strip())
    candidates = sorted((d for d in _DELIMITERS if d in head), key=lambda d: -head.count(d)) or [","]
    for delimiter in candidates:
        if all(_as_number(title.strip(), ",") is not None for title in head.split(delimiter)):
            raise NumericsError(
                f"{name}: the first line holds numbers; a header naming the columns is needed"
            )
    return read(candidates[0]) if len(candidates) == 1 else _only_reading(candidates, read, name)


def _only_reading(candidates: list[str], read: Callable[[str], Table], name: str) -> Table:
    """The table by the first delimiter that makes one; where none does, what the likeliest one meets.

    No number holds a semicolon or a tab, so that no file with rows is a table by two of them.
    """
    refusals = []
    for delimiter in candidates:
        try:
            return read(delimiter)
        except NumericsError as refusal:
            refusals.append(refusal)
    raise refusals[0]


def _decoded(data: bytes) -> str | None:
    """UTF-8 or UTF-16 text, with or without its mark at the start; None for anything else."""
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        codec = "utf-16"
    elif b"\x00" in data[:64]:  # no text in UTF-8 has one; a header of UTF-16 has one in every plain letter
        codec = "utf-16-le" if data[1:2] == b"\x00" else "utf-16-be"
    else:
        codec = "utf-8-sig"
    try:
        text = data.decode(codec)
    except UnicodeDecodeError:
        return None
    return None if "\x00" in text else text


def _rows(text: str, delimiter: str, name: str, shift: int) -> list[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        rows = [(reader.line_num + shift, [field.strip() for field in row]) for row in reader if row]
    except csv.Error as error:
        raise NumericsError(f"{name}: is not a readable .csv ({error})") from error
    # Spreadsheets leave rows of bare delimiters behind.
    while rows and not any(rows[-1][1]) and len(rows) > 1:
        rows.pop()
    return rows


def _table(rows: list[Row], delimiter: str, name: str, target: str | None, drop: Sequence[str]) -> Table:
    header, body = rows[0][1], rows[1:]
    if len(header) < 2:
        raise NumericsError(
            f"{name}: has one column; at least one input and, last, the target, separated by commas, semicolons or "
            "tabs, are needed"
        )
    _same_length(header, body, delimiter, name)
    # A delimiter at the end of every line makes a column of nothing.
    kept = [k for k, title in enumerate(header) if title or not body or any(row[k] for _, row in body)]
    kept = _without(header, kept, drop, name)
    goal = kept[-1] if target is None else _column(header, kept, target, "target", name)
    kept = [*(k for k in kept if k != goal), goal]
    if len(kept) < 2:
        raise NumericsError(
            f"{name}: no input is left beside the target {header[goal]!r}; drop fewer columns"
        )
    mark = _decimal_mark(body, kept, name)
    values = np.empty((len(body), len(kept)))
    for place, (number, row) in zip(values, body, strict=True):
        for position, k in enumerate(kept):
            value = _as_number(row[k], mark)
            if value is None:
                what = "is empty" if not row[k] else f"{row[k][:40]!r} is not a number"
                raise NumericsError(f"{name}: column {header[k] or k + 1!r}, line {number}: {what}")
            place[position] = value
    for position, k in enumerate(kept):
        if _NAMELESS.fullmatch(header[k]):
            _refuse_nameless(header[k], k, values[:, position], name)
    return Table(values[:, :-1], values[:, -1], tuple(header[k] for k in kept[:-1]), header[goal])


def _same_length(header: list[str], body: list[Row], delimiter: str, name: str) -> None:
    odd = next(((number, len(row)) for number, row in body if len(row) != len(header)), None)
    if odd is None:
        return
    number, fields = odd
    hint = ""
    if fields == len(header) + 1 and all(len(row) == fields for _, row in body):
        hint = ": row names without a name? write the file with row.names=FALSE, or index=False"
    elif delimiter == "," and fields > len(header):
        hint = ": commas for decimals? then separate the fields by semicolons or tabs"
    raise NumericsError(f"{name}: line {number} has {fields} fields where the header has {len(header)}{hint}")


def _without(header: list[str], kept: list[int], drop: Sequence[str], name: str) -> list[int]:
    gone = {_column(header, kept, title, "drop", name) for title in drop}
    return [k for k in kept if k not in gone]


def _column(header: list[str], kept: list[int], title: str, option: str, name: str) -> int:
    places = [k for k in kept if header[k] == title.strip()]
    if len(places) == 1:
        return places[0]
    if places:
        raise NumericsError(
            f"{name}: {option} {title[:40]!r} names {len(places)} columns; names that differ are needed"
        )
    shown = ", ".join(header[k] for k in kept[:20]) + (", ..." if len(kept) > 20 else "")
    raise NumericsError(f"{name}: {option} {title[:40]!r} is no column (left); there are {shown}")


def _decimal_mark(body: list[Row], kept: list[int], name: str) -> str:
    """The decimal mark of the file: one for all its numbers.  Raises NumericsError where two readings fit."""
    commas = [(number, row[k]) for number, row in body for k in kept if "," in row[k]]
    if not commas or not all(_DECIMAL_COMMA.fullmatch(field) for _, field in commas):
        grouped = next(
            ((n, f) for n, f in commas if _GROUPED.fullmatch(f) or re.fullmatch(r"[\d.,+-]+", f)), None
        )
        if grouped is not None:
            number, field = grouped
            raise NumericsError(
                f"{name}: line {number}: {field[:40]!r} has separators of thousands; write numbers without them"
            )
        return "."
    number, field = commas[0]
    pointed = next((row[k] for _, row in body for k in kept if "." in row[k]), None)
    if pointed is not None:
        raise NumericsError(
            f"{name}: {field[:40]!r} (line {number}) and {pointed[:40]!r}: both a comma and a point for decimals; one of "
            "them is needed"
        )
    if all(_GROUPED.fullmatch(each) for _, each in commas):
        raise NumericsError(
            f"{name}: line {number}: {field[:40]!r} may be {field.replace(',', '.')} or {field.replace(',', '')}; a "
            "decimal point, or no separators of thousands, is needed"
        )
    return ","


def _refuse_nameless(title: str, k: int, values: Array, name: str) -> None:
    where = f"{name}: column {k + 1} has no name" if not title else f"{name}: column {title!r}"
    whole = bool(np.all(values == np.floor(values)))
    if whole and len(values) > 1 and bool(np.all(np.diff(values) == 1)):
        raise NumericsError(
            f"{where} and counts the rows; write the file with index=False, or drop that column"
        )
    if whole and len(np.unique(values)) == len(values) > 1:
        raise NumericsError(
            f"{where} and a whole number of its own in every row, as row labels have; write the file with index=False, "
            "or name the column"
        )
    if not title:
        raise NumericsError(f"{where}; give it one in the header, or leave the column out")


def _as_number(field: str, mark: str) -> float | None:
    """The number that is written, None if there is none."""
    try:
        value = float(field.replace(",", ".") if mark == "," else field)
    except ValueError:
        return None
    return None if "_" in field else value  # Python's digit grouping, no number in a data file
