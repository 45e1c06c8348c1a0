"""The pages in a real Chromium: keyboard, without JavaScript, narrow, and readable."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect, sync_playwright

from forms.release_ports import Release
from policies.factors import FactorArts
from tests.forms.entering import sign_in_by_browser
from tests.forms.test_calendar import proposed
from tests.forms.test_case import accepted
from tests.forms.test_dossier import AT, shown
from tests.forms.town import PASSWORD, PERMIT_FORM, Town
from yichuang.web_sign_in import WebSignIn

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip

expect.set_options(timeout=30_000)  # ms: a page comes late where the machine is busy

pytestmark = [
    pytest.mark.browser,
    pytest.mark.long,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="没有 Chromium（apt install chromium）"),
]


@pytest.fixture(scope="module")
def address(town: Town) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        where = f"http://localhost:{listening.getsockname()[1]}"
        _bind_passkeys(town, where)
        app = town.app(where, ["localhost"])
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        until = time.monotonic() + 20
        while not server.started and time.monotonic() < until:
            time.sleep(0.05)
        yield where
        server.should_exit = True
        thread.join()


def _bind_passkeys(town: Town, where: str) -> None:
    """Let passkeys be for the address under which the browser sees the town."""
    entrance = town.ports.entrance
    assert isinstance(entrance, WebSignIn)
    factors = replace(town.entrance.factors, arts=FactorArts("云川市", where))
    door = replace(town.entrance, factors=factors)
    town.ports = replace(town.ports, entrance=replace(entrance, entrance=door))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


Opener = Callable[..., Page]


@pytest.fixture
def opened(chromium: Browser, address: str, town: Town) -> Iterator[Opener]:
    """Opens a page as somebody, at a width, with or without JavaScript."""
    contexts = []

    def open_page(login: str, width: int = 1366, scripts: bool = True) -> Page:
        context = chromium.new_context(
            viewport={"width": width, "height": 768}, java_script_enabled=scripts, base_url=address
        )
        contexts.append(context)
        page = context.new_page()
        sign_in_by_browser(page, town, login)
        return page

    yield open_page
    for context in contexts:
        context.close()


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_a_clerk_files_a_case_corrects_it_and_sees_the_receipt(
    opened: Opener, scripts: bool
) -> None:
    page = opened("chen", scripts=scripts)
    page.get_by_role("link", name="收件登记").click()
    page.get_by_role("link", name="建筑工程施工许可").click()
    _fill(page, uscc="123")
    page.get_by_role("button", name="收件并出具收件凭证").click()
    expect(page).to_have_title(re.compile("^错误："))
    summary = page.get_by_role("alert")
    expect(summary.get_by_role("link")).to_have_count(1)
    assert page.locator("#f-form-project_name").input_value() == PERMIT_FORM["project_name"]
    page.locator("#f-form-uscc").fill(PERMIT_FORM["uscc"])
    page.get_by_role("button", name="收件并出具收件凭证").click()
    expect(page.get_by_role("status").first).to_contain_text("已完成")
    expect(page.get_by_role("link", name="收件凭证").first).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_enter_does_what_is_for_good_after_one_look_and_a_double_click_does_not(
    opened: Opener, town: Town, scripts: bool
) -> None:
    filed = town.file()
    page = opened("chen", scripts=scripts)
    page.goto(f"/cases/{filed.case_no}/do/refuse_acceptance")
    page.get_by_label("不予受理的理由").fill("不属于本机关职权范围")
    page.get_by_role("button", name="下一步：核对").dblclick()
    expect(page.get_by_role("heading", name="请核对")).to_be_visible()
    page.goto(f"/cases/{filed.case_no}")
    page.get_by_role("link", name="受理", exact=True).press("Enter")
    outcome = page.get_by_role("button", name="受理并出具受理通知书")
    expect(outcome).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("已完成")


def _fill(page: Page, **changes: str) -> None:
    page.locator("#f-applicant-name").fill("云川建设有限公司")
    page.locator("#f-applicant-id_number").fill("91990100MA0000001X")
    page.locator("#f-applicant-phone").fill("13900000001")
    for name, value in {**PERMIT_FORM, **changes}.items():
        field = page.locator(f"#f-form-{name}")
        if isinstance(value, bool):
            field.check()
        elif name == "building_use":
            field.select_option(str(value))
        else:
            field.fill(str(value))
    for box in page.locator('input[name^="originals."]').all():
        box.fill("1")


def test_the_error_summary_takes_the_focus_and_its_link_leads_to_the_field(opened: Opener) -> None:
    page = opened("chen")
    page.goto("/new/construction-permit")
    page.get_by_role("button", name="收件并出具收件凭证").click()
    expect(page.get_by_role("alert")).to_be_focused()
    page.get_by_role("alert").get_by_role("link").first.click()
    expect(page.locator("[id^='f-']:focus")).to_have_count(1)


def test_the_keyboard_alone_reaches_and_claims_work(opened: Opener, town: Town) -> None:
    filed = town.file()
    town.order("chen", "accept", {"mode": "plain"}, filed.case_id)
    page = opened("qian")
    page.goto("/team")
    page.keyboard.press("Tab")
    expect(page.locator("a.skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent").startswith("签收"):
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/cases/*")
    assert "已完成" in page.get_by_role("status").inner_text()


@pytest.fixture(scope="module")
def case_no(town: Town) -> str:
    name = (
        "云川市云溪区滨河东路远大恒信天工和顺青禾长风金穗安泰建设发展投资管理股份有限公司第一分公司"
    )
    return str(town.file(name, project_name="㙍𠀋𪚥" * 30).case_no)


PATHS = (
    "/", "/team", "/cases", "/new", "/new/construction-permit", "/cases/{}",
    "/cases/{}?tab=timeline", "/cases/{}?tab=clock", "/cases/{}?tab=documents",
    "/cases/{}/do/accept", "/cases/{}/do/ask_supplement", "/cases/{}/do/supply",
    "/password", "/status", "/verify",
)  # fmt: skip


@pytest.mark.parametrize("width", [390, 1366])
def test_no_page_scrolls_sideways(opened: Opener, case_no: str, width: int) -> None:
    page = opened("chen", width)
    for path in PATHS:
        assert page.goto(path.format(case_no)).ok, path  # type: ignore[union-attr]  # navigates
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


SUPERVISORS = ("/supervision", "/supervision/clocks", "/supervision/clocks?watch=overdue")


@pytest.mark.parametrize("width", [390, 1366])
def test_no_page_of_supervision_scrolls_sideways(opened: Opener, case_no: str, width: int) -> None:
    page = opened("feng", width, scripts=True)
    for path in SUPERVISORS:
        assert page.goto(path).ok, path  # type: ignore[union-attr]  # navigates
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


def test_a_supervisor_goes_from_a_count_to_the_ledger_without_scripts(
    opened: Opener, case_no: str
) -> None:
    page = opened("feng", scripts=False)
    page.get_by_role("link", name="监察看板").click()
    page.get_by_role("link", name="件在办").click()
    page.get_by_role("link", name=case_no).first.click()
    expect(page.get_by_role("heading", name="逐日台账")).to_be_visible()


@pytest.mark.parametrize("width", [390, 1366])
def test_text_stands_out_from_its_ground(opened: Opener, case_no: str, width: int) -> None:
    page = opened("chen", width)
    for path in PATHS:
        page.goto(path.format(case_no))
        assert not page.evaluate(FAINT), path
    page = opened("feng", width)
    for path in SUPERVISORS:
        page.goto(path)
        assert not page.evaluate(FAINT), path


FAINT = """() => {
  const parts = text => text.match(/[\\d.]+/g).map(Number);
  const light = rgb => {
    const [r, g, b] = rgb.slice(0, 3).map(v => v / 255)
      .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = element => {
    for (let at = element; at; at = at.parentElement) {
      const found = parts(getComputedStyle(at).backgroundColor);
      if (found.length === 3 || found[3] > 0) return found;
    }
    return [255, 255, 255];
  };
  const faint = [];
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    const box = element.getBoundingClientRect();
    if (!own || !box.width || getComputedStyle(element).visibility === 'hidden') continue;
    const [a, b] = [light(parts(getComputedStyle(element).color)), light(ground(element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) faint.push([element.tagName, element.textContent.slice(0, 20), ratio]);
  }
  return faint.length ? faint : null;
}"""
"""WCAG 2.1 success criterion 1.4.3, computed from what the browser painted."""


def test_every_control_has_a_name(opened: Opener, case_no: str) -> None:
    page = opened("chen")
    for path in PATHS:
        page.goto(path.format(case_no))
        nameless = page.evaluate(
            """() => [...document.querySelectorAll('input:not([type=hidden]),select,textarea')]
            .filter(e => !e.labels?.length && !e.getAttribute('aria-label')).map(e => e.name)"""
        )
        assert not nameless, (path, nameless)


def test_no_page_breaks_its_own_content_policy(opened: Opener, case_no: str) -> None:
    page = opened("chen")
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    for path in PATHS:
        page.goto(path.format(case_no))
    assert not said


@pytest.mark.parametrize("width", [390, 1366])
def test_the_calendar_and_its_list_fit_the_width(town: Town, opened: Opener, width: int) -> None:
    for _ in range(60):
        town.file()
    one = proposed(town, f"wide-{width}")
    page = opened("signer", width)
    page.goto(f"/calendar?name=cn&year=2026&version={one.id}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("table.month").count() == 12
    assert page.locator("#moves tbody tr").count() == 50
    assert page.get_by_role("button", name="已看过清单，签署并生效").first.is_visible()


@pytest.mark.parametrize("width", [1366, 390])
def test_the_reasons_of_a_case_are_readable_at_both_widths(
    opened: Opener, town: Town, width: int
) -> None:
    case_no, _ = accepted(town)
    page = opened("chen", width=width)
    page.goto(f"/cases/{case_no}?tab=rulings")
    expect(page.get_by_text("改动最小而结果不同").first).to_be_visible()
    page.get_by_text("全部事实与版本").first.click()
    expect(page.get_by_text("SHA-256").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [1366, 390])
def test_rules_and_a_dossier_fit_the_width(town: Town, opened: Opener, width: int) -> None:
    author = town.actor("editor").id
    one = Release("one", "rules", "supervision", "2026.2", "0" * 64, "proposed", author, AT, None)
    town.releases.releases[:] = [replace(one, needs_dossier=True)]
    town.releases.dossiers = {"one": shown()}
    page = opened("editor", width)
    dossier = "/releases/one/dossier?section=cards"
    for path in ("/rules", "/rules/supervision", "/rules/accident_grade", dossier):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path


@pytest.mark.parametrize("width", [390, 1366])
def test_an_applicant_takes_the_receipt_and_checks_it_on_the_served_page(
    chromium: Browser, town: Town, address: str, width: int, tmp_path: Path
) -> None:
    filed = town.file()
    context = chromium.new_context(
        base_url=address, viewport={"width": width, "height": 768}, accept_downloads=True
    )
    page = context.new_page()
    broken: list[str] = []
    page.on("console", lambda said: broken.append(said.text))
    page.goto("/status")
    page.get_by_label("办件编号").fill(filed.case_no)
    page.get_by_label("查询码").fill(town.queries.public_code(filed.case_id) or "")
    page.get_by_role("main").get_by_role("button", name="查询").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="下载回执文件").click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    page.get_by_role("link", name="核验回执").click()
    page.wait_for_selector("html[data-ready]")
    page.set_input_files("#file", file)
    expect(page.locator(".verdict")).to_contain_text("真实，但不完整")
    expect(page.locator("table")).to_contain_text("收件（file）")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert broken == []
    context.close()


def test_a_passkey_of_the_browser_is_registered_and_signs_in(
    chromium: Browser, address: str, town: Town
) -> None:
    """Chromium's own authenticator, by the one script there is."""
    _, code = town.accounts.create_account(
        "passkey", "新人", "zjj", at=datetime.now(UTC), by="system"
    )
    context = chromium.new_context(base_url=address)
    page = context.new_page()
    authenticator = context.new_cdp_session(page)
    authenticator.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True,
        "hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True,
    }  # fmt: skip
    authenticator.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    page.goto("/enrol")
    for label, text in (
        ("登录名", "passkey"), ("一次性注册码", code), ("新口令", PASSWORD), ("再输一次", PASSWORD),
    ):  # fmt: skip
        page.get_by_label(label).fill(text)
    page.get_by_role("button", name="设定口令并登录").click()
    page.get_by_role("button", name="登记通行密钥").click()
    page.get_by_role("button", name="生成恢复码").click()
    expect(page.locator(".recovery li")).to_have_count(10)
    page.get_by_role("button", name="我已打印或抄下").click()
    page.get_by_role("button", name="退出").click()
    page.get_by_label("登录名").fill("passkey")
    page.get_by_label("口令").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="登录").click()
    page.get_by_role("button", name="用通行密钥验证").click()
    expect(page.get_by_role("link", name="我的安全")).to_be_visible()
    context.close()


def test_without_scripts_the_pages_say_what_to_do_instead_of_a_passkey(opened: Opener) -> None:
    page = opened("chen", scripts=False)
    page.goto("/security/factor")
    expect(page.get_by_text("通行密钥需要浏览器允许本页的脚本")).to_be_visible()
    expect(page.get_by_role("button", name="登记通行密钥")).to_be_hidden()
