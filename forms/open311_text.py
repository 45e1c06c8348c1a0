"""Open311's two spellings of one answer: XML without a schema, and JSON by the Spark convention."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from xml.sax.saxutils import escape

from starlette.responses import Response

FORMATS: Final = ("xml", "json")

_ONE: Final[Mapping[str, str]] = {
    "services": "service", "service_requests": "request", "errors": "error",
    "attributes": "attribute", "values": "value", "endpoints": "endpoint", "formats": "format",
}  # fmt: skip
"""Name of a list → name of each of its elements."""


def written(form: str, name: str, answer: Any, status: int = 200) -> Response:
    """Return an answer in one of `FORMATS`; `name` is that of the root."""
    if form == "json":
        body = json.dumps(answer, ensure_ascii=False)
        return Response(body, status, {"cache-control": "no-store"},
                        media_type="application/json; charset=utf-8")  # fmt: skip
    text = f'<?xml version="1.0" encoding="utf-8"?>\n{"".join(_xml(name, answer))}\n'
    return Response(text, status, {"cache-control": "no-store"},
                    media_type="text/xml; charset=utf-8")  # fmt: skip


def _xml(name: str, value: Any) -> Iterator[str]:
    yield f"<{name}>"
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _xml(key, inner)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for inner in value:
            yield from _xml(_ONE[name], inner)
    elif isinstance(value, bool):
        yield str(value).lower()
    else:
        yield escape("".join(sign for sign in str(value) if sign.isprintable() or sign in "\n\t"))
    yield f"</{name}>"
