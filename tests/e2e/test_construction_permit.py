"""One 施工许可 from the window to the rating, by eight people in Chromium, on the whole city.

Four departments review, one supplement round and a hearing that is called off lie on the way.
Everything is real: Temporal, NATS, the stores, worker, signer; nothing is asked but through pages.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import orjson
import pytest
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from audit.logstore import LogReader
from cases.database import open_engine, reading
from forms.act_finality import FINAL
from tests.chaos.city import City
from tests.yichuang.test_entries_documented import undocumented

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip

pytestmark = [
    pytest.mark.browser,
    pytest.mark.long,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not CHROMIUM.exists(), reason="没有 Chromium（apt install chromium）"),
]

PERMIT = {
    "project_name": "云溪小学教学楼",
    "project_code": "2026-990100-83-01-000123",
    "developer": "云川建设有限公司",
    "uscc": "91990100MA0000001X",
    "contact": "王小明",
    "phone": "13900000001",
    "site_address": "云川市云溪区学府路8号",
    "building_height_m": "23.5",
    "floor_area_m2": "8600",
    "contract_sum_wan": "4200",
}


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    # Whatever the parts can say: what must not stand in a log must not at any level.
    with City(tmp_path_factory.mktemp("permit") / "var", {"log_level": "DEBUG"}) as city:
        city.start()
        yield city


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=ARGUMENTS)
        yield browser
        browser.close()


class Office:
    """The people at their desks, each with a browser of their own."""

    def __init__(self, city: City, chromium: Browser) -> None:
        printed = city.command("demo", "--people-only")
        assert printed.returncode == 0, printed.stderr
        self.passwords = dict(re.findall(r"^  (\w+) +(\S+) ", printed.stdout, re.M))
        self.city = city
        self.address = city.settings.address
        self.chromium = chromium
        self.desks: dict[str, Page] = {}
        self.case_no = ""

    def desk(self, login: str) -> Page:
        """Return the person's page, signed in at first use."""
        if login not in self.desks:
            context = self.chromium.new_context(
                base_url=self.address, viewport={"width": 1366, "height": 768}
            )
            context.set_default_timeout(30_000)
            page = context.new_page()
            page.goto("/sign-in")
            page.get_by_label("登录名").fill(login)
            page.get_by_label("口令").fill(self.passwords[login])
            page.get_by_role("main").get_by_role("button", name="登录").click()
            shown = self.city.command("demo", "code", login)
            assert shown.returncode == 0, shown.stderr
            page.get_by_label("动态码").fill(shown.stdout.strip())
            page.get_by_role("main").get_by_role("button", name="登录", exact=True).click()
            self.desks[login] = page
        return self.desks[login]

    def act(
        self,
        login: str,
        verb: str,
        more: Mapping[str, str] | None = None,
        **typed: str,
    ) -> Page:
        """Do one act by its form, as the link on the case page leads to it."""
        page = self.desk(login)
        page.goto(f"/cases/{self.case_no}")
        others = page.locator("details", has_text="其他操作")
        if others.count() and others.get_attribute("open") is None:
            others.locator("summary").click()
        page.locator(f'a[href$="/do/{verb}"]').click()
        for name, value in {**typed, **(more or {})}.items():
            _type(page.locator("main form.card"), name, value)
        if page.locator("main form.card button.button").count():
            page.locator("main form.card button.button").click()
        if verb in FINAL:
            expect(page.get_by_role("heading", name="请核对")).to_be_visible()
            page.locator("button.grave").click()
        faults = page.locator(".errors")
        done = page.get_by_role("status").filter(has_text="已完成").first
        faults.or_(done).first.wait_for()  # a form goes once the line has answered
        assert not faults.count(), faults.inner_text()
        return page

    def stage(self) -> str:
        return self.desk("chuangkou1").locator(".head .tag").first.inner_text()


def _type(form: Locator, name: str, value: str) -> None:
    fields = form.locator(f'[name="{name}"]')
    kind = fields.first.get_attribute("type")
    if kind in ("radio", "checkbox"):
        form.locator(f'[name="{name}"][value="{value}"]').check()
    elif fields.first.evaluate("e => e.tagName") == "SELECT":
        fields.select_option(value)
    else:
        fields.fill(value)


def _now() -> str:
    return datetime.now(ZoneInfo("Asia/Shanghai")).strftime("%Y-%m-%dT%H:%M:%S")


def _file(office: Office) -> None:
    page = office.desk("chuangkou1")
    page.get_by_role("link", name="收件登记").click()
    page.get_by_role("link", name="建筑工程施工许可").click()
    page.locator("#f-applicant-name").fill("云川建设有限公司")
    page.locator("#f-applicant-id_number").fill("91990100MA0000001X")
    page.locator("#f-applicant-phone").fill("13900000001")
    for name, value in PERMIT.items():
        page.locator(f"#f-form-{name}").fill(value)
    page.locator("#f-form-building_use").select_option("public")
    page.locator("#f-form-involves_fire").check()
    page.locator("#f-form-involves_civil_defence").check()
    for box in page.locator('input[name^="originals."]').all():
        box.fill("1")
    page.locator("#f-file-application").set_input_files(
        {"name": "申请表.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.7 form"}
    )
    page.get_by_role("button", name="收件并出具收件凭证").click()
    # Sent once the file has come whole; then the case, or what is wrong.
    page.locator(".errors").or_(page.get_by_role("heading", name="可办操作")).first.wait_for()
    faults = page.locator(".errors")
    assert not faults.count(), faults.inner_text()
    found = re.search(r"/cases/(\w+)", page.url)
    assert found
    office.case_no = found[1]


def test_a_permit_goes_from_the_window_to_the_rating(city: City, chromium: Browser) -> None:
    office = Office(city, chromium)

    # 收件, 一次性告知, 补正, 受理
    _file(office)
    office.act(
        "chuangkou1", "ask_supplement", {"why.drawings": "缺审查机构签章"},
        lacking="drawings",
    )  # fmt: skip
    office.act("chuangkou1", "supply", {"originals.drawings": "1"})
    office.act("chuangkou1", "accept")

    # 四个部门并联审查; 住建 goes to see the site
    page = office.desk("zhujian1")
    page.goto("/team")
    row = page.locator("tr", has_text=office.case_no)
    row.get_by_role("button", name=re.compile("签收")).click()
    assert "已完成" in page.get_by_role("status").inner_text()
    office.act(
        "zhujian1", "inspect", task="review-housing", inspectors="赵建安\n钱建平",
        place="学府路8号", inspected_at=_now(), findings="现场具备施工条件。",
    )  # fmt: skip
    for login, step in (("zhujian1", "housing"), ("guihua1", "planning"), ("xiaofang1", "fire")):
        office.act(login, "opine", task=f"review-{step}", result="agree", text=f"{step} 同意。")

    # 听证: the clock stands still, and goes on
    page = office.act(
        "zhujianke", "start_procedure", kind="hearing", expected_days="20",
        ground="利害关系人申请听证",
    )  # fmt: skip
    assert "停表 · 听证" in page.locator("aside").inner_text()
    office.act("zhujianke", "end_procedure", result="利害关系人撤回听证申请。", cancelled="true")
    office.act("renfang1", "opine", task="review-civil-defence", result="agree", text="人防同意。")

    # 汇总, 决定, 制证, 送达, 办结, 评价
    page = office.act("zhujianke", "gather", proposal="grant", text="各部门均同意，拟准予。")
    assert page.locator(".opinion.agree").count() >= 4
    page = office.act("zhujianju", "decide", result="grant", conditions="按图施工")
    office.act("zhujianzheng", "certify")
    office.act("zhujianzheng", "serve", method="direct", recipient="王小明")
    office.act("chuangkou2", "close")
    office.act("chuangkou2", "rate", grade="1", text="很快")

    page = office.desk("chuangkou1")
    page.goto(f"/cases/{office.case_no}?tab=documents")
    assert office.stage() == "归档"
    _check_documents(page)
    _check_the_public(page, office.case_no)
    _check_the_logs(city, office)


NKEY_SEED = re.compile(r"\bS[AUOC][A-Z2-7]{56}\b")


def _check_the_logs(city: City, office: Office) -> None:
    """Nothing that is secret or somebody's stands in any part's log, at its most talkative."""
    logs = sorted(city.settings.log_folder.iterdir())
    whole = "\n".join(one.read_text(errors="replace") for one in logs)
    assert {"web.log", "worker.log", "temporal.log", "nats.log"} <= {one.name for one in logs}
    assert "DEBUG" in whole and "run ID" in whole  # they did speak, of this case's workflow too
    cookies = [one["value"] for desk in office.desks.values() for one in desk.context.cookies()]
    assert len([one for one in cookies if len(one) > 20]) >= len(office.desks)
    seeds = orjson.loads((city.settings.data / "demo-codes.json").read_bytes()).values()
    keys = [
        told
        for one in (city.settings.data / "keys").rglob("*")
        if one.is_file() and not one.name.endswith((".pub", ".vkey", ".policy"))
        for raw in (one.read_bytes(),)
        for told in (raw.hex(), base64.b64encode(raw).decode().rstrip("="))
        if len(raw) >= 16
    ]
    typed = {
        "王小明", PERMIT["developer"], PERMIT["uscc"], PERMIT["phone"], PERMIT["project_name"],
        "现场具备施工条件", "利害关系人撤回听证申请", "缺审查机构签章", "很快",
    }  # fmt: skip
    assert city.logs_holding([*office.passwords.values(), *cookies, *seeds, *keys, *typed]) == []
    assert NKEY_SEED.findall(whole) == [] and "PRIVATE KEY" not in whole
    # The search itself finds what is there.
    assert city.logs_holding([whole.strip()[-40:].splitlines()[-1]]) != []


def _check_documents(page: Page) -> None:
    kinds = page.locator("table.lines td:first-child").all_inner_texts()
    for kind in (
        "收件凭证",
        "补正告知书",
        "受理通知书",
        "特别程序告知书",
        "准予行政许可决定书",
        "送达回证",
    ):
        assert any(kind in one for one in kinds), (kind, kinds)
    with page.expect_download() as download:
        page.locator("table.lines").get_by_role("link", name="下载").first.click()
    assert Path(download.value.path()).read_bytes().startswith(b"%PDF-")
    code = page.locator("table.lines td.mono").first.inner_text()
    page.goto(f"/verify/{code}")
    assert "由本系统出具" in page.locator("main").inner_text()


def _check_the_public(page: Page, case_no: str) -> None:
    page.goto(f"/cases/{case_no}")
    code = page.locator("aside dd.mono").last.inner_text()
    page.goto("/status")
    page.get_by_label("办件编号").fill(case_no)
    page.get_by_label("查询码").fill(code)
    page.get_by_role("main").get_by_role("button", name="查询").click()
    assert "准予许可" in page.locator("main").inner_text()


def test_the_log_of_it_verifies(city: City) -> None:
    verified = city.answer("audit", "verify")
    assert verified["exit_code"] == 0, verified
    assert verified["steps"] > 15
    assert verified["wrong_rows"] == 0


def test_a_stranger_checks_its_export_and_the_attacks_on_a_copy_are_noticed(
    city: City, tmp_path: Path
) -> None:
    assert city.answer("audit", "seal")["size"] > 50
    exported = city.answer("audit", "export", str(tmp_path / "out"))
    checked = city.answer("audit", "fsck", str(tmp_path / "out"))
    assert (checked["exit_code"], checked["entries"]) == (0, exported["size"]), checked
    attacked = city.answer("audit", "attack-test")
    assert (attacked["deviations"], list(attacked["missed"].values())) == (0, [7, 2, 0])


def test_every_act_of_the_city_is_documented_and_every_step_has_its_entry(city: City) -> None:
    compared = city.command("audit", "reconcile")
    assert compared.returncode == 0, compared.stdout + compared.stderr
    log = open_engine(city.settings.store_url("log"), read_only=True)
    with reading(log) as connection:
        assert undocumented(orjson.loads(e.body) for e in LogReader(connection).entries()) == []
    log.dispose()
