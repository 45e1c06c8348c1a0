"""The city's side of the witnesses: what is asked, kept, alarmed, and carried by file."""

import json
import shutil
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine

from audit.check import verify_stores
from audit.cosignatures import last_cosigned, standings
from audit.entry import What
from audit.logstore import LogReader, found_log
from audit.notes import Checkpoint, NoteKey, NoteVerifier, sign_note
from audit.outbox import record
from audit.reading import reading
from audit.report import CLEAN, INCOMPLETE, TAMPERED
from audit.sequencer import Sequencer
from audit.signer import Signer, init_signer
from audit.trust import PolicyInvalid, TrustedWitness, TrustPolicy
from audit.witness import Witness, found_witness
from audit.witness_ask import WitnessAway, WitnessRefuses, ask_witness, remembered
from audit.witness_door import WitnessDoor
from audit.witness_wire import spell_question
from cases.database import open_engine
from yichuang.cli import main
from yichuang.cosigning import ABSENT, BACK, Cosigner, Cosigning, wanted_of
from yichuang.initialise import log_verifier
from yichuang.keyring import log_vkey_path
from yichuang.log_entries import STREAM, draft_of_the_log
from yichuang.settings import Settings, as_environment, from_environment
from yichuang.signer import KEY_FILE, STATE_FILE
from yichuang.stores import migrate
from yichuang.trusting import (
    change_policy,
    city_policy,
    first_policy,
    policy_path,
    with_address,
    with_witness,
    without_witness,
)
from yichuang.witness_states import ask_all, later_shards

NAME = "audit-office.example/w1"


class City:
    """A log with its signer in this process, and a clock that is set."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.log = open_engine(settings.store_url("log"))
        folder = settings.signer_path
        self.signer = Signer(folder / KEY_FILE, folder / STATE_FILE)
        self.sequencer = Sequencer(self.log, {"log": self.log}, self.signer)
        self.now = datetime(2026, 11, 26, 1, tzinfo=UTC)

    def close(self) -> None:
        self.signer.close()
        self.log.dispose()

    def grow(self, count: int = 1) -> int:
        """Record, append and seal some entries; return the size."""
        for _ in range(count):
            draft = draft_of_the_log(act="audit.verified", obj=What("log", "x"), command_id=uuid4())
            with self.log.begin() as connection:
                record(connection, draft)
        self.sequencer.drain()
        self.sequencer.seal()
        return self.sequencer.size()

    def acts(self) -> list[str]:
        """Return the acts about witnesses that the log has, in order."""
        self.sequencer.drain()
        with reading(self.log) as connection:
            bodies = [json.loads(one.body) for one in LogReader(connection).stream(STREAM)]
        return [one["act"] for one in bodies if one["act"] in (ABSENT, BACK)]


def founded(folder: Path) -> Settings:
    """Found signer, log and policy of a city; the other stores are not needed here."""
    settings = Settings(data=folder)
    engine = open_engine(settings.store_url("log"))
    folder.mkdir()
    migrate(engine, "log")
    found_log(engine, settings.origin)
    engine.dispose()
    keys = settings.signer_path
    verifier = init_signer(keys / KEY_FILE, keys / STATE_FILE, settings.origin)
    settings.secrets_folder.mkdir()
    log_vkey_path(settings).write_text(f"{verifier.vkey}\n")
    change_policy(settings, lambda _text: first_policy(verifier))
    return settings


@pytest.fixture
def city(tmp_path: Path) -> Iterator[City]:
    city = City(founded(tmp_path / "city"))
    yield city
    city.close()


@pytest.fixture
def office(tmp_path: Path, city: City) -> Witness:
    """The audit office's witness, which watches the city's log."""
    found_witness(tmp_path / "office", NAME)
    office = Witness(tmp_path / "office")
    office.watch(city.signer.verifier)
    return office


@pytest.fixture
def door(office: Witness) -> Iterator[str]:
    with WitnessDoor(("127.0.0.1", 0), office) as door:
        thread = threading.Thread(target=lambda: door.serve_forever(0.05))
        thread.start()
        yield f"http://127.0.0.1:{door.server_address[1]}"
        door.shutdown()
        thread.join()


def cosigned(log: Engine) -> tuple[int, datetime] | None:
    with reading(log) as connection:
        return last_cosigned(connection, NAME)


def test_each_new_head_is_cosigned_and_the_policy_then_stands(
    city: City, office: Witness, door: str
) -> None:
    witness = TrustedWitness("w1", office.verifier, door)
    cosigner = Cosigner(city.log, clock=lambda: city.now)
    assert cosigner.round(witness) and cosigned(city.log) is None  # nothing is signed yet
    for count in (1, 2, 300):
        size = city.grow(count)
        assert cosigner.round(witness)
        last = cosigned(city.log)
        assert last is not None and last[0] == size
    text = f"log {city.signer.verifier.vkey}\nwitness w1 {office.verifier.vkey}\nquorum w1\n"
    with reading(city.log) as connection:
        note = LogReader(connection).cosigned_note(size)
    assert TrustPolicy.parse(text).open(note).witnessed


def test_the_newest_head_is_cosigned_again_after_a_while(
    city: City, office: Witness, door: str
) -> None:
    witness = TrustedWitness("w1", office.verifier, door)
    size = city.grow()
    Cosigner(city.log).round(witness)
    last = cosigned(city.log)
    assert last is not None
    at = last[1]
    assert wanted_of(city.log, NAME, at + timedelta(minutes=9, seconds=59)) is None
    again = wanted_of(city.log, NAME, at + timedelta(minutes=10))
    assert again is not None and (again.old, again.size, again.proof) == (size, size, ())


class Away:
    """Asks nobody: the witness is away until told otherwise."""

    def __init__(self, fault: Exception | None) -> None:
        self.fault = fault

    def __call__(self, *args: Any, **more: Any) -> Any:
        if self.fault is not None:
            raise self.fault
        return ask_witness(*args, **more)


def test_a_witness_that_stays_away_rings_after_an_hour_and_its_return_is_told(
    city: City, office: Witness, door: str
) -> None:
    witness, away = TrustedWitness("w1", office.verifier, door), Away(WitnessAway("no answer"))
    cosigner = Cosigner(city.log, clock=lambda: city.now, ask=away)
    city.grow()
    cosigner.asked({NAME})
    for minutes, acts in ((0, 0), (60, 0), (1, 1), (300, 1)):
        city.now += timedelta(minutes=minutes)
        assert not cosigner.round(witness)
        assert city.acts() == [ABSENT] * acts
    with reading(city.log) as connection:
        standing = standings(connection)[0]
    assert standing.fault == "no answer" and standing.absent_at is not None
    assert city.grow() > 1  # the sealing goes on
    away.fault = None
    assert cosigner.round(witness)
    assert city.acts() == [ABSENT, BACK]
    with reading(city.log) as connection:
        standing = standings(connection)[0]
    assert (standing.fault, standing.absent_at) == ("", None)
    away.fault = WitnessAway("gone again")
    city.now += timedelta(minutes=61)
    city.grow()
    cosigner.round(witness)
    assert city.acts() == [ABSENT, BACK, ABSENT]


@pytest.mark.parametrize(("status", "acts"), [(422, 1), (409, 1), (404, 0), (403, 0)])
def test_a_witness_that_remembers_another_history_rings_at_once(
    city: City, office: Witness, door: str, status: int, acts: int
) -> None:
    ask = Away(WitnessRefuses(status, "no"))
    cosigner = Cosigner(city.log, clock=lambda: city.now, ask=ask)
    city.grow()
    assert not cosigner.round(TrustedWitness("w1", office.verifier, door))
    assert city.acts() == [ABSENT] * acts


def test_a_restored_backup_is_refused_by_the_witness_and_found_by_what_it_remembers(
    city: City, office: Witness, door: str, tmp_path: Path
) -> None:
    witness = TrustedWitness("w1", office.verifier, door)
    city.grow(3)
    Cosigner(city.log, clock=lambda: city.now).round(witness)
    city.close()
    shutil.copytree(city.settings.data, tmp_path / "backup")
    city = City(city.settings)
    city.grow(2)
    Cosigner(city.log, clock=lambda: city.now).round(witness)
    city.close()
    shutil.rmtree(city.settings.data)
    shutil.copytree(tmp_path / "backup", city.settings.data)
    city = City(city.settings)
    rules = f"log {city.signer.verifier.vkey}\nwitness w1 {office.verifier.vkey}\nquorum w1\n"
    policy = TrustPolicy.parse(rules)
    kept = remembered(door, city.settings.origin)
    assert kept is not None
    for growth, status in ((0, CLEAN), (1, INCOMPLETE), (5, INCOMPLETE)):
        if growth:
            city.grow(growth)
            assert not Cosigner(city.log, clock=lambda: city.now).round(witness)
            assert city.acts() == [ABSENT]
        city.sequencer.seal()
        assert verify_stores(city.log, policy).exit_code == status
        found = verify_stores(city.log, policy, witnessed=[kept])
        assert (found.exit_code, found.counts) == (TAMPERED, {"witness": 1})
    city.close()


def test_a_witness_reached_by_file_rings_after_a_day(city: City, office: Witness) -> None:
    cosigner = Cosigner(city.log, clock=lambda: city.now)
    witness = TrustedWitness("w1", office.verifier)
    city.grow()
    cosigner.asked({NAME})
    city.now += timedelta(hours=25)
    assert cosigner.round(witness) and city.acts() == []
    city.now += timedelta(seconds=1)
    assert not cosigner.round(witness) and city.acts() == [ABSENT]
    assert not cosigner.round(witness) and city.acts() == [ABSENT]


def test_a_witness_taken_out_of_the_policy_is_asked_no_longer(
    city: City, office: Witness, door: str
) -> None:
    here = f"log {city.signer.verifier.vkey}\n"
    policies = [f"{here}witness w1 {office.verifier.vkey} {door}\nquorum w1\n"]
    cosigning = Cosigning(city.log, lambda: TrustPolicy.parse(policies[-1]))
    stop = threading.Event()
    size = city.grow()
    cosigning._follow(TrustPolicy.parse(policies[-1]))
    for _ in range(100):
        if cosigned(city.log):
            break
        stop.wait(0.1)
    assert (cosigned(city.log) or (0,))[0] == size
    cosigning._follow(TrustPolicy.parse(f"{here}quorum none\n"))
    with reading(city.log) as connection:
        assert standings(connection) == []
    assert cosigning._running == {}


@pytest.mark.parametrize(
    ("origin", "today", "later"),
    [
        ("c/log/2026H2", date(2026, 12, 30), []),
        ("c/log/2026H2", date(2026, 12, 31), ["c/log/2027H1"]),  # tomorrow: zones differ
        ("c/log/2026H2", date(2027, 7, 1), ["c/log/2027H1", "c/log/2027H2"]),
        ("c/log", date(2027, 1, 1), ["c/log/2027H1"]),
    ],
)
def test_the_shards_that_should_not_be_there_yet_are_asked_for(
    origin: str, today: date, later: list[str]
) -> None:
    assert later_shards(origin, today) == later


def test_a_store_put_back_to_before_a_turn_is_found_by_the_next_shard_s_head(
    city: City, office: Witness, door: str
) -> None:
    city.grow(2)
    Cosigner(city.log).round(TrustedWitness("w1", office.verifier, door))
    origin = city.signer.verifier.name
    later = later_shards(origin, date(2030, 1, 1))[0]
    rules = f"log {city.signer.verifier.vkey}\nwitness w1 {office.verifier.vkey} {door}\n"
    policy = TrustPolicy.parse(f"{rules}quorum w1\n")
    clean = ask_all(policy, origin, [""], [], date(2026, 11, 26))
    assert (len(clean.notes), clean.missing) == (1, [])
    assert verify_stores(city.log, policy, witnessed=clean.notes).exit_code == CLEAN
    gone = NoteKey(later, Ed25519PrivateKey.generate())
    office.watch(gone.verifier)
    head = sign_note(Checkpoint(later, 1, bytes(32)).text(), [gone])
    office.cosign(spell_question(0, [], head))
    known = ask_all(policy, origin, [door], [], date(2030, 1, 1))
    assert len(known.notes) == 2
    assert verify_stores(city.log, policy, witnessed=known.notes).counts == {"witness": 1}


# ── by file, on the command line ──


def order(city: City, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    for name, value in as_environment(city.settings).items():
        monkeypatch.setenv(name, value)
    from_environment.cache_clear()
    try:
        return main(["witness", *words])
    finally:
        from_environment.cache_clear()


def test_an_air_gapped_office_cosigns_a_citys_head(
    city: City, office: Witness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, said = tmp_path / "asked.txt", tmp_path / "said.txt"
    folder = ("--folder", str(tmp_path / "office"))
    vkey = office.verifier.vkey
    assert order(city, monkeypatch, "request", "office", "--out", str(asked)) == 2
    assert order(city, monkeypatch, "trust", vkey, "--name", "office") == 0
    assert order(city, monkeypatch, "request", "office", "--out", str(asked)) == 2  # no head yet
    size = city.grow(3)
    assert order(city, monkeypatch, "request", "office", "--out", str(asked)) == 0
    assert order(city, monkeypatch, "cosign", str(asked), "--out", str(said), *folder) == 0
    take = ("take", "office", str(said), "--request", str(asked))
    assert order(city, monkeypatch, *take) == 0
    assert (cosigned(city.log) or (0,))[0] == size
    said.write_text("nonsense\n")
    assert order(city, monkeypatch, *take) == 2
    size = city.grow(3)
    assert order(city, monkeypatch, "request", "office", "--out", str(asked)) == 0
    assert order(city, monkeypatch, "cosign", str(asked), "--out", str(said), *folder) == 0
    assert order(city, monkeypatch, *take) == 0
    assert (cosigned(city.log) or (0,))[0] == size


def test_a_line_on_a_head_of_another_log_is_not_taken(
    city: City, office: Witness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = City(founded(tmp_path / "other"))
    elsewhere.grow(2)
    office.watch(elsewhere.signer.verifier)
    wanted = wanted_of(elsewhere.log, NAME, city.now)
    assert wanted is not None
    asked, said = tmp_path / "asked.txt", tmp_path / "said.txt"
    asked.write_bytes(wanted.question)
    city.grow(1)
    assert order(city, monkeypatch, "trust", office.verifier.vkey) == 0
    said.write_text(office.cosign(wanted.question) + "\n")
    assert order(city, monkeypatch, "take", NAME, str(said), "--request", str(asked)) == 1
    assert cosigned(city.log) is None
    elsewhere.close()


# ── the policy's file ──


def test_witnesses_are_added_one_by_one_and_the_quorum_counts_them(
    city: City, office: Witness, tmp_path: Path
) -> None:
    second = found_witness(tmp_path / "second", "second.example/w")
    assert city_policy(city.settings).quorum == "none"

    def add(verifier: NoteVerifier, url: str, quorum: str) -> TrustPolicy:
        return change_policy(
            city.settings, lambda text: with_witness(text, verifier.name, verifier, url, quorum)
        )

    one = add(office.verifier, "http://a", "any")
    assert (one.groups[0].threshold, one.groups[0].members) == (1, (NAME,))
    two = add(second, "", "all")
    assert (two.groups[0].threshold, two.groups[0].members) == (2, (NAME, second.name))
    again = add(office.verifier, "http://b", "1")
    assert {one.url for one in again.witnesses} == {"http://b", ""}
    moved = with_address(city_text(city), office.verifier, "http://c")
    found = TrustPolicy.parse(moved).witness(NAME)
    assert found is not None and found.url == "http://c"
    with pytest.raises(PolicyInvalid):
        add(second, "", "3")
    assert city_policy(city.settings) == again
    own = f"log {log_verifier(city.settings).vkey}\nwitness a {second.vkey}\n"
    own += "group mine any a\nquorum mine\n"
    with pytest.raises(PolicyInvalid, match="by hand"):
        with_witness(own, NAME, office.verifier, "", "any")


def test_the_witness_for_show_gives_way_to_another_owners(
    city: City, office: Witness, tmp_path: Path
) -> None:
    shown = found_witness(tmp_path / "shown", "demo.example/witness")
    text = with_witness(city_text(city), "demo", shown, "http://127.0.0.1:1", "any")
    without = without_witness(text, shown)
    assert TrustPolicy.parse(without).witnesses == ()
    both = with_witness(text, "office", office.verifier, "", "any")
    assert without_witness(both, shown) == both  # beside others it was put there on purpose


def city_text(city: City) -> str:
    return policy_path(city.settings).read_text(encoding="utf-8")
