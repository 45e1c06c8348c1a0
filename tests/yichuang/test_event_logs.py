"""The casework of a log as event data: whole, by the published forms, and nothing of a person."""

from __future__ import annotations

import argparse
import json
import re
import sqlite3
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest
from jsonschema import Draft7Validator, FormatChecker
from lxml import etree
from sqlalchemy import Engine

from audit.entry import EntryDraft, What, Who
from audit.logstore import LogReader, StoredEntry, found_log
from audit.merkle import Frontier, leaf_hash
from audit.outbox import record
from audit.sequencer import Sequencer
from audit.signer import Signer, init_signer
from audit.tables import log_metadata
from audit.trust import TrustPolicy
from cases.database import open_engine, reading
from cases.tables import case
from tests.activities.conftest import town_in
from tests.yichuang.event_log_grammar import OCEL_JSON, XES_XSD, relational_faults
from tests.yichuang.signed_city import order, signed_city
from yichuang.commands import export as command
from yichuang.event_logs import (
    NotWhole,
    Shard,
    Stage,
    Wanted,
    gather,
    write_ocel_json,
    write_xes,
)
from yichuang.event_logs.exporting import Asked, Exported, Form, NothingSigned, export
from yichuang.event_logs.gather import CASEWORK

ORIGIN = "test.invalid/log"
AT = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)


@dataclass(frozen=True)
class City:
    """A log with three cases, an incident, refusals and what is no casework."""

    cases: Engine
    log: Engine
    policy: TrustPolicy
    secrets: frozenset[str]
    """What may stand in no file."""

    def export(self, out: Path, form: Form = "ocel", **asked: Any) -> Exported:
        return export(self.log, self.cases, self.policy, Asked(form, **asked), out)

    def bodies(self) -> list[dict[str, Any]]:
        with reading(self.log) as connection:
            return [orjson.loads(one.body) for one in LogReader(connection).entries()]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    folder = tmp_path_factory.mktemp("events")
    town = town_in(folder)
    log = open_engine(f"sqlite:///{folder / 'log.sqlite'}")
    log_metadata.create_all(log)
    found_log(log, ORIGIN)
    trusted = init_signer(folder / "k", folder / "s", ORIGIN)
    secrets: set[str] = set()
    for name in ("c1", "c2", "c3"):
        state = town.filed(name)
        state, _ = town.settle(state, town.order("accept", {"mode": "plain"}, case=name, by="u:a"))
        opinion = {"task": "review-check", "result": "agree", "text": "查实无误"}
        state, _ = town.settle(state, town.order("opine", opinion, case=name, by="u:r"))
        town.outcome(
            state, town.order("decide", {"result": "grant"}, case=name, by="u:a")
        )  # refused
        secrets |= {state.case_id, state.case_no, state.subject, "张三丰"}
    with town.engine.begin() as connection:
        for stream, act, res in (
            ("incident:i-1", "report", "ok"), ("incident:i-1", "dispatch", "ok"),
            ("incident:-", "report", "deny"), ("sys:auth", "sign_in", "ok"),
        ):  # fmt: skip
            who = Who("p:somebody", "human", role="duty_officer", org=None)
            thing = What("incident", "i-1")
            made = EntryDraft(str(uuid4()), stream, AT, who, act, thing, res, why="u:secret")  # type: ignore[arg-type]
            record(connection, made)
    with closing(Signer(folder / "k", folder / "s")) as signer:
        sequencer = Sequencer(log, {"cases": town.engine}, signer)
        sequencer.drain()
        sequencer.seal()
    made_city = City(town.engine, log, TrustPolicy.of(trusted), frozenset(secrets))
    secrets |= {str(body["who"]["id"]) for body in made_city.bodies()} - {"system"}
    secrets |= {body["id"] for body in made_city.bodies()} | {"i-1", "u:secret", "查实无误"}
    yield City(town.engine, log, TrustPolicy.of(trusted), frozenset(secrets))
    for engine in (town.engine, town.keys, log):
        engine.dispose()


def expected(city: City) -> Counter[str]:
    """Return what a plain reading of the log finds: type of event → how many."""
    found: Counter[str] = Counter()
    for body in city.bodies():
        family = body["s"]["id"].split(":")[0]
        if family in CASEWORK:
            refused = "" if body["res"] == "ok" else " refused"
            found[f"{CASEWORK[family]} {body['act']}{refused}"] += 1
    return found


def ocel(city: City, folder: Path, **asked: Any) -> dict[str, Any]:
    city.export(folder / "o.json", **asked)
    found: dict[str, Any] = json.loads((folder / "o.json").read_bytes())
    return found


def test_every_entry_of_casework_is_one_event_and_nothing_else_is(
    city: City, tmp_path: Path
) -> None:
    found = ocel(city, tmp_path)
    assert Counter(one["type"] for one in found["events"]) == expected(city)
    assert expected(city)["case decide refused"] == 3
    assert len({one["id"] for one in found["events"]}) == len(found["events"])


def test_the_counts_sum_to_the_signed_head(city: City, tmp_path: Path) -> None:
    said = city.export(tmp_path / "o.json").gathered.as_json()
    (head,) = said["heads"]
    assert head["size"] == said["entries"] == len(city.bodies())
    assert said["events"] + said["no_casework"] == said["entries"]
    (told,) = [one for one in ocel(city, tmp_path)["objects"] if one["type"] == "log"]
    values = {one["name"]: one["value"] for one in told["attributes"]}
    assert (values["root_1"], values["size_1"]) == (head["root"], str(head["size"]))
    assert (values["events"], values["no_casework"]) == (str(said["events"]), "1")


def test_the_json_is_as_the_standard_has_it(city: City, tmp_path: Path) -> None:
    found = ocel(city, tmp_path)
    faults = Draft7Validator(OCEL_JSON, format_checker=FormatChecker()).iter_errors(found)
    assert [one.message for one in faults] == []
    objects = {one["id"]: one["type"] for one in found["objects"]}
    related = [r["objectId"] for one in found["events"] for r in one["relationships"]]
    related += [r["objectId"] for one in found["objects"] for r in one["relationships"]]
    assert set(related) <= set(objects)
    declared = {
        one["name"]: {each["name"] for each in one["attributes"]} for one in found["eventTypes"]
    }
    for one in found["events"]:
        assert {each["name"] for each in one["attributes"]} <= declared[one["type"]]
        assert one["relationships"]


def test_the_database_says_the_same_as_the_json(city: City, tmp_path: Path) -> None:
    path = tmp_path / "o.sqlite"
    city.export(path, "ocel-sqlite")
    found = ocel(city, tmp_path)
    with closing(sqlite3.connect(path)) as database:
        assert relational_faults(database) == []
        types = Counter(kind for (kind,) in database.execute("SELECT ocel_type FROM event"))
        assert types == expected(city)
        assert dict(database.execute("SELECT ocel_id, ocel_type FROM event")) == {
            one["id"]: one["type"] for one in found["events"]
        }
        links = database.execute("SELECT count(*) FROM event_object").fetchone()[0]
        assert links == sum(len(one["relationships"]) for one in found["events"])
        ties = database.execute("SELECT count(*) FROM object_object").fetchone()[0]
        assert ties == sum(len(one["relationships"]) for one in found["objects"])


def test_the_xes_is_as_the_standard_has_it_with_a_trace_for_each_case(
    city: City, tmp_path: Path
) -> None:
    done = city.export(tmp_path / "x.xes", "xes")
    tree = etree.parse(tmp_path / "x.xes")
    etree.XMLSchema(etree.fromstring(XES_XSD)).assertValid(tree)
    traces = tree.getroot().findall("trace")
    assert len(traces) == 3
    assert done.events == sum(n for kind, n in expected(city).items() if kind.startswith("case "))
    for one in traces:
        names = [
            each.find("string[@key='concept:name']").get("value") for each in one.iter("event")
        ]
        assert names[:2] == ["case file", "case accept"]
        times = [each.find("date").get("value") for each in one.iter("event")]
        assert times == sorted(times)


def test_nothing_of_a_person_and_no_number_leaves(city: City, tmp_path: Path) -> None:
    for form in ("ocel", "ocel-sqlite", "xes"):
        city.export(tmp_path / form, form)
        content = (tmp_path / form).read_bytes().decode(errors="replace")
        assert not {one for one in city.secrets if one and one in content}, form


def test_two_exports_cannot_be_laid_side_by_side(city: City, tmp_path: Path) -> None:
    first, second = (ocel(city, tmp_path)["objects"] for _ in range(2))
    shared = {one["id"] for one in first} & {one["id"] for one in second}
    assert {one.split("-")[0] for one in shared} <= {"department", "log"}
    assert len(first) == len(second)


def test_an_event_is_found_in_the_log_by_shard_and_leaf(city: City, tmp_path: Path) -> None:
    bodies = city.bodies()
    for one in ocel(city, tmp_path)["events"]:
        leaf = re.fullmatch(r"e1-(\d+)", one["id"])
        assert leaf
        body = bodies[int(leaf[1])]
        assert one["type"].split()[1] == body["act"]
        assert one["time"] == body.get("occ", body["t"])


@dataclass
class Leaves:
    """A log in memory, as `gather` reads one; may be altered."""

    bodies: list[bytes]
    leaves: list[bytes] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.leaves = self.leaves or [leaf_hash(one) for one in self.bodies]

    def entries(self, start: int, stop: int) -> Iterator[StoredEntry]:
        for n in range(start, min(stop, len(self.bodies))):
            stream = orjson.loads(self.bodies[n])["s"]["id"] if self.bodies[n] else "case:x"
            yield StoredEntry(n, f"id-{n}", stream, 1, self.leaves[n], self.bodies[n])

    def shard(self) -> Shard:
        frontier = Frontier()
        frontier.extend(self.leaves)
        return Shard(ORIGIN, self, len(self.leaves), frontier.root())  # type: ignore[arg-type]


class Nothing:
    """A store without rows, whose reader may list everything but what is named."""

    def __init__(self, *hidden: str) -> None:
        self.secret = frozenset(hidden)

    def hidden(self, kind: str, ids: Any) -> frozenset[str]:
        return frozenset(ids) & self.secret

    def attributes(self, kind: str, ids: Any) -> dict[str, Any]:
        return {}


def body_of(n: int, at: datetime = AT, stream: str = "") -> bytes:
    said = {
        "act": "accept", "t": at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "who": {"id": "p:x", "kind": "human", "org": "zjj"}, "res": "ok",
        "obj": {"type": "case", "id": f"{n}"}, "s": {"id": stream or f"case:{n // 10}"},
    }  # fmt: skip
    return orjson.dumps(said)


def taken(
    leaves: Leaves, folder: Path, rows: Nothing | None = None, **wanted: Any
) -> dict[str, Any]:
    with Stage(folder / "stage") as stage:
        found = gather([leaves.shard()], rows or Nothing(), stage, Wanted(**wanted))
        return found.as_json() | {"staged": [one.id for one in stage.staged_events()]}


@pytest.mark.parametrize("altered", ["body", "leaf", "missing", "order"])
def test_a_log_that_is_not_what_was_signed_is_not_exported(altered: str, tmp_path: Path) -> None:
    leaves = Leaves([body_of(n) for n in range(5)])
    shard = leaves.shard()
    assert taken(leaves, tmp_path)["events"] == 5
    match altered:
        case "body":
            leaves.bodies[3] = body_of(4)
        case "leaf":
            leaves.bodies[3], leaves.leaves[3] = body_of(9), leaf_hash(body_of(9))
        case "missing":
            leaves.bodies.pop()
        case _:
            leaves.leaves[1], leaves.leaves[2] = leaves.leaves[2], leaves.leaves[1]
            leaves.bodies[1], leaves.bodies[2] = leaves.bodies[2], leaves.bodies[1]
    with Stage(tmp_path / "stage") as stage, pytest.raises(NotWhole):
        gather([shard], Nothing(), stage, Wanted())


def test_an_instant_belongs_to_the_time_that_begins_with_it(tmp_path: Path) -> None:
    second = timedelta(seconds=1)
    leaves = Leaves([body_of(n, AT + n * second) for n in range(6)])
    found = taken(leaves, tmp_path, since=AT + second, until=AT + 4 * second)
    assert (found["staged"], found["outside_the_time"]) == (["e1-1", "e1-2", "e1-3"], 3)


def test_what_may_not_be_listed_is_counted_and_left_out(tmp_path: Path) -> None:
    leaves = Leaves([body_of(n) for n in range(25)])
    found = taken(leaves, tmp_path, Nothing("1"))
    assert (found["events"], found["hidden"], len(found["staged"])) == (15, 10, 15)


def test_a_purged_body_is_counted(tmp_path: Path) -> None:
    leaves = Leaves([body_of(n) for n in range(4)])
    leaves.bodies[2] = b""
    found = taken(leaves, tmp_path)
    assert (found["events"], found["purged"], found["entries"]) == (3, 1, 4)


def test_memory_does_not_grow_with_the_log(tmp_path: Path) -> None:
    peaks = []
    for size in (1_000, 6_000):

        class Made(Leaves):
            def entries(self, start: int, stop: int) -> Iterator[StoredEntry]:
                for n in range(stop):
                    body = body_of(n)
                    yield StoredEntry(n, f"id-{n}", f"case:{n // 10}", 1, leaf_hash(body), body)

        frontier = Frontier()
        for n in range(size):
            frontier.append(leaf_hash(body_of(n)))
        shard = Shard(ORIGIN, Made([]), size, frontier.root())  # type: ignore[arg-type]
        tracemalloc.start()
        with Stage(tmp_path / "stage", 200) as stage, (tmp_path / "out").open("wb") as out:
            gather([shard], Nothing(), stage, Wanted())
            write_ocel_json(stage, out)
            write_xes(stage, out, "case")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 2 * peaks[0] < 10_000_000


def test_a_reader_gets_the_cases_that_policy_lets_them_list(city: City, tmp_path: Path) -> None:
    none = city.export(tmp_path / "n.json", conditions={"case": case.c.department == "nobody"})
    # Of the things in no list nothing is told; a refusal about nothing is about nobody's.
    assert none.gathered.as_json()["by_stream"] == {"incident": 1}
    own = {"case": case.c.department != "nobody"}
    found = city.export(tmp_path / "o.json", conditions=own).gathered.as_json()
    assert found["by_stream"]["case"] == sum(
        n for kind, n in expected(city).items() if kind.startswith("case ")
    )
    assert found["hidden"] == 2


def test_without_a_signed_head_nothing_is_exported(city: City, tmp_path: Path) -> None:
    log = open_engine(f"sqlite:///{tmp_path / 'log.sqlite'}")
    log_metadata.create_all(log)
    found_log(log, ORIGIN)
    with pytest.raises(NothingSigned):
        export(log, city.cases, city.policy, Asked("ocel"), tmp_path / "o.json")
    assert not (tmp_path / "o.json").exists()
    log.dispose()


def test_the_command_writes_the_file_and_its_entry(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = signed_city(tmp_path / "var")

    def asked(*words: str) -> int:
        parser = argparse.ArgumentParser()
        command.add(parser)
        return command.run(parser.parse_args(words), settings)

    out = tmp_path / "o.json"
    assert asked("ocel", str(out)) == 2 and not out.exists()  # nothing is signed yet
    assert order(settings, "seal") == 0
    capsys.readouterr()
    assert asked("ocel", str(out), "--json") == 0
    said = json.loads(capsys.readouterr().out)
    assert said["events"] + said["no_casework"] == said["entries"] > 0
    assert {one["type"] for one in json.loads(out.read_bytes())["events"]} == {
        "release release_seed"
    }
    assert order(settings, "seal") == 0
    with reading(open_engine(settings.store_url("log"))) as connection:
        bodies = [orjson.loads(one.body) for one in LogReader(connection).entries()]
    (entry,) = [one for one in bodies if one["act"] == "export"]
    assert entry["obj"]["doc"] == said["sha256"]
    assert entry["obj"]["step"] == str(said["written"])
    assert list(tmp_path.glob(".*")) == []
    assert asked("ocel", str(out), "--from", "2026-13") == 2
    assert asked("ocel", str(out), "--by", "nobody") == 2
