"""The event of an incident as a JSON Schema."""

from __future__ import annotations

from typing import Any

from cases.incidents.messages import INCIDENT_BODIES
from cases.incidents.state import GRADES, STAGES, UNIT_STATES

_TEXT = {"type": "string"}
_COUNT = {"type": "integer", "minimum": 0}


def changed() -> dict[str, Any]:
    """Return the schema of the data of one step (`evt.….incident.changed`)."""
    unit = {
        "type": "object",
        "required": ["department", "lead", "state"],
        "properties": {
            "department": _TEXT, "lead": {"type": "boolean"}, "state": {"enum": [*UNIT_STATES]},
        },
    }  # fmt: skip
    properties: dict[str, Any] = {
        "incident": _TEXT | {"description": "突发事件的标识"},
        "number": _TEXT | {"description": "突发事件编号"},
        "seq": {"type": "integer", "minimum": 1, "description": "该事件的第几步"},
        "kind": {"enum": sorted(INCIDENT_BODIES), "description": "办了什么"},
        "stage": {"enum": [*STAGES]},
        "type": _TEXT | {"description": "事件种类"},
        "domain": _TEXT,
        "level": {"enum": ["", "blue", "yellow", "orange", "red"], "description": "来源所报颜色"},
        "grade": {"enum": [*GRADES], "description": "事件分级"},
        "response_level": _COUNT | {"maximum": 4, "description": "响应级别；0 没有响应"},
        "district": _TEXT,
        "cell": _TEXT,
        "units": {"type": "array", "items": unit},
        "signals": _COUNT,
        "merged_into": _TEXT,
    }
    return {
        "type": "object",
        "required": list(properties),
        "properties": properties,
        "additionalProperties": True,
    }
