from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from audit.entry import ERASED, What
from audit.outbox import record
from audit.payloadcheck import check_payloads
from audit.payloads import Payload, seal_payloads
from audit.tables import audit_payload
from audit.vault import SubjectVault
from audit.verify import CLEAN, TAMPERED, VerifyReport

Draft = Callable[..., Any]
House = Any


@pytest.fixture
def filled(house: House, draft: Draft, vault: SubjectVault) -> House:
    """Six entries about three citizens, each with two payloads, in a sealed log."""
    for number in range(6):
        entry = draft(number)
        payloads = [
            Payload(name, f"citizen:{number % 3}", f"{name} {number}".encode())
            for name in ("form", "opinion")
        ]
        sealed = seal_payloads(vault, entry.id, payloads)
        with house.cases.begin() as connection:
            record(connection, entry, sealed)
    house.sequencer.drain()
    house.sequencer.seal()
    return house


def _checked(house: House, vault: SubjectVault) -> tuple[int, VerifyReport]:
    report = house.verify()
    return check_payloads(house.log, house.sources, vault, report), report


def test_payloads_are_what_their_entries_committed_to(filled: House, vault: SubjectVault) -> None:
    held, report = _checked(filled, vault)
    assert (held, report.exit_code) == (12, CLEAN)


def test_17_a_swapped_or_edited_or_missing_payload_is_named(
    filled: House, draft: Draft, vault: SubjectVault
) -> None:
    here = audit_payload.c
    form = (here.entry_id == draft(0).id, here.name == "form")
    with filled.cases.begin() as connection:
        # Sealed by the vault itself for another entry of the same citizen.
        other = connection.scalar(
            select(here.sealed).where(here.entry_id == draft(3).id, here.name == "form")
        )
        connection.execute(update(audit_payload).where(*form).values(sealed=other))
        replaced = seal_payloads(vault, draft(1).id, [Payload("form", "citizen:1", b"other")])
        connection.execute(
            update(audit_payload)
            .where(here.entry_id == draft(1).id, here.name == "form")
            .values(sealed=replaced[0].sealed)
        )
        connection.execute(delete(audit_payload).where(here.entry_id == draft(2).id))
    held, report = _checked(filled, vault)
    assert (held, report.exit_code) == (8, TAMPERED)
    assert [(f.check, f.index) for f in report.failures] == [
        ("payload", 0),
        ("payload", 1),
        ("payload", 2),
        ("payload", 2),
    ]


def test_25_an_erasure_without_its_entry_is_a_tampering_and_with_it_is_none(
    filled: House, draft: Draft, vault: SubjectVault
) -> None:
    vault.destroy("citizen:1")
    held, report = _checked(filled, vault)
    assert (held, report.exit_code, dict(report.counts)) == (8, TAMPERED, {"erasure": 4})
    filled.record(
        draft(100, "sys:cases:erasure", act=ERASED, obj=What("subject", "citizen:1"), why="PIPL-47")
    )
    filled.sequencer.drain()
    filled.sequencer.seal()
    held, report = _checked(filled, vault)
    assert (held, report.exit_code) == (8, CLEAN)
