"""Erasing one person: every copy goes, the entry stays, a crash anywhere is carried through."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, insert, select

from audit.entry import parse_entry
from audit.erasing import erased_in
from audit.logstore import LogReader, found_log
from audit.notes import NoteVerifier
from audit.payloadcheck import check_payloads
from audit.report import VerifyReport
from audit.sequencer import Sequencer
from audit.signer import Signer, init_signer
from audit.tables import audit_payload, audit_subject_key
from audit.vault import KeyDestroyed, SubjectVault
from cases.database import open_engine, reading
from cases.erasures import Erasure, NotAsked
from cases.messages import Person
from cases.state import CaseState
from cases.tables import case
from cases.web_tables import upload
from catalogue.archive import load_archive
from tests.activities.conftest import START, Town, town_in
from yichuang.erasing import Barred, Planner, Register, Stores, carry_out
from yichuang.inbox import Inbox, Message
from yichuang.stores import migrate
from yichuang.verifying import Verdict, verify_everything

ORIGIN = "test.invalid/log"
LATE = datetime(2060, 1, 1, tzinfo=UTC)
"""When every period that is not for ever is over."""
GROUND = "GXF-47-1-2"
NAMES = ("张三丰", "110101199001011237", "武当山 1 号")


@dataclass
class Nowhere:
    """No server runs here; what is asked of it is noted."""

    asked: list[object] = field(default_factory=list)
    fails: int = 0

    def histories(self, cases: Sequence[str]) -> int:
        self.asked.append(tuple(cases))
        if self.fails:
            self.fails -= 1
            raise ConnectionError("Temporal is away")
        return len(cases)

    def messages(self, said: Sequence[bytes]) -> int:
        self.asked.append(tuple(said))
        return 0


class Office:
    """One withdrawn case of one person on real stores, sequenced and sealed, and the register."""

    def __init__(self, town: Town, folder: Path) -> None:
        self.town, self.folder = town, folder
        engines = {}
        for name in ("web", "gateway", "log"):
            engines[name] = open_engine(f"sqlite:///{folder / name}.sqlite")
            migrate(engines[name], name)
        self.stores = Stores(
            cases=town.engine, keys=town.keys, vault=town.vault,
            gateway_vault=SubjectVault(engines["gateway"], b"m" * 32), **engines,
        )  # fmt: skip
        found_log(self.stores.log, ORIGIN)
        self.trusted: NoteVerifier = init_signer(folder / "k", folder / "s", ORIGIN)
        state = town.filed()
        withdrawn = town.order("withdraw", {"reason": "不办了"}, by="u:a")
        self.state: CaseState = town.settle(state, withdrawn)[0]
        self.today = LATE
        self.planner = Planner(town.engine, load_archive(), "Asia/Shanghai", lambda: self.today)
        self.register = Register(self.stores.web, self.planner, town.sealer.who, lambda: self.today)
        self.sequence()

    @property
    def subject(self) -> str:
        return self.state.subject

    def sequence(self) -> None:
        with closing(Signer(self.folder / "k", self.folder / "s")) as signer:
            sequencer = Sequencer(self.stores.log, self.producers, signer)
            sequencer.drain()
            sequencer.seal()

    @property
    def producers(self) -> dict[str, Engine]:
        names = ("cases", "web", "gateway", "log")
        return {name: getattr(self.stores, name) for name in names}

    def verdict(self) -> Verdict:
        return verify_everything(
            self.stores.log,
            self.trusted,
            self.producers,
            keys=self.stores.keys,
        )

    def payloads(self) -> VerifyReport:
        report = VerifyReport()
        fresh = SubjectVault(self.stores.keys, b"m" * 32)
        check_payloads(self.stores.log, self.producers, fresh, report)
        return report

    def approved(self) -> Erasure:
        plan = self.planner.of(self.subject)
        order = self.register.ask("u:one", plan, "", "erase", GROUND, "192.0.2.1")
        return self.register.approve("u:two", order.id, "192.0.2.2")

    def erase(self, order: Erasure, elsewhere: Nowhere | None = None) -> object:
        plan = self.planner.of(order.subject)
        return carry_out(
            self.stores, order, plan, elsewhere or Nowhere(), self.town.sealer.who,
            lambda: self.today,
        )  # fmt: skip


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    town = town_in(tmp_path)
    made = Office(town, tmp_path)
    yield made
    for name in ("web", "gateway", "log"):
        getattr(made.stores, name).dispose()
    town.engine.dispose()
    town.keys.dispose()


# --- whether it may be ---------------------------------------------------------------------------


def test_while_the_period_runs_it_is_refused_with_the_article_and_the_day(office: Office) -> None:
    office.today = datetime(2056, 12, 31, 15, 59, 59, tzinfo=UTC)  # 23:59:59 in Beijing
    with pytest.raises(Barred) as barred:
        office.approved()
    assert barred.value.basis == "GXF-47-2"
    assert str(barred.value.may_from) == "2057-01-01"
    assert "2057-01-01 起可以删除" in barred.value.sentence


def test_on_the_day_the_period_is_over_it_may_be(office: Office) -> None:
    office.today = datetime(2056, 12, 31, 16, 0, tzinfo=UTC)  # 0:00 of 2057-01-01 in Beijing
    assert office.approved().state == "approved"


def test_an_open_case_bars_and_no_day_is_named(office: Office) -> None:
    office.town.filed("c2")
    with pytest.raises(Barred, match="尚未办结") as barred:
        office.approved()
    assert barred.value.may_from is None


def test_who_asked_may_not_approve(office: Office) -> None:
    plan = office.planner.of(office.subject)
    order = office.register.ask("u:one", plan, "", "erase", GROUND, "")
    with pytest.raises(NotAsked):
        office.register.approve("u:one", order.id, "")
    assert office.register.unfinished() == []
    assert office.register.approve("u:two", order.id, "").settled_by == "u:two"


def test_approval_looks_again_whether_a_period_runs(office: Office) -> None:
    plan = office.planner.of(office.subject)
    order = office.register.ask("u:one", plan, "", "erase", GROUND, "")
    office.town.filed("c2")
    with pytest.raises(Barred):
        office.register.approve("u:two", order.id, "")


def test_while_the_period_runs_the_data_can_be_kept_to_storage(office: Office) -> None:
    office.today = START
    plan = office.planner.of(office.subject)
    order = office.register.ask("u:one", plan, "", "restrict", "", "")
    assert not office.register.is_restricted(office.subject)
    office.register.approve("u:two", order.id, "")
    assert office.register.is_restricted(office.subject)
    assert not office.stores.vault.is_destroyed(office.subject)


# --- what it destroys ----------------------------------------------------------------------------


def test_key_payloads_uploads_and_letters_go_and_everything_still_verifies(office: Office) -> None:
    case_id, web = office.state.case_id, office.stores.web
    with web.begin() as connection:
        for name, whose in (("mine", case_id), ("other", "another-case")):
            connection.execute(
                insert(upload).values(
                    id=name, owner="u:w", digest="0" * 64, size=1, media_type="a/b",
                    name_sealed=b"n", sealed=b"s", created_at=START, case_id=whose, is_held=False,
                )
            )  # fmt: skip
    inbox = Inbox(office.stores.gateway, office.stores.gateway_vault, office.town.sealer.who)
    for seq, text in ((1, '{"name": "\\u5f20\\u4e09\\u4e30"}'), (2, NAMES[1]), (3, "李四")):
        message = Message("CMD", seq, "cmd.city.dept.user.case.file", text.encode(), {})
        inbox.bury(message, "bad", "不对", "")
    elsewhere = Nowhere()
    counts = office.erase(office.approved(), elsewhere)
    assert counts == {
        "uploads": 1, "letters": 2, "histories": 1, "messages": 0, "payloads": 2, "keys": 1,
        "index": 0,
    }  # fmt: skip
    assert elsewhere.asked[0] == (case_id,)
    assert NAMES[1].encode() in elsewhere.asked[1]  # type: ignore[operator]
    with reading(web) as connection:
        assert list(connection.execute(select(upload.c.id)).scalars()) == ["other"]
    assert inbox.letters()[1] == 1
    with pytest.raises(KeyDestroyed):
        SubjectVault(office.stores.keys, b"m" * 32).open(office.subject, b"", b"")
    office.sequence()
    verdict = office.verdict()
    assert verdict.exit_code == 0, verdict.as_json()
    assert office.payloads().as_json()["failed"] == {}
    assert erased_in(office.stores.log)[office.subject].ground == GROUND


def test_the_wrapped_key_and_the_payloads_are_in_no_file_any_more(office: Office) -> None:
    stores = office.stores
    with reading(stores.keys) as connection:
        key = connection.execute(select(audit_subject_key.c.wrapped_key)).scalar_one()
    with reading(stores.cases) as connection:
        payload = connection.execute(select(audit_payload.c.sealed).limit(1)).scalar_one()

    def held(what: bytes) -> bool:
        return any(what in file.read_bytes() for file in office.folder.glob("*.sqlite*"))

    # The payload's row goes; the same body, sealed otherwise, stays in `step` without its key.
    assert held(key) and held(payload)
    office.erase(office.approved())
    assert not held(key) and not held(payload)


def test_another_person_keeps_everything(office: Office) -> None:
    other = office.town.file("c2").model_copy()
    body = {
        **other.body,
        "applicant": {**other.body["applicant"], "id_number": "11010519491231002X"},
    }
    state = office.town.settle(None, office.town.order("file", body, case="c2"))[0]
    office.erase(office.approved())
    where = office.town.sealer
    assert not where.vault.is_destroyed(state.subject)
    office.sequence()
    assert office.payloads().as_json()["failed"] == {}


def test_who_applies_again_after_an_erasure_is_somebody_new(office: Office) -> None:
    office.erase(office.approved())
    state = office.town.filed("c2")
    assert state.subject != office.subject
    person = Person(kind="natural_person", name="张三丰", id_number=NAMES[1])
    assert office.town.sealer.subject(person, "x") == state.subject
    with reading(office.stores.cases) as connection:
        known = select(func.count()).select_from(case).where(case.c.subject == state.subject)
        assert connection.execute(known).scalar_one() == 1


# --- crashes and attacks -------------------------------------------------------------------------


def test_cut_short_after_the_entry_it_is_incomplete_and_is_carried_through(office: Office) -> None:
    order = office.approved()
    with pytest.raises(ConnectionError):
        office.erase(order, Nowhere(fails=1))
    office.sequence()
    assert not office.stores.vault.is_destroyed(order.subject)
    verdict = office.verdict()
    assert verdict.exit_code == 2, verdict.as_json()
    assert [one.id for one in office.register.unfinished()] == [order.id]
    office.erase(order)
    office.sequence()
    assert office.verdict().exit_code == 0
    assert office.register.unfinished() == []


def test_cut_short_after_the_key_it_is_marked_done_without_a_second_entry(office: Office) -> None:
    order = office.approved()
    office.erase(order)
    office.sequence()
    before = len(erased_in(office.stores.log))
    again = office.erase(order)
    assert again == dict.fromkeys(
        ("uploads", "letters", "payloads", "keys", "messages", "index"), 0
    ) | {"histories": 1}
    office.sequence()
    assert (len(erased_in(office.stores.log)), office.verdict().exit_code) == (before, 0)


def test_a_key_destroyed_without_its_entry_is_tampering(office: Office) -> None:
    office.stores.vault.destroy(office.subject)
    verdict = office.verdict()
    assert verdict.exit_code == 1
    assert dict(verdict.log.counts) == {"erasure": 1}


def test_a_payload_emptied_without_an_erasure_is_tampering(office: Office) -> None:
    with office.stores.cases.begin() as connection:
        connection.execute(audit_payload.update().values(sealed=b""))
    assert set(office.payloads().as_json()["failed"]) == {"payload"}


def test_the_entry_of_one_subject_does_not_excuse_another(office: Office) -> None:
    order = office.approved()
    office.erase(order)
    stranger = "citizen:" + "ab" * 32
    office.stores.vault.salt(stranger, b"x")
    office.stores.vault.destroy(stranger)
    office.sequence()
    assert dict(office.verdict().log.counts) == {"erasure": 1}


def test_each_thing_that_two_people_do_is_an_entry_with_its_ground(office: Office) -> None:
    plan = office.planner.of(office.subject)
    refused = office.register.ask("u:one", plan, "", "erase", GROUND, "")
    office.register.refuse("u:two", refused.id, "")
    kept = office.register.ask("u:one", plan, "", "restrict", "", "")
    office.register.approve("u:two", kept.id, "")
    office.erase(office.approved())
    office.sequence()
    with reading(office.stores.log) as connection:
        reader = LogReader(connection)
        said = [
            (body["act"], body["why"])
            for stream in ("sys:erase", "sys:log")
            for body in (parse_entry(one.body) for one in reader.stream(stream))
        ]
    assert said == [
        ("payload.erase_asked", GROUND),
        ("payload.erase_refused", GROUND),
        ("payload.erase_asked", "GXF-47-2"),
        ("payload.erase_approved", "GXF-47-2"),
        ("payload.restricted", "GXF-47-2"),
        ("payload.erase_asked", GROUND),
        ("payload.erase_approved", GROUND),
        ("payload.erased", GROUND),
    ]


def test_the_order_names_nobody(office: Office) -> None:
    order = office.approved()
    assert not any(name in repr(order) for name in NAMES)
    assert replace(order).subject.startswith("citizen:")
