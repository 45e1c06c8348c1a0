"""The city's own words for notices: what they may name, and what they make of a notice."""

from __future__ import annotations

import pytest

from activities.notice_wording import MOST_SMS, SAMPLES, sample, sentence, words_problems
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
