"""The calendars of this city as texts, for whoever shows one or writes the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from cases import releases
from cases.database import StoreUnwritable, open_engine, reading
from catalogue.load import HERE
from catalogue.marks import Fault
from catalogue.reading import read_calendar_file
from yichuang.settings import Settings


@dataclass(frozen=True)
class Texts:
    """One text per calendar, by name."""

    by_name: Mapping[str, str]
    released: bool
    """They are the signed versions in force; else those that came with the program."""


def texts_in_force(settings: Settings, at: datetime | None = None) -> Texts:
    """Return the texts in force at an instant (now); as shipped where nothing is registered yet."""
    engine = open_engine(settings.store_url("cases"), read_only=True)
    try:
        with reading(engine) as connection:
            rows = releases.signed(connection, "calendar")
    except StoreUnwritable:
        rows = []
    finally:
        engine.dispose()
    found = releases.counting(rows, at or datetime.now(UTC))
    by_name = {one.name: one.content for one in found}
    return Texts(by_name, True) if by_name else Texts(_shipped(), False)


def _shipped() -> dict[str, str]:
    texts = {}
    for path in sorted((HERE / "calendars").glob("*.yaml")):
        text = path.read_text(encoding="utf-8")
        faults: list[Fault] = []
        found = read_calendar_file(text, path.name, faults)
        assert found is not None, faults
        texts[found[0].name] = text
    return texts
