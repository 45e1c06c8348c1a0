"""What a notice says: one Chinese sentence of what its fields hold, nothing personal in it.

The city may have words of its own (`catalogue.notice_words`): text, `{{ 名称 }}` and
`{% if 名称 %}`, parsed by Jinja and never run. What a field holds is what the shipped sentence says
of it; a text can name no more than that, so that none can carry what is personal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from zoneinfo import ZoneInfo

from pydantic import JsonValue

from activities.wordings import Words, filled, text_problems
from cases import digests
from catalogue.marks import Fault, Marked
from catalogue.notice_words import NO_WORDS, NoticeWords

TITLES: Mapping[str, str] = MappingProxyType(
    {
        "reported": "接报待核实",
        "dispatched": "派发，请签收",
        "rung_again": "仍未签收，再次催签",
        "escalated": "临限升级",
        "refused": "处置单位退单",
        "arbitrated": "退单已裁定",
        "forgotten": "签收后久无进展",
        "report_due": "应报告信息",
        "response": "应急响应",
        "warning": "预警",
        "merged": "并案",
        "handover": "交接班",
        "lesson": "整改到期",
        "rota_hole": "值班空班",
        "milestone": "里程碑滞后",
        "security": "保函、保险到期",
        "capital": "资本金到期未足额",
        "project": "项目提醒",
        "other": "通知",
    }
)
"""Kind of notice → what stands at its head."""

CASE_TITLES: Mapping[str, str] = MappingProxyType(
    {
        "urged": "催办",
        "copied": "抄送",
        "transferred": "转办",
        "recused": "回避",
        "card_issued": "监察牌",
        "card_revoked": "监察牌已撤销",
        "explained": "监察牌已书面说明",
        "returned": "书面说明被退回",
    }
)
"""The same of notices of cases, which stand on a page alone: no channel carries them."""

LEVELS: Mapping[str, str] = MappingProxyType(
    {
        "red": "红色", "orange": "橙色", "yellow": "黄色", "blue": "蓝色",
        "extraordinary": "特别重大", "major": "重大", "serious": "较大", "ordinary": "一般",
    }
)  # fmt: skip


DIGEST_TITLE = "今日提醒"

SMS = "sms"
MAIL = "email"
SUBJECT = "subject"
"""What stands at the head of a mail; asked for like a channel."""
MOST_SUBJECT = 120
"""Characters of it: what a list of mails shows."""
MOST_SMS = 300
"""Characters of a filled text message: some five of the 67 that one part carries."""

NAMES = ("编号", "种类", "级别", "地点", "时限", "进度", "依据")
CASE_NAMES = ("编号", "级别")
DIGEST_NAMES = ("待办", "超期", "预警", "未签收", "未读")
_COUNTED = ("open", "overdue", "warning", "team", "unread")


def names_of(kind: str) -> tuple[str, ...]:
    """Return the names that a text of this kind may use."""
    if kind in CASE_TITLES:
        return CASE_NAMES
    return DIGEST_NAMES if kind == digests.KIND else NAMES


def sentence(
    kind: str,
    fields: Mapping[str, JsonValue],
    names: Mapping[str, str],
    zone: str,
    words: NoticeWords = NO_WORDS,
    channel: str = "",
) -> str:
    """Return the notice as a sentence. `names`: code of a kind of incident, or of a
    district, → its name. `words`: the city's own, where it has some for this kind."""
    own = words.of(kind)
    said = _told(kind, fields, names, zone)
    if channel == SUBJECT:
        head = filled(own.subject, said) if own is not None and own.subject else ""
        plain = head or sentence(kind, fields, names, zone, words)
        return " ".join(plain.split())[:MOST_SUBJECT]
    if channel == MAIL and own is not None and own.mail:
        return _letter(filled(own.mail, said))
    if own is None:
        if kind == digests.KIND:
            return digest_sentence(fields)
        return _headed(title_of(kind, words), said)
    body = (own.sms if channel == SMS else "") or own.body
    if not body:
        if kind == digests.KIND:
            return digest_sentence(fields, own.title)
        return _headed(own.title, said)
    return f"【{own.title}】{' '.join(filled(body, said).split())}"


def title_of(kind: str, words: NoticeWords = NO_WORDS) -> str:
    """Return what stands at the head of a notice of a kind."""
    own = words.of(kind)
    if own is not None:
        return own.title
    if kind == digests.KIND:
        return DIGEST_TITLE
    return CASE_TITLES.get(kind) or TITLES.get(kind, TITLES["other"])


def case_body(kind: str, number: str, level: str, words: NoticeWords) -> str:
    """Return what the city says beneath a notice of a case; empty: nothing."""
    own = words.of(kind)
    if own is None or not own.body:
        return ""
    said = _told(kind, {"number": number, "level": level}, {}, "UTC")
    return " ".join(filled(own.body, said).split())


def _letter(text: str) -> str:
    """Return the lines of a letter, without those that nothing was to say in."""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def _headed(title: str, said: Mapping[str, str]) -> str:
    parts = (
        said["编号"], said["种类"], said["级别"], said["地点"],
        f"时限 {said['时限']}" if said["时限"] else "",
        f"已用时限的 {said['进度']}" if said["进度"] else "",
        said["依据"],
    )  # fmt: skip
    told = "，".join(part for part in parts if part)
    return f"【{title}】{told}" if told else f"【{title}】"


def _told(
    kind: str, fields: Mapping[str, JsonValue], names: Mapping[str, str], zone: str
) -> dict[str, str]:
    """Return what each name says of a notice's fields; empty where there is nothing to say."""

    def said(name: str) -> str:
        value = fields.get(name)
        return "" if value is None else str(value)

    if kind == digests.KIND:
        counted = zip(DIGEST_NAMES, _COUNTED, strict=True)
        return {name: said(code) if fields.get(code) else "" for name, code in counted}
    return {
        "编号": said("number"),
        "种类": names.get(said("type"), said("type")),
        "级别": _level(said("level")),
        "地点": names.get(said("district"), said("district")),
        "时限": _moment(said("due"), zone) if said("due") else "",
        "进度": f"{said('rung')}%" if said("rung") else "",
        "依据": said("basis"),
    }


def words_problems(words: NoticeWords, marked: Marked) -> list[Fault]:
    """Return what is wrong with a text of words, each with its line."""
    found: list[Fault] = []
    kinds = [one.kind for one in words.words]
    for n, one in enumerate(words.words):
        loc = ("通知用语", n)
        if one.kind not in SAMPLES:
            known = "、".join(SAMPLES)
            found.append(
                marked.fault((*loc, "通知"), f"没有「{one.kind}」这种通知", f"可用：{known}")
            )
        elif kinds.index(one.kind) != n:
            found.append(marked.fault((*loc, "通知"), "同一种通知写了两次", "请删去一次"))
        texts = (
            ("标题", one.title), ("正文", one.body), ("短信", one.sms),
            ("邮件主题", one.subject), ("邮件正文", one.mail),
        )  # fmt: skip
        for element, text in texts:
            allowed = () if element == "标题" else names_of(one.kind)
            problems = text_problems(_words(allowed), text)
            if element == "标题" and not problems and set("【】\n") & set(text):
                problems = ["标题不写【】，也不换行"]
            if element == "邮件主题" and not problems and "\n" in text:
                problems = ["邮件主题不换行"]
            if text and element not in ("标题", "正文") and one.kind in CASE_TITLES:
                problems = ["办件的通知只在网页上，没有短信和邮件"]
            found += [marked.fault((*loc, element), told, "请改正") for told in problems]
        found += _too_long(words, one.kind, marked, loc) if not found else []
    return found


def _too_long(
    words: NoticeWords, kind: str, marked: Marked, loc: tuple[str | int, ...]
) -> list[Fault]:
    own = words.of(kind)
    subject = (
        "" if own is None else filled(own.subject, _told(kind, SAMPLES[kind], {}, SAMPLE_ZONE))
    )
    lengths = (
        ("短信", len(sample(kind, words, SMS)), MOST_SMS),
        ("邮件主题", len(subject), MOST_SUBJECT),
    )
    return [
        marked.fault((*loc, element), f"填满以后{element}有 {length} 字，至多 {most} 字", "请改短")
        for element, length, most in lengths
        if length > most
    ]


def _words(allowed: tuple[str, ...]) -> Words:
    return Words(dict.fromkeys(allowed, str), frozenset(), frozenset())


_FIELDS: Mapping[str, JsonValue] = MappingProxyType(
    {
        "number": "云突〔2026〕000123号", "type": "燃气泄漏", "level": "orange",
        "district": "云溪区", "due": "2026-11-27T07:30:00+00:00", "rung": 80,
        "basis": "《生产安全事故应急条例》第十七条",
    }
)  # fmt: skip
_DIGEST: Mapping[str, JsonValue] = MappingProxyType(
    {"open": 12, "overdue": 1, "warning": 3, "team": 5, "unread": 2}
)
_CASE: Mapping[str, JsonValue] = MappingProxyType(
    {"number": "云住建许受〔2026〕000123号", "level": "yellow"}
)
SAMPLES: Mapping[str, Mapping[str, JsonValue]] = MappingProxyType(
    {
        **dict.fromkeys(TITLES, _FIELDS),
        digests.KIND: _DIGEST,
        **dict.fromkeys(CASE_TITLES, _CASE),
    }
)
"""Kind → fields of a notice that has something to say of everything, for previews."""
SAMPLE_ZONE = "Asia/Shanghai"


def sample(kind: str, words: NoticeWords = NO_WORDS, channel: str = "") -> str:
    """Return a notice of a kind as it would be said, of made-up facts."""
    return sentence(kind, SAMPLES[kind], {}, SAMPLE_ZONE, words, channel)


def _level(level: str) -> str:
    """Return a level in words; that of a response is a figure, and nought once it has ended."""
    if level == "0":
        return "已解除"
    return f"{level} 级" if level.isdecimal() else LEVELS.get(level, level)


def digest_sentence(counts: Mapping[str, JsonValue], title: str = DIGEST_TITLE) -> str:
    """Return a morning's digest as a sentence; what is nought is not said."""
    said = (
        ("待办 {n} 件", "open"), ("其中超期 {n} 件", "overdue"), ("预警 {n} 件", "warning"),
        ("团队未签收 {n} 件", "team"), ("未读通知 {n} 条", "unread"),
    )  # fmt: skip
    told = "，".join(words.format(n=counts[name]) for words, name in said if counts.get(name))
    return f"【{title}】{told}"


def _moment(text: str, zone: str) -> str:
    try:
        return f"{datetime.fromisoformat(text).astimezone(ZoneInfo(zone)):%m-%d %H:%M}"
    except ValueError:
        return text
