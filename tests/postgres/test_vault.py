"""Keys per subject on PostgreSQL: the SQLite half's tests, as they are."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import cast

import pytest
from sqlalchemy import Engine

from audit.vault import SubjectVault
from tests.postgres.conftest import the_tests_of
from yichuang.settings import Store

pytestmark = pytest.mark.long

globals().update(the_tests_of("tests.audit.test_vault"))

MASTER = bytes(range(32))


@pytest.fixture
def open_store(open_named: Callable[[Store], Engine]) -> Callable[[str], Engine]:
    """Stores by name, as the audit room's tests open them; an opened one is given again."""
    opened: dict[str, Engine] = {}

    def open_once(name: str) -> Engine:
        if name not in opened:
            opened[name] = open_named(cast(Store, name))
        return opened[name]

    return open_once


@pytest.fixture
def vault(open_store: Callable[[str], Engine]) -> SubjectVault:
    return SubjectVault(open_store("keys"), MASTER)


def test_many_threads_that_meet_a_new_subject_make_one_key(
    open_named: Callable[[Store], Engine],
) -> None:
    vaults = [SubjectVault(open_named("keys"), MASTER) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        sealed = list(pool.map(lambda one: one.seal("citizen:new", b"x"), vaults))
    assert {vaults[0].open("citizen:new", one) for one in sealed} == {b"x"}
