"""The city's own words for notices: what they may name, and what they make of a notice."""

from __future__ import annotations

import pytest

from activities.notice_wording import (
    MOST_SMS,
    SAMPLES,
    case_body,
    sample,
    sentence,
    title_of,
    words_problems,
)
from catalogue.notice_words import NO_WORDS, NoticeWords, read_notice_words

FIELDS = {"number": "云突〔2026〕000001号", "level": "red", "district": "yunxi"}


def text(*entries: str, version: str = "2026.1") -> str:
    return f'标识: notices\n版本: "{version}"\n通知用语:\n' + "\n".join(f"- {e}" for e in entries)


def words(*entries: str) -> NoticeWords:
    read, marked, faults = read_notice_words(text(*entries))
    assert read is not None and marked is not None, faults
    assert not words_problems(read, marked)
    return read


def problems(*entries: str) -> str:
    read, marked, faults = read_notice_words(text(*entries))
    if read is not None and marked is not None:
        faults = words_problems(read, marked)
    return "\n".join(map(str, faults))


def said(known: NoticeWords, kind: str = "dispatched", channel: str = "") -> str:
    return sentence(kind, FIELDS, {"yunxi": "云溪区"}, "Asia/Shanghai", known, channel)


def test_without_words_of_its_own_a_notice_is_said_as_shipped() -> None:
    own = words("{通知: escalated, 标题: 快到时限}")
    assert said(own) == said(NO_WORDS) == "【派发，请签收】云突〔2026〕000001号，红色，云溪区"
    assert said(own, "escalated").startswith("【快到时限】云突")


def test_a_text_says_what_it_names_and_leaves_out_what_there_is_not() -> None:
    body = '"{{ 地点 }}有事，{{ 编号 }}{% if 时限 %}，{{ 时限 }}前办{% endif %}。"'
    own = words("{通知: dispatched, 标题: 请签收, 短信: '请签收 {{ 编号 }}', 正文: " + body + "}")
    assert said(own) == "【请签收】云溪区有事，云突〔2026〕000001号。"
    assert said(own, channel="sms") == "【请签收】请签收 云突〔2026〕000001号"
    assert said(own, channel="email") == said(own)


def test_a_mail_has_a_head_and_lines_of_its_own() -> None:
    mail = '"您好：\\n\\n{% if 时限 %}时限 {{ 时限 }}{% endif %}\\n请  签收 {{ 编号 }}。\\n"'
    own = words(
        "{通知: dispatched, 标题: 请签收, 邮件主题: '签收 {{ 编号 }}', 邮件正文: " + mail + "}"
    )
    assert said(own, channel="email") == "您好：\n\n请 签收 云突〔2026〕000001号。"
    assert said(own, channel="subject") == "签收 云突〔2026〕000001号"
    assert said(own) == said(own, channel="sms") == "【请签收】云突〔2026〕000001号，红色，云溪区"
    plain = words("{通知: dispatched, 标题: 请签收}")
    assert said(plain, channel="email") == said(plain, channel="subject") == said(plain)
    assert (
        len(
            said(words("{通知: dispatched, 标题: 签, 正文: " + "长" * 280 + "}"), channel="subject")
        )
        == 120
    )


def test_a_notice_of_a_case_has_a_head_and_a_text_on_its_page_alone() -> None:
    body = '"{{ 编号 }} 请两日内回复{% if 级别 %}{{ 级别 }}{% endif %}"'
    own = words("{通知: urged, 标题: 请抓紧, 正文: " + body + "}")
    assert title_of("urged", own) == "请抓紧" and title_of("copied", own) == "抄送"
    assert case_body("urged", "云1号", "", own) == "云1号 请两日内回复"
    assert case_body("card_issued", "云1号", "red", own) == ""
    assert "只在网页上" in problems("{通知: urged, 标题: 催, 短信: 请办}")
    assert "没有「时限」" in problems('{通知: urged, 标题: 催, 正文: "{{ 时限 }}"}')


def test_a_digest_has_names_of_its_own() -> None:
    own = words('{通知: digest, 标题: 早, 正文: "{% if 超期 %}超期 {{ 超期 }} 件。{% endif %}"}')
    assert sentence("digest", {"overdue": 2}, {}, "Asia/Shanghai", own) == "【早】超期 2 件。"
    assert sentence("digest", {"overdue": 0}, {}, "Asia/Shanghai", own) == "【早】"
    assert "没有「编号」" in problems('{通知: digest, 标题: 早, 正文: "{{ 编号 }}"}')


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ('{通知: dispatched, 标题: 派, 正文: "{{ 姓名 }}"}', "没有「姓名」"),
        ('{通知: dispatched, 标题: "{{ 编号 }}"}', "没有「编号」"),
        ('{通知: dispatched, 标题: 派, 正文: "{{ 编号.__class__ }}"}', "不能用的写法"),
        (
            '{通知: dispatched, 标题: 派, 正文: "{% for 值 in 编号 %}{% endfor %}"}',
            "不能用的写法",
        ),
        ('{通知: dispatched, 标题: 派, 正文: "{% if 编号"}', "花括号"),
        ('{通知: dispatched, 标题: "派】【"}', "标题不写"),
        ('{通知: dispatched, 标题: 派, 邮件主题: "甲\\n乙"}', "邮件主题不换行"),
        ('{通知: dispatched, 标题: 派, 邮件正文: "{{ 姓名 }}"}', "没有「姓名」"),
        ('{通知: dispatched, 标题: 派, 邮件主题: "' + "{{ 依据 }}" * 8 + '"}', "至多 120 字"),
        ("{通知: nothing, 标题: 派}", "没有「nothing」这种通知"),
        ("{通知: dispatched}", "缺少「标题」"),
        ("{通知: dispatched, 标题: 派, 收件人: 张三}", "没有「收件人」这个要素"),
        ('{通知: dispatched, 标题: 派, 短信: "' + "{{ 依据 }}" * 20 + '"}', f"至多 {MOST_SMS} 字"),
    ],
)
def test_a_text_that_cannot_be_said_is_told_with_its_line(entry: str, told: str) -> None:
    found = problems(entry)
    assert told in found and found.startswith("notices.yaml:4:")


def test_one_kind_is_worded_once() -> None:
    assert "写了两次" in problems("{通知: other, 标题: 甲}", "{通知: other, 标题: 乙}")


@pytest.mark.parametrize("kind", SAMPLES)
def test_every_kind_can_be_looked_at(kind: str) -> None:
    assert sample(kind).startswith("【")
