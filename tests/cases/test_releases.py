"""A version counts by two people's hands, a passed gate and an instant; nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from cases import releases
from cases.database import open_engine
from cases.releases import Check, Proposal, ReleaseRefused
from cases.tables import cases_metadata
from tests.stores import lay_out

AT = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    engine = open_engine(f"sqlite:///{tmp_path / 'cases.sqlite'}")
    lay_out(engine, cases_metadata)
    with engine.begin() as one:
        yield one
    engine.dispose()


def proposal(version: str = "2026.1", content: str = "{}", passed: bool = True) -> Proposal:
    return Proposal("matter", "food", version, content, (Check("schema", passed, ("第 3 行",)),))


def proposed(connection: Connection, **more: object) -> str:
    return releases.propose(connection, proposal(**more), "u:a", AT).id  # type: ignore[arg-type] # as above


def test_a_proposal_alone_is_not_in_force(connection: Connection) -> None:
    proposed(connection)
    assert releases.active(connection, "matter", "food", AT + DAY) is None


def test_a_second_persons_signature_puts_it_in_force_at_its_instant(
    connection: Connection,
) -> None:
    releases.sign(connection, proposed(connection), "u:b", AT, AT + DAY, AT + 2 * DAY)
    in_force = [
        releases.active(connection, "matter", "food", AT + n * DAY / 2) is not None
        for n in range(5)
    ]
    assert in_force == [False, False, True, True, False]


def test_the_proposer_cannot_sign(connection: Connection) -> None:
    with pytest.raises(ReleaseRefused, match="same_person"):
        releases.sign(connection, proposed(connection), "u:a", AT, AT)


def test_the_rows_refuse_the_proposers_signature(connection: Connection) -> None:
    proposed(connection)
    with pytest.raises(IntegrityError, match="two_people"), connection.begin_nested():
        connection.exec_driver_sql(
            "UPDATE release SET signed_by = 'u:a', signed_at = proposed_at,"
            " in_force_from = proposed_at"
        )


def test_a_failed_gate_cannot_be_signed(connection: Connection) -> None:
    with pytest.raises(ReleaseRefused, match="gate_failed"):
        releases.sign(connection, proposed(connection, passed=False), "u:b", AT, AT)


def test_nothing_is_signed_twice(connection: Connection) -> None:
    known = proposed(connection)
    releases.sign(connection, known, "u:b", AT, AT)
    with pytest.raises(ReleaseRefused, match="signed"):
        releases.sign(connection, known, "u:c", AT, AT)


def test_an_altered_text_cannot_be_signed(connection: Connection) -> None:
    known = proposed(connection)
    connection.exec_driver_sql("UPDATE release SET content = '[]'")
    with pytest.raises(ReleaseRefused, match="altered"):
        releases.sign(connection, known, "u:b", AT, AT)


def test_a_version_stands_for_one_text(connection: Connection) -> None:
    proposed(connection)
    assert proposed(connection) == proposed(connection)
    with pytest.raises(ReleaseRefused, match="version_taken"):
        proposed(connection, content="[]")


def test_of_two_in_force_the_later_counts(connection: Connection) -> None:
    releases.sign(connection, proposed(connection), "u:b", AT, AT)
    releases.sign(connection, proposed(connection, version="2026.2"), "u:b", AT, AT + DAY)
    now = releases.active(connection, "matter", "food", AT + DAY)
    before = releases.active(connection, "matter", "food", AT + DAY / 2)
    assert now is not None and now.version == "2026.2"
    assert before is not None and before.version == "2026.1"


def test_a_shipped_version_says_that_it_is_a_seed(connection: Connection) -> None:
    assert releases.seed(connection, proposal(), AT, AT)
    assert not releases.seed(connection, proposal(), AT, AT)
    (release,) = releases.signed(connection, "matter")
    assert (release.proposed_by, release.signed_by) == ("seed:author", "seed:release")
