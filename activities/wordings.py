"""文书正文 in an organ's own words: which names they may use, what the law wants said, and how they
become paragraphs.

The text is Jinja's, of which only two things are read: `{{ 名称 }}` and `{% if 名称 %}` with its
`else` and `endif`. Jinja parses; nothing of it is ever compiled or run, so a text can neither call
nor reach anything.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from jinja2 import Environment, TemplateSyntaxError, nodes

from activities import document_facts as facts
from catalogue.marks import Fault, Marked
from catalogue.matters import DocumentKind, Matter

DEEPEST = 3
"""Conditions within one another; more nobody reads."""

_READER = Environment(autoescape=False, trim_blocks=True, lstrip_blocks=True)  # noqa: S701  # parses only

_PROVISIONAL = "该日期跨入节假日安排尚未公布的期间，为暂定日期，以公布后的安排为准。"


@dataclass(frozen=True, slots=True)
class Words:
    """What the words of one kind of document may and must name."""

    names: Mapping[str, Callable[[Any], str]]
    """Name → what it says of the facts; empty where there is nothing to say."""
    always: frozenset[str]
    """What the law wants said in every such document."""
    where_given: frozenset[str]
    """What a document may have and must then say: it may stand within its own condition."""
    signed_for: bool = False
    """The document ends with the lines in which the applicant signs for it."""


def _field(name: str) -> Callable[[Any], str]:
    return lambda given: str(getattr(given, name))


def _joined(name: str) -> Callable[[Any], str]:
    return lambda given: "、".join(getattr(given, name))


def _lacking(given: facts.SupplementNotice) -> str:
    """One line each, as the shipped notice has them."""
    last = len(given.lacking)
    return "\n".join(
        f"{n}. {one.what}{f'（{one.why}）' if one.why else ''}{'。' if n == last else '；'}"
        for n, one in enumerate(given.lacking, 1)
    )


def _remedies(given: facts.AcceptanceRefusal | facts.Refusal) -> str:
    way = given.remedies
    if way.review_first:
        return (
            f"如不服本决定，应当先自收到本决定之日起60日内向{way.review_body}申请行政复议；"
            "对行政复议决定不服的，可以自收到行政复议决定书之日起15日内"
            f"向{way.court}提起行政诉讼。"
        )
    return (
        f"如不服本决定，可以自收到本决定之日起60日内向{way.review_body}申请行政复议，"
        f"也可以自收到本决定之日起6个月内依法向{way.court}提起行政诉讼。"
    )


def _provisional(given: Any) -> str:
    return _PROVISIONAL if given.provisional else ""


_COMMON: Mapping[str, Callable[[Any], str]] = MappingProxyType({
    "机关": _field("organ"), "文号": _field("number"), "申请人": _field("addressee"),
    "事项": _field("matter"), "办件编号": _field("case_no"), "落款日期": _field("issued_on"),
    "机关地址": _field("address"), "机关电话": _field("phone"), "依据": _field("basis"),
})  # fmt: skip


def _words(
    own: Mapping[str, Callable[[Any], str]],
    always: str,
    where_given: str = "",
    *,
    signed_for: bool = True,
) -> Words:
    return Words(
        MappingProxyType({**_COMMON, **own}),
        frozenset(["事项", "依据", *always.split()]),
        frozenset(where_given.split()),
        signed_for,
    )


_DECIDE_BY = {"最迟决定日": _field("decide_by"), "暂定说明": _provisional}
_HEARD = {"听证日期": _field("hearing_on"), "听证笔录": _field("hearing_record")}

WORDS: Mapping[DocumentKind, Words] = MappingProxyType({
    "supplement_notice": _words(
        {"收到日期": _field("received_on"), "所缺材料": _lacking,
         "补正日数": _field("within_days"), "补正截止日": _field("supply_by"),
         "暂定说明": _provisional},
        "所缺材料 补正日数", "补正截止日 暂定说明",
    ),
    "acceptance_notice": _words(
        {"收到日期": _field("received_on"), "受理日期": _field("accepted_on"),
         "办理期限": _field("period"), "承诺办结日": _field("promised_by"),
         "申请人电话": _field("contact"), **_DECIDE_BY},
        "受理日期 办理期限", "最迟决定日 承诺办结日 暂定说明",
    ),
    "acceptance_refusal": _words(
        {"收到日期": _field("received_on"), "理由": _field("reason"),
         "应向机关": _field("apply_to"), "救济途径": _remedies},
        "理由 救济途径", "应向机关",
    ),
    "procedure_notice": _words(
        {"受理日期": _field("accepted_on"), "程序": _field("procedure"), "理由": _field("ground"),
         "所需日数": _field("expected_days"), "预计结束日": _field("expected_until")},
        "程序 理由 所需日数",
    ),
    "extension_notice": _words(
        {"受理日期": _field("accepted_on"), "理由": _field("reason"),
         "批准人": _field("approved_by"), "延长期限": _field("extension"), **_DECIDE_BY},
        "理由 批准人 延长期限", "最迟决定日 暂定说明",
    ),
    "grant": _words(
        {"受理日期": _field("accepted_on"), "办理活动": _field("activity"),
         "附加要求": _field("conditions"), "有效期": _field("valid_until"),
         "结果": _field("result"), "送达期限": _field("delivery"), **_HEARD},
        "办理活动", "附加要求 有效期 结果 听证笔录", signed_for=False,
    ),
    "refusal": _words(
        {"受理日期": _field("accepted_on"), "办理活动": _field("activity"),
         "理由": _field("reasons"), "救济途径": _remedies, **_HEARD},
        "办理活动 理由 救济途径", "听证笔录", signed_for=False,
    ),
    "wait_notice": _words(
        {"受理日期": _field("accepted_on"), "等待事由": _field("wait"), "理由": _field("reason"),
         "所需日数": _field("expected_days"), "预计结束日": _field("expected_until"),
         **_DECIDE_BY},
        "等待事由 理由 所需日数", "最迟决定日 暂定说明",
    ),
    "hearing_right_notice": _words(
        {"受理日期": _field("accepted_on"), "利害关系": _field("interest"),
         "利害关系人": _joined("parties"), "提出截止日": _field("request_by"),
         "费用依据": _field("costs")},
        "利害关系 费用依据", "利害关系人 提出截止日",
    ),
    "hearing_notice": _words(
        {"申请听证日期": _field("requested_on"), "公告": _field("announcement"),
         "听证时间": _field("hearing_at"), "听证地点": _field("place"), "主持人": _field("host"),
         "听证方式": lambda given: "公开举行" if given.public else "不公开举行",
         "回避依据": _field("recusal")},
        "听证时间 听证地点 主持人 听证方式 回避依据", "公告",
    ),
    "deemed_renewal": _words(
        {"收到日期": _field("received_on"), "原有效期": _field("licence_until"),
         "结果": _field("result"), "送达期限": _field("delivery")},
        "原有效期", "结果", signed_for=False,
    ),
})  # fmt: skip
"""Kinds that may be worded; the others are forms and tables, which stay one in the whole city.

What must be said: 行政许可法第三十二条 (all that is lacking, at once), 第三十八条 (reasons and
remedies), 第四十二条 (reasons of an extension), 第四十五条 (the time that is not counted),
第四十七、四十八条 (the right to be heard, who presides)."""


class WordingFaulty(Exception):
    """A text that cannot be printed; the text says why and what to do, in Chinese."""


def is_worded(kind: DocumentKind, given: facts.DocumentFacts) -> bool:
    """Tell whether an organ's own words are used of these facts.

    A deemed acceptance, one with materials to follow, and word that no licence is needed say what
    their own article makes of them: there the shipped words stand.
    """
    if isinstance(given, facts.AcceptanceNotice):
        return not (given.deemed or given.missing)
    if isinstance(given, facts.AcceptanceRefusal):
        return given.required
    return kind in WORDS


def paragraphs(kind: DocumentKind, body: str, given: facts.DocumentFacts) -> tuple[str, ...]:
    """Return the paragraphs that the words make of the facts, as plain text.

    Raises `WordingFaulty`, which the gate had refused.
    """
    words = WORDS[kind]
    tree = parsed(body)
    wrong = next(_problems(words, tree), None)
    if wrong is not None:
        raise WordingFaulty(wrong)
    said = {name: tell(given) for name, tell in words.names.items()}
    lines = "".join(_said(tree.body, said)).splitlines()
    return tuple(line.strip() for line in lines if line.strip())


def text_problems(words: Words, body: str) -> list[str]:
    """Return what is wrong with a text that may use the names of `words`, in Chinese."""
    try:
        return list(dict.fromkeys([*_characters(body), *_problems(words, parsed(body))]))
    except WordingFaulty as wrong:
        return [str(wrong)]


def filled(body: str, said: Mapping[str, str]) -> str:
    """Return a text that has passed `text_problems` with its names filled in."""
    return "".join(_said(parsed(body).body, said))


def wording_problems(kind: DocumentKind, body: str) -> list[str]:
    """Return what is wrong with the words of one kind, in Chinese; empty: they may be printed."""
    words = WORDS.get(kind)
    if words is None:
        return ["这种文书是全市统一的表格，正文不能另写；请删去"]
    return text_problems(words, body)


def wording_faults(matter: Matter, marked: Marked) -> list[Fault]:
    """Return what is wrong with a matter's own words, each with its line."""
    found: list[Fault] = []
    kinds = [one.kind for one in matter.wordings]
    for n, one in enumerate(matter.wordings):
        loc = ("文书正文", n)
        if kinds.index(one.kind) != n:
            found.append(marked.fault((*loc, "文书"), "同一种文书写了两段正文", "请删去一段"))
        if one.kind not in matter.documents:
            found.append(
                marked.fault((*loc, "文书"), "本事项不出具这种文书", "请在「文书」中加上，或删去")
            )
        found += [
            marked.fault((*loc, "正文"), problem, "请改正正文")
            for problem in wording_problems(one.kind, one.body)
        ]
    return found


def parsed(body: str) -> nodes.Template:
    """Return the text's tree. Raises `WordingFaulty`."""
    try:
        return _READER.parse(body)
    except TemplateSyntaxError as wrong:
        raise WordingFaulty(
            f"第 {wrong.lineno} 行的花括号写法有误；只用 {{{{ 名称 }}}} 和 "
            "{% if 名称 %}…{% endif %}"
        ) from wrong
    except RecursionError as deep:
        raise WordingFaulty("正文套得太深；请写成一段一段的文字") from deep


def _characters(body: str) -> Iterator[str]:
    odd = sorted({c for c in body if unicodedata.category(c)[0] == "C" and c not in "\n\r\t"})
    if odd:
        yield f"有看不见的字符（{'、'.join(f'U+{ord(c):04X}' for c in odd[:5])}）；请删去"


def _problems(words: Words, tree: nodes.Template) -> Iterator[str]:
    always: set[str] = set()
    given: set[str] = set()
    yield from _walk(words, tree.body, (), always, given)
    for name in sorted(words.always - always):
        yield f"缺少 {{{{ {name} }}}}：依法每份都要写，且不能放在条件里"
    for name in sorted(words.where_given - always - given):
        yield f"缺少 {{{{ {name} }}}}：有则必须写明，可放在 {{% if {name} %}} 里"


def _walk(
    words: Words,
    found: Sequence[nodes.Node],
    within: tuple[str, ...],
    always: set[str],
    given: set[str],
) -> Iterator[str]:
    """Yield what may not stand there, and note what is said: always, or where it is given."""
    for node in found:
        if isinstance(node, nodes.Output):
            yield from _walk(words, node.nodes, within, always, given)
        elif isinstance(node, nodes.Name):
            yield from _named(words, node.name)
            if not within:
                always.add(node.name)
            elif within == (node.name,):
                given.add(node.name)
        elif isinstance(node, nodes.If):
            yield from _condition(words, node, within, always, given)
        elif not isinstance(node, nodes.TemplateData):
            yield (
                f"第 {node.lineno} 行有不能用的写法；"
                "只用 {{ 名称 }} 和 {% if 名称 %}…{% endif %}"
            )


def _condition(
    words: Words,
    node: nodes.If,
    within: tuple[str, ...],
    always: set[str],
    given: set[str],
) -> Iterator[str]:
    test = node.test
    if not isinstance(test, nodes.Name) or node.elif_:
        yield f"第 {node.lineno} 行的条件只能写一个名称，不能用运算或 elif"
        return
    if len(within) >= DEEPEST:
        yield f"第 {node.lineno} 行的条件套得太深；最多 {DEEPEST} 层"
        return
    yield from _named(words, test.name)
    yield from _walk(words, node.body, (*within, test.name), always, given)
    yield from _walk(words, node.else_, (*within, f"非 {test.name}"), always, given)


def _named(words: Words, name: str) -> Iterator[str]:
    if name not in words.names:
        yield f"这里没有「{name}」；可用：{'、'.join(words.names)}"


def _said(found: Sequence[nodes.Node], said: Mapping[str, str]) -> Iterator[str]:
    for node in found:
        if isinstance(node, nodes.Output):
            yield from _said(node.nodes, said)
        elif isinstance(node, nodes.TemplateData):
            yield node.data
        elif isinstance(node, nodes.Name):
            yield said[node.name]
        else:
            assert isinstance(node, nodes.If) and isinstance(node.test, nodes.Name)
            yield from _said(node.body if said[node.test.name] else node.else_, said)
