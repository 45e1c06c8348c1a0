"""A small city with one approval and one open matter, and settling on real stores."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine

from activities.alarming import Alarms
from activities.announcing import Announcer
from activities.forging import Forgeries
from activities.papers import DocumentOrder
from activities.planning import Planner
from activities.sealing import Sealer
from activities.settle import Settlement
from audit.tables import keys_metadata, outbox_metadata
from audit.vault import SubjectVault
from cases import approval
from cases.database import open_engine
from cases.messages import Actor, Command, Outcome, Source, Warrant, case_id_for
from cases.rulings import Ruling
from cases.settling import Batch, RuleForbids, Settled
from cases.state import CaseState
from cases.tables import cases_metadata
from catalogue.city import City, Department
from catalogue.load import Catalogue
from catalogue.matters import Matter
from policies.warrants import WarrantInvalid, WarrantSigner, verify
from tests.stores import lay_out

START = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
"""Monday, 9:00 in Beijing."""

PEPPER = b"p" * 32

FORGERIES = Forgeries(Alarms("demo", "https://city.invalid/schemas"))

_LIMIT = {"时限": 20, "单位": "working_day", "依据": "xkf-42"}


def food(**changes: Any) -> Matter:
    """食品经营许可: one department, who accepts may not decide."""
    return Matter.model_validate(
        {
            "标识": "food",
            "版本": "2026.1",
            "事项名称": "食品经营许可",
            "事项英文名称": "Food business licence",
            "基本编码": "000172010000",
            "实施编码": "11",
            "事项类型代码": "01",
            "行使层级代码": "4",
            "设定依据": ("xkf-42",),
            "实施主体": "scjg",
            "办件类型": "promised",
            "服务对象": ("natural_person", "enterprise"),
            "生效日期": date(2020, 1, 1),
            "法定办结时限": _LIMIT,
            "承诺办结时限": _LIMIT | {"时限": 10},
            "补正告知时限": _LIMIT | {"时限": 5},
            "送达时限": _LIMIT | {"时限": 10},
            "办理环节": ({"环节编码": "check", "环节名称": "审查", "办理部门": "scjg"},),
            "职责分离": ({"不得同人": ("accept", "decide"), "依据": "xkf-26"},),
            "申请材料": ({"材料编码": "m1", "材料名称": "申请书"},),
            "表单": {
                "type": "object",
                "properties": {
                    "area": {"type": "integer", "title": "面积"},
                    "home": {"type": "string", "title": "住址", "x-personal": True},
                },
            },
            "文书": ("acceptance_notice", "grant", "refusal"),
            "规则": {},
            "日历": "none",
        }
        | changes
    )


def recorded() -> Matter:
    """A matter whose steps come in any order, without separations."""
    return food(标识="recorded", 流程="open", 职责分离=(), 文书=(), 办理环节=())


def small_city() -> Catalogue:
    departments = tuple(
        Department.model_validate(
            {"标识": code, "名称": name, "英文名称": code, "简称": name, "机关代字": prefix}
        )
        for code, name, prefix in (("scjg", "市场监管局", "云市监"), ("zjj", "住建局", "云住建"))
    )
    city = City.model_validate(
        {
            "名称": "云州",
            "英文名称": "Yunzhou",
            "行政区划代码": "000000",
            "核验网址": "https://city.invalid/v",
            "部门": departments,
        }
    )
    return Catalogue(matters=(food(), recorded()), law={}, city=city, calendars={})


class PlainPress:
    """Renders a line of text: what the file looks like is not what is tried here."""

    def __init__(self) -> None:
        self.rendered: list[str] = []
        self.facts: list[Mapping[str, Any]] = []

    def render(self, order: DocumentOrder) -> bytes:
        self.rendered.append(order.number)
        self.facts.append(order.facts)
        return f"{order.number} {order.code} {order.applicant.name}".encode()


class NoRules:
    """The matters of these tests name no packs."""

    def digest(self, pack: str) -> str:
        raise KeyError(pack)

    def evaluate(self, digest: str, context: Mapping[str, object], at: datetime) -> Ruling:
        raise KeyError(digest)


@dataclass
class Town:
    """Settling on real stores, with a clock that moves a second at each look."""

    engine: Engine
    keys: Engine
    signer: WarrantSigner
    press: PlainPress = field(default_factory=PlainPress)
    matters: Catalogue = field(default_factory=small_city)
    start: datetime = START

    def __post_init__(self) -> None:
        ticks = itertools.count()
        self.vault = SubjectVault(self.keys, b"m" * 32)
        self.sealer = Sealer(self.vault, PEPPER)
        self.planner = Planner(
            engine=self.engine,
            sealer=self.sealer,
            catalogue=lambda: self.matters,
            rules=NoRules(),
            verify=self._verify,
            again=lambda command, state: None,
            press=self.press,
            announcer=Announcer("demo", "https://city.invalid/schemas"),
            now=lambda: self.start + timedelta(seconds=next(ticks)),
        )
        self.settlement = Settlement(self.engine, self.planner, FORGERIES)

    def _verify(self, command: Command) -> RuleForbids | None:
        assert command.warrant is not None
        keys = {self.signer.issuer: self.signer.public_key}
        try:
            verify(command.warrant, command, keys, command.warrant.issued_at)
        except WarrantInvalid as invalid:
            return RuleForbids(invalid.code, invalid.reason, "", "warrant")
        return None

    def order(
        self,
        verb: str,
        body: dict[str, Any],
        *,
        case: str = "c1",
        by: str = "u:window",
        id: str = "",
        at: datetime | None = None,
        backfill: bool = False,
        kind: str = "human",
        behalf: str = "",
    ) -> Command:
        """Return a warranted command."""
        at = at or self.start
        plain = Command(
            id=id or f"{case}-{verb}-{by.removeprefix('u:')}",
            verb=verb,
            case_id=case_id_for("test", case),
            body=body,
            actor=Actor.model_validate(
                {"id": by, "kind": kind, "department": "scjg", "on_behalf": behalf}
            ),
            source=Source(door="web"),
            occurred_at=at,
            backfill=backfill,
        )
        warrant = Warrant(
            command_id=plain.id,
            command_digest=plain.digest(),
            actor=by,
            on_behalf=behalf,
            act=verb,
            object_type="case",
            object_id=plain.case_id,
            policy="p1",
            row="clerk,scjg",
            role="clerk",
            department="scjg",
            issued_at=at,
            expires_at=at + timedelta(hours=1),
            issuer=self.signer.issuer,
        )
        return plain.model_copy(update={"warrant": self.signer.sign(warrant)})

    def file(self, case: str = "c1", matter: str = "food", **more: Any) -> Command:
        body = {
            "matter": matter,
            "version": "2026.1",
            "applicant": {"name": "张三丰", "id_number": "110101199001011237", "phone": "138"},
            "form": {"area": 40, "home": "武当山 1 号"},
            "materials": [{"code": "m1", "originals": 1, "file_name": "张三丰申请书.pdf"}],
        }
        return self.order("file", body, case=case, **more)

    def settle(self, state: CaseState | None, *commands: Command) -> tuple[CaseState, Settled]:
        """Settle and return the state as the workflow would hold it."""
        settled = self.settlement.settle(Batch(state=state, commands=commands))
        return followed(state, settled), settled

    def filed(self, case: str = "c1", **more: Any) -> CaseState:
        return self.settle(None, self.file(case, **more))[0]

    def outcome(self, state: CaseState | None, command: Command) -> Outcome:
        return self.settlement.settle(Batch(state=state, commands=(command,))).steps[0].outcome


def followed(state: CaseState | None, settled: Settled) -> CaseState:
    """Return the state after an answer, as the workflow follows it."""
    steps = list(settled.steps)
    if state is None:
        assert settled.state is not None, settled
        state = settled.state
        steps = steps[1:]
    for step in steps:
        if step.events:
            state = approval.apply(state, step.events)
    return state


def create_stores(folder: Path) -> tuple[Engine, Engine]:
    engine = open_engine(f"sqlite:///{folder / 'cases.sqlite'}")
    keys = open_engine(f"sqlite:///{folder / 'keys.sqlite'}")
    lay_out(engine, cases_metadata, outbox_metadata)
    lay_out(keys, keys_metadata)
    return engine, keys


PRIVATE = bytes(range(32))
"""Seed of the test's warrant key, so that a child process signs alike."""


def town_in(folder: Path) -> Town:
    engine, keys = create_stores(folder)
    return Town(engine, keys, WarrantSigner("web", Ed25519PrivateKey.from_private_bytes(PRIVATE)))


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    one = town_in(tmp_path)
    yield one
    one.engine.dispose()
    one.keys.dispose()


@pytest.fixture
def towns() -> Callable[[Path], Town]:
    return town_in
