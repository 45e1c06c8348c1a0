"""An incident's papers: what they say, what was late and why, and what a start must make clear."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pypdf import PdfReader

from activities.incident_papers import (
    NotAnnounceable,
    SentReport,
    Surroundings,
    after_action_html,
    announcement_html,
    brief_html,
    missing_of,
    report_html,
)
from activities.printing import printed
from cases.incidents.map import Mark, map_svg
from cases.incidents.story import (
    ChainReport,
    Happening,
    Lesson,
    ResponseAct,
    StageLimit,
    Story,
    UnitPart,
    late,
    measures,
    minutes_words,
    report_draft,
)
from catalogue.load import load_catalogue

GRID = load_catalogue().grid
T0 = datetime(2026, 11, 26, 14, 2, 10, tzinfo=UTC)
"""22:02:10 in Beijing."""


def at(minutes: float) -> datetime:
    return T0 + timedelta(minutes=minutes)


def limit(key: str, title: str, done: float | None, minutes: float, began: float = 0) -> StageLimit:
    finished = None if done is None else at(done)
    return StageLimit(
        key,
        title,
        at(began),
        finished,
        timedelta(minutes=minutes),
        "云川市城市运行监测与处置办法第七条",
    )


START = ResponseAct(
    at(6), "start", "燃气泄漏", 3, at(6 * 60),
    "疏散学府家园3号楼居民\n切断燃气上游阀门\n交警管控学府路", "指挥长",
)  # fmt: skip
ADJUST = replace(START, at=at(60), act="adjust", level=4, measures="恢复学府路交通")
END = ResponseAct(at(150), "end", "燃气泄漏", None, None, "", "指挥长")

STORY = Story(
    number="云突〔2026〕000123号",
    title="学府家园3号楼燃气泄漏",
    type_name="燃气泄漏",
    domain_name="事故灾难",
    stage="处置",
    level="red",
    grade="一般",
    response="三级响应",
    reported_at=T0,
    text="三单元住户报告楼道有强烈燃气味，调压箱附近检出可燃气体。",
    address="云溪区学府路30号学府家园3号楼",
    district="云溪区",
    cell="学府街道第4网格",
    lon=112.45,
    lat=33.145,
    injured=2,
    signals=(("燃气监测", 2), ("12345热线", 5), ("视频分析", 1)),
    units=(
        UnitPart("燃气集团", True, "处置", at(4), at(11.5), at(13), at(24), None, 1, 1,
                 "责任清单 ZR-2002：燃气泄漏由其牵头"),
        UnitPart("市消防救援支队", False, "到场", at(4), at(5), at(6), at(12)),
        UnitPart("学府街道", False, "签收", at(4), at(9)),
    ),
    stages=(
        limit("graded", "核实定级", 2.5, 3),
        limit("dispatched", "派发", 4, 5),
        limit("lead", "牵头单位签收", 11.5, 10),
        limit("response", "响应（首个签收）", 5, 15),
        limit("arrived", "牵头单位到场", 24, 20, 4),
        StageLimit("closed", "办结", T0, None, None),
    ),
    timeline=(
        Happening(T0, "接报", "燃气监测", "LEL 42%", "stage"),
        Happening(at(2.5), "研判定级", "张值班", "一般", "graded"),
        Happening(at(4), "派发", "张值班", "", "stage"),
        Happening(at(5), "签收", "李值守", "", "stage", "市消防救援支队"),
        Happening(at(7), "退单", "王值守", "不属于本单位管网；管网图", "refused", "燃气集团"),
        Happening(at(9), "再次催告", "", "五分钟未签收", "rung", "燃气集团"),
        Happening(at(10), "升级告知", "", "到 50%，告知值班员", "escalated"),
        Happening(at(11), "仲裁裁定", "周仲裁", "调压箱在红线内，归燃气集团", "arbitrated"),
        Happening(at(11.5), "签收", "王值守", "", "stage", "燃气集团"),
        Happening(at(26), "续报", "王值守", "上游阀门已关闭，浓度下降", "progress", "燃气集团"),
    ),
    reports=(ChainReport("市政府", at(60), at(31), "突发事件应对法第六十一条"),
             ChainReport("省应急厅", at(120), None, "")),
    responses=(START,),
    lessons=(Lesson("核对红线内调压箱的产权台账", "燃气集团", "2026-12-31"),
             Lesson("值守人员退单前须到现场", "燃气集团", "2026-12-15", "已修订值守规程")),
    nearby=((112.41, 33.12, "blue"), (112.53, 33.15, "orange"), (112.50, 33.11, "yellow"),
            (112.47, 33.16, "")),
)  # fmt: skip

AROUND = Surroundings(
    city="云川市", issuer="云川市城市运行指挥中心", grid=GRID, zone="Asia/Shanghai", now=at(35)
)


def words_of(html: str) -> tuple[str, int]:
    pdf = PdfReader(io.BytesIO(printed(html)))
    text = "".join(page.extract_text() for page in pdf.pages)
    return text.replace("\n", "").replace(" ", ""), len(pdf.pages)


# --- measured times ------------------------------------------------------------------------------


def test_what_took_as_long_as_its_limit_is_not_late_and_a_second_more_is() -> None:
    def over(done: timedelta) -> int:
        stage = StageLimit("g", "定级", T0, T0 + done, timedelta(minutes=3))
        return len(late(measures(replace(STORY, stages=(stage,)), at(60))))

    assert over(timedelta(minutes=3)) == 0
    assert over(timedelta(minutes=3, seconds=1)) == 1


def test_what_is_not_over_is_late_once_its_limit_has_passed() -> None:
    stage = StageLimit("a", "签收", T0, None, timedelta(minutes=10))
    story = replace(STORY, stages=(stage,), timeline=())
    (before,) = measures(story, at(10))
    (after,) = measures(story, at(12))
    assert (before.over, before.took) == (None, None)
    assert after.over == timedelta(minutes=2)
    assert after.why == "尚未完成"


def test_a_stage_without_a_limit_is_never_late_and_one_that_has_not_begun_is_not_told() -> None:
    stages = (StageLimit("c", "办结", T0, None, None), StageLimit("x", "核查", None, None, None))
    (only,) = measures(replace(STORY, stages=stages), at(10_000))
    assert (only.title, only.over) == ("办结", None)


def test_a_lateness_is_explained_by_what_happened_meanwhile_and_by_nothing_else() -> None:
    found = {one.title: one for one in measures(STORY, at(35))}
    assert found["牵头单位签收"].why == "燃气集团退单；燃气集团再次催告；升级告知；仲裁裁定"
    assert found["核实定级"].why == ""
    calm = replace(STORY, timeline=STORY.timeline[:4])
    told = {one.title: one for one in measures(calm, at(35))}
    assert told["牵头单位签收"].why == "其间没有退单、催告或者升级的记录"


@pytest.mark.parametrize(
    ("span", "words"),
    [(timedelta(seconds=65), "1分05秒"), (timedelta(minutes=59, seconds=59), "59分59秒"),
     (timedelta(hours=1), "1小时0分"), (timedelta(days=2, hours=3, minutes=59), "2天3小时")],
)  # fmt: skip
def test_a_span_is_told_in_two_units(span: timedelta, words: str) -> None:
    assert minutes_words(span) == words


# --- the papers ----------------------------------------------------------------------------------


def test_the_brief_has_map_figures_clocks_and_timeline_on_two_pages() -> None:
    html = brief_html(STORY, AROUND)
    assert html.count("<svg") == 1
    text, pages = words_of(html)
    for words in (
        "突发事件专报", "云突〔2026〕000123号", "2026年11月26日22:37", "燃气集团",
        "三级响应", "11分30秒", "12345热线5", "LEL42%", "学府家园3号楼燃气泄漏",
    ):  # fmt: skip
        assert words in text, words
    assert pages == 2


def test_a_brief_of_an_incident_nobody_has_looked_at_yet_can_be_printed() -> None:
    bare = Story("云突〔2026〕000124号", "井盖缺失", "井盖缺损", "城市管理", "接报", "", "", "", T0)
    text, pages = words_of(brief_html(bare, AROUND))
    assert "地点待核实" in text
    assert "还没有派单" in text
    assert "没有坐标" in text
    assert pages <= 2


def test_a_long_incident_has_its_newest_lines_in_the_brief_and_all_in_the_report() -> None:
    many = tuple(Happening(at(n), "续报", "", f"第{n}条", "progress") for n in range(40))
    story = replace(STORY, timeline=many)
    brief, report = brief_html(story, AROUND), after_action_html(story, AROUND)
    assert "第39条" in brief
    assert "第15条<" not in brief
    assert "较早的 16 条没有列出" in brief
    assert "第0条" in report


def test_the_after_action_report_says_what_was_late_and_why_and_what_is_to_be_done() -> None:
    story = replace(STORY, evaluation="派单准确，签收迟。", evaluator="评价员", closed_at=at(150))
    text, _ = words_of(after_action_html(story, AROUND))
    for words in (
        "复盘报告", "牵头单位签收超出1分30秒（燃气集团退单；",
        "退单1次，仲裁裁定1次，催告和升级告知2次", "核对红线内调压箱的产权台账",
        "2026-12-31", "已修订值守规程", "派单准确", "归档时销毁",
    ):  # fmt: skip
        assert words in text, words


def test_kept_personal_data_is_told_with_its_reason() -> None:
    kept = replace(STORY, kept_personal="作为事故调查证据")
    assert "延期销毁，评估的理由：作为事故调查证据" in after_action_html(kept, AROUND)


def test_a_start_says_the_four_things_that_the_law_asks() -> None:
    text, pages = words_of(announcement_html(STORY, START, AROUND))
    for words in ("关于启动燃气泄漏三级应急响应的公告", "响应事项：燃气泄漏", "响应级别：三级",
                  "至2026年11月27日04:02", "切断燃气上游阀门", "第七十二条"):  # fmt: skip
        assert words in text, words
    assert pages == 1


@pytest.mark.parametrize(
    ("lacking", "words"),
    [({"matter": " "}, "响应事项"), ({"level": None}, "级别"), ({"level": 5}, "级别"),
     ({"expected_until": None}, "预计期限"), ({"measures": ""}, "应急处置措施")],
)  # fmt: skip
def test_a_start_that_lacks_one_of_them_is_refused_with_the_article(
    lacking: dict[str, object], words: str
) -> None:
    act = replace(START, **lacking)  # type: ignore[arg-type]
    assert len(missing_of(act)) == 1
    with pytest.raises(NotAnnounceable, match=f"缺少{words}（突发事件应对法第七十二条第二款）"):
        announcement_html(STORY, act, AROUND)


def test_an_end_needs_no_level_and_rests_on_its_own_article() -> None:
    text, _ = words_of(announcement_html(STORY, END, AROUND))
    assert "关于解除燃气泄漏应急响应的公告" in text
    assert "第八十六条" in text


def test_an_adjustment_names_the_new_level() -> None:
    text, _ = words_of(announcement_html(STORY, ADJUST, AROUND))
    assert "关于调整燃气泄漏应急响应为四级的公告" in text


def test_a_drafted_report_says_so_and_guesses_nothing() -> None:
    text, pages = words_of(report_html(STORY, "云川市人民政府", None, AROUND))
    for words in (
        "代拟稿", "云川市人民政府：", "死亡0人，受伤2人", "上游阀门已关闭",
        "2026年11月26日22时37分", "不得迟报、谎报、瞒报、漏报",
    ):  # fmt: skip
        assert words in text, words
    assert pages == 1
    unknown = replace(STORY, injured=0, units=(), text="", address="", cell="", district="")
    draft = report_draft(unknown, "省应急厅", "某时")
    for words in ("地点待核实", "正在核实", "没有接到人员伤亡", "正在派单"):
        assert words in draft


def test_a_report_that_somebody_wrote_is_printed_as_written() -> None:
    at = AROUND.now
    sent = SentReport(
        "省应急厅：\n经核实，没有伤亡。", at, "赵指挥", at - timedelta(minutes=5), "依据条款", "e-1"
    )
    html = report_html(STORY, "省应急厅", sent, AROUND)
    for words in ("由赵指挥于", "迟报5分00秒", "日志条目 e-1", "（依据条款）"):
        assert words in html, words
    on_time = report_html(STORY, "省应急厅", replace(sent, due_at=at), AROUND)
    assert "迟报" not in on_time
    assert "代拟稿" not in html
    assert "<p>经核实，没有伤亡。</p>" in html


def test_words_of_an_incident_open_no_tag() -> None:
    evil = "</style><script>alert(1)</script>"
    story = replace(STORY, title=evil, text=evil, address=evil)
    for html in (
        brief_html(story, AROUND), after_action_html(story, AROUND),
        report_html(story, evil, None, AROUND), announcement_html(story, START, AROUND),
    ):  # fmt: skip
        assert "<script" not in html


# --- the map -------------------------------------------------------------------------------------


def test_levels_differ_by_shape_and_by_colour() -> None:
    def drawn(level: str) -> str:
        empty = map_svg(GRID, [], "图")
        whole = map_svg(GRID, [Mark(112.45, 33.14, level)], "图")
        return whole.replace(empty[-2000:], "")[len(empty) - 2000 :]

    shapes = {level: drawn(level) for level in ("red", "orange", "yellow", "blue", "")}
    assert len(set(shapes.values())) == 5


def test_what_lies_outside_the_city_is_not_drawn_beside_it() -> None:
    assert map_svg(GRID, [Mark(10, 10, "red")], "图") == map_svg(GRID, [], "图")
