"""The truth about each part: whether its process lives and whether it answers."""

import asyncio
import http.client
import json
import ssl
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy.exc import SQLAlchemyError

from cases import alarms, reading_views
from cases.alarms import KeptAlarm
from cases.census_view import CensusView, census_view, counts
from cases.database import StoreUnwritable, open_engine, reading
from cases.reading_views import Pulse
from yichuang import roles
from yichuang.embedded import ground, temporal
from yichuang.embedded.parts import PARTS, Part
from yichuang.settings import SettingMissing, Settings

State = Literal["ready", "starting", "silent", "unwritable", "stalled", "down"]

IN_CHINESE: dict[State, str] = {
    "ready": "正常",
    "starting": "正在启动",
    "silent": "无应答",
    "unwritable": "写不进",
    "stalled": "部分停滞",
    "down": "未运行",
}


@dataclass(frozen=True)
class Standing:
    """How one part stands at this moment."""

    part: str
    title: str
    state: State
    pid: int | None
    restarts: int | None
    detail: str


def _supervised(settings: Settings) -> dict[str, dict[str, Any]]:
    try:
        noted = json.loads((settings.run_folder / "supervisor.json").read_bytes())
    except FileNotFoundError:
        return {}
    return {part["name"]: part for part in noted["parts"]}


async def standing(settings: Settings, part: Part) -> Standing:
    """Return how a part stands; in the large form servers and roles elsewhere are asked as well."""
    noted = _supervised(settings).get(part.name, {})
    pid, restarts = noted.get("pid"), noted.get("restarts")
    lives = pid is not None and roles.started_ticks(pid) == noted.get("started_ticks")
    if part.answers is not None:
        state, detail = await _server(settings, part, lives=lives)
    else:
        state, detail = await _role(settings, part, lives=lives)
        note = roles.read_note(settings, part.name)
        if note is not None and note.is_alive:
            pid = note.pid
    return Standing(
        part.name, part.title, state, pid if state != "down" else None, restarts, detail
    )


async def _server(settings: Settings, part: Part, *, lives: bool) -> tuple[State, str]:
    if settings.form == "embedded" and not lives:
        return "down", ""
    assert part.answers is not None
    try:
        detail = await part.answers(settings)
    except SettingMissing as missing:
        return "silent", str(missing)
    return ("ready", detail) if detail is not None else ("silent", "不应答")


async def _role(settings: Settings, part: Part, *, lives: bool) -> tuple[State, str]:
    note = roles.read_note(settings, part.name)
    if note is None or not note.is_alive:
        return ("starting", "") if lives else ("down", "")
    if not note.ready:
        return "starting", note.detail
    silent = note.silent_seconds(datetime.now(UTC))
    if silent > roles.SILENT_AFTER_SECONDS:
        return "silent", f"{silent:.0f} 秒没有心跳"
    if note.trouble:
        return "unwritable", note.trouble
    if note.stalled:
        return "stalled", f"{'、'.join(note.stalled)}：没有完成，会再试；原因见该进程的日志"
    if part.name == "worker":
        return await _worker(settings, note)
    if part.name == "web":
        return await asyncio.to_thread(_web, settings, note)
    return "ready", note.detail


async def _worker(settings: Settings, note: roles.Note) -> tuple[State, str]:
    count = await temporal.pollers(settings)
    if count is None:
        return "silent", "流程引擎不应答"
    if count == 0:
        return "silent", "没有在领取任务"
    return "ready", note.detail


def _asking(settings: Settings, host: str, port: int) -> http.client.HTTPConnection:
    if settings.tls_certificate is None or settings.tls_key is None:
        return http.client.HTTPConnection(host, port, timeout=5)
    # Our own process on this machine, which its certificate does not name: asked whether it lives.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return http.client.HTTPSConnection(host, port, timeout=5, context=context)


def _web(settings: Settings, note: roles.Note) -> tuple[State, str]:
    host, port = settings.web
    # A server bound to every address is asked on this machine.
    asked = settings.loopback if host in ("0.0.0.0", "::", "") else host  # noqa: S104
    connection = _asking(settings, asked, port)
    try:
        connection.request("GET", "/healthz")
        code = connection.getresponse().status
    except (OSError, http.client.HTTPException) as fault:
        return "silent", f"/healthz：{fault}"
    finally:
        connection.close()
    return ("ready", note.detail) if code == 200 else ("silent", f"/healthz 答 {code}")


async def all_standing(settings: Settings, parts: Sequence[Part] = PARTS) -> list[Standing]:
    """Return how each part stands, asked at once."""
    return list(await asyncio.gather(*(standing(settings, part) for part in parts)))


def census_of(settings: Settings) -> CensusView | None:
    """Return what the census says; None where the cases store cannot be read."""
    engine = open_engine(settings.store_url("cases"), read_only=True)
    try:
        with reading(engine) as connection:
            return census_view(connection, datetime.now(UTC))
    except (StoreUnwritable, SQLAlchemyError):
        return None
    finally:
        engine.dispose()


def is_well(found: Sequence[Standing], census: CensusView | None) -> bool:
    """Whether every part is ready and the census, where one was taken, counts nothing wrong."""
    return all(one.state == "ready" for one in found) and not (census and census.wrong_count)


def is_up(found: Sequence[Standing]) -> bool:
    """Whether every part does its main work: a new process would not mend a job beside it."""
    return all(one.state in ("ready", "stalled") for one in found)


def open_alarms(settings: Settings) -> list[KeptAlarm]:
    """Return every open alarm, the oldest first; none where the cases store cannot be read."""
    engine = open_engine(settings.store_url("cases"), read_only=True)
    try:
        with reading(engine) as connection:
            return alarms.open_alarms(connection)
    except (StoreUnwritable, SQLAlchemyError):
        # No store yet, or one of an older program: the parts above say what is wrong.
        return []
    finally:
        engine.dispose()


def pulse_of(settings: Settings) -> Pulse | None:
    """Return how many alarms of readings stand and how many readings were refused; None where the
    readings store cannot be read."""
    try:
        engine = open_engine(settings.store_url("readings"), read_only=True)
    except SettingMissing:
        return None
    try:
        with reading(engine) as connection:
            return reading_views.pulse(connection)
    except (StoreUnwritable, SQLAlchemyError):
        return None
    finally:
        engine.dispose()


def as_json(
    settings: Settings,
    found: Sequence[Standing],
    sounding: Sequence[KeptAlarm],
    census: CensusView | None,
    pulse: Pulse | None = None,
) -> dict[str, Any]:
    """Return the answer of `yichuang status --json`."""
    return {
        "form": settings.form,
        "data": str(settings.data),
        "running": ground.is_held(settings),
        "well": is_well(found, census),
        "parts": [asdict(one) for one in found],
        "readings": None
        if pulse is None
        else {
            "open_alarms": pulse.open_alarms,
            "refused": pulse.refused,
            "last_at": None if pulse.last_at is None else pulse.last_at.isoformat(),
        },
        "alarms": [
            {
                "key": one.alarm.key,
                "kind": one.alarm.kind,
                "text": one.alarm.text,
                "case_id": one.alarm.case_id,
                "department": one.alarm.department,
                "detail": dict(one.alarm.detail),
                "raised_at": one.raised_at.isoformat(),
            }
            for one in sounding
        ],
        "census": None if census is None else counts(census),
    }
