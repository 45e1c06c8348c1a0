"""Every page that somebody's links lead to, in Chromium: axe finds nothing serious or critical
(WCAG 2.2 A and AA) by day or by night, none scrolls sideways on a telephone, none is a dead end,
none breaks its own content policy.

`--pictures FOLDER` keeps each as a picture: 1366 and 390 pixels wide, light and dark.

A new page that no link leads to fails here until it has one, or stands below with its reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from audit.logstore import found_log
from tests.forms import test_fund, test_warnings
from tests.forms.conftest import Browser as Client
from tests.forms.crawling import PAGES, Look
from tests.forms.designs import CODE, registered
from tests.forms.entering import sign_in_by_browser
from tests.forms.incident_rows import night, put
from tests.forms.project_rows import Maker, evidence
from tests.forms.test_browser import CHROMIUM, address, chromium  # noqa: F401 -- fixtures
from tests.forms.test_calendar import proposed
from tests.forms.test_case import accepted
from tests.forms.test_incident_board import DUTY, GAS
from tests.forms.town import ADDRESS, Person, Town
from yichuang.service_seeds import seed_city

pytestmark = [
    pytest.mark.browser,
    pytest.mark.long,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="没有 Chromium（apt install chromium）"),
]

NEW: dict[str, Person] = {
    "ding": DUTY,
    "zhihui": ("雷指挥", "zhzx", (("commander", "zhzx"),)),
    "liu": GAS,
    "banshi": ("徐项目", "zxb", (("project_clerk", "zxb"), ("project_lead", "zxb"))),
    "zuzhang": ("凌领导", "zxb", (("leader", "*"),)),
    "tianbao": ("柯填报", "fgw", (("plan_reporter", "fgw"),)),
}
PEOPLE = (
    "chen", "zhou", "zhihui", "feng", "editor", "signer", "intake", "auditor", "sysadmin",
    "secadmin", "ding", "liu", "banshi", "zuzhang", "tianbao", "xiangmu", "shenhe",
    "guoku",
)  # fmt: skip

UNLINKED = {
    "/sign-in/second": "a step of signing in, by its form",
    "/sign-in/set-up": "a step of signing in, by its form",
    "/still-here.svg": "what an open page asks for while somebody is at work on it",
    "/prove": "where an act leads that asks who one is once more",
    "/fund/open": "once for a city; the town's is open",
    "/mine/sign-in": "a step of signing in by OpenID Connect; the town has no provider",
    "/mine/go": "a step of signing in by OpenID Connect; the town has no provider",
    "/mine/callback": "a step of signing in by OpenID Connect; the town has no provider",
    "/mine/signed-out": "where signing out as a citizen leads; the town has no provider",
    "/mine/leave": "a step of signing out by OpenID Connect; the town has no provider",
    "/mine/{case_no}/withdraw": "of who signed in by OpenID Connect; the town has no provider",
    "/status/{case_no}/{code}": "drawn as a QR code",
    "/cases/{case_no}/incident": "of who reads cases and is on duty too; none here is both",
    "/mine/{case_no}": "of who signed in by OpenID Connect; the town has no provider",
    "/apply/{matter}": "of who signed in by OpenID Connect; the town has no provider",
    "/alarms/{alarm}": "the town has no alarm",
    "/deputies/{delegation}": "the town has no delegation",
    "/filters/{saved}": "leads on to a list; the town's people keep no filter",
    "/duty/handovers/{handover}": "the town has no rota",
    "/duty/of/{department}/hand-over": "the town has no rota",
    "/duty/shifts/{shift}/stand-in": "the town has no rota",
    "/letters/{letter}": "the town has no dead letter",
    "/log/entries/{entry}": "the town's log is not sequenced",
    "/payments/{payment}/pay": "the town's payment waits for its review",
    "/payments/{payment}/release": "the town's payment waits for its review",
    "/payments/{payment}/reverse": "the town's payment waits for its review",
    "/policy/{release}": "the town has no proposal of a policy",
    "/process/held": "from a case that was closed; the town has none",
    "/supervision/shares/clocks": "from a case that was closed; the town has none",
    "/releases/{release}/dossier": "the town's proposal needs no dossier",
    "/signals/{signal}": "the town's signals come over no bus",
}
"""Page → why no link leads to it here. All but steps of signing in are tried by their own tests."""


def furnished(town: Town) -> str:
    """Put something of everything into the town, so that lists lead on; return a case's number."""
    for login, who in NEW.items():
        town.settle_in(login, who)
    case_no, _ = accepted(town)
    found_log(town.log, "city.example/log")
    proposed(town)
    seed_city(town.accounts, datetime.now(UTC))
    issued = test_warnings.post(_client(town, "zhihui"), "/warnings/new", test_warnings.FORM)
    assert issued[0] == 303, issued[2]
    kinds = list(town.incidents.kinds.values())
    put(town.cases, night(kinds, town.incidents.grid, 12, datetime.now(UTC)))
    maker = Maker(town.cases, datetime.now(UTC).date())
    project = maker.project("滨江路改造", [
        evidence("proposal", "项目建议书批复"),
        ("forecast", {"milestone": "feasibility", "on": "2027-03-01"}),
        ("add_risk", {"title": "管线不明", "level": "high"}),
    ], starts_on=date(2026, 10, 1).isoformat()).project_id  # fmt: skip
    _paid(town, project)
    registered(town)
    editor = _client(town, "editor")
    begun = {"csrf": editor.token("/designer"), "matter": CODE, "do": "change"}
    assert editor.post("/designer", data=begun, follow_redirects=False).status_code == 303
    return case_no


def _client(town: Town, login: str) -> Client:
    client = Client(town.app(), base_url=ADDRESS, headers={"origin": ADDRESS})
    client.town = town
    client.sign_in(login)
    return client


def _paid(town: Town, project: str) -> None:
    """The fund is opened, something allotted, a contract signed, a payment asked for."""
    clients = {login: _client(town, login) for login in ("shenhe", "xiangmu")}
    test_fund.did(clients["shenhe"], "/fund/open", title="云川专项基金", limit_fen="500,000,000")
    test_fund.did(
        clients["shenhe"], "/fund/allotments/new", project=project, department="zjj",
        budget_year="2026", amount_fen="1000000", document="云财〔2026〕1号",
    )  # fmt: skip
    test_fund.did(
        clients["xiangmu"], "/fund/contracts/new", project=project, department="zjj", number="HT-1",
        title="数据中心一期", payee="云川建设有限公司", payee_code=test_fund.CODE,
        amount_fen="800000", retention_bp="3", sme="no", linked="no", signed_on="2026-01-05",
    )  # fmt: skip
    (held,) = town.ports.fund.contracts(town.actor("xiangmu"))
    test_fund.asked(clients["xiangmu"], project, held.id)


@pytest.fixture(scope="module")
def looked(
    town: Town,
    chromium: Browser,  # noqa: F811
    address: str,  # noqa: F811
    pictures: Path | None,
) -> Iterator[Look]:
    """Everything that everybody reaches, looked at once."""
    case_no = furnished(town)
    look = Look(pictures=pictures)
    for login in ("", *PEOPLE):
        context = chromium.new_context(
            base_url=address, viewport={"width": 1366, "height": 768}, locale="zh-CN",
            reduced_motion="reduce",  # a picture in the middle of a change of colours shows neither
        )  # fmt: skip
        page = context.new_page()
        page.on("console", look.heard)
        if login:
            sign_in_by_browser(page, town, login)
        begins = ["/" if login else "/status"]
        # Of a case each person opens one tab; what its documents lead to is looked at as well.
        begins += [f"/cases/{case_no}?tab=documents"] if login == "chen" else []
        for at in (one for begin in begins for one in look.through(page, begin)):
            look.judge(page, at)
        context.close()
    yield look


def test_axe_finds_nothing_serious_on_any_page(looked: Look) -> None:
    assert not looked.faults, "\n".join(f"{at}: {said}" for at, said in looked.faults.items())


def test_no_page_scrolls_sideways_on_a_telephone(looked: Look) -> None:
    assert not looked.wide


def test_no_page_breaks_its_own_content_policy(looked: Look) -> None:
    assert not looked.said


def test_no_link_is_a_dead_end(looked: Look) -> None:
    assert not looked.dead


def test_a_link_leads_to_every_page_that_there_is(looked: Look) -> None:
    assert sorted(PAGES - set(looked.seen)) == sorted(UNLINKED)
