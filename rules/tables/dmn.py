"""Decision tables out of DMN 1.1 … 1.6 models, as XML files hold them.

A model is its inputs, its item definitions, its functions (business knowledge) and its decisions.
Tables whose cells are constants become `Table`s, one by one the same as those written in a pack;
other expressions are read by `rules.tables.dmn_boxes`. What is not read is refused by name, with
its line; the other decisions of the model still are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from rules.tables.dmn_boxes import Boxes, constant_table, feel_table, name_of, text_of
from rules.tables.dmn_boxes import DmnRefused as DmnRefused
from rules.tables.dmn_model import Decision, DmnModel, TableLogic
from rules.tables.dmn_model import ItemType as ItemType
from rules.tables.dmn_tables import constant_logic, hit_of
from rules.tables.dmn_types import Types
from rules.tables.feel_values import Expr, Function, Names
from rules.tables.plain_xml import MAX_BYTES, Node, XmlRefused, read_xml

SPACES: Mapping[str, str] = {
    "http://www.omg.org/spec/DMN/20151101/dmn.xsd": "1.1",
    "http://www.omg.org/spec/DMN/20180521/MODEL/": "1.2",
    "https://www.omg.org/spec/DMN/20191111/MODEL/": "1.3",
    "https://www.omg.org/spec/DMN/20211108/MODEL/": "1.4",
    "https://www.omg.org/spec/DMN/20230324/MODEL/": "1.5",
    "https://www.omg.org/spec/DMN/20240513/MODEL/": "1.6",
}
"""Namespace of a model → version of DMN."""
MAX_IMPORTS = 5
"""Models that import one another, one below the other."""
MAX_BESIDE = 50
"""Files looked at beside a model for one that it imports."""
MAX_CHAIN = 100
"""Decisions that stand on one another."""


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
        self._names = {
            "#" + node.attributes.get("id", ""): name_of(node)
            for kind in ("inputData", "decision")
            for node in root.all(kind)
        }
        self._types = Types(root, imports)
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
        inputs = self._types.read_inputs()
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
            inputs,
            decisions,
            functions,
            self._imports,
            self._types.defined(),
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

    def _read_table(self, node: Node, names: Names, label: str) -> Expr:
        """Return a decision table: of constants where it is one, else of expressions."""
        hit = hit_of(node)
        sources = []
        for n, column in enumerate(node.all("input")):
            expression = column.first("inputExpression")
            if expression is None or not expression.inner("text"):
                raise DmnRefused(
                    f"第 {n + 1} 个输入没有 inputExpression", column.line, "补上表达式"
                )
            sources.append(text_of(expression, names, label))
        try:
            logic = constant_logic(node, hit, label, len(self._tables) + 1, self._types)
        except DmnRefused as refused:
            try:
                return feel_table(node, hit, sources, names, label)
            except DmnRefused as deeper:
                raise deeper from refused
        self._tables[id(node)] = logic
        return constant_table(logic.table, sources)


def _below(node: Node) -> Iterator[Node]:
    for child in node.children:
        yield child
        yield from _below(child)


def _acyclic(decisions: Mapping[str, Decision]) -> None:
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        if name in above:
            raise DmnRefused(f"决策 {name!r} 依赖自身", decisions[name].line, "断开环")
        if len(above) > MAX_CHAIN:
            raise DmnRefused(f"决策的链条超过 {MAX_CHAIN} 环", decisions[name].line, "拆开模型")
        if name in done or name not in decisions:
            return
        for other in decisions[name].requires:
            visit(other, (*above, name))
        done.add(name)

    for name in decisions:
        visit(name, ())
