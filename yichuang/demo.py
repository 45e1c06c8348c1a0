"""The demo city: people with random passwords, and a few hundred cases in every state.

Every case goes through the same reception as a clerk's, so what it shows is true: warrants, rules,
documents, entries. Each is told by its number in the plan; the same plan carried on after a stop
finds what it had done, because ids and dice depend on nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from random import Random
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from cases import duty
from cases.accounts import Accounts, Place
from cases.database import open_engine
from cases.messages import Actor, Outcome, Source, case_id_for
from cases.queries import Queries
from cases.reception import NotNow, Reception, Request
from cases.sign_in import Refused, SignIn
from cases.state import CaseState, Task
from catalogue.matters import Matter
from policies.identity import Credentials
from yichuang import demo_codes, demo_forms, joining, temporal, way_in
from yichuang.demo_duty import lay_out_demo
from yichuang.demo_people import PEOPLE, Person
from yichuang.reception import CityReception
from yichuang.refusals import RefusalLog
from yichuang.settings import Settings
from yichuang.web_accounts import recorder

CASES = 240
AT_ONCE = 4
MOST_STEPS = 40
"""More steps than any path of the shipped matters takes; a case that needs more is stuck."""
PAST_DAYS = 75
"""How far back the demo's past goes: long enough for a limit of 22 working days to pass."""
TRIES = 5
ZONE = ZoneInfo("Asia/Shanghai")

MATTERS = (
    ("construction-permit", 5),
    ("food-operation", 4),
    ("enterprise-start", 2),
    ("information-disclosure", 2),
)
"""Matter and its weight."""

STOPS = (
    ("pre_review", 3), ("received", 4), ("supplement", 3), ("review", 9), ("gather", 4),
    ("decision", 4), ("certificate", 2), ("service", 3), ("closing", 2), ("rating", 4),
    ("rectification", 2), ("call_back", 1), ("ended", 8), ("paused", 2), ("withdrawn", 1),
    ("not_accepted", 1),
)  # fmt: skip
"""Where a case's story stops, and how often."""

WINDOWS = ("chuangkou1", "chuangkou2")
CLERKS: Mapping[str, tuple[str, ...]] = {
    "zjj": ("zhujian1", "zhujian2"),
    "zrzy": ("guihua1",),
    "xf": ("xiaofang1",),
    "rf": ("renfang1",),
    "ww": ("wenwu1",),
    "scjg": ("shichang1", "shichang2"),
    "bgs": ("gongkai1",),
}
DESKS: Mapping[str, Mapping[str, str]] = {
    "zjj": {"head": "zhujianke", "chief": "zhujianju", "certificate": "zhujianzheng"},
    "scjg": {"head": "shichangke", "chief": "shichangju", "certificate": "shichangzheng"},
    "bgs": {"head": "gongkaike", "chief": "gongkaiju", "certificate": "gongkaizheng"},
}

ANSWERING: Mapping[str, str] = {
    "zjj": "zhujianke",
    "scjg": "shichangke",
    "bgs": "gongkaike",
    "zrzy": "guihuake",
    "xf": "zhujianke",
    "rf": "renfangke",
    "ww": "wenwuke",
}
"""Department → who explains its supervision cards."""
SUPERVISORS = ("jiancha", "jiancha2")
FOUND = (
    ("illegal_fee", "回访时申请人反映窗口收取复印费二十元。"),
    ("late_forwarding", "上级机关核对，审查意见迟报三个工作日。"),
    ("off_system", "现场检查发现申请材料先在线下流转，未录入系统。"),
)
"""Grounds on which the demo's supervisor issues a card, and what was found."""

_log = logging.getLogger("yichuang.demo")


class DemoStuck(Exception):
    """A step of the plan was refused: the plan no longer fits the law it runs under."""


@dataclass(frozen=True)
class Move:
    """What somebody does next."""

    login: str
    verb: str
    body: Mapping[str, Any]


# --- people --------------------------------------------------------------------------------------


def make_people(settings: Settings) -> list[tuple[Person, str]]:
    """Create the people who are missing; return each new one with a random password, told once."""
    engine, keys = open_engine(settings.store_url("web")), open_engine(settings.store_url("keys"))
    sealer = joining.sealer_of(settings, joining.vault_of(settings, keys))
    record = recorder(sealer.who, lambda: str(uuid4()))
    credentials = Credentials()
    accounts = Accounts(engine, credentials, record)
    entrance = way_in.sign_in_of(settings, engine, sealer)
    there = {one.login for one in accounts.listing()}
    made = []
    try:
        for person in PEOPLE:
            if person.login in there:
                continue
            now, password = datetime.now(UTC), _password()
            _, code = accounts.create_account(
                person.login, person.name, person.department, at=now, by="system",
                grants=person.grants, clearance=3,
            )  # fmt: skip
            _enter_first(settings, entrance, person.login, code, password, now)
            made.append((person, password))
        ids = {one.login: one.id for one in accounts.listing()}
        with engine.begin() as connection:
            if not duty.kept(connection):
                lay_out_demo(connection, ids, settings.zone, datetime.now(UTC))
    finally:
        engine.dispose()
        keys.dispose()
    return made


def _enter_first(
    settings: Settings, entrance: SignIn, login: str, code: str, password: str, now: datetime
) -> None:
    """Set password and app as the person would, keep the app's secret, and sign out again."""
    half = entrance.enrol(login, code, password, now, Place())
    if isinstance(half, Refused):
        raise DemoStuck(f"{login}: {half.reason}")
    secret = entrance.factors.offer_app(half.account, half.owner, now).secret
    demo_codes.keep(settings, login, secret)
    shown = demo_codes.code_at(secret, now)
    entered = entrance.set_up(half.secret, "totp", shown, "演示应用", now, Place())
    if isinstance(entered, Refused):
        raise DemoStuck(f"{login}: {entered.reason}")
    entrance.new_codes(entered.session, now, Place())
    entrance.keep_codes(entered.session, now, Place())
    entrance.sign_out(entered.secret, now, Place())


def _password() -> str:
    """Return four groups of letters and figures: 95 bits, every class that the rules ask for."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    groups = ["".join(secrets.choice(alphabet) for _ in range(4)) for _ in range(4)]
    return "-".join(groups) + "-" + secrets.choice("ABCDEFGH") + secrets.choice("23456789")


# --- what happens next ---------------------------------------------------------------------------


def story_of(number: int) -> tuple[str, str, bool, Random]:
    """Return matter, stop, whether it lies in the past, and the dice of a case of the plan."""
    chance = Random(f"yichuang demo {number}")  # noqa: S311 -- a plan, no secret
    matter, stop = _drawn(MATTERS, chance), _drawn(STOPS, chance)
    return matter, stop, chance.random() < 0.55, chance


def _drawn(weighted: Sequence[tuple[str, int]], chance: Random) -> str:
    return chance.choices([name for name, _ in weighted], [weight for _, weight in weighted])[0]


def next_move(state: CaseState, stop: str, chance: Random) -> Move | None:
    """Return what somebody does to the case next; None where its story stops."""
    if state.stage in (stop, "ended"):
        return None
    if stop == "pre_review":
        return None  # the matter has no pre-review online: it stays where it was received
    if state.accept_mode == "deemed":
        return None  # left lying past the five days: silence has carried it past its stop
    early = _watched(state, chance) or _detour(state, stop)
    if early is not None:
        return early
    step = _STEPS.get(state.stage)
    return None if step is None else step(state, stop, chance)


def _watched(state: CaseState, chance: Random) -> Move | None:
    """Return what supervision brings about: explanations, and now and then a card by hand."""
    rated = state.stage == "rating" and state.rated_at is not None
    for card in state.cards:
        if card.waits_for_explanation and (rated or chance.random() < 0.4):
            body = {
                "task": f"explain-{card.number}",
                "cause": "同期办件集中，经办人员不足，流转衔接不及时。",
                "measures": "增派经办人员，专人跟踪限时办件，本件立即办理。",
            }
            return Move(ANSWERING[card.department], "explain_card", body)
    if state.backfilled or any(one.ended_at is None for one in state.procedures):
        return None
    by_hand = [card for card in state.cards if card.issued_by]
    if not by_hand and state.stage in ("review", "decision") and chance.random() < 0.08:
        ground, found = chance.choice(FOUND)
        return Move(SUPERVISORS[0], "issue_card", {"ground": ground, "text": found})
    for card in by_hand:
        if card.stands and card.explanation == "given":
            body = {"card": card.number, "result": "accepted"}
            return Move(SUPERVISORS[0], "review_explanation", body)
        if card.stands and card.explanation == "due" and chance.random() < 0.3:
            body = {"card": card.number, "reason": "经复核，系其他办件的材料误附本件。"}
            return Move(SUPERVISORS[1], "revoke_card", body)
    return None


def _detour(state: CaseState, stop: str) -> Move | None:
    department = state.plan.department
    if stop == "supplement" and state.stage == "received":
        asked = [{"code": "application", "what": "申请表", "why": "缺少法定代表人签字"}]
        return Move(WINDOWS[1], "ask_supplement", {"lacking": asked})
    if stop == "not_accepted" and state.stage == "received":
        reason = "申请事项依法不属于本行政机关职权范围"
        body = {"reason": reason, "apply_to": "云岭省住房和城乡建设厅"}
        return Move(WINDOWS[1], "refuse_acceptance", body)
    if stop == "withdrawn" and state.stage == "review":
        return Move(WINDOWS[1], "withdraw", {"reason": "申请人调整计划，书面申请撤回"})
    if stop == "paused" and state.stage == "review":
        kinds = state.plan.procedures
        if not kinds or state.procedures:
            return Move("", "", {})
        ground = "涉及他人重大利益关系，利害关系人申请听证"
        hearing = {"kind": kinds[0], "ground": ground, "expected_days": 20}
        return Move(DESKS[department]["head"], "start_procedure", hearing)
    return None


def _received(state: CaseState, stop: str, chance: Random) -> Move:
    return Move(WINDOWS[0], "accept", {"mode": "plain"})


def _review(state: CaseState, stop: str, chance: Random) -> Move | None:
    open_tasks = [task for task in state.tasks if task.state == "open" and task.kind == "review"]
    if stop == "review" and len(open_tasks) < len(state.plan.steps) / 2:
        return None
    for task in open_tasks:
        return _look_at(task, chance)
    return None


def _look_at(task: Task, chance: Random) -> Move:
    clerks = CLERKS[task.department]
    if task.inspectors_needed and not task.inspected:
        body = {
            "task": task.key,
            "inspectors": ["核查员甲", "核查员乙"],
            "place": "申请地点现场",
            "inspected_at": "{at}",
            "findings": "现场与申报材料一致，具备条件。",
        }
        return Move(clerks[0], "inspect", body)
    given = {one.signer for one in task.opinions}
    clerk = clerks[min(len(given), len(clerks) - 1)]
    texts = ("经审查，材料齐全，符合规定，同意。", "符合相关规划与标准，同意。", "原则同意。")
    return Move(clerk, "opine", {"task": task.key, "result": "agree", "text": chance.choice(texts)})


def _gather(state: CaseState, stop: str, chance: Random) -> Move:
    lead = state.plan.lead or state.plan.department
    body = {"proposal": "grant", "text": "各部门均同意，拟准予许可。"}
    return Move(DESKS[lead]["head"], "gather", body)


def _decide(state: CaseState, stop: str, chance: Random) -> Move:
    chief = DESKS[state.plan.department]["chief"]
    if chance.random() < 0.1:
        return Move(chief, "decide", {"result": "refuse", "reasons": "不符合法定条件、标准。"})
    return Move(chief, "decide", {"result": "grant", "valid_until": "2031-12-31"})


def _certify(state: CaseState, stop: str, chance: Random) -> Move:
    body = {"certificate": state.plan.result or state.plan.name, "number": ""}
    return Move(DESKS[state.plan.department]["certificate"], "certify", body)


def _serve(state: CaseState, stop: str, chance: Random) -> Move:
    body = {"method": "direct", "recipient": "受送达人", "place": "政务服务中心综合窗口"}
    return Move(DESKS[state.plan.department]["certificate"], "serve", body)


def _close(state: CaseState, stop: str, chance: Random) -> Move:
    return Move(WINDOWS[1], "close", {})


def _rate(state: CaseState, stop: str, chance: Random) -> Move:
    bad = stop in ("rectification", "call_back")
    body = {"grade": 4 if bad else chance.choice((1, 1, 2)), "text": "等候太久" if bad else ""}
    return Move(WINDOWS[1], "rate", body)


def _rectify(state: CaseState, stop: str, chance: Random) -> Move:
    body = {"cause": "窗口人手不足", "measures": "增开窗口，错峰预约，已向申请人说明。"}
    return Move(DESKS[state.plan.department]["chief"], "rectify", body)


def _call_back(state: CaseState, stop: str, chance: Random) -> Move:
    return Move(WINDOWS[0], "call_back", {"satisfied": True, "text": "申请人表示满意。"})


_STEPS: Mapping[str, Callable[[CaseState, str, Random], Move | None]] = {
    "received": _received,
    "review": _review,
    "gather": _gather,
    "decision": _decide,
    "certificate": _certify,
    "service": _serve,
    "closing": _close,
    "rating": _rate,
    "rectification": _rectify,
    "call_back": _call_back,
}


# --- telling the stories -------------------------------------------------------------------------


def _office_hour(chance: Random) -> datetime:
    """Return a moment of an earlier day at which a window is open."""
    day = datetime.now(ZONE).date() - timedelta(days=chance.randint(5, PAST_DAYS))
    opened = datetime.combine(day, time(9), ZONE)
    return (opened + timedelta(minutes=chance.randint(0, 300))).astimezone(UTC)


def _pause(state: CaseState, dice: Random) -> timedelta:
    """Return how long the next move takes: at the window an hour, so that no silence accepts."""
    if state.stage in ("pre_review", "received"):
        return timedelta(minutes=dice.randint(10, 60))
    return timedelta(hours=dice.randint(3, 60))


@dataclass
class Teller:
    """Carries the plan out through one reception."""

    reception: Reception
    queries: Queries
    actors: Mapping[str, Actor]
    matters: Mapping[str, Matter]

    async def tell(self, number: int) -> str:
        """Carry one case to where its story stops; return its stage. Raises `DemoStuck`."""
        code, stop, past, chance = story_of(number)
        at = _office_hour(chance) if past else None
        channel = "computer" if stop == "pre_review" else "window"
        filed = await self._file(number, self.matters[code], channel, chance, at)
        for _ in range(MOST_STEPS):
            state = await asyncio.to_thread(self.queries.state, filed.case_id)
            assert state is not None
            dice = Random(f"yichuang demo {number}:{state.seq}")  # noqa: S311 -- a plan, no secret
            move = next_move(state, stop, dice)
            if move is None or not move.verb:
                return state.stage
            if at is not None:
                at = max(at, state.last_at or at) + _pause(state, dice)
                if at > datetime.now(UTC):
                    return state.stage
            await self._act(number, state, move, at)
        raise DemoStuck(f"case {number} ({code}, {stop}) is not there after {MOST_STEPS} steps")

    async def _file(
        self, number: int, matter: Matter, channel: str, chance: Random, at: datetime | None
    ) -> Outcome:
        who = demo_forms.applicant(matter, chance)
        body = {
            "matter": matter.code,
            "channel": channel,
            "applicant": who,
            "form": demo_forms.form(matter, who, chance),
            "materials": [
                {"code": m.code, "originals": m.originals, "copies": m.copies or 1}
                for m in matter.materials
            ],
            "electronic_service": chance.random() < 0.5,
        }
        reference = f"demo-{number}"
        clerk = self.actors[WINDOWS[0]]
        state = await asyncio.to_thread(self.queries.state, case_id_for(clerk.id, reference))
        if state is not None:
            # Told in an earlier run, when `now` was another: the case is there, that is enough.
            return Outcome(command_id="", case_id=state.case_id, status="done")
        request = Request(
            id=f"{reference}-file", verb="file", body=body, reference=reference, occurred_at=at
        )
        return await self._settled(clerk, request)

    async def _act(self, number: int, state: CaseState, move: Move, at: datetime | None) -> None:
        moment = (at or datetime.now(UTC)).isoformat()
        body = {key: moment if value == "{at}" else value for key, value in move.body.items()}
        request = Request(
            id=f"demo-{number}-{state.seq}-{move.verb}",
            verb=move.verb,
            body=body,
            case_id=state.case_id,
            occurred_at=at,
        )
        await self._settled(self.actors[move.login], request)

    async def _settled(self, actor: Actor, request: Request) -> Outcome:
        for attempt in range(1, TRIES + 1):
            try:
                (outcome,) = await self.reception.handle(actor, Source(door="web"), (request,))
                break
            except NotNow:
                if attempt == TRIES:
                    raise
                await asyncio.sleep(attempt)
        if outcome.status == "refused":
            raise DemoStuck(f"{request.id}: {outcome.code} {outcome.reason}")
        return outcome


async def fill(settings: Settings, cases: int, said: Callable[[str], None]) -> dict[str, int]:
    """Tell the stories; return how many cases stand in each stage. Needs the worker.

    Raises `DemoStuck`, when all the others are told, for those that were refused a step.
    """
    keys = open_engine(settings.store_url("keys"), read_only=True)
    web = open_engine(settings.store_url("web"))
    sealer = joining.sealer_of(settings, joining.vault_of(settings, keys))
    released = joining.released_of(settings)
    queries = joining.queries_of(settings, sealer, released=released)
    accounts = Accounts(web, Credentials(), recorder(sealer.who, lambda: str(uuid4())))
    logins = {person.login for person in PEOPLE}
    catalogue, today = released.catalogue(), datetime.now(UTC)
    teller = Teller(
        CityReception(
            await temporal.connect(settings),
            settings.temporal_task_queue,
            access=joining.access_of(settings, "web", released),
            queries=queries,
            catalogue=released.catalogue,
            refusals=RefusalLog(web, "web", sealer.who),
        ),
        queries,
        {one.login: one.actor() for one in accounts.listing() if one.login in logins},
        {code: catalogue.matter_at(code, today) for code, _ in MATTERS},
    )
    waiting = iter(range(cases))
    stages: dict[str, int] = {}

    stuck: list[str] = []

    async def tell_on() -> None:
        for number in waiting:
            try:
                stage = await teller.tell(number)
            except DemoStuck as refused:
                # One story that the law refused must not keep the others from being told.
                stuck.append(str(refused))
                continue
            stages[stage] = stages.get(stage, 0) + 1
            done = sum(stages.values())
            if done % 20 == 0:
                said(f"演示办件 {done}/{cases}")

    await asyncio.gather(*(tell_on() for _ in range(AT_ONCE)))
    if stuck:
        raise DemoStuck("；".join(stuck))
    return stages
