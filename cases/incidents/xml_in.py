"""Other people's XML, read without trusting it: no document type, no entities, no fetching.

Expat alone, which is in Python itself. It never opens a file or an address by itself; a document
type is refused at its first character, and with it every entity but the five of XML and references
to characters. Bytes, depth and count of elements are limited before anything is built.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

MAX_BYTES: Final = 1024 * 1024
"""More than any alert needs: 64 times the largest of the published examples (16 KB)."""
MAX_DEPTH: Final = 32
"""An alert has 5 levels, a feed 7, a signature within an alert 9."""
MAX_ELEMENTS: Final = 20_000

_BETWEEN: Final = "\n"
"""Stands between namespace and name: can be in neither."""

_MULTIBYTE: Final = re.compile(
    rb"""^<\?xml[^>]{0,100}encoding\s*=\s*["'](gb2312|gbk|gb18030)["'][^>]{0,100}\?>""", re.I
)
"""Encodings of Chinese systems that expat does not know: read as GB 18030, which holds the other
two."""


class XmlRefused(Exception):
    """The document is not read; the text says why, in the office's words."""


@dataclass(slots=True)
class Element:
    """One element. `text` is its character data, without that of its children."""

    space: str
    name: str
    attributes: Mapping[tuple[str, str], str]
    line: int
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def all(self, name: str) -> Iterator[Element]:
        """Yield the children of that name within this element's own namespace."""
        return (one for one in self.children if one.name == name and one.space == self.space)

    def first(self, name: str) -> Element | None:
        return next(self.all(name), None)

    def said(self, name: str) -> str:
        """Return the text of the first child of that name, without space around it; "" if none."""
        found = self.first(name)
        return "" if found is None else found.text.strip()


def read_xml(body: bytes, max_bytes: int = MAX_BYTES) -> Element:
    """Return the root. Raises `XmlRefused` for what is too large, hostile or no XML."""
    if len(body) > max_bytes:
        raise XmlRefused(f"文件超过 {max_bytes // 1024} KB")
    builder = _Builder()
    encoding = None
    if _MULTIBYTE.match(body):
        encoding = "utf-8"
        try:
            body = body.decode("gb18030").encode()
        except UnicodeDecodeError as broken:
            raise XmlRefused(f"不是所声明的编码：{broken}") from broken
    parser = builder.parser(encoding)
    try:
        parser.Parse(body, True)
    except (expat.ExpatError, LookupError, ValueError) as broken:
        raise XmlRefused(f"不是合格的 XML：{broken}") from broken
    assert builder.root is not None  # expat does not end without a root
    return builder.root


class _Builder:
    def __init__(self) -> None:
        self.root: Element | None = None
        self._open: list[Element] = []
        self._texts: list[list[str]] = []
        self._count = 0
        self._parser: expat.XMLParserType

    def parser(self, encoding: str | None) -> expat.XMLParserType:
        self._parser = made = expat.ParserCreate(encoding, _BETWEEN)
        made.buffer_text = True
        made.StartDoctypeDeclHandler = self._doctype
        made.EntityDeclHandler = self._entity
        made.StartElementHandler = self._start
        made.EndElementHandler = self._end
        made.CharacterDataHandler = self._characters
        return made

    def _doctype(self, *_: object) -> None:
        raise XmlRefused("含有 DOCTYPE（文档类型声明），一律不收")

    def _entity(self, *_: object) -> None:
        raise XmlRefused("含有实体声明，一律不收")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > MAX_ELEMENTS:
            raise XmlRefused(f"元素多于 {MAX_ELEMENTS} 个")
        if len(self._open) >= MAX_DEPTH:
            raise XmlRefused(f"元素嵌套多于 {MAX_DEPTH} 层")
        named = {_split(key): value for key, value in attributes.items()}
        made = Element(*_split(name), named, self._parser.CurrentLineNumber)
        if self._open:
            self._open[-1].children.append(made)
        else:
            self.root = made
        self._open.append(made)
        self._texts.append([])

    def _characters(self, text: str) -> None:
        self._texts[-1].append(text)

    def _end(self, _name: str) -> None:
        self._open.pop().text = "".join(self._texts.pop())


def _split(name: str) -> tuple[str, str]:
    space, _, local = name.rpartition(_BETWEEN)
    return space, local


def written(element: Element) -> bytes:
    """Return an element as a document of its own: the same names, attributes and texts.

    Comments and the order of text among children are not kept; no signature survives it.
    """
    return b'<?xml version="1.0" encoding="UTF-8"?>\n' + "".join(_written(element, "")).encode()


def _written(element: Element, around: str) -> Iterator[str]:
    yield f"<{element.name}"
    if element.space != around:
        yield f" xmlns={quoteattr(element.space)}"
    for place, ((space, name), value) in enumerate(element.attributes.items()):
        if space == XML:
            yield f" xml:{name}={quoteattr(value)}"
        elif space:
            yield f" xmlns:a{place}={quoteattr(space)} a{place}:{name}={quoteattr(value)}"
        else:
            yield f" {name}={quoteattr(value)}"
    yield f">{escape(element.text)}"
    for one in element.children:
        yield from _written(one, element.space)
    yield f"</{element.name}>"


XML: Final = "http://www.w3.org/XML/1998/namespace"
"""Namespace of the prefix that needs no declaration."""
