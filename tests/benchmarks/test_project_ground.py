"""The projects that are measured are what the machine and the store's writer would have made."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from benchmarks.project_ground import filled, id_of, insist_lived
from cases.database import open_engine
from yichuang.stores import migrate


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{tmp_path / 'cases.sqlite'}")
    migrate(engine, "cases")
    filled(engine, 13, 20)
    yield engine
    engine.dispose()


def test_rows_laid_in_bulk_are_those_of_their_states_and_live_on(engine: Engine) -> None:
    insist_lived(engine, (0, 12))


def test_a_row_that_is_not_what_its_state_says_is_found(engine: Engine) -> None:
    with engine.begin() as connection:
        changed = text("UPDATE project_milestone SET plan_on = '2031-01-01' WHERE project_id = :id")
        connection.execute(changed, {"id": id_of(5)})
    with pytest.raises(AssertionError, match=id_of(5)):
        insist_lived(engine, (5,))
