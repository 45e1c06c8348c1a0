"""Decision tables of DMN whose cells are constants, as tables like those of a pack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from rules.shapes import Problem, Title
from rules.tables.cells import CellRefused, Kind, parse_cell
from rules.tables.dmn_boxes import BASIS, DmnRefused
from rules.tables.dmn_model import ItemType, TableLogic
from rules.tables.dmn_types import Types
from rules.tables.plain_xml import Node
from rules.tables.spec import Hit, InputSpec, OutputSpec, RowSpec, TableSpec
from rules.tables.table import TableRefused, build

POLICIES: Mapping[str, Hit] = {
    "UNIQUE": "U", "ANY": "A", "PRIORITY": "P", "FIRST": "F",
    "RULE ORDER": "R", "OUTPUT ORDER": "O", "COLLECT": "C",
}  # fmt: skip
AGGREGATIONS: Mapping[str, Hit] = {"SUM": "C+", "MIN": "C<", "MAX": "C>", "COUNT": "C#"}


def constant_logic(node: Node, hit: Hit, label: str, number: int, types: Types) -> TableLogic:
    """Return a decision table of constants. Raises `DmnRefused` when it is none."""
    columns, sources = _inputs(node, types)
    spec = TableSpec(
        id=f"t{number}",
        title=Title(zh=label or "?", en=label or "?"),
        basis=BASIS,
        in_force_from=date.min,
        hit=hit,
        gaps="allowed",
        gaps_reason="DMN",
        inputs=tuple(columns),
        outputs=tuple(_outputs(label, node, hit, types)),
        rows=tuple(_rows(node)),
        verified=False,
    )
    try:
        return TableLogic(build(spec, bare_words=False, feel=True), tuple(sources))
    except TableRefused as refused:
        problem = refused.problems[0]
        raise DmnRefused(problem.message, _line(node, problem), problem.remedy) from refused


def _inputs(node: Node, types: Types) -> tuple[list[InputSpec], list[str]]:
    columns, sources = [], []
    for n, column in enumerate(node.all("input")):
        expression = column.first("inputExpression")
        assert expression is not None, "read before"
        source = " ".join(expression.inner("text").split())
        declared = types.of(expression.attributes.get("typeRef", ""), column.line)
        known = _at(types.inputs, source)
        if declared.is_list or (known is not None and known.is_list):
            raise DmnRefused(f"输入 {source!r} 是列表", column.line, "写成表达式")
        cells = [_nth(row, "inputEntry", n) for row in node.all("rule")]
        kind = declared.kind or (known.kind if known else None) or _kind_of(cells)
        if kind is None:
            raise DmnRefused(f"输入 {source!r} 的类型不明或不支持", column.line, "写 typeRef")
        values = column.inner("inputValues") or declared.allowed or (known.allowed if known else "")
        columns.append(InputSpec(field=f"i{n + 1}", type=kind, title=source, values=values))
        sources.append(source)
    return columns, sources


def _outputs(label: str, node: Node, hit: Hit, types: Types) -> list[OutputSpec]:
    whole = types.of(node.attributes.get("typeRef", ""), node.line)
    if whole.kind is None and not whole.components:
        whole = types.of_decision(node)
    found = []
    nodes = list(node.all("output"))
    for n, output in enumerate(nodes):
        name = output.attributes.get("name", "") or label
        declared = types.of(output.attributes.get("typeRef", ""), output.line)
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


def _listed(allowed: str) -> str:
    """Return allowed values of an output where they are a list; a range says nothing of order."""
    return "" if any(sign in allowed for sign in ("..", "<", ">", "not(")) else allowed


def hit_of(node: Node) -> Hit:
    """Return the hit policy and aggregation of a table. Raises `DmnRefused`."""
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
