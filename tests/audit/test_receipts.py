"""Receipts made of a real log, and checked by the one file that a citizen is given."""

import json
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from audit import yichuang_verify
from audit.logstore import found_log
from audit.outbox import record
from audit.payloads import Payload, seal_payloads
from audit.receipts import ReceiptMaker, Statement, spell_receipt
from audit.sequencer import Sequencer
from audit.signer import Signer, init_signer
from audit.tables import log_metadata, outbox_metadata
from audit.vault import SubjectVault
from tests.audit.conftest import House, sqlite_engine
from tests.audit.forgeries import Forgery, forgeries

Draft = Callable[..., Any]
STATEMENT = Statement({"at": "2026-11-26T10:00:00Z"})


def everything(_body: Mapping[str, Any], _name: str) -> bool:
    return True


def settle(
    house: House,
    vault: SubjectVault,
    draft: Draft,
    numbers: range,
    stream: str = "case:C-1",
    closes: bool = False,
) -> None:
    """Record entries with a payload each; the last one closes the case."""
    for number in numbers:
        entry = draft(number, stream, closes=closes and number == numbers[-1])
        sealed = seal_payloads(vault, entry.id, [Payload("body", "citizen:1", b"%d" % number)])
        with house.cases.begin() as connection:
            record(connection, entry, sealed)


def seal(house: House) -> None:
    house.sequencer.drain()
    house.sequencer.seal()


@pytest.fixture
def maker(house: House, vault: SubjectVault) -> ReceiptMaker:
    return ReceiptMaker([house.log], house.sources, vault)


@pytest.fixture
def policy(house: House) -> str:
    return f"log {house.signer.verifier.vkey}\nquorum none\n"


def of_case(maker: ReceiptMaker, case_id: str = "C-1") -> bytes:
    return spell_receipt(maker.of_case(case_id, everything, STATEMENT))


def test_a_closed_case_is_genuine_and_complete(
    house: House, vault: SubjectVault, draft: Draft, maker: ReceiptMaker, policy: str
) -> None:
    settle(house, vault, draft, range(100, 103), "case:C-2")
    settle(house, vault, draft, range(5), closes=True)
    seal(house)
    report = yichuang_verify.verify(of_case(maker), policy)
    assert (report.exit_code, report.marks, report.faults) == (0, [], [])
    assert [step["seq"] for step in report.steps] == [1, 2, 3, 4, 5]
    assert [one["text"] for one in report.disclosed] == ["0", "1", "2", "3", "4"]
    assert json.loads(of_case(maker))["entries"][-1]["index"] == 7


# --- forgeries ------------------------------------------------------------------------------------


def seal_elsewhere(folder: Path, draft: Draft, vault: SubjectVault, origin: str) -> dict[str, Any]:
    """Return the receipt of the same case in another city's log."""
    engine = sqlite_engine(folder / "elsewhere.db")
    log = sqlite_engine(folder / "elsewhere-log.db")
    outbox_metadata.create_all(engine)
    log_metadata.create_all(log)
    found_log(log, origin)
    init_signer(folder / "x.pem", folder / "x.json", origin)
    with closing(Signer(folder / "x.pem", folder / "x.json")) as signer:
        sequencer = Sequencer(log, {"cases": engine}, signer, trusted=signer.verifier)
        city = House(engine, engine, log, signer, sequencer)
        settle(city, vault, draft, range(5), closes=True)
        seal(city)
        made = ReceiptMaker([log], {"cases": engine}, vault).of_case("C-1", everything, STATEMENT)
    for one in (engine, log):
        one.dispose()
    return made


@pytest.fixture
def forged(
    house: House, vault: SubjectVault, draft: Draft, maker: ReceiptMaker, tmp_path: Path
) -> list[Forgery]:
    settle(house, vault, draft, range(100, 104), "case:C-2")
    settle(house, vault, draft, range(3))
    seal(house)
    old = maker.of_case("C-1", everything, STATEMENT)
    settle(house, vault, draft, range(3, 5), closes=True)
    settle(house, vault, draft, range(104, 108), "case:C-2", closes=True)
    seal(house)
    true, other = (maker.of_case(case_id, everything, STATEMENT) for case_id in ("C-1", "C-2"))
    foreign = seal_elsewhere(tmp_path, draft, vault, "test.example/audit/2026H2")
    return [Forgery("the true one", spell_receipt(true), 0), *forgeries(true, other, foreign, old)]


def test_every_forgery_gets_the_verdict_that_it_deserves(
    forged: list[Forgery], policy: str
) -> None:
    found = {one.name: yichuang_verify.verify(one.content, policy).exit_code for one in forged}
    assert found == {one.name: one.code for one in forged}
    assert len(forged) > 60
