"""The body that the posted fields of an act make."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from forms.act_reissue import TEXT
from forms.act_scene import Act, Scene
from forms.fields import Field, Posted


def body_of(act: Act, scene: Scene, posted: Posted) -> dict[str, Any]:
    """Return the JSON body that the posted fields make; unreadable values stay for the check."""
    body: dict[str, Any] = {}
    for field in act.fields(scene):
        if field.name.startswith(("form.", TEXT)) or field.kind in ("composer", "materials"):
            continue
        value = _value(field, [text.strip() for text in posted.get(field.name, ())], scene.zone)
        if value not in (None, "", []):
            body[field.name] = value
    if act.parts:
        body.update(act.parts(scene, posted))
    return body


def _value(field: Field, texts: Sequence[str], zone: ZoneInfo) -> Any:
    text = texts[0] if texts else ""
    match field.kind:
        case "check":
            return text == "true"
        case "checks":
            return list(texts)
        case "lines":
            return [line.strip() for line in text.splitlines() if line.strip()]
        case "moment":
            return _instant(text, zone)
        case "number":
            return int(text) if text.isdecimal() and len(text) < 10 else text
    return text


def _instant(text: str, zone: ZoneInfo) -> str:
    """Return a typed local moment as ISO 8601 with the city's offset; else the text as it is."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=zone).isoformat()
    except ValueError:
        return text
