"""The words of an incident's signals go with the incident's personal data, and are told of."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from audit.tables import audit_outbox
from audit.vault import KeyDestroyed, SubjectVault
from cases import incident_ends
from cases.database import open_engine
from yichuang.signals.ends import EndsFollowed
from yichuang.signals.store import SignalStore, incident_key
from yichuang.stores import migrate

AT = datetime(2026, 11, 26, 14, tzinfo=UTC)


def test_the_words_of_an_ended_incident_go_and_those_of_another_stay(tmp_path: Path) -> None:
    cases = open_engine(f"sqlite:///{tmp_path / 'cases.sqlite'}")
    signals = open_engine(f"sqlite:///{tmp_path / 'signals.sqlite'}")
    migrate(cases, "cases")
    migrate(signals, "signals")
    vault = SubjectVault(signals, b"m" * 32)
    store = SignalStore(signals, vault, dict, lambda key: key, lambda: lambda heard: "")
    sealed = {one: vault.seal(incident_key(one), b"13900001111") for one in ("i1", "i2")}
    ends = EndsFollowed(store, cases, lambda: AT)
    assert ends.look() == 0
    with cases.begin() as connection:
        incident_ends.begin(connection, "i1", "e1", AT)
    assert ends.look() == 1
    with pytest.raises(KeyDestroyed):
        vault.open(incident_key("i1"), sealed["i1"])
    assert vault.open(incident_key("i2"), sealed["i2"]) == b"13900001111"
    assert ends.look() == 0
    # After a restart everything is looked at again, and nothing is told twice.
    with signals.connect() as connection:
        told = connection.execute(select(audit_outbox.c.entry_id)).all()
    assert EndsFollowed(store, cases, lambda: AT).look() == 1
    with signals.connect() as connection:
        assert connection.execute(select(audit_outbox.c.entry_id)).all() == told
    assert len(told) >= 1
    cases.dispose()
    signals.dispose()
