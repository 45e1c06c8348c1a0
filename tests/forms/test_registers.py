"""Forms filled from registers, and from what a citizen said before: over a real NATS server."""

from __future__ import annotations

import asyncio
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import nkeys  # type: ignore[import-untyped]  # ships no types
import pytest
from nats.aio.client import Client
from starlette.testclient import TestClient

from catalogue.registers import load_registers
from tests.forms.entering import sign_in_fully
from tests.forms.online import FOOD, WANG, come_in, filed, hidden
from tests.forms.test_citizens import bodies_of
from tests.forms.town import ADDRESS, Town
from yichuang.bus import connect
from yichuang.embedded import ground
from yichuang.embedded import nats as embedded
from yichuang.register_service import Find, of_rows, serve
from yichuang.registers import WebRegisters, own_key
from yichuang.settings import Settings

KNOWN = load_registers().by_code
COMPANY = {
    "uscc": "91990100MA0000001G", "name": "云川王记小馆（虚构）有限公司",
    "legal_representative": "王世敏", "address": "云川市北城区人民大道88号一层",
}  # fmt: skip
PEOPLE = (
    {"id_number": WANG["id_number"], "name": WANG["name"], "address": "柳荫里3号楼502室"},
    {"id_number": "110105198811052345", "name": "李诗民", "address": "桂花巷17号"},
)


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


@contextmanager
def answering(settings: Settings, code: str, find: Find) -> Iterator[None]:
    """Run a register's service meanwhile, in a thread of its own."""
    up, done = threading.Event(), threading.Event()

    async def run() -> None:
        bus = await serve(settings, KNOWN[code], find)
        await bus.flush()
        up.set()
        await asyncio.to_thread(done.wait)
        await bus.close()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    try:
        assert up.wait(20)
        yield
    finally:
        done.set()
        thread.join(20)


@pytest.fixture
def shared(city: Town, settings: Settings) -> Iterator[Town]:
    """The town with its registers connected."""
    without = city.ports
    assert isinstance(without.registers, WebRegisters)

    async def join() -> Client:
        return await connect(settings, "web", attempts=0)

    keys = {code: own_key(settings, code) for code in KNOWN}
    city.ports = replace(without, registers=replace(without.registers, keys=keys, join=join))
    yield city
    city.ports = without


@pytest.fixture
def client(shared: Town) -> Iterator[TestClient]:
    with TestClient(shared.app(), base_url=ADDRESS, follow_redirects=False) as made:
        yield made


def share(client: TestClient, path: str, form: dict[str, Any]) -> str:
    page = client.get(path).text
    data = form | {"csrf": hidden(page, "csrf"), "command": hidden(page, "command"), "do": "share"}
    answer = client.post(path, data=data, headers={"origin": ADDRESS})
    assert answer.status_code == 200, answer.text
    return answer.text


def value(page: str, name: str) -> str:
    found = page.split(f'name="{name}"', 1)[1].split(">", 1)[0]
    return found.split('value="', 1)[1].split('"', 1)[0] if 'value="' in found else ""


def entries(town: Town) -> list[dict[str, Any]]:
    return [one for one in bodies_of(town) if one["act"] == "register_asked"]


AT_WINDOW = {
    "applicant.kind": "enterprise", "applicant.id_type": "USCC",
    "applicant.id_number": COMPANY["uscc"], "form.business_kind": "餐饮服务经营者",
}  # fmt: skip


def test_at_the_window_a_code_is_typed_and_the_rest_comes_from_the_register(
    shared: Town, client: TestClient, settings: Settings
) -> None:
    sign_in_fully(client, shared, "chen")
    before = len(entries(shared))
    with answering(settings, "enterprise", of_rows([COMPANY], ["uscc"])):
        page = share(client, "/new/food-operation", AT_WINDOW)
    for field, part in (
        ("applicant.name", "name"), ("applicant.legal_representative", "legal_representative"),
        ("form.operator_name", "name"), ("form.premises_address", "address"),
    ):  # fmt: skip
        assert value(page, field) == COMPANY[part]
    assert "共享取得，不需要再填" in page and "企业登记信息" in page
    assert value(page, "applicant.id_number") == COMPANY["uscc"]
    (entry,) = entries(shared)[before:]
    assert entry["obj"] == {"type": "register", "id": "enterprise", "step": "food-operation found"}
    assert entry["why"] == "ZXZW-7" and entry["who"]["kind"] == "human"
    said = str(entry)
    assert not any(text in said for text in COMPANY.values())


def test_what_was_typed_is_kept_and_the_difference_told(
    shared: Town, client: TestClient, settings: Settings
) -> None:
    sign_in_fully(client, shared, "chen")
    with answering(settings, "enterprise", of_rows([COMPANY], ["uscc"])):
        page = share(client, "/new/food-operation", AT_WINDOW | {"applicant.name": "王记小馆"})
    assert value(page, "applicant.name") == "王记小馆"
    assert f"登记为“{COMPANY['name']}”，与所填不同" in page


def _slow(_key: Any) -> None:
    time.sleep(2)


@pytest.mark.parametrize("how", ["dead", "slow", "forged"])
def test_a_register_that_does_not_answer_well_keeps_nobody_from_typing(
    shared: Town, client: TestClient, settings: Settings, how: str
) -> None:
    sign_in_fully(client, shared, "chen")
    registers = shared.ports.registers
    assert isinstance(registers, WebRegisters)
    if how == "forged":
        fresh = bytes(nkeys.encode_seed(b"9" * 32, nkeys.PREFIX_BYTE_USER))
        other = nkeys.from_seed(bytearray(fresh)).public_key.decode()
        registers.keys = {**registers.keys, "enterprise": other}
    before = len(entries(shared))
    if how == "dead":
        page = share(client, "/new/food-operation", AT_WINDOW)
    else:
        find = _slow if how == "slow" else of_rows([COMPANY], ["uscc"])
        with answering(settings, "enterprise", find):
            page = share(client, "/new/food-operation", AT_WINDOW)
    assert "没有及时答复，请照旧填写" in page and COMPANY["name"] not in page
    assert value(page, "applicant.id_number") == COMPANY["uscc"]
    (entry,) = entries(shared)[before:]
    assert entry["res"] == "error" and entry["obj"]["step"] == "food-operation away"


def test_without_a_code_nothing_is_asked(shared: Town, client: TestClient) -> None:
    sign_in_fully(client, shared, "chen")
    before = len(entries(shared))
    page = share(client, "/new/food-operation", {"applicant.kind": "enterprise"})
    assert "请先填写统一社会信用代码" in page and len(entries(shared)) == before


def test_on_line_one_is_filled_in_oneself_and_never_learns_of_another(
    shared: Town, client: TestClient, settings: Settings
) -> None:
    come_in(client)
    asked: list[Any] = []
    find = of_rows(PEOPLE, ["id_number", "name"])

    def watched(key: Any) -> Any:
        asked.append(dict(key))
        return find(key)

    with answering(settings, "population", watched):
        page = client.get("/apply/information-disclosure").text
        assert value(page, "form.address") == "柳荫里3号楼502室"
        assert "不需要再填" in page
        other = {
            "applicant.kind": "natural_person", "applicant.id_number": PEOPLE[1]["id_number"],
            "applicant.name": PEOPLE[1]["name"], "own.id_number": PEOPLE[1]["id_number"],
            "own.name": PEOPLE[1]["name"],
        }  # fmt: skip
        page = share(client, "/apply/information-disclosure", other)
    assert "桂花巷" not in page
    assert {one["id_number"] for one in asked} == {WANG["id_number"]}
    (entry, *_) = entries(shared)[-1:]
    assert entry["who"]["kind"] == "citizen"


def test_who_applies_again_is_not_asked_again_and_nobody_elses_words_are_shown(
    city: Town,
) -> None:
    with TestClient(city.app(), base_url=ADDRESS, follow_redirects=False) as mine:
        come_in(mine)
        number = filed(mine)
        page = mine.get("/apply/food-operation").text
        assert value(page, "applicant.name") == FOOD["applicant.name"]
        assert value(page, "form.operator_name") == FOOD["form.operator_name"]
        assert value(page, "form.id_number") == FOOD["form.id_number"]
        assert value(page, "form.premises_address") == ""
        assert f"按您在 {number} 里所填" in page
    with TestClient(city.app(), base_url=ADDRESS, follow_redirects=False) as other:
        come_in(other, "li")
        page = other.get("/apply/food-operation").text
        assert FOOD["form.operator_name"] not in page and number not in page
