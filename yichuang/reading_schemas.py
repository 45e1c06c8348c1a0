"""The messages of readings as JSON Schemas and AsyncAPI channels."""

from __future__ import annotations

from typing import Any

from yichuang.readings import FLAGS, MOST_READINGS, MOST_REVISION

_TEXT = {"type": "string", "minLength": 1}
_COUNT = {"type": "integer", "minimum": 0}


def readings() -> dict[str, Any]:
    """Return the schema of the data of one message of readings."""
    return {
        "type": "object",
        "required": ["readings"],
        "properties": {
            "readings": {
                "type": "array",
                "minItems": 1,
                "maxItems": MOST_READINGS,
                "items": _reading(),
            }
        },
    }


def _reading() -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["station", "item", "at", "unit"],
        "additionalProperties": False,
        "description": "站、项目、时刻、实测或预报相同的是同一读数；不合规的逐条退回，其余照收",
        "properties": {
            "station": _TEXT | {"description": "登记过的监测站，属于主题中的部门"},
            "item": _TEXT | {"description": "该站监测的项目"},
            "at": {"type": "string", "format": "date-time", "description": "观测时刻，须带时区"},
            "value": {"type": ["number", "null"], "description": "flag 不是 ok 时可为 null"},
            "unit": _TEXT | {"description": "与登记的单位相同"},
            "flag": {"enum": sorted(FLAGS), "default": "ok", "description": "只有 ok 参与计算"},
            "forecast": {"type": "boolean", "default": False},
            "revision": {
                "type": "integer",
                "minimum": 0,
                "maximum": MOST_REVISION,
                "default": 0,
                "description": "更正过的读数逐次加 1，高者为准",
            },
        },
    }


def answered() -> dict[str, Any]:
    """Return the schema of what a sender hears when readings were refused."""
    return {
        "type": "object",
        "required": ["event_id", "taken", "repeated", "corrected", "refused"],
        "properties": {
            "event_id": _TEXT,
            "event_source": {"type": "string"},
            "taken": _COUNT,
            "repeated": _COUNT,
            "corrected": _COUNT,
            "refused": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "required": ["place", "field", "reason", "remedy"],
                    "properties": {
                        "place": {
                            "type": "integer",
                            "minimum": -1,
                            "description": "在消息中的位置，从 0 起；-1 为整条消息",
                        },
                        "field": {"type": "string"},
                        "reason": _TEXT,
                        "remedy": _TEXT,
                    },
                },
            },
        },
    }
