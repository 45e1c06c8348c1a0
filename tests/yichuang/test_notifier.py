"""Notices on their way out, on real stores, a real mail server and a department's own system."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.header import decode_header
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Engine, insert, select

from activities.notice_wording import sentence
from audit.tables import audit_outbox
from cases import deliveries, duty
from cases.database import open_engine
from cases.delegation_tables import delegation
from cases.deliveries import Channel, Delivery
from cases.delivery_tables import notice_found
from cases.duty_tables import duty_contact
from cases.notices_out import Notice, tell
from cases.rota import Shift
from cases.web_tables import account
from tests.yichuang.notice_ground import postbox, receiver
from yichuang.commands.tls import issue
from yichuang.notices.channels import Outgoing, Went
from yichuang.notices.finding import Lookup
from yichuang.notices.mail import Mail
from yichuang.notices.sending import Finding, Sending, address_of, key_of
from yichuang.notices.webhooks import BadAddress, Webhooks, checked_address
from yichuang.stores import migrate

START = datetime(2026, 11, 27, 1, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
INCIDENT = "11111111-1111-5111-8111-111111111111"
PEOPLE = {
    "u:day": [["unit_duty", "cgj"]],
    "u:night": [["unit_duty", "cgj"]],
    "u:lead": [["unit_duty", "cgj"]],
    "u:head": [["section_head", "cgj"]],
    "u:centre": [["duty_officer", "zhzx"]],
    "u:mayor": [["government_head", "*"]],
    "u:away": [["section_head", "gas"]],
    "u:deputy": [],
}


@dataclass
class Town:
    """Both stores, and a clock that stands where it is put."""

    cases: Engine
    web: Engine
    at: datetime = START

    def now(self) -> datetime:
        return self.at

    def tell(self, recipient: str, key: str = "1", urgent: bool = True) -> str:
        one = Notice(recipient, "escalated", INCIDENT, key, {"number": "云突1号"}, urgent)
        with self.cases.begin() as connection:
            tell(connection, one, self.at)
        return one.id

    def shift(self, person: str, hours: tuple[int, int], where: str = "cgj",
              part: str = "duty") -> None:  # fmt: skip
        begin, end = hours
        new = Shift(f"{person}{begin}", where, part, person, START + begin * HOUR,
                    START + end * HOUR)  # fmt: skip
        with self.web.begin() as connection:
            duty.make_shift(connection, new, "u:head", START)

    def contact(self, person: str, channel: str, address: str) -> None:
        with self.web.begin() as connection:
            connection.execute(insert(duty_contact).values(
                person=person, channel=channel, address_sealed=address.encode(),
                changed_at=START))  # fmt: skip

    def finding(self, *channels: Channel, offices: tuple[str, ...] = ()) -> Finding:
        above = {"gas": ("cgj",)}
        lookup = Lookup("zhzx", channels, offices, lambda code: above.get(code, ()))
        return Finding(self.cases, self.web, lookup, self.now)

    def sending(self, channels: dict[Channel, object]) -> Sending:
        return Sending(
            self.cases, self.web, channels,  # type: ignore[arg-type]  # channels of the test's own
            address_of(lambda _person, _channel, sealed: sealed.decode()),
            lambda notice, _channel: sentence(notice.kind, notice.fields, {}, "Asia/Shanghai"),
            lambda notice: f"https://city/incidents/{notice.incident_id}", self.now,
        )  # fmt: skip

    def reached(self, notice_id: str) -> list[tuple[str, str]]:
        return [(one.person, one.channel) for one in self.of(notice_id)]

    def of(self, notice_id: str) -> list[Delivery]:
        with self.web.begin() as connection:
            return list(deliveries.of_notices(connection, [notice_id]).get(notice_id, ()))

    def nobody(self, notice_id: str) -> str:
        with self.web.begin() as connection:
            return deliveries.nobody_of(connection, [notice_id]).get(notice_id, "")

    def entries(self) -> list[tuple[str, str]]:
        with self.web.begin() as connection:
            rows = connection.execute(
                select(audit_outbox.c.body).order_by(audit_outbox.c.pos)
            ).scalars()
            said = [json.loads(row) for row in rows]
        return [(one["act"], one.get("why") or "") for one in said]


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    stores = {}
    for name in ("cases", "web"):
        stores[name] = open_engine(f"sqlite:///{tmp_path / f'{name}.sqlite'}")
        migrate(stores[name], name)
    made = Town(stores["cases"], stores["web"])
    with made.web.begin() as connection:
        for user, grants in PEOPLE.items():
            connection.execute(insert(account).values(_person(user, grants)))
    yield made
    for engine in stores.values():
        engine.dispose()


def _person(user: str, grants: list[list[str]]) -> dict[str, object]:
    return {
        "id": user, "kind": "human", "login": user[2:], "name": user, "department": "cgj",
        "grants": grants, "clearance": 1, "compartments": [], "password": "", "enrolment": "",
        "token": "", "created_at": START, "created_by": "system",
    }  # fmt: skip


# --- who is told ------------------------------------------------------------------------------


def test_a_notice_told_before_the_change_of_shift_and_sent_after_reaches_the_new_shift(
    town: Town,
) -> None:
    town.shift("u:day", (0, 12))
    town.shift("u:night", (12, 24))
    town.at = START + 12 * HOUR - timedelta(seconds=1)
    told = town.tell("duty:cgj")
    town.at = START + 12 * HOUR
    assert town.finding().look() == 1
    assert town.reached(told) == [("u:night", "in_app")]
    assert town.nobody(told) == ""


def test_where_nobody_is_on_duty_who_leads_is_told_at_once(town: Town) -> None:
    town.shift("u:lead", (0, 12), part="leader")
    told = town.tell("duty:cgj")
    town.finding().look()
    assert (town.reached(told), town.nobody(told)) == ([("u:lead", "in_app")], "cgj")


def test_where_nobody_leads_either_the_heads_are_told(town: Town) -> None:
    told = town.tell("duty:cgj")
    town.finding().look()
    assert (town.reached(told), town.nobody(told)) == ([("u:head", "in_app")], "cgj")


def test_where_a_department_has_no_head_the_one_above_is_told(town: Town) -> None:
    town.at = START
    told = town.tell("duty:sw")
    town.finding().look()
    # Nobody heads or leads sw: the mayor, who holds the role in the whole city.
    assert (town.reached(told), town.nobody(told)) == ([("u:mayor", "in_app")], "sw")


def test_a_role_is_told_as_it_is_held_now(town: Town) -> None:
    told = town.tell("r:duty_officer:zhzx")
    town.finding().look()
    assert town.reached(told) == [("u:centre", "in_app")]


def test_a_deputy_is_told_beside_the_person(town: Town) -> None:
    with town.web.begin() as connection:
        connection.execute(insert(delegation).values(
            id="d1", delegator="u:away", deputy="u:deputy", grants=[["section_head", "gas"]],
            reason="leave", starts_at=START, ends_at=START + 24 * HOUR, proposed_at=START,
            accepted_by="", ended_by="", why=""))  # fmt: skip
        connection.execute(delegation.update().values(accepted_by="u:deputy", accepted_at=START))
    told = town.tell("u:away")
    town.finding().look()
    assert town.reached(told) == [("u:away", "in_app"), ("u:deputy", "in_app")]


def test_a_text_message_goes_out_for_what_is_urgent_only(town: Town) -> None:
    town.contact("u:head", "sms", "13800000000")
    town.contact("u:head", "email", "head@city.cn")
    urgent, plain = town.tell("u:head"), town.tell("u:head", "2", urgent=False)
    town.finding("sms", "email").look()
    assert [way for _, way in town.reached(urgent)] == ["email", "in_app", "sms"]
    assert [way for _, way in town.reached(plain)] == ["email", "in_app"]


def test_looking_again_finds_nothing_anew_and_a_restart_neither(town: Town) -> None:
    town.tell("u:head")
    looking = town.finding()
    assert [looking.look(), looking.look(), town.finding().look()] == [1, 0, 0]


def test_an_office_with_a_system_is_told_there_too(town: Town) -> None:
    town.shift("u:day", (0, 12))
    told = town.tell("duty:cgj")
    town.finding("webhook", offices=("cgj",)).look()
    assert town.reached(told) == [("@cgj", "webhook"), ("u:day", "in_app")]


# --- the channels -----------------------------------------------------------------------------

MESSAGE = Outgoing(
    "k1", "n1", INCIDENT, "escalated", "【临限升级】云突1号", "https://city/incidents/1",
    "day@city.cn", True, START,
)  # fmt: skip


def test_a_mail_arrives_over_tls_with_its_sentence_and_link(tmp_path: Path) -> None:
    issue(tmp_path, ["127.0.0.1"])
    pair = (next(tmp_path.glob("127*.pem")), next(tmp_path.glob("127*.key")))
    with postbox(pair) as box:
        mail = Mail("127.0.0.1", box.port, "tls", "y@city.cn", "city.cn",
                    ca=next(tmp_path.glob("ca.pem")))  # fmt: skip
        assert mail.carry(MESSAGE) == Went("sent")
    (got,) = box.mails
    assert got["Message-ID"] == "<k1@city.cn>"
    body = got.get_payload(decode=True)
    assert isinstance(body, bytes)
    assert "云突1号" in body.decode() and "https://city/incidents/1" in body.decode()


@pytest.mark.parametrize("subject", ["", "签收"])
def test_a_mail_bears_its_own_head_or_the_sentence(subject: str) -> None:
    with postbox() as box:
        mail = Mail("127.0.0.1", box.port, "plain", "y@city.cn", "city.cn")
        assert mail.carry(replace(MESSAGE, subject=subject)) == Went("sent")
    (head, _), *rest = decode_header(box.mails[0]["Subject"])
    assert not rest and isinstance(head, bytes)
    assert head.decode() == (subject or MESSAGE.text)


def test_a_mail_server_whose_certificate_is_anothers_gets_nothing(tmp_path: Path) -> None:
    issue(tmp_path / "one", ["127.0.0.1"])
    issue(tmp_path / "two", ["127.0.0.1"])
    pair = (next((tmp_path / "one").glob("127*.pem")), next((tmp_path / "one").glob("127*.key")))
    with postbox(pair) as box:
        mail = Mail("127.0.0.1", box.port, "tls", "y@city.cn", "city.cn",
                    ca=next((tmp_path / "two").glob("ca.pem")))  # fmt: skip
        assert mail.carry(MESSAGE).state == "queued"
    assert box.mails == []


def test_a_server_that_offers_no_starttls_gets_nothing() -> None:
    with postbox() as box:
        mail = Mail("127.0.0.1", box.port, "starttls", "y@city.cn", "city.cn")
        assert mail.carry(MESSAGE).state == "queued"
    assert box.mails == []


@pytest.mark.parametrize(("code", "state"), [(450, "queued"), (550, "failed")])
def test_a_recipient_refused_for_now_is_tried_again_and_for_good_is_not(
    code: int, state: str
) -> None:
    with postbox() as box:
        box.refuse = code
        went = Mail("127.0.0.1", box.port, "plain", "y@city.cn", "city.cn").carry(MESSAGE)
    assert went.state == state
    assert "city.cn" not in went.reason


def test_a_webhook_is_signed_and_its_repetition_bears_the_same_id() -> None:
    key = Ed25519PrivateKey.generate()
    with receiver(key.public_key()) as there:
        hooks = Webhooks({"cgj": there.url}, key, lambda: START)
        message = replace(MESSAGE, address="cgj")
        assert [hooks.carry(message).state for _ in range(2)] == ["delivered"] * 2
    assert (list(there.taken), there.repeated, there.refused) == (["k1"], ["k1"], 0)
    assert there.taken["k1"]["data"]["incident"] == INCIDENT


def test_a_webhook_of_another_key_is_known_as_forged() -> None:
    with receiver(Ed25519PrivateKey.generate().public_key()) as there:
        hooks = Webhooks({"cgj": there.url}, Ed25519PrivateKey.generate(), lambda: START)
        assert hooks.carry(replace(MESSAGE, address="cgj")).state == "queued"
    assert (there.taken, there.refused) == ({}, 1)


@pytest.mark.parametrize(
    ("answer", "state"), [(302, "queued"), (500, "queued"), (404, "queued"), (410, "failed")]
)
def test_a_webhook_follows_no_redirect_and_gives_up_where_the_receiver_is_gone(
    answer: int, state: str
) -> None:
    key = Ed25519PrivateKey.generate()
    with receiver(key.public_key()) as there:
        there.answer = answer
        went = Webhooks({"cgj": there.url}, key, lambda: START).carry(
            replace(MESSAGE, address="cgj")
        )
    assert went.state == state


def test_no_address_but_a_configured_one_is_called() -> None:
    hooks = Webhooks({"cgj": "https://x"}, Ed25519PrivateKey.generate(), lambda: START)
    assert hooks.carry(replace(MESSAGE, address="http://169.254.169.254/")).state == "failed"


@pytest.mark.parametrize(
    "url", ["http://city.cn/x", "https://a:b@city.cn/", "https:///x", "ftp://city.cn/", "//x"]
)
def test_an_address_in_the_clear_or_with_a_password_is_no_address(url: str) -> None:
    with pytest.raises(BadAddress):
        checked_address(url)


@pytest.mark.parametrize("url", ["https://city.cn/x", "http://127.0.0.1:8/x"])
def test_an_encrypted_address_or_this_machine_is_one(url: str) -> None:
    assert checked_address(url) == url


# --- trying -----------------------------------------------------------------------------------


class Counting:
    """A channel that answers as it is told and counts what it carried."""

    def __init__(self, *answers: Went) -> None:
        self.answers = list(answers)
        self.carried: list[str] = []

    def carry(self, message: Outgoing) -> Went:
        self.carried.append(message.key)
        return self.answers.pop(0) if self.answers else Went("delivered")


def ready(town: Town) -> str:
    town.contact("u:head", "sms", "13800000000")
    town.contact("u:head", "email", "head@city.cn")
    told = town.tell("u:head")
    town.finding("sms", "email").look()
    return told


def states(town: Town, notice_id: str) -> dict[str, tuple[str, int]]:
    return {one.channel: (one.state, one.tries) for one in town.of(notice_id)}


def test_a_channel_that_is_down_holds_up_no_other_and_comes_back(town: Town) -> None:
    told = ready(town)
    down, up = Counting(Went("queued", "away")), Counting()
    sending = town.sending({"email": down, "sms": up})
    for channel in ("email", "sms"):
        for one in sending.due(channel):
            sending.attempt(one)
    assert states(town, told) == {
        "in_app": ("delivered", 0), "email": ("queued", 1), "sms": ("delivered", 1)
    }  # fmt: skip
    assert sending.due("email") == []
    town.at += deliveries.PAUSES[0]
    (again,) = sending.due("email")
    sending.attempt(again)
    assert states(town, told)["email"] == ("delivered", 2)
    assert len(set(down.carried)) == 1  # the same key, by which a receiver knows it


def test_two_that_try_at_once_send_once(town: Town) -> None:
    ready(town)
    channel = Counting()
    sending = town.sending({"email": channel})
    (one,) = sending.due("email")
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(sending.attempt, [one] * 4))
    assert channel.carried == [key_of(one)]


def test_who_takes_their_address_back_is_not_written_to(town: Town) -> None:
    told = ready(town)
    with town.web.begin() as connection:
        connection.execute(duty_contact.delete())
    channel = Counting()
    sending = town.sending({"email": channel})
    sending.attempt(sending.due("email")[0])
    assert channel.carried == []
    assert states(town, told)["email"] == ("failed", 1)


def test_each_final_state_and_each_hole_is_an_entry_and_no_entry_names_an_address(
    town: Town,
) -> None:
    ready(town)
    town.tell("duty:cgj", "hole")
    town.finding().look()
    sending = town.sending({"email": Counting(Went("sent")), "sms": Counting(Went("failed", "x"))})
    for channel in ("email", "sms"):
        for one in sending.due(channel):
            sending.attempt(one)
    (mail,) = [one for one in town.of(_first(town.web)) if one.channel == "email"]
    sending.note(mail, "delivered", "")
    (sms,) = [one for one in town.of(_first(town.web)) if one.channel == "sms"]
    sending.note(sms, "failed", "said twice")
    assert town.entries() == [
        ("notice_found", ""), ("notice_found", "nobody:cgj"), ("notice_sent", ""),
        ("notice_failed", "x"), ("notice_delivered", ""),
    ]  # fmt: skip
    with town.web.begin() as connection:
        told = " ".join(
            str(row) for row in connection.execute(select(audit_outbox.c.body)).scalars()
        )
    assert "13800000000" not in told and "head@city.cn" not in told


def _first(web: Engine) -> str:
    with web.begin() as connection:
        return _first_of(connection)


def _first_of(connection: Connection) -> str:
    return str(
        connection.execute(select(notice_found.c.notice_id).order_by(notice_found.c.n)).scalar()
    )


@pytest.mark.parametrize(
    ("level", "said"),
    [("red", "红色"), ("4", "4 级"), ("0", "已解除"), ("serious", "较大"), ("", "")],
)
def test_a_notice_names_kind_level_and_district_in_words(level: str, said: str) -> None:
    fields = {"number": "云突1号", "type": "lift", "level": level, "district": "d1"}
    names = {"lift": "电梯困人", "d1": "滨江区"}
    parts = ("云突1号", "电梯困人", said, "滨江区")
    told = "，".join(part for part in parts if part)
    assert sentence("dispatched", fields, names, "Asia/Shanghai") == f"【派发，请签收】{told}"
