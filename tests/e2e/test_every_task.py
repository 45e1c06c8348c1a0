"""Every task of each role, to its end, in Chinese: with the mouse, with the keyboard alone, and
with JavaScript off.

One whole city serves all: Temporal, NATS, the stores, worker, signer, an OpenID provider. A task
stands in `tests/e2e/tasks/`, written once; `tests/e2e/hands.py` says what each kind of hands does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from audit.report import INCOMPLETE
from policies.vocabulary import ROLES
from tests.e2e import tasks
from tests.e2e.hands import KINDS, Hands
from tests.e2e.office import TASKS, Keys, Office, furnished
from tests.e2e.tasks import new_clerk
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


@pytest.mark.parametrize("ending", new_clerk.ENDINGS, ids=lambda one: one.__name__)
def test_new_clerks_take_a_case_to_its_end_by_the_pages_alone(
    keys: Keys,
    chromium: Browser,  # noqa: F811
    ending: Callable[[Office], None],
) -> None:
    office = Office(keys, chromium, Hands)
    ending(office)
    office.close()


def test_a_case_is_filed_over_a_slow_network(keys: Keys, chromium: Browser) -> None:  # noqa: F811
    """A second for each answer and 25 kB a second: the form is sent, and what it says is there."""
    office = Office(keys, chromium, Hands)
    hands = office.desk("chuangkou1")
    session = hands.page.context.new_cdp_session(hands.page)
    session.send("Network.enable")
    slow = {"offline": False, "latency": 1000, "downloadThroughput": 25_000,
            "uploadThroughput": 25_000}  # fmt: skip
    session.send("Network.emulateNetworkConditions", slow)
    tasks.cases.filed(hands, "慢网络的小馆")
    office.close()


def test_the_log_of_all_tasks_verifies_and_the_sums_of_the_fund_are_its_own(keys: Keys) -> None:
    # An erasure that the last incident set going ends by itself; until then the log says so.
    # The answer that is whole is the one that counts: the city goes on writing meanwhile.
    answers: list[dict[str, Any]] = []

    def whole() -> bool:
        answers.append(keys.city.answer("audit", "verify"))
        return bool(answers[-1]["exit_code"] != INCOMPLETE)

    keys.city.until(whole, 120, "done")
    verified = answers[-1]
    assert (verified["exit_code"], verified["wrong_rows"]) == (0, 0), verified
    assert keys.city.command("fund", "verify").returncode == 0


def test_every_role_of_people_has_a_task() -> None:
    people = {name for name, role in ROLES.items() if role.kinds & {"human", "citizen"}}
    done = {role for one in TASKS.values() for role in one.roles}
    assert people - done == set(WITHOUT)


WITHOUT = {
    "service_backfill": "a right to tell of the past over REST; no page asks for it",
}
"""Role → why nobody does a task of it with all three kinds of hands."""
