"""XML from strangers, read into plain nodes: no DTD, no entities, no more than is sensible.

Expat itself (standard library) is enough: a document type is refused when it begins, and without
one there is neither an entity to expand nor a file or address to fetch. defusedxml would do the
same by the same handlers, lxml would bring a second parser.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

MAX_BYTES = 5_000_000
MAX_NODES = 200_000
MAX_DEPTH = 60


class XmlRefused(ValueError):
    """The text is not XML that is read here; `line` counts from 1."""

    def __init__(self, message: str, line: int, remedy: str) -> None:
        super().__init__(message)
        self.line, self.remedy = line, remedy


@dataclass
class Node:
    """An element: namespace, local name, attributes by local name, children, own text."""

    space: str
    name: str
    attributes: Mapping[str, str]
    line: int
    children: list[Node] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.texts).strip()

    def all(self, name: str) -> Iterator[Node]:
        """Yield the children of a name, in the namespace of this element."""
        for child in self.children:
            if child.name == name and child.space == self.space:
                yield child

    def first(self, name: str) -> Node | None:
        return next(self.all(name), None)

    def inner(self, name: str) -> str:
        """Return the text of `<name><text>…</text></name>`, or of `<name>` itself."""
        child = self.first(name)
        if child is None:
            return ""
        inner = child.first("text")
        return child.text if inner is None else inner.text


def read_xml(raw: bytes) -> Node:
    """Return the root of a document. Raises `XmlRefused`."""
    if len(raw) > MAX_BYTES:
        raise XmlRefused(f"文件 {len(raw)} 字节, 最多 {MAX_BYTES}", 1, "拆成几个模型")
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    building = _Building(parser)
    parser.StartDoctypeDeclHandler = building.doctype
    parser.StartElementHandler = building.start
    parser.EndElementHandler = building.end
    parser.CharacterDataHandler = building.characters
    try:
        parser.Parse(raw, True)
    except XmlRefused:
        raise
    except expat.ExpatError as error:
        why = expat.errors.messages.get(error.code, str(error))
        raise XmlRefused(f"不是 XML: {why}", error.lineno, "用建模工具重新导出, UTF-8") from error
    except (ValueError, LookupError) as error:
        # An encoding that expat does not know, GBK for one.
        raise XmlRefused(f"不是 XML: {error}", 1, "存成 UTF-8") from error
    assert building.root is not None, "expat refuses a document without an element"
    return building.root


class _Building:
    """Collects nodes while expat reads."""

    def __init__(self, parser: expat.XMLParserType) -> None:
        self._parser = parser
        self._open: list[Node] = []
        self._count = 0
        self.root: Node | None = None

    def _refuse(self, message: str, remedy: str) -> XmlRefused:
        return XmlRefused(message, self._parser.CurrentLineNumber, remedy)

    def doctype(self, name: str, *_: object) -> None:
        raise self._refuse("XML 中有 DOCTYPE (可含实体炸弹或外部引用)", "删去 DOCTYPE")

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._count += 1
        if self._count > MAX_NODES:
            raise self._refuse(f"元素超过 {MAX_NODES} 个", "拆成几个模型")
        if len(self._open) >= MAX_DEPTH:
            raise self._refuse(f"嵌套超过 {MAX_DEPTH} 层", "检查文件")
        space, _, name = tag.rpartition(" ")
        local = {key.rpartition(" ")[2]: value for key, value in attributes.items()}
        node = Node(space, name, local, self._parser.CurrentLineNumber)
        if self._open:
            self._open[-1].children.append(node)
        else:
            self.root = node
        self._open.append(node)

    def end(self, _: str) -> None:
        self._open.pop()

    def characters(self, text: str) -> None:
        if self._open:
            self._open[-1].texts.append(text)
