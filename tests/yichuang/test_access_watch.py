"""Unusual access: windows over the log's lines, found once, cleared by the rule's own condition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import orjson
import pytest
from sqlalchemy import insert, select, text
from starlette.testclient import TestClient

from audit.entry import EntryDraft, What, Who
from audit.logstore import LogReader, found_log
from audit.outbox import record
from audit.sequencer import Sequencer
from audit.signer import Signer, init_signer
from audit.tables import audit_outbox
from cases import access_findings
from cases.access_findings import Acted, Finding
from cases.database import reading
from cases.web_tables import log_line
from rules.load import load_packs
from tests.forms.entering import sign_in_fully
from tests.forms.town import ADDRESS, Town
from yichuang.access_watch import AccessWatch, _left_at
from yichuang.web_anomalies import people_of
from yichuang.web_log import Finder

ZONE = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 11, 26, 12, tzinfo=ZONE)


class Watched:
    """A town whose log's lines the test writes, and who watches it."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.now = NOON
        self.n = 0
        self.named = {
            name: pseudo for pseudo, name in people_of(town.accounts, self._pseudonym).items()
        }
        self.watch = AccessWatch(
            town.web, town.log, town.cases, lambda: load_packs()["access"],
            lambda: dict(town.matters.calendars),
            lambda: people_of(town.accounts, self._pseudonym), lambda: self.now,
        )  # fmt: skip

    @staticmethod
    def _pseudonym(user: str) -> str:
        return f"account:{user}"

    def did(
        self, name: str, act: str, times: int, at: datetime, *, res: str = "ok", case: str = ""
    ) -> None:
        """Write lines, a second apart, the last at that instant."""
        rows = []
        for back in range(times):
            self.n += 1
            rows.append(
                {
                    "origin": "t", "seq": self.n, "entry_id": str(uuid4()),
                    "at": at - timedelta(seconds=back), "act": act, "res": res,
                    "who": self.named.get(name, name), "case_id": case or f"c{self.n}",
                }
            )  # fmt: skip
        with self.town.web.begin() as connection:
            connection.execute(insert(log_line), rows)

    def standing(self) -> list[Finding]:
        with reading(self.town.web) as connection:
            return access_findings.standing(connection)

    def acts(self) -> list[str]:
        query = select(audit_outbox.c.body).where(audit_outbox.c.stream == "sys:access")
        with reading(self.town.web) as connection:
            bodies = connection.execute(query.order_by(audit_outbox.c.seq)).scalars()
            return [orjson.loads(bytes(body))["act"] for body in bodies]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Town:
    return Town(tmp_path_factory.mktemp("access"))


@pytest.fixture
def town(whole: Town) -> Iterator[Watched]:
    yield Watched(whole)
    with whole.web.begin() as connection:
        for table in ("log_line", "access_finding"):
            connection.execute(text(f"DELETE FROM {table}"))
        for table in ("audit_outbox", "audit_recorded", "audit_stream"):
            query = f"DELETE FROM {table} WHERE stream = 'sys:access'"
            connection.execute(text(query))


def rules_of(found: Sequence[Finding]) -> list[str]:
    return sorted(one.rule for one in found)


@pytest.mark.parametrize(("times", "found"), [(119, []), (120, ["FW-BULK"])])
def test_many_readings_within_an_hour_are_found_at_the_limit(
    town: Watched, times: int, found: list[str]
) -> None:
    town.did("陈窗", "read", times, NOON)
    town.did("陈窗", "read", 79, NOON - timedelta(minutes=61))
    town.watch.look()
    assert rules_of(town.standing()) == found


def test_the_same_case_read_often_is_not_many_cases(town: Watched) -> None:
    town.did("陈窗", "read", 119, NOON, case="one")
    town.did("陈窗", "read", 90, NOON - timedelta(hours=3), case="one")
    town.watch.look()
    assert town.standing() == []
    town.did("陈窗", "read", 199, NOON - timedelta(hours=3))
    town.watch.look()
    assert rules_of(town.standing()) == ["FW-BULK"]


def test_a_finding_is_raised_once_and_cleared_by_its_own_condition(town: Watched) -> None:
    town.did("陈窗", "read", 130, NOON, case="one")
    raised, _ = town.watch.look()
    assert len(raised) == 1
    assert town.watch.look() == ([], [])
    town.now = NOON + timedelta(minutes=61)
    town.did("陈窗", "read", 100, town.now, case="one")  # below the limit, above what clears it
    assert town.watch.look() == ([], [])
    town.now = NOON + timedelta(hours=3)
    town.did("陈窗", "read", 59, town.now, case="one")
    assert town.watch.look() == ([], raised)
    assert town.standing() == []
    assert town.acts() == ["anomaly_raised", "anomaly_cleared"]


@pytest.mark.parametrize(
    ("hour", "minute", "found"),
    [(21, 59, []), (22, 1, ["FW-NIGHT"]), (5, 59, ["FW-NIGHT"]), (6, 1, [])],
)
def test_work_at_night_is_told_by_the_citys_own_hours(
    town: Watched, hour: int, minute: int, found: list[str]
) -> None:
    day = NOON if hour < 12 else NOON - timedelta(days=1)
    at = day.replace(hour=hour, minute=minute)
    town.did("钱规划", "decide", 20, at.astimezone(UTC))
    town.watch.look()
    assert rules_of(town.standing()) == found


def test_refusals_are_counted_by_person_and_services_are_not_judged(town: Watched) -> None:
    town.did("孙消防", "read", 10, NOON, res="deny")
    town.did("李人防", "read", 9, NOON, res="deny")
    town.did("account:s:portal", "read", 500, NOON)
    town.did("system", "timer_fired", 500, NOON.replace(hour=3))
    town.watch.look()
    (one,) = town.standing()
    assert (one.rule, one.who) == ("FW-DENIED", town.named["孙消防"])
    assert one.facts["denied_hour"] == 10
    assert len(one.entries) == 10


def test_lines_exported_are_read_in_the_log_itself(town: Watched, tmp_path: Path) -> None:
    who = town.named["冯监察"]
    with town.town.web.begin() as connection:
        for n, lines in enumerate(("4999", "1")):
            record(
                connection,
                EntryDraft(
                    id=str(uuid4()), stream="sys:read", at=NOON + timedelta(seconds=n),
                    who=Who(who, "human"), act="export", obj=What("supervision", "-", lines),
                ),
            )  # fmt: skip
    found_log(town.town.log, "t/audit/2026H2")
    init_signer(tmp_path / "k", tmp_path / "s", "t/audit/2026H2")
    with closing(Signer(tmp_path / "k", tmp_path / "s")) as signer:
        Sequencer(town.town.log, {"web": town.town.web}, signer).drain()
    with reading(town.town.log) as connection:
        assert LogReader(connection).state().size > 1
    Finder(town.town.log, town.town.web).catch_up()
    town.now = NOON + timedelta(seconds=1)
    town.watch.look()
    found = [one for one in town.standing() if one.who == who]
    assert rules_of(found) == ["FW-EXPORT"]
    assert found[0].facts["export_lines_day"] == 5000


@pytest.mark.parametrize(("left", "found"), [(1, ["FW-PAUSE"]), (2, [])])
def test_pauses_with_a_day_left_are_told_from_others(
    town: Watched, left: int, found: list[str]
) -> None:
    now = datetime.now(UTC)
    for _ in range(3):
        case = paused(town.town)
        bring_back(town.town, case, left, now)
        town.did("周科长", "start_procedure", 1, now + timedelta(minutes=1), case=case)
    town.now = now + timedelta(minutes=2)
    town.watch.look()
    assert rules_of(town.standing()) == found


def paused(town: Town) -> str:
    """Return a case whose clock stands still for an expert review."""
    case = town.file().case_id
    town.order("chen", "accept", {}, case)
    body = {"kind": "expert_review", "ground": "须由专家评审", "expected_days": 3}
    town.order("zhou", "start_procedure", body, case)
    return case


def bring_back(town: Town, case: str, left: int, now: datetime) -> None:
    """Let the case have been accepted so early that it was paused with so many days left."""
    calendars = town.matters.calendars
    earlier = text(
        "UPDATE clock_event SET at = datetime(at, '-1 day') || '.000000' "
        "WHERE case_id = :c AND kind <> 'paused'"
    )
    one = Acted("x", case, now + timedelta(minutes=1), "e")
    for _ in range(60):
        with reading(town.cases) as connection:
            if _left_at(connection, one, calendars) == left:
                return
        with town.cases.begin() as connection:
            connection.execute(earlier, {"c": case})
    raise AssertionError("never so few days left")


def test_the_page_says_why_to_supervisors_alone(town: Watched) -> None:
    town.did("陈窗", "read", 130, datetime.now(UTC))
    town.now = datetime.now(UTC)
    town.watch.look()
    page = unescape(_page(town.town, "feng", "/anomalies").text)
    for words in ("一人短时间大量查看", "最近一小时查看的次数", "130", "第五十四条", "本市的设定"):
        assert words in page
    assert _page(town.town, "chen", "/anomalies").status_code == 403


def _page(town: Town, login: str, path: str) -> Any:
    client = TestClient(town.app(), base_url=ADDRESS)
    sign_in_fully(client, town, login)
    return client.get(path)
