"""A decision table in a CSV file, as a spreadsheet saves it (docs/tables.md).

The first column labels the header lines (列, 字段, 类型, 单位, 取值, 默认, 标题) and holds the ids
of the rows after them; the line 列 says of each further column whether it is an input, an output,
an article or a note. UTF-8, with or without a byte order mark.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Part = Literal["input", "output", "basis", "note"]

PARTS: Mapping[str, Part] = {
    "输入": "input", "input": "input", "输出": "output", "output": "output",
    "条文": "basis", "basis": "basis", "注": "note", "note": "note",
}  # fmt: skip
LABELS: Mapping[str, str] = {
    "列": "part", "column": "part", "字段": "field", "field": "field",
    "类型": "type", "type": "type",
    "单位": "unit", "unit": "unit", "取值": "values", "values": "values",
    "默认": "default", "default": "default", "标题": "title", "title": "title",
}  # fmt: skip
FLAGS: Mapping[str, str] = {
    "整数": "whole", "whole": "whole", "可缺": "optional", "optional": "optional",
}  # fmt: skip
MAX_BYTES = 2_000_000
MAX_COLUMNS = 40

_THOUSANDS = re.compile(r"(?<![\d.])\d{1,3}(,\d{3})+(?!\d)")


class FileRefused(ValueError):
    """A table file that cannot be read; `line` counts from 1."""

    def __init__(self, message: str, line: int, remedy: str) -> None:
        super().__init__(message)
        self.line, self.remedy = line, remedy


@dataclass(frozen=True)
class TableFile:
    """`inputs`, `outputs`, `rows` as a pack's YAML would have them, and the line of each row."""

    raw: dict[str, Any]
    lines: tuple[int, ...]


def read_csv(content: bytes) -> TableFile:
    """Return what a CSV file holds. Raises `FileRefused` with line and column."""
    lines = list(_lines(_decoded(content)))
    if not lines:
        raise FileRefused("空文件", 1, "第一行写 列,输入,输出")
    header = {label: cells for label, _, cells in _header(lines)}
    body = lines[len(header) :]
    parts = [_part(cell, n) for n, cell in enumerate(header["part"], 2)]
    if "field" not in header:
        raise FileRefused("没有「字段」一行", 2, "第二行写 字段 与各列的字段名")
    inputs = [_input(header, n) for n, part in enumerate(parts) if part == "input"]
    outputs = [_output(header, n) for n, part in enumerate(parts) if part == "output"]
    rows = [_row(line, name, cells, parts, header) for line, name, cells in body]
    if not rows:
        raise FileRefused("只有表头, 没有一行", len(lines), "在表头之后写行")
    raw = {"inputs": inputs, "outputs": outputs, "rows": rows}
    return TableFile(raw, tuple(line for line, _, _ in body))


def _decoded(content: bytes) -> str:
    if len(content) > MAX_BYTES:
        raise FileRefused(f"文件 {len(content)} 字节, 最多 {MAX_BYTES}", 1, "拆成几张表")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        kind = "像是 GBK" if _reads_as(content, "gb18030") else "不知是什么编码"
        remedy = "在表格软件里另存为「CSV UTF-8」"
        raise FileRefused(f"不是 UTF-8 ({kind})", line, remedy) from error


def _reads_as(content: bytes, encoding: str) -> bool:
    try:
        content.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _lines(text: str) -> Iterator[tuple[int, str, list[str]]]:
    """Yield line number, first cell and the others of each line that is not empty."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            raise FileRefused(f"不是 CSV: {error}", line, "检查引号是否成对") from error
        if len(cells) > MAX_COLUMNS:
            raise FileRefused(f"{len(cells)} 列, 最多 {MAX_COLUMNS}", line, "拆成几张表")
        if any(cells):
            yield line, cells[0], cells[1:]


def _header(lines: Sequence[tuple[int, str, list[str]]]) -> Iterator[tuple[str, int, list[str]]]:
    """Yield the header lines, cut or filled to the width of the first."""
    line, first, parts = lines[0]
    if LABELS.get(first) != "part":
        hint = "以逗号分隔; 第一行写 列,输入,…,输出" if "\t" in first or ";" in first else ""
        raise FileRefused(
            f"第一行以 {first!r} 开头, 应为「列」", line, hint or "第一行写 列,输入,…,输出"
        )
    while parts and not parts[-1]:
        parts = parts[:-1]
    seen: set[str] = set()
    for line, name, cells in lines:
        label = LABELS.get(name)
        if label is None:
            return
        if label in seen:
            raise FileRefused(f"「{name}」一行写了两次", line, "只留一行")
        seen.add(label)
        if any(cells[len(parts) :]):
            raise FileRefused(
                f"比第一行多出列: {cells[len(parts)]!r}", line, "在第一行写明这一列是什么"
            )
        yield label, line, (cells + [""] * len(parts))[: len(parts)]


def _part(cell: str, column: int) -> Part:
    if cell not in PARTS:
        raise FileRefused(f"第 {column} 列写作 {cell!r}", 1, "写 " + "、".join(list(PARTS)[::2]))
    return PARTS[cell]


def _kind(header: Mapping[str, list[str]], n: int) -> dict[str, Any]:
    """Return type and flags of a column: `number whole`, `number 整数 可缺`."""
    words = header.get("type", [""] * (n + 1))[n].split()
    found: dict[str, Any] = {}
    for word in words:
        if word in FLAGS:
            found[FLAGS[word]] = True
        else:
            found["type"] = word
    return found


def _texts(header: Mapping[str, list[str]], n: int, *labels: str) -> dict[str, str]:
    return {label: header[label][n] for label in labels if label in header and header[label][n]}


def _input(header: Mapping[str, list[str]], n: int) -> dict[str, Any]:
    return {
        "field": header["field"][n],
        **_kind(header, n),
        **_texts(header, n, "title", "unit", "values"),
    }


def _output(header: Mapping[str, list[str]], n: int) -> dict[str, Any]:
    return {
        "name": header["field"][n],
        **_kind(header, n),
        **_texts(header, n, "title", "unit", "values", "default"),
    }


def _row(
    line: int,
    name: str,
    cells: Sequence[str],
    parts: Sequence[Part],
    header: Mapping[str, list[str]],
) -> dict[str, Any]:
    if any(cells[len(parts) :]):
        raise FileRefused(f"比第一行多出一格: {cells[len(parts)]!r}", line, "带逗号的格要加引号")
    # A spreadsheet writes empty cells after the last column too.
    filled = [*cells, *[""] * (len(parts) - len(cells))][: len(parts)]
    for n, (part, cell) in enumerate(zip(parts, filled, strict=True)):
        is_number = "number" in header.get("type", [""] * len(parts))[n]
        if part in ("input", "output") and is_number and _THOUSANDS.search(cell):
            raise FileRefused(
                f"第 {n + 2} 列 {cell!r} 像是千分位", line, "数字里不写逗号; 两个值写 1, 234"
            )

    def of(part: Part) -> list[str]:
        return [cell for one, cell in zip(parts, filled, strict=True) if one == part]

    return {
        "id": name,
        "when": of("input"),
        "then": of("output"),
        "basis": "; ".join(filter(None, of("basis"))),
        "note": "; ".join(filter(None, of("note"))),
    }
