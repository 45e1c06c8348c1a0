"""Each form of the house says whether it is for good and who asks once more, or what undoes it."""

from __future__ import annotations

import importlib
import inspect

import pytest
from starlette.routing import Route

from cases.fund import BODIES
from cases.incidents.messages import INCIDENT_BODIES
from cases.lives import RING
from cases.projects.messages import PROJECT_VERBS
from cases.projects.performing_messages import BODIES as PERFORMANCE_BODIES
from forms import finality
from forms.acts import ACTS
from forms.app import routes
from forms.fund_words import PATHS
from forms.incident_fields import FIELDS as OF_INCIDENTS
from forms.ports import Options
from forms.rendering import HERE

CALLS = ("asked_first(", "ask_to_", "ask_once_more(", "IncidentConfirmPage(", "WithdrawPage(")
TABLES = (
    finality.BY_VERB, finality.FOR_GOOD, finality.SOMETIMES, finality.TAKEN_BACK, finality.NO_ACT,
)  # fmt: skip


def posted() -> dict[str, Route]:
    """Every form of a page: systems' own doors are no pages."""
    return {
        one.path: one
        for one in routes(Options("城", "http://city", ("city",)))
        if isinstance(one, Route) and "POST" in (one.methods or ()) and "/api/" not in one.path
    }


def test_every_form_stands_in_the_table_once() -> None:
    told = [path for table in TABLES for path in table]
    assert sorted(told) == sorted(posted())


@pytest.mark.parametrize("path", finality.BY_VERB)
def test_every_order_is_for_good_or_says_what_takes_it_back(path: str) -> None:
    known = {
        "/cases/{case_no}/do/{verb}": set(ACTS),
        "/incidents/{incident}/do/{verb}": set(OF_INCIDENTS),
        "/projects/{project}/do/{verb}": set(PROJECT_VERBS) - {"establish"},
        "/projects/{project}/performance/{verb}": set(PERFORMANCE_BODIES),
    }[path]
    one = finality.BY_VERB[path]
    assert set(one.final) | set(one.taken_back) == known
    assert not set(one.final) & set(one.taken_back)


def test_every_order_to_money_stands_in_the_table() -> None:
    final = {verb for verb, path in PATHS.items() if path in finality.FOR_GOOD}
    assert final | {v for v, path in PATHS.items() if path in finality.TAKEN_BACK} == set(BODIES)


def test_no_order_of_an_incident_is_forgotten() -> None:
    assert set(OF_INCIDENTS) <= set(INCIDENT_BODIES) - {RING}


@pytest.mark.parametrize(
    ("path", "page"),
    [
        *finality.FOR_GOOD.items(),
        *((path, page) for path, (_, page, _) in finality.SOMETIMES.items()),
        *((path, one.page) for path, one in finality.BY_VERB.items()),
    ],
)
def test_what_is_for_good_is_asked_once_more_by_a_page_there_is(path: str, page: str) -> None:
    assert (HERE / "templates" / page).is_file()
    module, _, _ = posted()[path].name.rpartition(".")
    source = inspect.getsource(importlib.import_module(module))
    assert page in source or any(call in source for call in CALLS), module
