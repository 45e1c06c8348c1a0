"""预警: our own warnings, announced, adjusted and lifted (突发事件应对法第六十三条至第七十条).

The warning level is an axis of its own: no grade of an event, no response level. What lacks a word
that the law asks for is refused with its article, as is what is not ours to announce: signals of
the weather belong to the weather stations alone (气象灾害防御条例第三十条).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Final, Literal
from uuid import uuid5

from pydantic import AwareDatetime, Field, StringConstraints

from cases.messages import NAMESPACE, Frozen
from cases.one_step import OneStepAnswer, OneStepOrder
from cases.warning_areas import Round, Shape

OBJECT: Final = "warning"
"""The object type of policy."""
ISSUE, ADJUST, LIFT = "warning_issue", "warning_adjust", "warning_lift"
VERBS: Final = (ISSUE, ADJUST, LIFT)
LAPSE: Final = "warning_lapse"
"""No order of anybody: the act by which it is announced that a warning's own time has run out."""
ENDS: Final = frozenset({LIFT, LAPSE})
"""Acts after which nothing stands."""
READ: Final = "warning_read"
CENTRE: Final = "zhzx"
"""Code of the department that announces for the city (catalogue/city.yaml)."""
GOVERNMENT: Final = "gov"
"""Code of the city's government, which is the issuer unless something else is written."""

Level = Literal["red", "orange", "yellow", "blue"]
LEVELS: Final[tuple[Level, ...]] = ("red", "orange", "yellow", "blue")
"""一级 to 四级, the first the highest (第六十三条)."""
HIGH: Final = frozenset({"red", "orange"})

FIELDS_OF_LAW: Final = "TFSJ-64"
CAN_BE_WARNED_OF: Final = "TFSJ-63"
MEASURES_BELOW: Final = "TFSJ-66"
MEASURES_ABOVE: Final = "TFSJ-67"
ADJUSTING: Final = "TFSJ-70"
OF_WEATHER: Final = "QXZH-30"


@dataclass(frozen=True, slots=True)
class Category:
    """预警类别."""

    title: str
    title_en: str
    cap: str
    """What CAP 1.2 calls it; empty: never announced here."""
    basis: str = ""
    """Of what is never announced here: the article that says so."""
    reason: str = ""


CATEGORIES: Final[Mapping[str, Category]] = MappingProxyType(
    {
        "geology": Category("地质灾害（自然灾害）", "Geological hazard", "Geo"),
        "wildfire": Category("森林草原火灾（自然灾害）", "Wildfire", "Fire"),
        "accident": Category("生产安全事故（事故灾难）", "Industrial accident", "Safety"),
        "lifeline": Category("城市运行事故（事故灾难）", "Failure of city services", "Infra"),
        "environment": Category("环境污染（事故灾难）", "Environmental pollution", "Env"),
        "health": Category("公共卫生事件", "Public health event", "Health"),
        "weather": Category(
            "气象灾害", "Weather", "", OF_WEATHER,
            "气象灾害预警信号只由气象台站发布，本系统只转收，不发布",
        ),
        "security": Category(
            "社会安全事件", "Public security", "", CAN_BE_WARNED_OF,
            "预警级别只用于可以预警的自然灾害、事故灾难和公共卫生事件",
        ),
    }
)  # fmt: skip

_WEATHER = re.compile(
    r"(台风|暴雨|暴雪|寒潮|大风|沙尘暴|高温|干旱|雷电|冰雹|霜冻|大雾|霾|道路结冰)"
    r"(灾害|天气)?([红橙黄蓝]色)?(预警)?(信号|警报)?"
)
"""Names of the fourteen signals of the weather stations (气象灾害预警信号发布与传播办法, annex;
read second-hand, not verified): who calls a warning so announces theirs under another category."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One measure of the law, short; the words of the law stand in catalogue/law.yaml."""

    title: str
    title_en: str
    basis: str


MEASURES: Final[Mapping[str, Measure]] = MappingProxyType(
    {
        "66-1": Measure("启动应急预案", "Emergency plan started", MEASURES_BELOW),
        "66-2": Measure(
            "收集、报告信息，公布信息渠道，加强监测预报预警",
            "Information gathered, channels made known, monitoring strengthened", MEASURES_BELOW,
        ),
        "66-3": Measure(
            "组织专家随时分析评估", "Experts assess the situation continuously", MEASURES_BELOW
        ),
        "66-4": Measure(
            "定时发布预测信息和评估结果", "Forecasts and assessments published", MEASURES_BELOW
        ),
        "66-5": Measure(
            "发布警告，宣传避险常识，公布求助电话",
            "Public warned and advised, help lines made known", MEASURES_BELOW,
        ),
        "67-1": Measure(
            "救援队伍待命，动员后备人员", "Rescue teams on standby, reserves mobilised",
            MEASURES_ABOVE,
        ),
        "67-2": Measure(
            "调集物资装备，准备避难、隔离、救治场所", "Supplies moved, shelters made ready",
            MEASURES_ABOVE,
        ),
        "67-3": Measure(
            "加强重点单位、重要部位保卫", "Key sites guarded", MEASURES_ABOVE
        ),
        "67-4": Measure(
            "确保公共设施安全运行", "Public utilities kept running", MEASURES_ABOVE
        ),
        "67-5": Measure(
            "发布避免、减轻危害的建议和劝告", "Advice given on avoiding harm", MEASURES_ABOVE
        ),
        "67-6": Measure(
            "转移、疏散、撤离人员并妥善安置", "People evacuated and sheltered", MEASURES_ABOVE
        ),
        "67-7": Measure(
            "关闭或者限制使用易受危害的场所", "Places at risk closed or restricted",
            MEASURES_ABOVE,
        ),
        "67-8": Measure(
            "法律、法规、规章规定的其他措施", "Other measures provided by law", MEASURES_ABOVE
        ),
    }
)  # fmt: skip
"""第六十六条 (each level) and 第六十七条 (red and orange alone), by article and item."""

MOST_CELLS: Final = 2_000
"""Cells of one warning; a message of so many is half of what a receiver of CAP takes here."""

Line = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]
Words = Annotated[str, StringConstraints(strip_whitespace=True, max_length=1000)]


class Announced(Frozen):
    """What is announced; the instant of issue is the system's own. No personal data."""

    category: Line = ""
    level: Line = ""
    event: Line = ""
    event_en: Line = ""
    starts_at: AwareDatetime | None = None
    expires_at: AwareDatetime | None = None
    """When it lapses by itself; None: it stands until it is lifted, as the law has it."""
    area: Words = ""
    area_en: Words = ""
    matters: Words = ""
    """警示事项."""
    matters_en: Words = ""
    advice: Words = ""
    """应当采取的措施, of the public."""
    advice_en: Words = ""
    measures: tuple[Line, ...] = ()
    """应当采取的措施, of the government: keys of `MEASURES`."""
    issuer: Line = ""
    issuer_en: Line = ""
    cells: Annotated[tuple[Line, ...], Field(max_length=MOST_CELLS)] = ()
    """Cells of the grid in which it holds."""
    circle: Round | None = None

    @property
    def shape(self) -> Shape:
        """Return where it holds on the map."""
        return Shape(self.cells, self.circle)

    def has_lapsed(self, now: datetime) -> bool:
        """Whether its own time has run out; who lifted it or not is another matter."""
        return self.expires_at is not None and self.expires_at <= now


class Lifting(Frozen):
    """Why a warning is lifted."""

    reason: Words = ""
    reason_en: Words = ""


class WarningOrder(OneStepOrder):
    """An act as its workflow hands it to the activity."""


class WarningAnswer(OneStepAnswer):
    """What came of an act; the same command gets the same one."""

    warning: str = ""
    seq: int = 0


@dataclass(frozen=True, slots=True)
class Fault:
    """What cannot be announced, and the article that says so."""

    field: str
    reason: str
    basis: str


ASKED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "category": "预警类别",
        "level": "预警级别",
        "event": "预警名称",
        "starts_at": "起始时间",
        "area": "可能影响的范围",
        "matters": "警示事项",
        "advice": "公众应当采取的措施",
        "measures": "政府采取的措施",
        "issuer": "发布单位",
    }
)
"""The fields of 第六十四条; the instant of issue is the ninth, and never left out."""

_ENGLISH: Final = ("event", "area", "matters", "advice", "issuer")


def faults(said: Announced) -> Iterator[Fault]:
    """Yield what forbids announcing this; nothing: it may be announced."""
    for field, title in ASKED.items():
        if not getattr(said, field):
            yield Fault(field, f"发布警报应当明确{title}", FIELDS_OF_LAW)
    for field in _ENGLISH:
        if not getattr(said, f"{field}_en"):
            yield Fault(f"{field}_en", f"{ASKED[field]}须有英文：警报以中英文发布", "")
    yield from _category_faults(said)
    if said.level and said.level not in LEVELS:
        yield Fault("level", "预警级别只有红、橙、黄、蓝", CAN_BE_WARNED_OF)
    yield from _measure_faults(said)
    if said.expires_at and said.starts_at and said.expires_at <= said.starts_at:
        yield Fault("expires_at", "失效时间须晚于起始时间", "")


def late_faults(said: Announced, now: datetime) -> Iterator[Fault]:
    """Yield what forbids announcing it at this instant."""
    if said.has_lapsed(now):
        yield Fault("expires_at", "失效时间已过，发布了也不再有效", "")


def _category_faults(said: Announced) -> Iterator[Fault]:
    category = CATEGORIES.get(said.category)
    if said.category and category is None:
        yield Fault("category", "没有这个预警类别", FIELDS_OF_LAW)
    if category is not None and not category.cap:
        yield Fault("category", category.reason, category.basis)
    if _WEATHER.fullmatch(re.sub(r"\s", "", said.event)):
        yield Fault("event", CATEGORIES["weather"].reason, OF_WEATHER)


def _measure_faults(said: Announced) -> Iterator[Fault]:
    if any(one not in MEASURES for one in said.measures):
        yield Fault("measures", "没有这样的措施", MEASURES_BELOW)
        return
    above = any(MEASURES[one].basis == MEASURES_ABOVE for one in said.measures)
    below = any(MEASURES[one].basis == MEASURES_BELOW for one in said.measures)
    if said.measures and not below:
        yield Fault("measures", "发布警报应当采取第六十六条规定的措施", MEASURES_BELOW)
    if said.level in HIGH and said.measures and not above:
        yield Fault(
            "measures", "红色、橙色警报还应当采取第六十七条规定的一项或者多项措施", MEASURES_ABOVE
        )
    if said.level in LEVELS and said.level not in HIGH and above:
        yield Fault("measures", "第六十七条规定的措施只用于红色、橙色警报", MEASURES_ABOVE)


def lifting_faults(said: Lifting) -> Iterator[Fault]:
    """Yield what forbids lifting: it is announced, so it says why."""
    if not said.reason:
        yield Fault("reason", "宣布解除警报须写明不可能发生或者危险已经解除的事实", ADJUSTING)
    if not said.reason_en:
        yield Fault("reason_en", "解除的事实须有英文：警报以中英文发布", "")


@dataclass(frozen=True, slots=True)
class Standing:
    """A warning as its newest act left it."""

    seq: int
    verb: str
    said: Announced


def order_faults(verb: str, standing: Standing | None) -> Iterator[Fault]:
    """Yield why this act cannot follow what stands."""
    if verb == ISSUE:
        return
    if standing is None:
        yield Fault("", "没有这条警报", ADJUSTING)
    elif standing.verb in ENDS:
        over = "已经解除" if standing.verb == LIFT else "已到失效时间"
        yield Fault("", f"警报{over}，预警期已经终止；再有危险，另行发布", ADJUSTING)


def warning_id(command_id: str) -> str:
    """Return the id of the warning that a command issues, the same one for ever."""
    return str(uuid5(NAMESPACE, f"warning\n{command_id}"))


def lapse_command_id(warning: str, seq: int) -> str:
    """Return the id of the act by which what stands since act `seq` lapses, the same for ever."""
    return str(uuid5(NAMESPACE, f"warning lapsed\n{warning}\n{seq}"))


def urgency_of(starts_at: datetime, issued_at: datetime) -> str:
    """Return CAP's urgency: whether the period has begun, begins within the hour, or later."""
    ahead = (starts_at - issued_at).total_seconds()
    return "Immediate" if ahead <= 0 else "Expected" if ahead <= 3600 else "Future"
