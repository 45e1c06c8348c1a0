"""Our own warnings as CAP 1.2 messages: 发布 is an Alert, 调整 an Update, 解除 and 失效 a Cancel.

An Update and a Cancel name every earlier message of the warning: whoever missed one of them is told
all the same what no longer stands. Each message has two `info`, zh-CN and en.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Final

from cases.incidents.cap import Alert, Info, Reference
from cases.warning_areas import area_of
from cases.warnings import (
    ADJUST,
    CATEGORIES,
    ENDS,
    ISSUE,
    LAPSE,
    LIFT,
    MEASURES,
    Announced,
    Lifting,
    urgency_of,
)
from catalogue.grid import Grid

KIND: Final = MappingProxyType({ISSUE: "Alert", ADJUST: "Update", LIFT: "Cancel", LAPSE: "Cancel"})
SEVERITY: Final = MappingProxyType(
    {"red": "Extreme", "orange": "Severe", "yellow": "Moderate", "blue": "Minor"}
)
"""Our own reading: no law says which of CAP's words a colour is. The colour itself is the
parameter `PARAMETER`, in Chinese in the Chinese part and as its key in the English one."""
COLOURS: Final = MappingProxyType(
    {"red": "红色", "orange": "橙色", "yellow": "黄色", "blue": "蓝色"}
)
_HEADLINES: Final = MappingProxyType(
    {
        ISSUE: "{who}发布{what}", ADJUST: "{who}调整为{what}", LIFT: "{who}解除{what}",
        LAPSE: "{who}发布的{what}到时失效",
    }
)  # fmt: skip
_HEADLINES_EN: Final = MappingProxyType(
    {
        ISSUE: "{who} issues {what}", ADJUST: "{who} changes to {what}", LIFT: "{who} lifts {what}",
        LAPSE: "{who}: lapsed: {what}",
    }
)  # fmt: skip
_LAPSED: Final = "已到发布时写明的失效时间，预警期终止。没有宣布危险已经解除，请继续留意。"
_LAPSED_EN: Final = (
    "The time of expiry given when it was issued has passed and the warning period has ended. "
    "Nobody has declared the danger over; please stay alert."
)
PARAMETER: Final = "预警级别"
PARAMETER_EN: Final = "warning level"


@dataclass(frozen=True, slots=True)
class Said:
    """One act of a warning."""

    warning: str
    seq: int
    verb: str
    body: Announced
    """What stands; of a lifting, what stood."""
    lifting: Lifting | None
    issued_at: datetime


def sender_of(city: str) -> str:
    return f"cn.{city}.zhzx"


def identifier_of(city: str, warning: str, seq: int) -> str:
    return f"cn.{city}.zhzx.warning.{warning}.{seq}"


def alert_of(city: str, address: str, said: Said, earlier: Sequence[datetime], grid: Grid) -> Alert:
    """Return the message. `earlier`: instants of the acts before it, in their order; `address`:
    where it can be read, without trailing slash."""
    references = tuple(
        Reference(sender_of(city), identifier_of(city, said.warning, place), _whole(at))
        for place, at in enumerate(earlier, 1)
    )
    web = f"{address}/alerts/{said.warning}.cap"
    return Alert(
        identifier=identifier_of(city, said.warning, said.seq),
        sender=sender_of(city),
        sent=_whole(said.issued_at),
        status="Actual",
        kind=KIND[said.verb],
        scope="Public",
        references=references,
        infos=(_chinese(said, web, grid), _english(said, web, grid)),
    )


def _whole(at: datetime) -> datetime:
    return at.replace(microsecond=0)


def _chinese(said: Said, web: str, grid: Grid) -> Info:
    body, lifting = said.body, said.lifting
    colour = COLOURS[body.level]
    measures = "；".join(MEASURES[one].title for one in body.measures)
    over = said.verb in ENDS
    return replace(
        _common(said),
        language="zh-CN",
        event=body.event,
        headline=_HEADLINES[said.verb].format(who=body.issuer, what=f"{body.event}{colour}预警"),
        description=lifting.reason if lifting else _LAPSED if over else body.matters,
        instruction="" if over else f"{body.advice}\n政府采取的措施：{measures}",
        sender_name=body.issuer,
        parameters=((PARAMETER, colour),),
        areas=(area_of(body.area, body.shape, grid),),
        web=web,
    )


def _english(said: Said, web: str, grid: Grid) -> Info:
    body, lifting = said.body, said.lifting
    measures = "; ".join(MEASURES[one].title_en for one in body.measures)
    over = said.verb in ENDS
    return replace(
        _common(said),
        language="en",
        event=body.event_en,
        headline=_HEADLINES_EN[said.verb].format(
            who=body.issuer_en, what=f"{body.level} warning: {body.event_en}"
        ),
        description=lifting.reason_en if lifting else _LAPSED_EN if over else body.matters_en,
        instruction="" if over else f"{body.advice_en}\nMeasures taken: {measures}",
        sender_name=body.issuer_en,
        parameters=((PARAMETER_EN, body.level),),
        areas=(area_of(body.area_en, body.shape, grid),),
        web=web,
    )


def _common(said: Said) -> Info:
    body = said.body
    assert body.starts_at is not None  # a fault otherwise
    over = said.verb in ENDS
    return Info(
        language="",
        event="",
        categories=(CATEGORIES[body.category].cap,),
        urgency="Past" if over else urgency_of(body.starts_at, said.issued_at),
        severity=SEVERITY[body.level],
        # The law's warning says nothing of how sure it is: 即将发生或者发生的可能性增大.
        certainty="Unknown",
        # What lapses does so by its own time: nobody has said that the danger is over.
        responses=("AllClear",) if said.verb == LIFT else (),
        effective=_whole(said.issued_at),
        onset=_whole(body.starts_at),
        # A Cancel does not lapse: whoever comes late is still told that nothing stands.
        expires=_whole(body.expires_at) if body.expires_at and not over else None,
    )
