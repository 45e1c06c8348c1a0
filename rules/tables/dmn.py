"""Decision tables out of DMN 1.1 … 1.6 models, as XML files hold them.

A model is its inputs, its item definitions, its functions (business knowledge) and its decisions.
Tables whose cells are constants become `Table`s, one by one the same as those written in a pack;
other expressions are read by `rules.tables.dmn_boxes`. What is not read is refused by name, with
its line; the other decisions of the model still are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from rules.shapes import Problem, Title
from rules.tables.cells import CellRefused, Kind, parse_cell
from rules.tables.dmn_boxes import (
    BASIS,
    Boxes,
    constant_table,
    feel_table,
    name_of,
    text_of,
)
from rules.tables.dmn_boxes import DmnRefused as DmnRefused
from rules.tables.feel_values import Expr, Function, Names
from rules.tables.plain_xml import MAX_BYTES, Node, XmlRefused, read_xml
from rules.tables.spec import Hit, InputSpec, OutputSpec, RowSpec, TableSpec
from rules.tables.table import Table, TableRefused, build

SPACES: Mapping[str, str] = {
    "http://www.omg.org/spec/DMN/20151101/dmn.xsd": "1.1",
    "http://www.omg.org/spec/DMN/20180521/MODEL/": "1.2",
    "https://www.omg.org/spec/DMN/20191111/MODEL/": "1.3",
    "https://www.omg.org/spec/DMN/20211108/MODEL/": "1.4",
    "https://www.omg.org/spec/DMN/20230324/MODEL/": "1.5",
    "https://www.omg.org/spec/DMN/20240513/MODEL/": "1.6",
}
"""Namespace of a model → version of DMN."""

POLICIES: Mapping[str, Hit] = {
    "UNIQUE": "U", "ANY": "A", "PRIORITY": "P", "FIRST": "F",
    "RULE ORDER": "R", "OUTPUT ORDER": "O", "COLLECT": "C",
}  # fmt: skip
AGGREGATIONS: Mapping[str, Hit] = {"SUM": "C+", "MIN": "C<", "MAX": "C>", "COUNT": "C#"}
KINDS: Mapping[str, Kind] = {
    "number": "number", "string": "text", "boolean": "boolean", "date": "date",
    "integer": "number", "long": "number", "double": "number",
}  # fmt: skip
"""Types of FEEL, and the spellings of Camunda's modeller."""


MAX_IMPORTS = 5
"""Models that import one another, one below the other."""
MAX_BESIDE = 50
"""Files looked at beside a model for one that it imports."""
MAX_TYPES = 30
"""Components within components."""


@dataclass(frozen=True)
class ItemType:
    """A type of the model: what it comes down to, and which values are allowed."""

    kind: Kind | None
    """Absent: a structure, or a type that no column has."""
    allowed: str = ""
    is_list: bool = False
    components: Mapping[str, ItemType] = field(default_factory=dict)
    word: str = ""
    """FEEL's own name of the type it comes down to."""


@dataclass(frozen=True)
class TableLogic:
    """A table of constants; `sources` are the expressions of its input columns."""

    table: Table
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Decision:
    """A decision of a model. `refusal` says why it is not read, with its line."""

    name: str
    line: int
    requires: tuple[str, ...]
    """Names of the decisions it stands on."""
    value: Expr | None = field(repr=False)
    table: TableLogic | None = None
    """Where the decision is a table of constants."""
    refusal: str = ""


@dataclass(frozen=True)
class DmnModel:
    """A model: types of its inputs by name, its decisions and functions by name."""

    name: str
    version: str
    inputs: Mapping[str, ItemType]
    decisions: Mapping[str, Decision]
    functions: Mapping[str, Function]
    imports: Mapping[str, DmnModel] = field(default_factory=dict)
    """Models by the name under which this one imports them."""
    types: Mapping[str, ItemType] = field(default_factory=dict, repr=False)
    members: frozenset[str] = frozenset()
    """Names of components, entries and columns anywhere in it."""


def load_dmn(file: Path) -> DmnModel:
    """Return the model of a file, with the models beside it that it imports.

    Raises `DmnRefused`; also for a file that cannot be read.
    """
    return _loaded(file, ())


def _loaded(file: Path, above: tuple[str, ...]) -> DmnModel:
    root = _root(_content(file))
    imports: dict[str, DmnModel] = {}
    for node in root.all("import"):
        space = node.attributes.get("namespace", "")
        if node.attributes.get("importType", "").strip() not in SPACES:
            continue
        if space in above or len(above) > MAX_IMPORTS:
            raise DmnRefused(f"导入绕回自身: {space!r}", node.line, "断开环")
        beside = _beside(file, space)
        if beside is None:
            raise DmnRefused(f"旁边没有要导入的模型 {space!r}", node.line, "把它放在同一文件夹")
        imports[name_of(node)] = _loaded(beside, (*above, space))
    return _Reader(root, imports).model()


def _beside(file: Path, space: str) -> Path | None:
    """Return the file of the model of a namespace among those beside a file."""
    for other in sorted(file.parent.glob("*.dmn"))[:MAX_BESIDE]:
        if other == file:
            continue
        try:
            root = _root(_content(other))
        except DmnRefused:
            continue
        if root.attributes.get("namespace", "") == space:
            return other
    return None


def _content(file: Path) -> bytes:
    try:
        if file.stat().st_size > MAX_BYTES:
            raise DmnRefused(f"文件超过 {MAX_BYTES} 字节", 1, "拆成几个模型")
        return file.read_bytes()
    except OSError as error:
        raise DmnRefused(f"读不出来: {error}", 1, "检查路径与权限") from error


def read_dmn(raw: bytes) -> DmnModel:
    """Return the model of an XML text that imports no other. Raises `DmnRefused`."""
    return _Reader(_root(raw), {}).model()


def _root(raw: bytes) -> Node:
    try:
        root = read_xml(raw)
    except XmlRefused as refused:
        raise DmnRefused(str(refused), refused.line, refused.remedy) from refused
    if root.name != "definitions" or root.space not in SPACES:
        raise DmnRefused(
            f"根元素 {root.name!r} (命名空间 {root.space!r}) 不是 DMN 模型",
            root.line,
            f"导出为 DMN {', '.join(SPACES.values())} 之一",
        )
    return root


class _Reader:
    """Reads one model."""

    def __init__(self, root: Node, imports: Mapping[str, DmnModel]) -> None:
        self._root, self._imports = root, imports
        self._items: dict[str, ItemType | None] = {}
        self._named = {node.attributes.get("name", ""): node for node in root.all("itemDefinition")}
        self._names = {
            "#" + node.attributes.get("id", ""): name_of(node)
            for kind in ("inputData", "decision")
            for node in root.all(kind)
        }
        self._types: dict[str, ItemType] = {}
        self._tables: dict[int, TableLogic] = {}
        self._boxes = Boxes(self._read_table)
        inside = list(_below(root))
        members = {name_of(node) for node in inside if node.name == "itemComponent"}
        members |= {
            name_of(variable)
            for node in inside
            if node.name == "contextEntry" and (variable := node.first("variable")) is not None
        }
        members |= {name_of(node) for node in inside if node.name in ("output", "column")}
        known = {
            name_of(node)
            for kind in ("inputData", "decision", "businessKnowledgeModel")
            for node in root.all(kind)
        }
        for name, other in imports.items():
            known.add(name)
            members |= {*other.members, *other.functions}
        self._all = Names(frozenset(known - {""}), frozenset(members - {""}))

    def model(self) -> DmnModel:
        self._types = {name_of(node): self._variable(node) for node in self._root.all("inputData")}
        functions: dict[str, Function] = {}
        refused: dict[str, str] = {}
        for node in self._root.all("businessKnowledgeModel"):
            name, logic = name_of(node), node.first("encapsulatedLogic")
            try:
                if logic is None:
                    raise DmnRefused(f"函数 {name!r} 没有内容", node.line, "补上 encapsulatedLogic")
                functions[name] = self._boxes.function(logic, self._all, name)
            except DmnRefused as wrong:
                refused[name] = str(wrong)
        decisions: dict[str, Decision] = {}
        for node in self._root.all("decision"):
            name = name_of(node)
            if not name:
                raise DmnRefused("决策没有名字", node.line, "写 name")
            if name in decisions:
                raise DmnRefused(f"决策 {name!r} 出现两次", node.line, "每个决策用自己的名字")
            decisions[name] = self._decision(node, refused)
        _acyclic(decisions)
        version = SPACES[self._root.space]
        return DmnModel(
            name_of(self._root),
            version,
            self._types,
            decisions,
            functions,
            self._imports,
            {name: self._type(name, self._root.line) for name in self._named},
            self._all.members,
        )

    def _decision(self, node: Node, refused: Mapping[str, str]) -> Decision:
        requires: tuple[str, ...] = ()
        value: Expr | None = None
        refusal = ""
        try:
            requires = tuple(self._required(node, "requiredDecision"))
            for requirement in node.all("knowledgeRequirement"):
                for link in requirement.all("requiredKnowledge"):
                    name = self._knowledge(link)
                    if name in refused:
                        raise DmnRefused(f"函数 {name!r} {refused[name]}", node.line, "见上")
            value = self._boxes.inside(node, self._all, name_of(node))
        except DmnRefused as wrong:
            refusal = f"决策 {name_of(node)!r} {wrong}"
        table = node.first("decisionTable")
        logic = self._tables.get(id(table)) if table is not None else None
        return Decision(name_of(node), node.line, requires, value, logic, refusal)

    def _knowledge(self, link: Node) -> str:
        address = link.attributes.get("href", "")
        if self._imports and not address.startswith("#"):
            return ""  # of an imported model; what it lacks is an unknown name
        for node in self._root.all("businessKnowledgeModel"):
            if "#" + node.attributes.get("id", "") == address:
                return name_of(node)
        raise DmnRefused(f"requiredKnowledge 指向不存在的 {address!r}", link.line, "改正 href")

    def _required(self, node: Node, kind: str) -> Iterator[str]:
        for requirement in node.all("informationRequirement"):
            for link in requirement.all(kind):
                address = link.attributes.get("href", "")
                if address not in self._names:
                    raise DmnRefused(f"{kind} 指向不存在的 {address!r}", link.line, "改正 href")
                yield self._names[address]

    # --- types ---------------------------------------------------------------------------------

    def _variable(self, node: Node) -> ItemType:
        variable = node.first("variable")
        return self._type(variable.attributes.get("typeRef", "") if variable else "", node.line)

    def _type(self, reference: str, line: int) -> ItemType:
        """Return what a type name comes down to; an unknown one is a type of no column."""
        local = reference.rpartition(":")[2].strip()
        if local in KINDS:
            return ItemType(KINDS[local], word=local)
        for name, other in self._imports.items():
            if reference.startswith(f"{name}."):
                return other.types.get(reference[len(name) + 1 :], ItemType(None))
        known = reference.strip() if reference.strip() in self._named else local
        if known not in self._named:
            return ItemType(None, word=local)
        if known not in self._items:
            # While it is being read a type is None; whoever meets that has come round in a ring.
            self._items[known] = None
            self._items[known] = self._item(self._named[known], 0)
        found = self._items[known]
        if found is None:
            raise DmnRefused(f"类型 {reference!r} 绕回自身", line, "改正 itemDefinition")
        return found

    def _item(self, node: Node, depth: int) -> ItemType:
        if depth > MAX_TYPES:
            raise DmnRefused(f"类型 {name_of(node)!r} 嵌套太深", node.line, "改正 itemDefinition")
        base = self._type(node.inner("typeRef"), node.line)
        return ItemType(
            base.kind,
            node.inner("allowedValues") or base.allowed,
            base.is_list or node.attributes.get("isCollection") == "true",
            {name_of(part): self._item(part, depth + 1) for part in node.all("itemComponent")}
            or base.components,
            base.word,
        )

    def _type_of_decision(self, table: Node) -> ItemType:
        """Return the type of the decision that is this table; of no other is there one."""
        for decision in self._root.all("decision"):
            if any(child is table for child in decision.children):
                return self._variable(decision)
        return ItemType(None)

    # --- tables --------------------------------------------------------------------------------

    def _read_table(self, node: Node, names: Names, label: str) -> Expr:
        """Return a decision table: of constants where it is one, else of expressions."""
        hit = _hit(node)
        sources = []
        for n, column in enumerate(node.all("input")):
            expression = column.first("inputExpression")
            if expression is None or not expression.inner("text"):
                raise DmnRefused(
                    f"第 {n + 1} 个输入没有 inputExpression", column.line, "补上表达式"
                )
            sources.append(text_of(expression, names, label))
        try:
            logic = self._constant(node, hit, label)
        except DmnRefused as refused:
            try:
                return feel_table(node, hit, sources, names, label)
            except DmnRefused as deeper:
                raise deeper from refused
        self._tables[id(node)] = logic
        return constant_table(logic.table, sources)

    def _constant(self, node: Node, hit: Hit, label: str) -> TableLogic:
        columns, sources = self._inputs(node)
        spec = TableSpec(
            id=f"t{len(self._tables) + 1}",
            title=Title(zh=label or "?", en=label or "?"),
            basis=BASIS,
            in_force_from=date.min,
            hit=hit,
            gaps="allowed",
            gaps_reason="DMN",
            inputs=tuple(columns),
            outputs=tuple(self._outputs(label, node, hit)),
            rows=tuple(_rows(node)),
            verified=False,
        )
        try:
            return TableLogic(build(spec, bare_words=False, feel=True), tuple(sources))
        except TableRefused as refused:
            problem = refused.problems[0]
            raise DmnRefused(problem.message, _line(node, problem), problem.remedy) from refused

    def _inputs(self, node: Node) -> tuple[list[InputSpec], list[str]]:
        columns, sources = [], []
        for n, column in enumerate(node.all("input")):
            expression = column.first("inputExpression")
            assert expression is not None, "read before"
            source = " ".join(expression.inner("text").split())
            declared = self._type(expression.attributes.get("typeRef", ""), column.line)
            known = _at(self._types, source)
            cells = [_nth(row, "inputEntry", n) for row in node.all("rule")]
            kind = declared.kind or (known.kind if known else None) or _kind_of(cells)
            if kind is None:
                raise DmnRefused(f"输入 {source!r} 的类型不明或不支持", column.line, "写 typeRef")
            values = (
                column.inner("inputValues") or declared.allowed or (known.allowed if known else "")
            )
            columns.append(InputSpec(field=f"i{n + 1}", type=kind, title=source, values=values))
            sources.append(source)
        return columns, sources

    def _outputs(self, label: str, node: Node, hit: Hit) -> list[OutputSpec]:
        whole = self._type(node.attributes.get("typeRef", ""), node.line)
        if whole.kind is None and not whole.components:
            whole = self._type_of_decision(node)
        found = []
        nodes = list(node.all("output"))
        for n, output in enumerate(nodes):
            name = output.attributes.get("name", "") or label
            declared = self._type(output.attributes.get("typeRef", ""), output.line)
            if declared.kind is None:
                declared = whole.components.get(name, declared) if len(nodes) > 1 else whole
            cells = [_nth(row, "outputEntry", n) for row in node.all("rule")]
            kind = _kind_of(cells) if hit == "C#" else declared.kind or _kind_of(cells)
            if kind is None:
                raise DmnRefused(f"输出 {name!r} 的类型不明或不支持", output.line, "写 typeRef")
            allowed = output.inner("outputValues") or ("" if hit == "C#" else declared.allowed)
            default = output.inner("defaultOutputEntry") or None
            found.append(OutputSpec(name=name, type=kind, values=_listed(allowed), default=default))
        return found


def _below(node: Node) -> Iterator[Node]:
    for child in node.children:
        yield child
        yield from _below(child)


def _listed(allowed: str) -> str:
    """Return allowed values of an output where they are a list; a range says nothing of order."""
    return "" if any(sign in allowed for sign in ("..", "<", ">", "not(")) else allowed


def _hit(node: Node) -> Hit:
    policy = node.attributes.get("hitPolicy", "UNIQUE")
    aggregation = node.attributes.get("aggregation", "")
    if policy not in POLICIES:
        raise DmnRefused(f"hitPolicy {policy!r} 不存在", node.line, "用 " + ", ".join(POLICIES))
    if not aggregation:
        return POLICIES[policy]
    if policy != "COLLECT" or aggregation not in AGGREGATIONS:
        raise DmnRefused(
            f"aggregation {aggregation!r} 不能用",
            node.line,
            "COLLECT 用 " + ", ".join(AGGREGATIONS),
        )
    return AGGREGATIONS[aggregation]


def _rows(node: Node) -> Iterator[RowSpec]:
    for row in node.all("rule"):
        note = "; ".join(part.inner("text") for part in row.all("annotationEntry"))
        yield RowSpec(
            when=tuple(entry.inner("text") or "-" for entry in row.all("inputEntry")),
            then=tuple(entry.inner("text") or "null" for entry in row.all("outputEntry")),
            note=note or row.inner("description"),
        )


def _line(node: Node, problem: Problem) -> int:
    """Return the line of the row that a problem speaks of."""
    match problem.loc:
        case ("rows", int() as n, *_):
            return list(node.all("rule"))[n].line
        case (("inputs" | "outputs") as kind, int() as n, *_):
            return list(node.all(kind[:-1]))[n].line
        case _:
            return node.line


def _nth(row: Node, kind: str, n: int) -> str:
    entries = list(row.all(kind))
    return entries[n].inner("text") if n < len(entries) else ""


def _kind_of(cells: list[str]) -> Kind | None:
    """Return the one kind that all constants of a column have."""
    for kind in ("text", "number", "boolean", "date"):
        readable = [cell for cell in cells if cell.strip() not in ("", "-", "null")]
        if readable and all(_reads(cell, kind) for cell in readable):
            return kind
    return None


def _reads(cell: str, kind: Kind) -> bool:
    try:
        parse_cell(cell, kind)
    except CellRefused:
        return False
    return True


def _at(inputs: Mapping[str, ItemType], source: str) -> ItemType | None:
    """Return the type of `a` or of `a.b` among the inputs."""
    if source in inputs:
        return inputs[source]
    for name, found in inputs.items():
        if source.startswith(name + "."):
            return _at(found.components, source[len(name) + 1 :])
    return None


def _acyclic(decisions: Mapping[str, Decision]) -> None:
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        if name in above:
            raise DmnRefused(f"决策 {name!r} 依赖自身", decisions[name].line, "断开环")
        if name in done or name not in decisions:
            return
        for other in decisions[name].requires:
            visit(other, (*above, name))
        done.add(name)

    for name in decisions:
        visit(name, ())
