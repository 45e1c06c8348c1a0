"""CAP messages and questions about signals over a real NATS server, and the command beside them."""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any, cast

import orjson
import pytest
from sqlalchemy import Engine

from audit.tables import audit_outbox
from cases.database import open_engine, reading
from cases.incidents.cap import write_alert
from cases.incidents.signal import signal_id
from cases.messages import Actor, Grant
from catalogue.cap_sources import load_cap_sources
from catalogue.load import load_catalogue
from tests.forms.signalled import TakenAtOnce
from tests.forms.test_cap_door import alert
from tests.serving import web_store
from tests.signals.city import Town, signal
from tests.signals.test_intake import at_work, now, settings
from yichuang.bus import connect
from yichuang.commands import signals as command
from yichuang.questions import Desk as GatewayDesk
from yichuang.settings import Settings
from yichuang.signal_desk import FATE, TAKE, SignalDesk
from yichuang.stores import migrate
from yichuang.web_intake import WebIntake

__all__ = ["settings"]


CATALOGUE = cache(load_catalogue)


@pytest.fixture
def folder(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stores of a web and of signals, migrated once for all tests."""
    made = tmp_path_factory.getbasetemp() / "desk-stores"
    if not made.exists():
        made.mkdir()
        web_store(made).dispose()
        engine = open_engine(f"sqlite:///{made / 'own-signals.sqlite'}")
        migrate(engine, "signals")
        engine.dispose()
    for file in made.glob("*.sqlite*"):
        shutil.copy(file, tmp_path)
    return tmp_path


def sender(user: str) -> Actor | None:
    grant = Grant(role="service_signal", department="zhzx")
    return Actor(id=f"s:{user}", kind="service", grants=(grant,)) if user == "lifts" else None


class Asking:
    def __init__(self, settings: Settings, web: Engine, door: TakenAtOnce, store: Engine) -> None:
        self.settings, self.web, self.door = settings, web, door
        catalogue = CATALOGUE()
        self.no = ""
        self.intake = WebIntake(
            door, store, web, web, load_cap_sources(), lambda: catalogue, lambda who: f"p:{who}",
            lambda: now("x").occurred_at,
        )  # fmt: skip
        self.desk = SignalDesk("demo", self.intake, sender, lambda _: self.no)

    async def ask(self, user: str, question: str, body: bytes) -> dict[str, Any]:
        bus = await connect(self.settings, user)
        try:
            answer = await bus.request(f"qry.demo.{user}.{question}", body, timeout=10)
            return cast(dict[str, Any], orjson.loads(answer.data))
        finally:
            await bus.close()

    def entries(self) -> list[str]:
        with reading(self.web) as connection:
            return [str(row.body) for row in connection.execute(audit_outbox.select())]


@asynccontextmanager
async def answering(
    settings: Settings, folder: Path, store: Engine | None = None
) -> AsyncIterator[Asking]:
    own = open_engine(f"sqlite:///{folder / 'own-signals.sqlite'}")
    door = TakenAtOnce(own, CATALOGUE())
    web = open_engine(f"sqlite:///{folder / 'web.sqlite'}")
    asking = Asking(settings, web, door, own if store is None else store)
    bus, gateway = await connect(settings, "web"), await connect(settings, "gateway")
    await asking.desk.open(bus)
    nothing = cast(Any, None)
    await GatewayDesk(gateway, "demo", nothing, nothing, nothing, nothing, nothing).open()
    await bus.flush()
    await gateway.flush()
    try:
        yield asking
    finally:
        await bus.close()
        await gateway.close()


async def test_a_cap_message_over_nats_is_the_one_of_rest_and_its_fate_is_told(
    settings: Settings, folder: Path
) -> None:
    async with answering(settings, folder) as city:
        body = write_alert(alert("over-nats"))
        first = await city.ask("lifts", TAKE, body)
        again = await city.ask("lifts", TAKE, body)
        assert first["ok"] and (first["data"]["what"], first["data"]["repeated"]) == ("new", False)
        assert again["data"] == first["data"] | {"repeated": True}
        (known_as,) = first["data"]["signals"]
        fate = (await city.ask("lifts", FATE, orjson.dumps({"signal": known_as})))["data"]
        assert (fate["signal"], fate["state"]) == (known_as, "incident")
        assert [turn["state"] for turn in fate["turns"]] == ["incident"]
        other = await city.ask("lifts", TAKE, write_alert(alert("over-nats", note="别的")))
        assert (other["ok"], other["problem"]["status"]) == (False, 409)
        assert len([one for one in city.entries() if "alert_taken" in one]) == 2  # one a refusal


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"no", 422),
        (write_alert(alert("x")).replace(b"?>", b'?><!DOCTYPE a SYSTEM "file:///x">'), 422),
        (write_alert(alert("x", sender="cap@stranger.example")), 422),
        (b" " * (1024 * 1024 + 1), 422),
    ],
    ids=["no xml", "doctype", "stranger", "too large"],
)
async def test_what_is_no_alert_of_a_known_sender_is_refused_with_an_entry(
    settings: Settings, folder: Path, body: bytes, status: int
) -> None:
    async with answering(settings, folder) as city:
        answer = await city.ask("lifts", TAKE, body)
        assert (answer["ok"], answer["problem"]["status"]) == (False, status)
        assert city.door.said == [] and "deny" in city.entries()[0]


async def test_who_sends_no_signals_is_not_heard_and_asks_nothing(
    settings: Settings, folder: Path
) -> None:
    async with answering(settings, folder) as city:
        body = write_alert(alert("other"))
        for question in (TAKE, FATE):
            asked = body if question == TAKE else b'{"signal": "x"}'
            answer = await city.ask("other", question, asked)
            assert answer["problem"]["status"] == 403, question
        city.no = "账号已停用"
        assert (await city.ask("lifts", TAKE, body))["problem"]["title"] == "账号已停用"
        assert city.door.said == []


async def test_without_the_stream_the_sender_hears_not_now_and_the_same_goes_out_later(
    settings: Settings, folder: Path
) -> None:
    async with answering(settings, folder) as city:
        body = write_alert(alert("later"))
        city.door.away = True
        assert (await city.ask("lifts", TAKE, body))["problem"]["status"] == 503
        city.door.away = False
        assert (await city.ask("lifts", TAKE, body))["data"]["what"] == "new"


@pytest.mark.parametrize(
    ("asked", "status"),
    [(b"[]", 400), (b"{", 400), (b"{}", 400), (b'{"id": "1"}', 400), (b'{"signal": "x"}', 404)],
)
async def test_a_question_that_names_no_signal_is_a_problem(
    settings: Settings, folder: Path, asked: bytes, status: int
) -> None:
    async with answering(settings, folder) as city:
        assert (await city.ask("lifts", FATE, asked))["problem"]["status"] == status


async def test_a_feed_speaks_for_its_own_sender_alone(settings: Settings, folder: Path) -> None:
    weather, water = load_cap_sources().sources[:2]
    actor = sender("lifts")
    assert actor is not None
    async with answering(settings, folder) as city:
        body = write_alert(alert("pulled"))
        no = await city.intake.take_pulled(actor, water, body)
        assert (no.what, "别人的消息" in no.faults[0], city.door.said) == ("refused", True, [])
        assert "deny" in city.entries()[0]
        assert (await city.intake.take_pulled(actor, weather, body)).what == "new"


# --- the command ----------------------------------------------------------------------------------


def words(*said: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    command.add(parser)
    return parser.parse_args(list(said))


async def run(
    doing: Callable[..., Any], settings: Settings, capsys: pytest.CaptureFixture[str], *said: str
) -> tuple[int, Any]:
    code = await command._as_user(doing, words(*said), settings)
    return code, json.loads(capsys.readouterr().out)


async def test_a_signal_that_is_sent_by_hand_goes_the_whole_way_and_says_where_it_went(
    settings: Settings, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with at_work(settings, folder) as here:
        async with answering(settings, folder, here.town.engine):
            sent = ("send", "fire", "楼道起火", "--id", "by-hand", "--at", "112.43,33.12",
                    "--user", "lifts")  # fmt: skip
            code, told = await run(command._send, settings, capsys, *sent)
            assert (code, told["data"]["state"], told["repeated"]) == (0, "incident", False)
            assert told["signal"] == signal_id("lifts", "lifts", "by-hand")
            asked = ("fate", "--source", "lifts", "--id", "by-hand", "--user", "lifts")
            code, fate = await run(command._fate, settings, capsys, *asked)
            assert (code, fate) == (0, told["data"])
            with pytest.raises(ValueError, match="没有事件种类"):
                await run(
                    command._send, settings, capsys, "send", "nothing", "x", "--user", "lifts"
                )
            code, no = await run(command._fate, settings, capsys, "fate", "x", "--user", "lifts")
            assert (code, no["status"]) == (1, 404)


async def test_a_cap_file_is_handed_in_by_the_command(
    settings: Settings, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "a.cap").write_bytes(write_alert(alert("from-a-file")))
    async with answering(settings, folder):
        said = ("alert", str(folder / "a.cap"), "--user", "lifts")
        code, told = await run(command._alert, settings, capsys, *said)
        assert (code, told["what"]) == (0, "new")


def test_the_command_lists_what_came_without_its_words_and_what_could_not_be_taken_with_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    town = Town(tmp_path)
    town.deliver(signal("one", type_code="fire", title="秘密的原话"))
    town.deliver(signal("two", type_code="unknown"))
    own = Settings(_env_file=None, data=tmp_path)
    assert command.run(words("list", "--json"), own) == 0
    (line,) = json.loads(capsys.readouterr().out)
    assert (line["state"], line["type"], line["level"]) == ("incident", "fire", "orange")
    assert "秘密" not in str(line)
    assert command.run(words("list", "--state", "merged", "--json"), own) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert command.run(words("refused"), own) == 0
    told = capsys.readouterr().out
    assert (
        "data.type" in told and "没有突发事件类型 unknown" in told and "用类型目录中的代码" in told
    )
    assert command.run(words("list"), Settings(_env_file=None, data=tmp_path / "none")) == 2
