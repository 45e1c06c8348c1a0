"""The blind index: found by whole values alone, under a key that is replaced while cities work."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, text, true

from activities.indexing import BlindIndex
from activities.planning import Walked
from audit.blind import token
from audit.vault import KeyDestroyed, SubjectVault
from cases import store
from cases.blind_index import normal_phone
from cases.database import reading
from cases.index_tables import case_index, index_key
from cases.queries import Desk, Queries
from cases.tables import case
from cases.views import WorklistQuery
from tests.activities.conftest import START, Town, town_in
from yichuang.index_keys import IndexBusy, IndexKeys, forget, index_keys
from yichuang.initialise import initialise
from yichuang.rollbacks import rollbacks
from yichuang.settings import Settings
from yichuang.unsealing import opener

NUMBER, PHONE = "110101199001011237", "138 0013 8000"


@pytest.fixture
def town(tmp_path):  # type: ignore[no-untyped-def]
    one = town_in(tmp_path)
    yield one
    one.engine.dispose()
    one.keys.dispose()


def keys_of(town: Town, algorithm: str = "hmac-sha256", batch: int = 2) -> IndexKeys:
    fresh = SubjectVault(town.keys, b"m" * 32, cached=0)
    return IndexKeys(town.engine, fresh, algorithm, batch=batch)


def file(town: Town, case: str, name: str = "张三丰", phone: str = PHONE) -> str:
    order = town.file(case)
    applicant = {"name": name, "id_number": NUMBER, "phone": phone}
    fresh = order.model_copy(update={"body": {**order.body, "applicant": applicant}})
    unsigned = fresh.warrant
    assert unsigned is not None
    warrant = unsigned.model_copy(update={"command_digest": fresh.digest(), "signature": ""})
    signed = fresh.model_copy(update={"warrant": town.signer.sign(warrant)})
    return town.settle(None, signed)[0].case_id


def found(town: Town, text: str) -> int:
    index = BlindIndex(town.engine, town.sealer)
    queries = Queries(town.engine, opener(town.vault), index.sought)
    query = WorklistQuery(scope="all", text=text)
    desk = Desk(("u:window",), ("scjg",))
    return queries.worklist(true(), desk, query, START, personal=true()).total


def states(town: Town) -> dict[str, str]:
    with reading(town.engine) as connection:
        rows = connection.execute(select(index_key.c.id, index_key.c.state))
        return {row.id: row.state for row in rows}


def indexed(town: Town, key: str) -> int:
    with reading(town.engine) as connection:
        query = select(case_index.c.case_id).where(case_index.c.key == key).distinct()
        return len(connection.execute(query).all())


def told(town: Town) -> list[str]:
    with reading(town.engine) as connection:
        bodies = connection.scalars(text("SELECT body FROM audit_outbox ORDER BY pos")).all()
    acts = [json.loads(bytes(one))["act"] for one in bodies]
    return [one for one in acts if one.startswith("index_")]


@pytest.mark.parametrize("algorithm", ["hmac-sha256", "hmac-sm3"])
def test_a_case_is_found_by_whole_name_number_and_phone_alone(town: Town, algorithm: str) -> None:
    keys_of(town, algorithm).found()
    file(town, "c1")
    file(town, "c2", name="李四", phone="0990-1000203")
    for whole in ("张 三丰", "１３８００１３８０００", "+86 138-0013-8000", "0990 1000203"):
        assert found(town, whole) == 1, whole
    assert found(town, NUMBER) == 2
    for part in ("张三", "1380013800", "13800138001", NUMBER[:-1], "1000203"):
        assert found(town, part) == 0, part


def test_no_row_has_a_value_in_the_clear_nor_under_the_pepper(town: Town) -> None:
    keys_of(town).found()
    file(town, "c1")
    with town.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM case_index").all()
        (mac,) = connection.execute(select(case.c.name_mac)).scalars()
    assert len(rows) == 3 and mac == ""
    assert not [one for one in ("张三丰", NUMBER, "13800138000") if one in repr(rows)]


@pytest.mark.parametrize(
    ("spelled", "normal"),
    [
        ("13800138000", "13800138000"), ("+8613800138000", "13800138000"),
        ("0086 138 0013 8000", "13800138000"), ("8613800138000", "13800138000"),
        ("(0990)1000203", "09901000203"), ("1000203", "1000203"),
        ("100020", ""), ("张三", ""), ("", ""), ("110101199001011237X", ""),
    ],
)  # fmt: skip
def test_a_telephone_has_one_normal_form(spelled: str, normal: str) -> None:
    assert normal_phone(spelled) == normal


def test_fields_keys_and_algorithms_have_stand_ins_of_their_own() -> None:
    one, other = b"a" * 32, b"b" * 32
    made = {
        token("hmac-sha256", one, "name", "1"), token("hmac-sha256", one, "phone", "1"),
        token("hmac-sha256", other, "name", "1"), token("hmac-sm3", one, "name", "1"),
    }  # fmt: skip
    assert len(made) == 4 and {len(each) for each in made} == {32}


def test_while_a_key_takes_anothers_place_every_case_is_found(town: Town) -> None:
    keys = keys_of(town)
    old = keys.found()
    assert old is not None and states(town) == {old: "current"}
    before = [file(town, f"c{n}") for n in range(5)]
    new = keys.rotate()
    assert states(town) == {old: "leaving", new: "filling"}
    with pytest.raises(IndexBusy):
        keys.rotate()
    later = file(town, "later")
    looks = iter((False, True))
    assert keys.look(lambda: next(looks, True)) == 2  # cut short after the first batch
    assert indexed(town, new) in (2, 3) and found(town, PHONE) == len((*before, later))
    assert keys_of(town).look() == 4
    assert states(town) == {old: "retired", new: "current"}
    assert (indexed(town, old), indexed(town, new), found(town, PHONE)) == (0, 6, 6)
    with pytest.raises(KeyDestroyed):
        keys.vault.derived(f"index:{old}", b"index\x00name")
    assert told(town) == [
        "index_key_rotated", "index_key_rotated", "index_key_filled", "index_key_retired"
    ]  # fmt: skip
    assert [(one.id, one.cases) for one in keys.listing()] == [(new, 6), (old, 0)]
    assert keys.look() == 0


def test_a_filing_that_was_planned_before_a_rotation_is_not_written_under_the_old_key_alone(
    town: Town,
) -> None:
    keys = keys_of(town)
    keys.found()
    planned = town.planner.plan(Walked(None), town.file("c1"))
    new = keys.rotate()
    rows = store.rows_of(planned.record)
    with pytest.raises(store.CaseMoved), town.engine.begin() as connection:
        store.write(connection, planned.record, rows)
    again = town.planner.plan(Walked(None), town.file("c1"))
    with town.engine.begin() as connection:
        store.write(connection, again.record, store.rows_of(again.record))
    assert indexed(town, new) == 1


def test_a_city_from_before_the_index_is_found_by_the_pepper_until_it_is_filled(town: Town) -> None:
    file(town, "old")
    assert found(town, "张三丰") == 1
    keys = keys_of(town, batch=500)
    first = keys.found()
    assert first is not None and states(town) == {first: "filling"}
    file(town, "new")
    assert found(town, "张三丰") == found(town, NUMBER) == 2 and found(town, PHONE) == 1
    keys.look()
    assert states(town) == {first: "current"}
    assert found(town, "张三丰") == found(town, NUMBER) == found(town, PHONE) == 2
    assert keys.found() is None


def test_whoever_was_erased_is_found_no_more_and_is_not_written_again(town: Town) -> None:
    keys = keys_of(town)
    keys.found()
    case_id = file(town, "c1")
    with reading(town.engine) as connection:
        (subject,) = connection.execute(select(case.c.subject)).scalars()
    keys.rotate()
    town.vault.destroy(subject)
    assert forget(town.engine, subject) == 3
    keys.look()
    with reading(town.engine) as connection:
        ids = select(case_index.c.case_id).where(case_index.c.case_id == case_id)
        assert connection.execute(ids).all() == []
    assert found(town, PHONE) == 0 and "filling" not in states(town).values()


def test_a_key_that_two_workers_fill_is_filled_once(town: Town) -> None:
    keys = keys_of(town)
    keys.found()
    for n in range(3):
        file(town, f"c{n}")
    new = keys.rotate()
    both = [keys, replace(keys_of(town))]
    looks = iter((False, True))
    both[0].look(lambda: next(looks, True))
    assert both[1].look() + 2 == 3 and both[0].look() == 0
    assert told(town).count("index_key_filled") == 1 and indexed(town, new) == 3


def test_a_keys_store_from_before_a_rotation_is_named(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data=tmp_path / "var", city="test")
    initialise(settings)
    assert rollbacks(settings) == []
    subprocess.run(["cp", str(settings.data / "keys.sqlite"), str(tmp_path / "older")], check=True)
    keys = index_keys(settings)
    keys.rotate()
    keys.close()
    assert rollbacks(settings) == []
    for one in settings.data.glob("keys.sqlite*"):
        one.unlink()
    subprocess.run(["cp", str(tmp_path / "older"), str(settings.data / "keys.sqlite")], check=True)
    assert {(one.older, one.newer) for one in rollbacks(settings)} == {("keys", "cases")}
