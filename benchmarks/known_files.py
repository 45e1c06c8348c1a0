"""Files of other people's data, plain or gzipped: their text, and the rows of their CSV."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

from benchmarks.known import KnownUnreadable


def text_of(file: Path) -> str:
    """Return a file's text, unpacked when it is gzipped. Raises `KnownUnreadable`."""
    try:
        raw = file.read_bytes()
        return (gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw).decode("utf-8-sig")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as broken:
        raise KnownUnreadable(f"{file}：读不出来（{broken}）") from broken


def csv_records(
    file: Path, text: str, needed: Callable[[Collection[str]], Collection[str]]
) -> Iterator[tuple[int, object]]:
    """Yield (line, row) of a CSV; a row with too few or too many cells is yielded as its text.

    `needed` tells which columns a header must have. Raises `KnownUnreadable`.
    """
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        columns = reader.fieldnames or ()
        if lacking := [column for column in needed(columns) if column not in columns]:
            raise KnownUnreadable(f"{file}：第 1 行缺少列 {'、'.join(lacking)}")
        for row in reader:
            whole = None not in row and None not in row.values()
            yield reader.line_num, row if whole else "列数与表头不符"
    except csv.Error as broken:
        raise KnownUnreadable(f"{file}：第 {reader.line_num} 行不是 CSV（{broken}）") from broken
