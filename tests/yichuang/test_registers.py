"""A department's register on a real NATS server: who may ask, who may answer, what is believed."""

from __future__ import annotations

import asyncio
import base64
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import nkeys  # type: ignore[import-untyped]  # ships no types
import orjson
import pytest
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import NoRespondersError
from nats.errors import TimeoutError as NothingThere

from catalogue.check import check
from catalogue.load import HERE, load_catalogue
from catalogue.registers import load_registers, register_faults
from yichuang.bus import connect
from yichuang.demo_registers import TABLES
from yichuang.embedded import ground
from yichuang.embedded import nats as embedded
from yichuang.register_service import answer, of_rows, serve
from yichuang.register_wire import (
    SIGNATURE,
    AnswerRefused,
    judged,
    question,
    signed,
    subject_of,
    user_of,
)
from yichuang.registers import own_key
from yichuang.settings import Settings

NOW = datetime(2026, 11, 27, 1, 0, tzinfo=UTC)
KNOWN = load_registers().by_code
ENTERPRISE = KNOWN["enterprise"]
SUBJECT = subject_of("demo", ENTERPRISE)
FIND = of_rows(TABLES["enterprise"], ["uscc"])
USCC = TABLES["enterprise"][0]["uscc"]
SEED = bytes(nkeys.encode_seed(b"7" * 32, nkeys.PREFIX_BYTE_USER))
OTHER = bytes(nkeys.encode_seed(b"8" * 32, nkeys.PREFIX_BYTE_USER))
KEY = nkeys.from_seed(bytearray(SEED)).public_key.decode()


def asked(number: str, uscc: str = USCC) -> bytes:
    return question(ENTERPRISE, {"uscc": uscc}, "food-operation", number, NOW)


def test_an_answer_is_believed_that_is_signed_and_fits() -> None:
    number = str(uuid4())
    body = answer(ENTERPRISE, FIND, asked(number))
    assert body is not None
    found = judged(ENTERPRISE, KEY, SUBJECT, number, body, signed(SEED, SUBJECT, body))
    assert found.found and found.data["name"] == "云川王记小馆（虚构）有限公司"
    unknown = answer(ENTERPRISE, FIND, asked(number, "91990100MA9999999X"))
    assert unknown is not None
    assert not judged(
        ENTERPRISE, KEY, SUBJECT, number, unknown, signed(SEED, SUBJECT, unknown)
    ).found


@pytest.mark.parametrize(
    "flaw", ["other_key", "other_subject", "changed", "other_question", "too_much", "too_long",
             "no_json", "no_signature"],
)  # fmt: skip
def test_no_other_answer_is_believed(flaw: str) -> None:
    number = str(uuid4())
    body = answer(ENTERPRISE, FIND, asked(number))
    assert body is not None
    said = orjson.loads(body)
    match flaw:
        case "other_question":
            body = orjson.dumps(said | {"id": str(uuid4())})
        case "too_much":
            body = orjson.dumps(said | {"data": said["data"] | {"phone": "13900000001"}})
        case "too_long":
            body = orjson.dumps(said | {"data": {"name": "长" * 201}})
        case "no_json":
            body = b"<html>"
    seed = OTHER if flaw == "other_key" else SEED
    signature = signed(seed, SUBJECT + "x" if flaw == "other_subject" else SUBJECT, body)
    if flaw == "changed":
        body = body.replace("王世敏".encode(), "李世敏".encode())
    if flaw == "no_signature":
        signature = base64.b64encode(b"0" * 64).decode()
    with pytest.raises(AnswerRefused) as no:
        judged(ENTERPRISE, KEY, SUBJECT, number, body, signature)
    assert "王" not in str(no.value) and "139" not in str(no.value)


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"\xff", b'{"id": 1}', b"x" * 9000])
def test_what_is_no_question_is_not_answered(body: bytes) -> None:
    assert answer(ENTERPRISE, FIND, body) is None


def test_the_shipped_registers_name_what_there_is() -> None:
    assert not [one for one in check(HERE) if one.file == "registers.yaml"]
    assert set(TABLES) == set(KNOWN)
    for code, rows in TABLES.items():
        for row in rows:
            assert set(row) <= set(KNOWN[code].gives) | set(KNOWN[code].key)


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("department: scjg", "department: nobody", "没有部门 nobody"),
        ("basis: ZXZW-7", "basis: ZXZW-999", "没有条文 ZXZW-999"),
        ("form.operator_name: name", "form.no_such: name", "表单没有 form.no_such"),
        ("form.operator_name: name", "form.operator_name: phone", "登记库不给 phone"),
        ("food-operation:", "no-such-matter:", "没有事项 no-such-matter"),
        ("applicant.name: name", "applicant.phone: name", "申请表没有 applicant.phone"),
        ("code: population", "code: enterprise", "同一登记库写了两次"),
        ("within_ms: 1500", "within_ms: 60000", "less than or equal to 5000"),
    ],
)
def test_what_a_register_cannot_fill_is_a_fault_with_its_line(
    tmp_path: Path, right: str, wrong: str, said: str
) -> None:
    text = (HERE / "registers.yaml").read_text(encoding="utf-8")
    assert right in text
    (tmp_path / "registers.yaml").write_text(text.replace(right, wrong, 1), encoding="utf-8")
    known = load_catalogue()
    codes = {one.code for one in known.city.departments}
    faults = list(register_faults(tmp_path, codes, known.matters, known.law))
    assert any(said in str(one) and one.line > 1 for one in faults), faults


# --- on a server -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    settings = Settings(
        _env_file=None, data=tmp_path_factory.mktemp("registers"), city="demo",
        registers=dict.fromkeys(KNOWN, ""),
    )  # fmt: skip
    ground.prepare_folder(settings)
    ground.take_ports(settings, ("nats",))
    with subprocess.Popen(embedded.command(settings), stderr=subprocess.DEVNULL) as server:
        try:
            asyncio.run(_up(settings))
            yield settings
        finally:
            server.terminate()


async def _up(settings: Settings) -> None:
    deadline = time.monotonic() + 20
    while await embedded.answers(settings) is None:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


@pytest.fixture
async def web(settings: Settings) -> AsyncIterator[Client]:
    joined = await connect(settings, "web")
    yield joined
    await joined.close()


async def replied(web: Client, number: str) -> Msg:
    """Ask until the register listens: a slow machine may drop and renew its line meanwhile."""
    for _ in range(40):
        with suppress(NoRespondersError):
            return await web.request(SUBJECT, asked(number), timeout=5)
        await asyncio.sleep(0.25)
    raise AssertionError("nobody listens")


async def test_the_pages_ask_and_the_register_answers(settings: Settings, web: Client) -> None:
    service = await serve(settings, ENTERPRISE, FIND)
    await service.flush()
    number = str(uuid4())
    reply = await replied(web, number)
    assert reply.headers is not None
    key = own_key(settings, "enterprise")
    found = judged(ENTERPRISE, key, SUBJECT, number, reply.data, reply.headers[SIGNATURE])
    assert found.data["legal_representative"] == "王世敏"
    await service.close()
    with pytest.raises((NoRespondersError, NothingThere)):
        await web.request(SUBJECT, asked(number), timeout=5)


async def test_nobody_else_asks_or_listens_and_a_register_says_nothing_unasked(
    settings: Settings, web: Client
) -> None:
    service = await serve(settings, ENTERPRISE, FIND)
    await service.flush()
    other = await connect(settings, user_of("population"))
    heard: list[bytes] = []

    async def take(message: object) -> None:
        heard.append(b"")

    # Another register neither hears this one's questions nor asks, nor speaks to the pages.
    await other.subscribe(SUBJECT, cb=take)
    await other.subscribe("reg.>", cb=take)
    inbox = web.new_inbox()
    told = await web.subscribe(inbox)
    await web.flush()
    await other.publish(inbox, b"unasked")
    await other.publish(SUBJECT, asked(str(uuid4())), reply=inbox)
    await other.flush()
    with pytest.raises(NothingThere):
        await told.next_msg(timeout=0.5)
    portal = await connect(settings, "portal")
    await portal.publish(SUBJECT, asked(str(uuid4())), reply=inbox)
    await portal.flush()
    with pytest.raises(NothingThere):
        await told.next_msg(timeout=0.5)
    await replied(web, str(uuid4()))
    assert not heard
    for one in (portal, other, service):
        await one.close()
