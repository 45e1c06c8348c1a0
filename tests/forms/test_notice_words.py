"""通知用语 at the desk: drafted, looked at, sent; another signs, from an instant they choose."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from activities.notice_wording import CASE_TITLES
from cases import digests, releases
from forms.words import NOTICES
from tests.forms.conftest import Browser, Browsers
from tests.forms.town import Town

PAGE = "/designer/words"


def form(page: Browser, **typed: str) -> dict[str, str]:
    shown = page.get(PAGE).text
    here = re.findall(r'type="hidden" name="(csrf|seen|base)" value="([^"]*)"', shown)
    return dict(here) | {name.replace("__", "."): text for name, text in typed.items()}


def test_what_is_typed_is_looked_at_and_changes_nothing(browser: Browsers, town: Town) -> None:
    editor = browser("editor")
    typed = form(editor, title__dispatched="请快签收", body__dispatched="{{ 编号 }}在{{ 地点 }}")
    shown = editor.post(PAGE, data=typed | {"do": "draft"})
    assert shown.status_code == 200
    assert "【请快签收】云突〔2026〕000123号在云溪区" in shown.text
    assert "派发，请签收" in shown.text
    assert not town.releases.texts


def test_what_cannot_be_said_is_told_at_its_box_and_nothing_typed_is_lost(
    browser: Browsers, town: Town
) -> None:
    editor = browser("editor")
    typed = form(editor, sms__escalated="{{ 姓名 }}您好", title__refused="退" * 31)
    shown = editor.post(PAGE, data=typed | {"do": "send"})
    assert shown.status_code == 422
    assert 'href="#f-title-refused"' in shown.text and "「标题」太长" in shown.text
    assert 'href="#f-sms-escalated"' in shown.text and "没有「姓名」" in shown.text
    assert "{{ 姓名 }}您好" in shown.text and "退" * 31 in shown.text
    assert not town.releases.texts


def test_what_stands_on_a_page_alone_has_no_box_for_a_message(browser: Browsers) -> None:
    shown = browser("editor").get(PAGE).text
    assert 'name="body.urged"' in shown and 'name="mail.dispatched"' in shown
    assert 'name="mail.urged"' not in shown and 'name="sms.urged"' not in shown
    assert CASE_TITLES == NOTICES


def test_a_mail_is_looked_at_line_by_line(browser: Browsers) -> None:
    editor = browser("editor")
    typed = form(editor, subject__arbitrated="裁定 {{ 编号 }}", mail__arbitrated="甲\n{{ 地点 }}乙")
    shown = editor.post(PAGE, data=typed | {"do": "draft"}).text
    assert "<strong>裁定 云突〔2026〕000123号</strong><br>甲<br>云溪区乙" in shown
    editor.post(PAGE, data={"csrf": typed["csrf"], "do": "drop", "step": "confirmed"})


@pytest.mark.parametrize("login", ["chen", "signer", "sysadmin"])
def test_who_drafts_nothing_words_no_notice(browser: Browsers, login: str) -> None:
    assert browser(login).get(PAGE).status_code == 403


def test_another_signs_and_says_from_when(browser: Browsers, town: Town) -> None:
    editor, signer = browser("editor"), browser("signer")
    typed = form(editor, title__dispatched="请快签收", body__dispatched="{{ 编号 }}") | {
        "do": "send"
    }
    sent = editor.post(PAGE, data=typed, follow_redirects=False)
    assert sent.status_code == 303, sent.text
    page = sent.headers["location"]
    own = editor.get(page).text
    assert "签署并生效" not in own and "请快签收" in own
    others = signer.get(page).text
    assert "生效时刻" in others and "【请快签收】云突〔2026〕000123号" in others
    signing = {"csrf": signer.token(page), "since": "2031-05-01T08:30", "step": "confirmed"}
    done = signer.post(f"{page}/sign", data=signing, follow_redirects=False)
    assert (done.status_code, done.headers["location"]) == (303, page)
    assert town.releases.signed_since == datetime(2031, 5, 1, 0, 30, tzinfo=UTC)


def test_words_in_force_stand_in_the_boxes_and_nothing_sends_what_is_the_same(
    browser: Browsers, town: Town
) -> None:
    editor = browser("editor")
    typed = form(editor, title__merged="两起并一起", title__digest="早上好") | {"do": "send"}
    page = editor.post(PAGE, data=typed, follow_redirects=False).headers["location"]
    before, now = len(town.releases.texts), datetime.now(UTC)
    with town.cases.begin() as connection:
        releases.sign(connection, page.rsplit("/", 1)[1], town.actor("signer").id, now, now)
    told = digests.Digest("e" * 36, town.ids["chen"], "2026-01-02", {"open": 3}, now)
    with town.web.begin() as connection:
        digests.make(connection, told)
    assert '<strong lang="zh-CN">早上好</strong>' in browser("chen").get("/notices").text
    shown = editor.get(PAGE).text
    assert 'value="两起并一起"' in shown and "本市用语" in shown
    same = editor.post(PAGE, data=typed, follow_redirects=False)
    assert same.status_code == 200 and "没有改动" in same.text
    assert len(town.releases.texts) == before


def test_what_was_typed_is_gone_on_with_and_gone_once_it_was_sent(browser: Browsers) -> None:
    editor = browser("editor")
    kept = editor.post(PAGE, data=form(editor, title__lesson="请整改") | {"do": "autosave"})
    assert kept.status_code == 200 and kept.json()["seen"] >= 1
    again = browser("editor").get(PAGE).text
    assert 'value="请整改"' in again and "保存的草稿，还没有提交" in again
    assert "/designer/words" not in editor.get("/new").text
    own = form(editor, title__lesson="请整改") | {"do": "send"}
    assert editor.post(PAGE, data=own, follow_redirects=False).status_code == 303
    assert 'value="请整改"' not in editor.get(PAGE).text
    late = editor.post(PAGE, data=own | {"do": "autosave"})
    assert late.status_code == 410 and "已经提交或删除" in late.json()["gone"]
    assert 'value="请整改"' not in editor.get(PAGE).text


def test_two_tabs_see_both_versions_and_choose(browser: Browsers) -> None:
    editor = browser("editor")
    one, two = (form(editor, title__handover=text) for text in ("请交接", "请接班"))
    assert editor.post(PAGE, data=one | {"do": "draft"}).status_code == 200
    both = editor.post(PAGE, data=two | {"do": "send"}, follow_redirects=False)
    assert both.status_code == 409 and "交接班 · 标题" in both.text
    assert "请交接" in both.text and "请接班" in both.text
    seen = re.findall(r'name="(seen)" value="(\d+)"', both.text)
    chosen = two | dict(seen) | {"do": "merge", "take.title.handover": "theirs"}
    assert editor.post(PAGE, data=chosen).status_code == 200
    assert 'value="请交接"' in editor.get(PAGE).text
    asked = editor.post(PAGE, data={"csrf": one["csrf"], "do": "drop"})
    assert "不能再找回" in asked.text and 'value="请交接"' in editor.get(PAGE).text
    editor.post(PAGE, data={"csrf": one["csrf"], "do": "drop", "step": "confirmed"})
    assert 'value="请交接"' not in editor.get(PAGE).text


def test_who_drafted_against_older_words_is_told(browser: Browsers) -> None:
    editor = browser("editor")
    old = form(editor, body__capital="{{ 编号 }}") | {"base": "2020.7", "do": "draft"}
    assert "草稿从版本 2020.7 开始" in editor.post(PAGE, data=old).text
