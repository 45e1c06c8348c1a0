"""One cell of a decision table: the part of FEEL's unary tests that a column can bear.

`-`, values, `<` `<=` `>` `>=`, intervals `[a..b]` `(a..b)` `]a..b[`, several of them with commas
(any one holds), `not(…)`, `null`, `not(…), null`. Numbers are exact decimals; a date is
`date("2026-03-01")` or `@"2026-03-01"`. In a text column of our own files a plain word needs no
quotes.

A missing value is matched by `-` and by a cell that names `null`, by no other.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

Kind = Literal["text", "number", "boolean", "date"]
Scalar = str | Decimal | bool | date | None
Number = Decimal | date
"""What can be ordered."""

MAX_DIGITS = 15
"""Decimal digits that a double keeps exactly; a longer constant would not equal itself."""
MAX_NUMBER = Decimal(2**53 - 1)
MAX_TEXT = 1000
"""Bytes of a text in a cell, as in a rule (`rules.validate.MAX_CONSTANT`)."""
MAX_PARTS = 20
"""Values and ranges in one cell (`rules.validate.MAX_ITEMS`)."""
MAX_CELL = 4000
"""Characters of a cell."""


class CellRefused(ValueError):
    """A cell that cannot be read; `remedy` says how to write it."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


@dataclass(frozen=True)
class Equal:
    """The value itself; `None` is a missing one."""

    value: Scalar


@dataclass(frozen=True)
class Range:
    """From `low` to `high`; `None` is no bound on that side."""

    low: Number | None
    low_closed: bool
    high: Number | None
    high_closed: bool

    def holds(self, value: Number) -> bool:
        # Decimal and date never meet in one column.
        low, high = self.low, self.high
        if low is not None and (value < low or (value == low and not self.low_closed)):  # type: ignore[operator]
            return False
        return high is None or not (value > high or (value == high and not self.high_closed))  # type: ignore[operator]


Part = Equal | Range


@dataclass(frozen=True)
class Cell:
    """What a column must be. No parts: anything, a missing value too."""

    parts: tuple[Part, ...] = ()
    negated: bool = False
    or_missing: bool = False
    """Of a negated cell: it matches a missing value too."""

    @property
    def is_any(self) -> bool:
        return not self.parts

    def holds(self, value: Scalar) -> bool:
        """Tell whether an exact value matches: the meaning, in the fewest words."""
        if self.is_any:
            return True
        found = any(_matches(part, value) for part in self.parts)
        if not self.negated:
            return found
        return self.or_missing if value is None else not found


ANY = Cell()


def _matches(part: Part, value: Scalar) -> bool:
    match part:
        case Equal(value=wanted):
            return type(wanted) is type(value) and wanted == value
        case Range():
            return isinstance(value, Decimal | date) and part.holds(value)


_TOKEN = re.compile(
    r"""\s*(?:
      (?P<text>"(?:[^"\\]|\\.)*")
    | (?P<at>@"[^"]*")
    | (?P<number>-?(?:\d+(?:\.(?!\.)\d*)?|\.\d+))
    | (?P<range>\.\.)
    | (?P<op><=|>=|!=|<|>|=)
    | (?P<sign>[\[\](),-])
    | (?P<word>[^\W\d][\w·.%/+:-]*(?<!\.))
    )""",
    re.VERBOSE,
)
_ESCAPES = {'"': '"', "\\": "\\", "n": "\n", "t": "\t", "r": "\r", "'": "'"}
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{6})|.)", re.DOTALL)
_WIDE = "，（）［］＜＞＝－“”‘’。．　！"
_KEYWORDS = frozenset({"not", "null", "true", "false", "date"})


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str
    at: int


def parse_cell(text: str, kind: Kind, bare_words: bool = False) -> Cell:
    """Return an input cell of a column of this kind. Raises `CellRefused`.

    `bare_words`: `High` in a text column means `"High"`.
    """
    tokens = _tokens(text)
    if not tokens:
        raise CellRefused("空的单元格", "不限写 -, 缺失写 null")
    if [token.text for token in tokens] == ["-"]:
        return ANY
    return _Reader(tokens, kind, bare_words).cell()


def as_feel(cell: Cell) -> Cell:
    """Return the cell that says what FEEL means by it.

    There a missing value is not equal to a text or number, so that `not("a")` matches it; to
    compare it with a bound is an error, and `not(<5)` does not.
    """
    plain = all(isinstance(part, Equal) and part.value is not None for part in cell.parts)
    return Cell(cell.parts, True, True) if cell.negated and plain else cell


def parse_value(text: str, kind: Kind, bare_words: bool = False) -> Scalar:
    """Return the value of an output cell: a constant of the kind, or null. Raises `CellRefused`."""
    tokens = _tokens(text)
    if not tokens or [token.text for token in tokens] == ["-"]:
        raise CellRefused("没有写结果", "写一个值, 没有结果写 null")
    reader = _Reader(tokens, kind, bare_words)
    value = reader.value()
    reader.end()
    return value


def _tokens(text: str) -> list[_Token]:
    if len(text) > MAX_CELL:
        raise CellRefused(f"单元格 {len(text)} 个字符, 最多 {MAX_CELL}", "拆成几行")
    found, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            rest = text[at:].lstrip()
            wrong = rest[:1]
            if wrong in _WIDE:
                raise CellRefused(f"{text!r} 中有全角符号 {wrong!r}", "改用半角符号")
            raise CellRefused(
                f"{text!r} 从 {rest[:20]!r} 起读不懂", "按 rules/README.md 的单元格写法改正"
            )
        kind = match.lastgroup
        assert kind is not None
        found.append(_Token(kind, match.group(kind), match.start(kind)))
        at = match.end()
    return found


class _Reader:
    """Reads the tokens of one cell from left to right."""

    def __init__(self, tokens: Sequence[_Token], kind: Kind, bare_words: bool) -> None:
        self._tokens, self._kind, self._bare = tokens, kind, bare_words
        self._at = 0

    def _peek(self) -> str:
        return self._tokens[self._at].text if self._at < len(self._tokens) else ""

    def _next(self) -> _Token:
        if self._at >= len(self._tokens):
            raise CellRefused("单元格没有写完", "补全区间、括号或值")
        self._at += 1
        return self._tokens[self._at - 1]

    def _expect(self, wanted: str) -> None:
        found = self._next()
        if found.text != wanted:
            raise CellRefused(f"此处应为 {wanted!r}, 写的是 {found.text!r}", "检查括号与逗号")

    def end(self) -> None:
        if self._at < len(self._tokens):
            raise CellRefused(f"多出 {self._peek()!r}", "几个值之间用逗号, 文本加双引号")

    def cell(self) -> Cell:
        negated = self._peek() == "not"
        if negated:
            self._next()
            self._expect("(")
        parts = [self._part()]
        while self._peek() == ",":
            self._next()
            parts.append(self._part())
        or_missing = False
        if negated:
            self._expect(")")
            or_missing = self._peek() == ","
            if or_missing:
                self._next()
                self._expect("null")
        self.end()
        unique = tuple(dict.fromkeys(parts))
        if len(unique) > MAX_PARTS:
            raise CellRefused(f"一格 {len(unique)} 个值, 最多 {MAX_PARTS}", "拆成几行")
        return Cell(unique, negated, or_missing)

    def _part(self) -> Part:
        sign = self._peek()
        if sign in ("<", "<=", ">", ">="):
            self._next()
            bound = self._bound()
            closed = sign.endswith("=")
            if sign.startswith("<"):
                return Range(None, False, bound, closed)
            return Range(bound, closed, None, False)
        if sign in ("[", "(", "]"):
            return self._interval()
        if sign == "=":
            self._next()
        return Equal(self.value())

    def _interval(self) -> Range:
        low_closed = self._next().text == "["
        low = self._bound()
        self._expect("..")
        high = self._bound()
        closing = self._next().text
        if closing not in ("]", ")", "["):
            raise CellRefused(f"区间以 {closing!r} 结尾", "以 ] 或 ) 结尾")
        if low > high or (low == high and not (low_closed and closing == "]")):  # type: ignore[operator]
            raise CellRefused(f"区间 {low}..{high} 是空的", "下限写在前面")
        return Range(low, low_closed, high, closing == "]")

    def _bound(self) -> Number:
        if self._kind not in ("number", "date"):
            raise CellRefused(f"{self._kind} 列不能比较大小", "写出允许的值, 用逗号隔开")
        value = self.value()
        if not isinstance(value, Decimal | date):
            raise CellRefused("界限不能是 null", "写一个数或日期")
        return value

    def value(self) -> Scalar:
        """Return one constant of the column's kind, or null."""
        token = self._next()
        if token.text == "null":
            return None
        found = self._constant(token)
        if found is None:
            raise CellRefused(f"{token.text!r} 不是 {self._kind}", _HOW[self._kind])
        return found

    def _constant(self, token: _Token) -> Scalar:
        match self._kind:
            case "number":
                return number_of(token.text) if token.kind == "number" else None
            case "boolean":
                return {"true": True, "false": False}.get(token.text)
            case "date":
                if token.kind == "at":
                    return _date(token.text[2:-1])
                return self._called_date() if token.text == "date" else None
            case "text":
                if token.kind == "text":
                    return _text(token.text)
                is_word = token.kind == "word" and token.text not in _KEYWORDS
                return _text(f'"{token.text}"') if self._bare and is_word else None

    def _called_date(self) -> date:
        self._expect("(")
        token = self._next()
        if token.kind != "text":
            raise CellRefused(f"date({token.text}) 读不懂", _HOW["date"])
        self._expect(")")
        return _date(token.text[1:-1])


_HOW: dict[Kind, str] = {
    "text": '文本加双引号, 如 "甲"; 几个值用逗号隔开',
    "number": "写成 12 或 12.5, 区间写 [1..5], 不用科学计数法与千分位",
    "boolean": "写 true 或 false",
    "date": '写成 date("2026-03-01")',
}


def number_of(text: str) -> Decimal:
    """Return an exact number. Raises `CellRefused` when the engine could not keep it."""
    value = Decimal(text)
    if abs(value) > MAX_NUMBER:
        raise CellRefused(f"{text} 的绝对值超过 2^53-1", "换一个单位")
    # Not `normalize`: it rounds to the context's precision first.
    digits = "".join(map(str, value.as_tuple().digits)).strip("0")
    if len(digits) > MAX_DIGITS and value != value.to_integral_value():
        raise CellRefused(f"{text} 超过 {MAX_DIGITS} 位有效数字", "少写几位小数")
    return value


def _text(quoted: str) -> str:
    value = unquoted(quoted)
    if len(value.encode("utf-8", "surrogatepass")) > MAX_TEXT:
        raise CellRefused(f"文本超过 {MAX_TEXT} 字节", "写短些")
    return value


def unquoted(quoted: str) -> str:
    """Return the text that a quoted one means, with the escapes of FEEL."""
    return _ESCAPE.sub(_meant, quoted[1:-1])


def _meant(escape: re.Match[str]) -> str:
    digits = escape[1] or escape[2]
    if digits and int(digits, 16) <= sys.maxunicode:
        return chr(int(digits, 16))
    return _ESCAPES.get(escape[0][1], escape[0])


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise CellRefused(f"{text!r} 不是日期", _HOW["date"]) from None


def spelled(value: Scalar) -> str:
    """Return a value as a cell writes it."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
        case Decimal():
            return f"{value.normalize():f}"
        case date():
            return f'date("{value.isoformat()}")'


def spelled_cell(cell: Cell) -> str:
    """Return a cell as text that `parse_cell` reads to the same cell."""
    if cell.is_any:
        return "-"
    inner = ", ".join(map(_spelled_part, cell.parts))
    if not cell.negated:
        return inner
    return f"not({inner}), null" if cell.or_missing else f"not({inner})"


def _spelled_part(part: Part) -> str:
    match part:
        case Equal(value=value):
            return spelled(value)
        case Range(low=None, high=high):
            assert high is not None
            return ("<=" if part.high_closed else "<") + spelled(high)
        case Range(low=low, high=None):
            assert low is not None
            return (">=" if part.low_closed else ">") + spelled(low)
        case Range(low=low, high=high):
            opening, closing = "[" if part.low_closed else "(", "]" if part.high_closed else ")"
            return f"{opening}{spelled(low)}..{spelled(high)}{closing}"
