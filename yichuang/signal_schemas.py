"""The messages of signals as JSON Schemas."""

from __future__ import annotations

from typing import Any

from cases.incidents.signal import Signal

_TEXT = {"type": "string", "minLength": 1}


def signal() -> dict[str, Any]:
    """Return the schema of the data of one signal."""
    return Signal.model_json_schema(mode="validation")


def refused() -> dict[str, Any]:
    """Return the schema of what a sender hears when its signal was refused."""
    return {
        "type": "object",
        "required": ["event_id", "signal_id", "field", "reason", "remedy"],
        "properties": {
            "event_id": _TEXT,
            "signal_id": {"type": "string", "description": "说不出编号的为空"},
            "field": {"type": "string"},
            "reason": _TEXT,
            "remedy": _TEXT,
        },
    }
