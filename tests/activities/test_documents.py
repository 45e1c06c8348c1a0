"""What the documents say, that they say it to the letter, and that none leaves with holes."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, date, datetime
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from jinja2 import Environment, FileSystemLoader, meta
from pypdf import PdfReader

from activities import document_facts
from activities.document_facts import KINDS
from activities.document_orders import TITLES, facts_of
from activities.documents import COMPUTED, html_for, render
from activities.glyphs import GlyphMissing
from activities.layout import TEMPLATES
from activities.papers import DocumentOrder
from activities.press import ROOT, DocumentPress, PressFailed
from cases.approval.opening import plan_of
from cases.messages import Actor, Command, Person, Source
from cases.state import CaseState, Hearing, Procedure, Timer, Wait
from catalogue.load import digest, load_catalogue
from catalogue.matters import DocumentKind

CATALOGUE = load_catalogue()
VERIFY_AT = "https://zwfw.yunchuan.example/verify"
CODE = "K7QMX2NVT4RB9WPA"

RECEIVED = datetime(2026, 11, 20, 2, 5, tzinfo=UTC)
ACCEPTED = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)
SERVED = datetime(2026, 12, 1, 7, 30, tzinfo=UTC)
ISSUED = datetime(2026, 11, 22, 1, 0, 3, tzinfo=UTC)

TIMERS = (
    Timer(key="statutory", due_at=datetime(2026, 12, 18, 16, tzinfo=UTC), article="XKF-42-1"),
    Timer(key="promised", due_at=datetime(2026, 12, 4, 16, tzinfo=UTC), article="YSHJ-36"),
    Timer(key="supplement", due_at=datetime(2026, 12, 22, 16, tzinfo=UTC), article="XKF-32-4"),
    Timer(key="hearing_request", due_at=datetime(2026, 11, 27, 16, tzinfo=UTC), article="XKF-47a"),
    Timer(key="undertaking", due_at=datetime(2026, 11, 27, 16, tzinfo=UTC), article="AY-24"),
)

BODIES: dict[DocumentKind, tuple[str, dict[str, Any]]] = {
    "receipt": (
        "file",
        {
            "materials": [
                {"code": "application", "originals": 1},
                {"code": "premises", "originals": 1, "upload": "up-1"},
            ]
        },
    ),
    "supplement_notice": (
        "ask_supplement",
        {
            "lacking": [
                {"code": "premises", "what": "补交设备设施布局图", "why": "缺平面图"},
                {"code": "uscc", "what": "更正统一社会信用代码"},
            ],
            "supply_within_days": 30,
        },
    ),
    "acceptance_notice": ("accept", {"mode": "plain"}),
    "acceptance_refusal": (
        "refuse_acceptance",
        {"reason": "申请事项不属于本机关职权范围", "apply_to": "云川市卫生健康委员会"},
    ),
    "procedure_notice": (
        "start_procedure",
        {"kind": "hearing", "ground": "直接涉及他人重大利益", "expected_days": 15},
    ),
    "extension_notice": ("extend", {"reason": "案情复杂，需要进一步核查"}),
    "grant": ("decide", {"result": "grant", "valid_until": "2031-11-21"}),
    "refusal": (
        "decide",
        {"result": "refuse", "reasons": "经营场所与污染源的距离不符合食品安全要求。"},
    ),
    "service_record": ("serve", {"method": "direct", "recipient": "李强"}),
    "wait_notice": (
        "start_wait",
        {"ground": "site_visit", "reason": "需要核对经营场所的布局", "expected_days": 3},
    ),
    "hearing_right_notice": (
        "tell_hearing_right",
        {
            "interest": "经营场所的排烟口正对相邻住户的窗户",
            "parties": ["刘洋", "滨河社区居民委员会"],
        },
    ),
    "hearing_notice": (
        "notify_hearing",
        {
            "hearing_at": "2026-12-08T01:30:00Z",
            "place": "云川市政务服务中心三楼听证室",
            "host": "u:zhoumin",
            "host_name": "周敏",
        },
    ),
    "deemed_renewal": (
        "timer_fired",
        {"timer": "renewal", "due_at": "2026-11-21T16:00:00Z", "article": "XKF-50"},
    ),
    "supervision_order": ("timer_fired", {}),
    "supervision_advice": ("timer_fired", {}),
}
"""Kind → the verb that issues it and the verb's body."""


def card_of(level: str, clock: str, rule: str, article: str, **more: Any) -> dict[str, Any]:
    """Return what a `card_issued` event tells its paper."""
    return {
        "event": "card_issued",
        "at": "2026-12-04T16:00:00+00:00",
        "number": "JC202612050A1B2C3D4E",
        "rule": rule,
        "title": {"yellow": "黄牌：超过承诺时限", "red": "红牌：超过法定期限"}[level],
        "article": article,
        "clock": clock,
        "department": "scjg",
        "unit": "working_day",
        "why": {"limit": 10, "used": 10, "left": 0, "overdue_working_days": 0},
        "explain_days": 1,
        "ground": "",
        **more,
    }


CARDS: dict[DocumentKind, dict[str, Any]] = {
    "supervision_order": card_of("yellow", "promised", "JC-HP-CN", "YCJC-4"),
    "supervision_advice": card_of("red", "statutory", "JC-RP-FD", "YCJC-5", public=True),
}


def order_of(
    kind: DocumentKind,
    matter_code: str = "food-operation",
    *,
    body: dict[str, Any] | None = None,
    facts: dict[str, Any] | None = None,
    applicant: str = "云川市老灶台餐饮管理有限公司",
    **state: Any,
) -> DocumentOrder:
    """Return the order of a document about the same case of 22 November 2026."""
    if kind == "deemed_renewal":
        matter_code = "radiation-renewal"
    matter = CATALOGUE.matter_in_force(matter_code, ISSUED.date())
    verb, plain = BODIES[kind]
    case = CaseState(
        case_id="c1",
        case_no="SCJG2026112200012",
        plan=plan_of(matter, digest(matter)),
        received_at=RECEIVED,
        accepted_at=ACCEPTED,
        served_at=SERVED,
        timers=TIMERS,
        supply_within_days=30,
        decision="grant",
        procedures=(
            Procedure(
                id="p1",
                kind="hearing",
                started_at=ISSUED,
                expected_until=datetime(2026, 12, 7, 16, tzinfo=UTC),
            ),
        ),
        waits=(
            Wait(
                id="site_visit-1",
                ground="site_visit",
                started_at=ISSUED,
                expected_until=datetime(2026, 11, 25, 16, tzinfo=UTC),
            ),
        ),
        hearing=Hearing(
            told_at=ACCEPTED,
            requested_at=datetime(2026, 11, 25, 1, tzinfo=UTC),
            hearing_at=datetime(2026, 12, 8, 1, 30, tzinfo=UTC),
        ),
        licence_until=date(2026, 11, 21),
    )
    return DocumentOrder(
        kind=kind,
        number="云市监许受〔2026〕12号",
        code=CODE,
        issued_at=ISSUED,
        department=CATALOGUE.city.department(matter.department),
        matter=matter,
        case=case.model_copy(update=state),
        applicant=Person(kind="enterprise", name=applicant, phone="13800000000"),
        command=Command(
            id="x1",
            verb=verb,
            case_id="c1",
            body=plain if body is None else body,
            actor=Actor(id="u:wangfang"),
            source=Source(door="web"),
            occurred_at=ISSUED,
        ),
        facts=CARDS.get(kind, {"actor_name": "王芳", "article": "AY-37"})
        if facts is None
        else facts,
    )


GOLDEN = Path(__file__).parents[1] / "golden/documents"
POINTS_PER_MM = 72 / 25.4


@pytest.fixture(scope="module")
def press() -> Iterator[DocumentPress]:
    one = DocumentPress(lambda: CATALOGUE, VERIFY_AT)
    yield one
    one.close()


def text_of(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)


def said(kind: DocumentKind, matter: str = "food-operation", **more: object) -> str:
    """Return the words of a document's body, without tags, style or line breaks."""
    order = order_of(kind, matter, **more)  # type: ignore[arg-type]  # passed on by name
    html = html_for(kind, facts_of(order, CATALOGUE, VERIFY_AT))
    body = html[html.index("<body") :]
    plain = "".join(part.partition(">")[2] for part in body.split("<"))
    return "".join(plain.split())


@pytest.mark.parametrize("kind", ["receipt", "service_record"])
def test_what_a_deputy_made_out_names_both(kind: DocumentKind) -> None:
    served = {"method": "direct", "recipient": "李强", "relation": "本人"}
    body = served if kind == "service_record" else None
    alone = said(kind, body=body, facts={"actor_name": "王芳"})
    assert "王芳" in alone and "代" not in alone.partition("王芳")[2][:3]
    both = said(kind, body=body, facts={"actor_name": "王芳", "behalf_name": "李主任"})
    assert "王芳（代李主任）" in both


# --- the shape ---


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_template_uses_exactly_the_fields_of_its_facts(kind: DocumentKind) -> None:
    environment = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=True)
    used: set[str] = set()
    for name in ("base.html", f"{kind}.html"):
        source = (TEMPLATES / name).read_text(encoding="utf-8")
        used |= meta.find_undeclared_variables(environment.parse(source))
    assert used - {"pieces"} == {one.name for one in fields(KINDS[kind])} | set(COMPUTED)


def test_facts_of_one_kind_do_not_go_into_another() -> None:
    facts = facts_of(order_of("grant"), CATALOGUE, VERIFY_AT)
    with pytest.raises(ValueError, match="grant"):
        html_for("refusal", facts)


def test_every_kind_of_document_has_facts_a_title_and_a_template() -> None:
    assert set(KINDS) == set(TITLES) == set(BODIES)
    assert all((TEMPLATES / f"{kind}.html").is_file() for kind in KINDS)


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_document_reads_as_its_golden_text(kind: DocumentKind, press: DocumentPress) -> None:
    text = text_of(press.render(order_of(kind)))
    golden = GOLDEN / f"{kind}.txt"
    assert text.split() == golden.read_text(encoding="utf-8").split()


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_document_is_printed_on_a4_with_its_code_and_number(
    kind: DocumentKind, press: DocumentPress
) -> None:
    pdf = press.render(order_of(kind))
    page = PdfReader(io.BytesIO(pdf)).pages[0]
    width, height = (float(side) / POINTS_PER_MM for side in page.mediabox[2:])
    assert (round(width), round(height)) == (210, 297)
    text = "".join(text_of(pdf).split())
    assert CODE in text
    assert "云市监许受〔2026〕12号" in text
    assert "—1—" in text
    assert "未加盖电子印章" in text
    assert "2026年11月22日" in text


def test_the_first_words_stand_at_the_margins_of_the_standard(press: DocumentPress) -> None:
    """天头 37 mm, 订口 28 mm (GB/T 9704-2012 §5.2.1): the letterhead is 35 mm below the top."""
    reader = PdfReader(io.BytesIO(press.render(order_of("grant"))))
    places: list[tuple[str, float, float]] = []
    reader.pages[0].extract_text(
        visitor_text=lambda text, cm, tm, font, size: places.append(
            (text.strip(), (tm[4] * cm[0] + cm[4]), (tm[5] * cm[3] + cm[5]))
        )
    )
    x = min(x for text, x, _ in places if text) / POINTS_PER_MM
    assert 27 <= x <= 29.5


def test_an_escaped_name_stays_a_name() -> None:
    text = said("grant", applicant="<b>甲</b>&乙")
    assert "&lt;b&gt;甲&lt;/b&gt;&amp;乙" in text


# --- the contents that the law asks for ---


def test_an_acceptance_notice_names_acceptance_decision_and_promise() -> None:
    text = said("acceptance_notice")
    for part in (
        "自2026年11月22日起予以受理",
        "20个工作日内，即于2026年12月18日前（含当日）作出决定",
        "承诺于2026年12月4日前（含当日）办结",
        "《中华人民共和国行政许可法》第三十二条第一款第（五）项",
        "13800000000",
        "签收",
    ):
        assert part in text


def test_a_deemed_acceptance_says_why_and_from_which_day() -> None:
    text = said("acceptance_notice", accept_mode="deemed", accepted_at=None, body={})
    assert "未在法定期限内告知补正" in text
    assert "第三十二条第一款第（四）项" in text


def test_a_tolerant_acceptance_names_what_is_missing_and_what_follows() -> None:
    text = said(
        "acceptance_notice",
        accept_mode="tolerant",
        missing=("health-cert",),
        body={"mode": "tolerant", "undertaking": "五日内补齐"},
    )
    assert "请于2026年11月27日前（含当日）补齐：从业人员健康证明" in text
    assert "逾期未补齐的，视为撤回申请" in text
    assert "申请人书面承诺：五日内补齐" in text


def test_a_provisional_date_says_so() -> None:
    late = tuple(timer.model_copy(update={"provisional": True}) for timer in TIMERS)
    for kind in ("acceptance_notice", "extension_notice", "supplement_notice"):
        assert "暂定日期" in said(kind, timers=late)
        assert "暂定日期" not in said(kind)


def test_a_provisional_day_for_the_applicants_papers_says_so_too() -> None:
    late = tuple(
        timer.model_copy(update={"provisional": timer.key == "undertaking"}) for timer in TIMERS
    )
    assert "暂定日期" in said(
        "acceptance_notice", timers=late, accept_mode="tolerant", missing=("health-cert",)
    )


def test_a_supplement_notice_lists_every_item_once_with_its_term() -> None:
    text = said("supplement_notice")
    assert "1.补交设备设施布局图（缺平面图）；2.更正统一社会信用代码。" in text
    assert "30日内，即于2026年12月22日前（含当日）补正" in text


def test_a_refused_acceptance_names_where_to_apply_and_the_remedies() -> None:
    text = said("acceptance_refusal")
    assert "请向云川市卫生健康委员会提出申请" in text
    assert "第三十二条第一款第（二）项" in text
    assert "60日内向云川市人民政府申请行政复议" in text
    assert "6个月内依法向云川市云溪区人民法院提起行政诉讼" in text


def test_word_that_no_licence_is_needed_is_no_refusal() -> None:
    text = said(
        "acceptance_refusal",
        facts={"event": "found_not_required"},
        body={"reason": "仅销售预包装食品，只需备案"},
    )
    assert "不受理告知书" in text
    assert "依法不需要取得行政许可" in text
    assert "第三十二条第一款第（一）项" in text


def test_a_procedure_notice_states_the_time_needed() -> None:
    text = said("procedure_notice")
    assert "听证所需时间为15日，预计至2026年12月7日结束" in text
    assert "第四十五条" in text


def test_an_extension_notice_names_rank_reasons_and_new_date() -> None:
    text = said("extension_notice")
    assert "案情复杂，需要进一步核查。" in text
    assert "经本行政机关负责人批准，决定将办理期限延长10个工作日，至2026年12月18日" in text


def test_a_joint_permit_is_extended_by_the_government() -> None:
    assert "经本级人民政府负责人批准" in said("extension_notice", "construction-permit")


def test_a_grant_cites_the_licence_and_its_basis() -> None:
    text = said("grant")
    assert "准予行政许可决定书" in text
    assert "《中华人民共和国食品安全法》第三十五条第一款" in text
    assert "《中华人民共和国行政许可法》第三十八条第一款" in text
    assert "有效期至2031年11月21日" in text
    assert "10个工作日内颁发、送达食品经营许可证" in text


@pytest.mark.parametrize("kind", ["grant", "refusal"])
def test_a_decision_after_a_hearing_names_its_day_its_record_and_the_article(
    kind: DocumentKind,
) -> None:
    body = BODIES[kind][1] | {"hearing_record": "邻户的意见已经采纳，排烟口改道"}
    held = {"event": "decided", "hearing_held_at": "2026-11-20T17:00:00+00:00"}
    text = said(kind, body=body, facts=held)
    assert "于2026年11月21日举行听证，并根据听证笔录作出本决定：邻户的意见已经采纳" in text
    assert "第四十八条第二款" in text
    plain = said(kind)
    assert "听证" not in plain and "第四十八条" not in plain


def test_a_refusal_gives_its_reasons_and_both_remedies() -> None:
    text = said("refusal")
    assert "经营场所与污染源的距离不符合食品安全要求。" in text
    assert "第三十八条第二款" in text
    assert "申请行政复议，也可以" in text


def test_a_refused_disclosure_goes_to_review_first() -> None:
    text = said("refusal", "information-disclosure")
    assert "应当先自收到本决定之日起60日内向云岭省人民政府申请行政复议" in text
    assert "行政许可法" not in text


def test_a_service_record_has_the_fields_of_the_civil_procedure_law() -> None:
    text = said(
        "service_record",
        body={
            "method": "left",
            "recipient": "李强",
            "relation": "同住成年家属",
            "place": "云川市云溪区",
            "refusal": "拒绝签收",
            "witnesses": ["赵一", "钱二"],
        },
        facts={"served_number": "云市监许准〔2026〕9号", "actor_name": "王芳"},
    )
    for part in (
        "准予行政许可决定书",
        "云市监许准〔2026〕9号",
        "留置送达",
        "2026年12月1日15时30分",
        "同住成年家属",
        "拒绝签收",
        "赵一、钱二",
        "第八十九条",
    ):
        assert part in text


def test_a_receipt_lists_what_was_taken_and_by_whom() -> None:
    text = said("receipt")
    assert "食品经营许可申请书10纸质" in text
    assert "2026年11月20日10时05分" in text
    assert "王芳" in text
    assert "查询码" not in text


def test_a_receipt_says_by_what_and_where_its_case_is_looked_up() -> None:
    text = said("receipt", facts={"public_code": "K7QDM4XPZT2A"})
    status = VERIFY_AT.rstrip("/").removesuffix("/verify") + "/status"
    assert f"凭办件编号和查询码K7QDM4XPZT2A在{status}查询，不用登录" in text


# --- the press ---


def test_the_same_order_gives_the_same_bytes_in_another_process(press: DocumentPress) -> None:
    other = DocumentPress(lambda: CATALOGUE, VERIFY_AT)
    try:
        assert other.render(order_of("grant")) == press.render(order_of("grant"))
    finally:
        other.close()


def test_a_character_without_a_glyph_is_named_and_stops_the_document(press: DocumentPress) -> None:
    with pytest.raises(GlyphMissing) as missing:
        press.render(order_of("grant", applicant="张\ue123\ue124"))
    assert missing.value.characters == "\ue123\ue124"
    assert press.render(order_of("grant"))


def test_a_rare_character_of_a_name_is_printed(press: DocumentPress) -> None:
    assert "朱镕喆" in "".join(text_of(press.render(order_of("grant", applicant="朱镕喆"))).split())


def test_a_press_that_was_killed_is_replaced() -> None:
    press = DocumentPress(lambda: CATALOGUE, VERIFY_AT)
    try:
        first = press.render(order_of("refusal"))
        children = subprocess.run(
            ["pgrep", "-P", str(os.getpid()), "-f", "activities.press_child"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        for child in children:
            os.kill(int(child), signal.SIGKILL)
        assert press.render(order_of("refusal")) == first
    finally:
        press.close()


def test_a_press_that_is_late_twice_says_so() -> None:
    press = DocumentPress(lambda: CATALOGUE, VERIFY_AT, deadline_s=0.001)
    with pytest.raises(PressFailed):
        press.render(order_of("grant"))
    press.close()


def test_several_threads_share_a_press(press: DocumentPress) -> None:
    made: list[bytes] = []
    threads = [
        Thread(target=lambda: made.append(press.render(order_of("grant")))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 3
    assert len(set(made)) == 1


@pytest.mark.parametrize("folder", ["nothing", "latin"])
def test_a_machine_without_chinese_fonts_is_told_which_package(tmp_path: Path, folder: str) -> None:
    fonts = tmp_path / folder
    fonts.mkdir()
    if folder == "latin":
        latin = next(Path("/usr/share/fonts").rglob("DejaVuSans.ttf"), None)
        if latin is None:
            pytest.skip("no Latin font to try with")
        (fonts / latin.name).symlink_to(latin)
    configuration = tmp_path / "fonts.conf"
    configuration.write_text(
        f'<?xml version="1.0"?><fontconfig><dir>{fonts}</dir>'
        f"<cachedir>{tmp_path}/cache</cachedir></fontconfig>",
        encoding="utf-8",
    )
    script = (
        "from activities.glyphs import FontsMissing\nfrom activities.printing import printed\n"
        "try:\n    printed('<p>准予申请</p>')\n"
        "except FontsMissing as missing:\n    print(missing)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={"FONTCONFIG_FILE": str(configuration), "PATH": os.defpath},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "apt-get install fonts-noto-cjk" in found.stdout, found.stderr


def test_a_document_can_be_made_without_a_press() -> None:
    facts = facts_of(order_of("grant"), CATALOGUE, VERIFY_AT)
    assert isinstance(facts, document_facts.Grant)
    assert render("grant", facts).startswith(b"%PDF-")


def test_a_wait_notice_says_that_the_statutory_period_runs_on() -> None:
    text = said("wait_notice")
    assert "不计算在本机关承诺的办理时限内。法定期限不因此停止计算" in text
    assert "本机关至迟于2026年12月18日（含当日）作出决定" in text
    assert "《安阳市政务服务条例》第三十七条" in text


def test_a_notice_of_the_right_to_a_hearing_names_the_last_day_and_who_else_may_ask() -> None:
    text = said("hearing_right_notice")
    assert "利害关系人刘洋、滨河社区居民委员会享有要求听证的权利" in text
    assert "5日内，即于2026年11月27日前（含当日）" in text


def test_a_notice_of_a_hearing_names_time_place_host_and_the_right_to_another() -> None:
    text = said("hearing_notice")
    assert "听证时间：2026年12月8日9时30分。" in text
    assert "听证主持人：周敏。" in text
    assert "有权申请回避" in text


def test_a_deemed_renewal_claims_no_decision_that_was_made() -> None:
    text = said("deemed_renewal")
    assert "没有作出是否准予延续的决定" in text
    assert "《中华人民共和国行政许可法》第五十条" in text
    assert "本机关决定准予" not in text


def test_a_deemed_renewal_is_served_under_its_own_name() -> None:
    text = said("service_record", deemed_renewed=True)
    assert "视为准予延续通知书" in text


@pytest.mark.parametrize(("late", "there"), [(True, True), (False, False)])
def test_a_receipt_tells_of_a_renewal_that_was_asked_for_late(late: bool, there: bool) -> None:
    text = said("receipt", "radiation-renewal", requested_late=late)
    assert ("未在有效期届满30日前提出" in text) == there
    assert ("不适用视为准予延续" in text) == there


def test_a_supervision_order_names_the_rule_why_and_the_explanation_asked_for() -> None:
    text = said("supervision_order")
    for part in (
        "云川市市场监督管理局：",
        "JC-HP-CN黄牌：超过承诺时限（承诺办结时限10个工作日，已用10个工作日）",
        "监察编号：JC202612050A1B2C3D4E",
        "1个工作日内书面说明原因和整改措施",
        "《云川市政务服务电子监察办法（示例）》第四条",
    ):
        assert part in text
    assert "老灶台" not in text  # it goes to the department, not to the applicant


def test_a_supervision_advice_asks_for_a_public_explanation_by_its_article() -> None:
    assert "《优化营商环境条例》第三十六条的规定，向社会公开说明" in said("supervision_advice")
    quiet = card_of("red", "statutory", "JC-RP-FD", "YCJC-5", public=False)
    assert "向社会公开" not in said("supervision_advice", facts=quiet)


def test_a_card_by_hand_says_its_ground_and_what_was_found() -> None:
    by_hand = card_of("red", "by_hand", "JC-RP-SF", "YCJC-6", ground="illegal_fee", why={}, unit="")
    order = order_of("supervision_advice", facts=by_hand, body={"text": "收取复印费"})
    order = replace(order, command=order.command.model_copy(update={"verb": "issue_card"}))
    html = html_for("supervision_advice", facts_of(order, CATALOGUE, VERIFY_AT))
    assert "违规收费" in html
    assert "监察情况：收取复印费。" in html
