"""The demo city's incidents: forty of them, in every stage, each told by real orders of people.

Nothing is written by hand: a story goes on until the incident stands where it is to stop, and who
acts is whoever policy lets.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from cases.accounts import Accounts
from cases.database import open_engine, reading
from cases.incident_lines import learned_lines
from cases.incident_lists import state_of
from cases.incidents.messages import incident_id_for
from cases.incidents.routing import route
from cases.incidents.state import IncidentState, Stage
from cases.messages import Actor, Outcome, Source
from cases.reception import NotNow
from catalogue.load import Catalogue
from policies.identity import Credentials
from yichuang import joining, temporal
from yichuang.demo_people import COMMAND, UNITS
from yichuang.demo_tales import TALES, Tale
from yichuang.incident_door import IncidentDoor
from yichuang.refusals import RefusalLog
from yichuang.settings import Settings
from yichuang.web_accounts import recorder

DUTY, COMMANDER, ARBITER, CHECKER = "zhiban1", "zhihui", "zhongcai", "hecha1"
ON_DUTY: Final[Mapping[str, str]] = {
    department: one.login for one in reversed(UNITS) for _, department in one.held
}
"""Department → who answers for it in the demo."""

TRIES: Final = 30
MOST_STEPS: Final = 60
AT_ONCE: Final = 4
BEIJING: Final = ZoneInfo("Asia/Shanghai")


class IncidentStuck(Exception):
    """An order of the plan was refused: the plan no longer fits the law it runs under."""


@dataclass(frozen=True)
class Move:
    """Who orders what next."""

    login: str
    verb: str
    body: Mapping[str, Any]


def next_move(state: IncidentState, tale: Tale, routed: Sequence[str]) -> Move | None:
    """Return what somebody does to the incident next; None where its story stops."""
    disputed = tale.turn == "disputed" and state.disputed is not None
    if state.stage in ("archived", "unfounded", "merged") or disputed:
        return None
    early = _turn(state, tale)
    if early is not None:
        return early
    done = state.graded_at is not None or tale.stop in EARLY
    if state.stage == tale.stop and done and _is_told(state, tale):
        return None
    return _onward(state, tale, routed)


def _is_told(state: IncidentState, tale: Tale) -> bool:
    """Whether a closed incident has its evaluation and a lesson; any other needs nothing more."""
    return tale.stop != "closed" or bool(state.evaluated_at and state.lessons)


EARLY: Final = ("reported", "verified")
"""Stops before an incident is graded; what is sent at once (直派) is graded all the same."""


def _turn(state: IncidentState, tale: Tale) -> Move | None:
    """Return what the tale's own turn brings: refusals, a ruling, a response."""
    lead = state.lead
    if tale.turn in ("refused", "disputed", "ruled") and lead is not None:
        wanted = 1 if tale.turn == "refused" else 2
        if lead.state == "dispatched" and not lead.bound and len(state.refusals) < wanted:
            body = {"department": lead.department, "ground": "not_ours",
                    "evidence": "附管网图：该设施不在本单位产权范围内。"}  # fmt: skip
            return Move(ON_DUTY[lead.department], "refuse_dispatch", body)
    if tale.turn == "ruled" and state.disputed is not None:
        body = {"department": state.disputed.department, "ruling": "stands",
                "ground": "井盖铸有本单位标识，产权清楚。"}  # fmt: skip
        return Move(ARBITER, "arbitrate", body)
    if tale.turn == "response" and state.response is None and state.graded_at is not None:
        until = (datetime.now(UTC) + timedelta(hours=6)).isoformat()
        announced: dict[str, Any] = {"matter": state.title, "level": 4, "expected_until": until,
                "measures": "疏散周边人员\n切断危险源\n管控周边道路", "plan": ""}  # fmt: skip
        return Move(COMMANDER, "start_response", announced)
    return None


def _onward(state: IncidentState, tale: Tale, routed: Sequence[str]) -> Move | None:
    true = tale.turn != "false"
    if state.verified_at is None:
        ground = "电话回访并查看视频" if true else "现场没有此事"
        return Move(DUTY, "verify", {"true": true, "ground": ground})
    if state.graded_at is None:
        return Move(DUTY, "grade", {"level": tale.grade or "none", "ground": "按现有情况研判"})
    if state.lead is None and state.stage in ("graded", "dispatched", "acknowledged"):
        there = {one.department for one in state.active}
        fresh = [one for one in routed if one not in there]
        units = [{"department": one, "lead": n == 0, "task": ""} for n, one in enumerate(fresh)]
        return Move(DUTY, "dispatch", {"units": units, "ground": "按责任清单"})
    return _of_units(state, tale) or _to_the_end(state)


def _to_the_end(state: IncidentState) -> Move | None:
    """Return what both centres do once every unit has answered."""
    if state.stage == "answered":
        return Move(CHECKER, "check", {"passed": True, "ground": "现场核查，处置到位"})
    if state.stage == "checked":
        return Move(COMMANDER, "close", {"text": "处置完毕"})
    if state.stage != "closed":
        return None
    if state.evaluated_at is None:
        scores = {one.department: 4 for one in state.active}
        return Move(CHECKER, "evaluate", {"scores": scores, "text": "派发准确，处置及时。"})
    if not state.lessons and state.lead is not None:
        due = (datetime.now(BEIJING) + timedelta(days=30)).date().isoformat()
        said = {"text": "排查同类隐患并建立台账", "department": state.lead.department}
        return Move(COMMANDER, "add_lesson", {**said, "due_on": due})
    for one in state.lessons:
        if one.done_at is None:
            body = {"lesson": one.id, "department": one.department, "text": "已排查并建账。"}
            return Move(ON_DUTY[one.department], "finish_lesson", body)
    return Move(COMMANDER, "archive", {"text": ""})


_NEXT: Final = {"dispatched": "acknowledge", "acknowledged": "set_out", "under_way": "arrive"}


def _of_units(state: IncidentState, tale: Tale) -> Move | None:
    """Return what the unit that is least far does next; the lead before the others."""
    for unit in sorted(state.active, key=lambda one: not one.lead):
        who = ON_DUTY[unit.department]
        verb = _NEXT.get(unit.state)
        if verb == "acknowledge":
            return Move(who, verb, {"department": unit.department})
        if verb is not None:
            return Move(who, verb, {"department": unit.department, "text": ""})
        if unit.state == "on_site" and state.stage != "handling":
            body = {"department": unit.department, "text": "已到场，正在处置。"}
            return Move(who, "progress", body)
        if unit.state == "on_site" and tale.stop != "handling":
            return Move(who, "answer", {"department": unit.department, "text": "处置完毕。"})
    return None


@dataclass
class IncidentTeller:
    """Carries the tales out through the one door."""

    door: IncidentDoor
    cases: Engine
    catalogue: Catalogue
    actors: Mapping[str, Actor]

    async def tell(self, number: int) -> Stage:
        """Carry one tale to its stop; return the stage. Raises `IncidentStuck`."""
        tale = TALES[number]
        key = f"demo-{number}"
        incident_id = incident_id_for(key)
        await self._settled(
            DUTY, f"{key}-report", incident_id, "report", self._report(number, tale)
        )
        for step in range(MOST_STEPS):
            state = await asyncio.to_thread(self._state, incident_id)
            assert state is not None
            routed = await asyncio.to_thread(self._routed, state)
            move = next_move(state, tale, routed)
            if move is None:
                return state.stage
            command = f"{key}-{state.seq}-{move.verb}-{step}"
            await self._settled(move.login, command, incident_id, move.verb, move.body)
        raise IncidentStuck(f"{tale.title} is not there after {MOST_STEPS} steps")

    def _state(self, incident_id: str) -> IncidentState | None:
        with reading(self.cases) as connection:
            return state_of(connection, incident_id)

    def _routed(self, state: IncidentState) -> Sequence[str]:
        with reading(self.cases) as connection:
            learned = learned_lines(connection, state.type)
        refused = {one.department for one in state.refusals}
        kind = self.catalogue.incident_types.by_code[state.type]
        table, grid = self.catalogue.responsibility, self.catalogue.grid
        found = route(kind, state.place, table, grid, learned, refused=refused)
        return [one.department for one in found if one.department in ON_DUTY]

    def _report(self, number: int, tale: Tale) -> Mapping[str, Any]:
        dice = Random(f"yichuang incident {number}")  # noqa: S311 -- a plan, no secret
        cell = dice.choice(self._cells(tale.title))
        lon, lat = cell.centre
        district = self.catalogue.grid.district_by_code[cell.district].name
        return {
            "type": tale.type, "title": tale.title, "text": tale.text, "level": tale.level,
            "place": {
                "lon": round(lon + dice.uniform(-0.002, 0.002), 5),
                "lat": round(lat + dice.uniform(-0.002, 0.002), 5),
                "address": f"{district}{tale.title[:6]}", "district": cell.district,
                "cell": cell.id,
            },
            "source": "", "signal_ids": [],
        }  # fmt: skip

    def _cells(self, title: str) -> Sequence[Any]:
        """Return the cells of the street that a title names, or all."""
        grid = self.catalogue.grid
        named = [one for one in grid.streets if one.name.removesuffix("街道") in title]
        chosen = {one.department for one in named}
        return [one for one in grid.cells if not chosen or one.department in chosen]

    async def _settled(
        self, login: str, command: str, incident_id: str, verb: str, body: Mapping[str, Any]
    ) -> Outcome:
        for attempt in range(1, TRIES + 1):
            try:
                outcome = await self.door.order(
                    self.actors[login], Source(door="web"), command, incident_id, verb, body
                )
                break
            except NotNow:
                if attempt == TRIES:
                    raise
                await asyncio.sleep(attempt)
        if outcome.status == "refused":
            raise IncidentStuck(f"{command}: {outcome.code} {outcome.reason}")
        return outcome


async def fill_incidents(
    teller: IncidentTeller, said: Callable[[str], None]
) -> tuple[dict[str, int], list[str]]:
    """Tell the tales; return how many incidents stand in each stage, and which were refused."""
    waiting, stages, stuck = iter(range(len(TALES))), dict[str, int](), list[str]()

    async def tell_on() -> None:
        for number in waiting:
            try:
                stage = await teller.tell(number)
            except IncidentStuck as refused:
                stuck.append(str(refused))
                continue
            stages[stage] = stages.get(stage, 0) + 1

    await asyncio.gather(*(tell_on() for _ in range(AT_ONCE)))
    said(f"演示事件 {sum(stages.values())}/{len(TALES)}")
    return stages, stuck


async def tell_all(settings: Settings, said: Callable[[str], None]) -> dict[str, int]:
    """Tell the tales in a running city; return how many incidents stand in each stage.

    Raises `IncidentStuck`, when all the others are told, for those that were refused an order.
    """
    keys = open_engine(settings.store_url("keys"), read_only=True)
    web = open_engine(settings.store_url("web"))
    cases = open_engine(settings.store_url("cases"), read_only=True)
    sealer = joining.sealer_of(settings, joining.vault_of(settings, keys))
    released = joining.released_of(settings)
    accounts = Accounts(web, Credentials(), recorder(sealer.who, lambda: str(uuid4())))
    logins = {one.login for one in (*COMMAND, *UNITS)}
    door = IncidentDoor(
        await temporal.connect(settings),
        settings.temporal_task_queue,
        access=joining.access_of(settings, "web", released),
        engine=cases,
        refusals=RefusalLog(web, "web", sealer.who),
    )
    actors = {one.login: one.actor() for one in accounts.listing() if one.login in logins}
    teller = IncidentTeller(door, cases, released.catalogue(), actors)
    stages, stuck = await fill_incidents(teller, said)
    if stuck:
        raise IncidentStuck("；".join(stuck))
    return stages
