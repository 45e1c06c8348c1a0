"""In workflows, other rooms come in by the one sandbox door: else a class exists twice."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOM = Path(__file__).parent.parent.parent / "workflows"
ROOMS = {
    "activities", "audit", "cases", "catalogue", "forms", "policies", "rules", "workflows",
    "yichuang",
}  # fmt: skip
FILES = sorted(ROOM.rglob("*.py"))


def imported(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name.split(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom):
        return {(node.module or "workflows").split(".")[0]}
    return set()


def is_the_door(node: ast.stmt) -> bool:
    return isinstance(node, ast.With) and any(
        ast.unparse(item.context_expr) == "workflow.unsafe.imports_passed_through()"
        for item in node.items
    )


def outside_the_door(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield every statement, however deep, that is not under the door."""
    for node in body:
        if is_the_door(node):
            continue
        yield node
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.stmt):
                yield from outside_the_door([child])


def violations(text: str) -> list[str]:
    return [
        ast.unparse(node)
        for node in outside_the_door(ast.parse(text).body)
        if imported(node) & ROOMS
    ]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_workflows_import_rooms_by_the_one_door(file: Path) -> None:
    assert violations(file.read_text(encoding="utf-8")) == []


def test_an_import_past_the_door_is_found() -> None:
    door = "with workflow.unsafe.imports_passed_through():\n    from cases import approval\n"
    assert violations(door) == []
    assert violations(door + "def f():\n    from cases.state import Timer\n") == [
        "from cases.state import Timer"
    ]
    assert violations("import catalogue.matters\n") == ["import catalogue.matters"]
