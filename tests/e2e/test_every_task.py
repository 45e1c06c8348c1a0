"""Every task of each role, to its end, in Chinese: with the mouse, with the keyboard alone, and
with JavaScript off.

One whole city serves all: Temporal, NATS, the stores, worker, signer, an OpenID provider. A task
stands in `tests/e2e/tasks/`, written once; `tests/e2e/hands.py` says what each kind of hands does.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.e2e import tasks
from tests.e2e.hands import KINDS, Hands
from tests.e2e.office import TASKS, Keys, Office, furnished
from tests.e2e.test_construction_permit import CHROMIUM, chromium  # noqa: F401 -- a fixture

assert tasks

pytestmark = [
    pytest.mark.browser,
    pytest.mark.long,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="没有 Chromium（apt install chromium）"),
]


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keys]:
    with furnished(tmp_path_factory.mktemp("tasks") / "var") as keys:
        yield keys


@pytest.fixture(scope="module", params=KINDS, ids=[one.way for one in KINDS])
def office(request: pytest.FixtureRequest, keys: Keys, chromium: Browser) -> Iterator[Office]:  # noqa: F811
    kind: type[Hands] = request.param
    office = Office(keys, chromium, kind)
    yield office
    office.close()


@pytest.mark.parametrize("name", TASKS)
def test_a_task_is_done_to_its_end(office: Office, name: str) -> None:
    TASKS[name].do(office)
