"""The event of a project as a JSON Schema."""

from __future__ import annotations

from typing import Any

from cases.projects.messages import PROJECT_BODIES
from cases.projects.state import REGIMES, SLIPPAGES, STAGES

_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}


def changed() -> dict[str, Any]:
    """Return the schema of the data of one step (`evt.….project.changed`)."""
    properties: dict[str, Any] = {
        "project": _TEXT | {"description": "项目的标识"},
        "number": _TEXT | {"description": "项目编号"},
        "seq": {"type": "integer", "minimum": 1, "description": "该项目的第几步"},
        "kind": {"enum": sorted(PROJECT_BODIES), "description": "办了什么"},
        "stage": {"enum": [*STAGES]},
        "template": _TEXT | {"description": "项目模板"},
        "regime": {"enum": [*REGIMES]},
        "department": _TEXT | {"description": "实施机构"},
        "operator": _TEXT | {"description": "运营方；空：尚未签约"},
        "slippage": {"enum": [*SLIPPAGES], "description": "未完成里程碑中最严重的滞后"},
        "milestones": _COUNT,
        "achieved": _COUNT,
        "next_on": _TEXT | {"description": "下一个里程碑的计划日；空：没有"},
        "estimate_fen": _COUNT | {"description": "概算，分"},
        "total_fen": _COUNT | {"description": "总投资，分"},
    }
    return {
        "type": "object",
        "required": list(properties),
        "properties": properties,
        "additionalProperties": True,
    }
