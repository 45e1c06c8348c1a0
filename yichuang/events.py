"""CloudEvents 1.0 as we read and write them: strict in, structured JSON out, both modes in.

The reader refuses what the specification refuses, and names the attribute. The published SDK was
weighed for reading (`cloudevents` 2.2.0) and not taken: it gives an event without id, type or time
new ones of its own, and accepts a `time` to the minute; it stays in the tests as an outside reader
of what we write. Sources: CloudEvents 1.0.2 §2–3, JSON format §2–3, NATS binding 1.0 (subjects and
`ce-` headers of binary mode).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import orjson

SPEC_VERSION = "1.0"
STRUCTURED = "application/cloudevents+json"
BATCHED = "application/cloudevents-batch+json"
MAX_BYTES = 1024 * 1024
"""A larger message is refused before it is parsed; uploads do not travel in messages."""

_REQUIRED = ("specversion", "id", "source", "type")
_OPTIONAL = ("datacontenttype", "dataschema", "subject", "time")
_DATA = ("data", "data_base64")
_NAME = re.compile(r"[a-z0-9]+")
# RFC 3339 §5.6: seconds and offset are not optional; 24:00 and 25:00 offsets are not times.
_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}:\d{2})(?:\.(\d+))?"
    r"([Zz]|[+-](?:[01]\d|2[0-3]):[0-5]\d)"
)
_MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]+/[\w!#$&^.+-]+\s*(?:;.*)?", re.ASCII)
_MAX_INTEGER = 2**31 - 1


class EventInvalid(Exception):
    """The message is no CloudEvent; `field` names the attribute, the text says what to do."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


@dataclass(frozen=True)
class Event:
    """One CloudEvent. `time` is aware; `data` is parsed JSON, text or bytes."""

    id: str
    source: str
    type: str
    subject: str = ""
    time: datetime | None = None
    datacontenttype: str = ""
    dataschema: str = ""
    data: Any = None
    extensions: Mapping[str, str | int | bool] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """Return structured JSON (`application/cloudevents+json`), absent attributes left out."""
        document: dict[str, Any] = {
            "specversion": SPEC_VERSION,
            "id": self.id,
            "source": self.source,
            "type": self.type,
            **self.extensions,
        }
        for name in ("subject", "datacontenttype", "dataschema"):
            if value := getattr(self, name):
                document[name] = value
        if self.time is not None:
            document["time"] = self.time.astimezone(UTC).isoformat().replace("+00:00", "Z")
        if isinstance(self.data, bytes):
            document["data_base64"] = base64.b64encode(self.data).decode()
        elif self.data is not None:
            document["data"] = self.data
        return orjson.dumps(document)


def read(body: bytes, headers: Mapping[str, str] | None = None) -> Event:
    """Return the event of a NATS message, structured or binary (headers `ce-…`).

    Raises `EventInvalid`.
    """
    if len(body) > MAX_BYTES:
        raise EventInvalid("", f"消息 {len(body)} 字节，超过 {MAX_BYTES}；附件请另行上传")
    lower = {name.lower(): value for name, value in (headers or {}).items()}
    if "ce-specversion" in lower:
        return _from_binary(body, lower)
    content_type = lower.get("content-type", STRUCTURED).split(";")[0].strip().lower()
    if content_type == BATCHED:
        raise EventInvalid("", "一条消息只装一个事件；请逐个发送")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as broken:
        raise EventInvalid("", f"不是 JSON：{broken}") from broken
    return from_document(document)


def from_document(document: object) -> Event:
    """Return the event of one JSON object in the structured form. Raises `EventInvalid`."""
    if not isinstance(document, dict):
        raise EventInvalid("", "应是一个 JSON 对象")
    attributes = {
        name: value
        for name, value in document.items()
        if name not in _DATA and value is not None  # JSON format §3.1: null is absence
    }
    if document.get("data") is not None and document.get("data_base64") is not None:
        raise EventInvalid("data_base64", "data 与 data_base64 只能有一个")
    return _event(attributes, _data_of(document))


def _data_of(document: Mapping[str, Any]) -> Any:
    encoded = document.get("data_base64")
    if encoded is None:
        return document.get("data")
    if not isinstance(encoded, str):
        raise EventInvalid("data_base64", "应是 base64 文字")
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error as broken:
        raise EventInvalid("data_base64", "不是 base64") from broken


def _from_binary(body: bytes, lower: Mapping[str, str]) -> Event:
    attributes: dict[str, Any] = {
        name.removeprefix("ce-"): value for name, value in lower.items() if name.startswith("ce-")
    }
    # In binary mode the media type of the data is the message's own; some senders repeat it as an
    # ordinary attribute (cloudevents-sdk-cpp 0.3.0), so either is taken.
    media_type = lower.get("content-type") or attributes.get("datacontenttype", "")
    if media_type:
        attributes["datacontenttype"] = media_type
    data: Any = body or None
    if body and (not media_type or re.search(r"[/+]json\b", media_type)):
        try:
            data = orjson.loads(body)
        except orjson.JSONDecodeError as broken:
            raise EventInvalid(
                "data", f"datacontenttype 说是 JSON，内容却不是：{broken}"
            ) from broken
    return _event(attributes, data)


def _event(attributes: Mapping[str, Any], data: Any) -> Event:
    for name in _REQUIRED:
        if name not in attributes:
            raise EventInvalid(name, "缺少必填属性")
    for name in (*_REQUIRED, *_OPTIONAL):
        if name in attributes:
            _check_text(name, attributes[name])
    if attributes["specversion"] != SPEC_VERSION:
        raise EventInvalid("specversion", f"只收 {SPEC_VERSION}")
    media_type = attributes.get("datacontenttype", "")
    if media_type and not _MEDIA_TYPE.fullmatch(media_type):
        raise EventInvalid("datacontenttype", "不是媒体类型（RFC 2046），例如 application/json")
    return Event(
        id=attributes["id"],
        source=attributes["source"],
        type=attributes["type"],
        subject=attributes.get("subject", ""),
        time=parse_time(attributes["time"]) if "time" in attributes else None,
        datacontenttype=media_type,
        dataschema=attributes.get("dataschema", ""),
        data=data,
        extensions=_extensions(attributes),
    )


def _check_text(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise EventInvalid(name, "应是文字")
    if not value:
        raise EventInvalid(name, "不能为空")


def parse_time(text: str) -> datetime:
    """Return the instant of an RFC 3339 time, to the microsecond. Raises `EventInvalid`."""
    match = _TIME.fullmatch(text)
    if match is None:
        raise EventInvalid("time", "应是 RFC 3339 时间，例如 2026-11-22T09:30:00+08:00")
    day, clock, fraction, offset = match.groups()
    shown = f"{day}T{clock}.{(fraction or '0')[:6].ljust(6, '0')}{offset.upper()}"
    try:
        return datetime.fromisoformat(shown.replace("Z", "+00:00"))
    except ValueError as broken:
        raise EventInvalid("time", "没有这个日期或时刻") from broken


def _extensions(attributes: Mapping[str, Any]) -> dict[str, str | int | bool]:
    extensions: dict[str, str | int | bool] = {}
    for name, value in attributes.items():
        if name in _REQUIRED or name in _OPTIONAL:
            continue
        if not _NAME.fullmatch(name):
            raise EventInvalid(name, "扩展属性名只能用小写字母和数字")
        if isinstance(value, int) and not isinstance(value, bool):
            if not -_MAX_INTEGER - 1 <= value <= _MAX_INTEGER:
                raise EventInvalid(name, "整数超出 32 位")
        elif not isinstance(value, str | bool):
            raise EventInvalid(name, "扩展属性只能是文字、整数或布尔")
        extensions[name] = cast("str | int | bool", value)
    return extensions
