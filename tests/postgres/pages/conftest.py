"""The town of the pages' tests on a real PostgreSQL: a fresh database for each module."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from cases.database import open_engine
from tests.forms.conftest import browser as browser
from tests.forms.town import Town
from tests.postgres.conftest import _command, _in
from yichuang.settings import Store


@pytest.fixture(scope="module")
def town(server: str, template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    database = f"pages_{uuid.uuid4().hex[:8]}"
    _command(server, f"CREATE DATABASE {database} TEMPLATE {template}")
    opened: list[Engine] = []

    def open_store(store: Store) -> Engine:
        opened.append(open_engine(_in(server, database, store)))
        return opened[-1]

    folder: Path = tmp_path_factory.mktemp("town")
    yield Town(folder, open_store)
    for engine in opened:
        engine.dispose()
    _command(server, f"DROP DATABASE {database} WITH (FORCE)")
