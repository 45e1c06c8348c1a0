"""Policy's condition for whoever goes along many cases: each is asked for its own tasks."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, exists, literal, select
from sqlalchemy.sql.elements import BinaryExpression
from sqlalchemy.sql.operators import in_op
from sqlalchemy.sql.visitors import replacement_traverse

from cases.tables import case, task


def asked_each(where: ColumnElement[bool]) -> ColumnElement[bool]:
    """Return the same condition, asking each case for its tasks: a set of the cases with such a
    task (as policy has it, for whoever may see few) costs as much as there are of them."""

    def asked(element: object, **_: object) -> Any:
        if not isinstance(element, BinaryExpression) or element.operator is not in_op:
            return None
        found = getattr(element.right, "element", element.right)
        if element.left is not case.c.id or not isinstance(found, Select):
            return None
        if list(found.selected_columns) != [task.c.case_id]:
            return None
        each = exists(select(literal(1)).select_from(task).correlate(case))
        own = [] if found.whereclause is None else [found.whereclause]
        return each.where(task.c.case_id == case.c.id, *own)

    return replacement_traverse(where, {}, asked)
