"""通知用语 at the designer's desk: the words of notices, drafted, looked at, and sent to the gate.

What is typed is kept as everybody's drafts are: by itself, by the button, and beside what another
tab has saved; it is gone once it was sent or dropped.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, ClassVar, Final
from urllib.parse import quote
from uuid import UUID, uuid5

import yaml
from starlette.responses import RedirectResponse, Response

from activities.notice_wording import (
    CASE_TITLES,
    MAIL,
    SAMPLES,
    SMS,
    SUBJECT,
    names_of,
    sample,
    title_of,
    words_problems,
)
from catalogue.marks import Fault, Loc, Marked
from catalogue.notice_words import NAME, NO_WORDS, NoticeWord, NoticeWords, read_notice_words
from forms.access_ports import Thing
from forms.designer_changes import Moved
from forms.designer_ports import DESIGNS
from forms.draft_ports import Draft
from forms.drafting import Begun, clash, keep, marked_seen, texts_of
from forms.fields import Field, Form, Posted, Wrong
from forms.release_ports import Release
from forms.rendering import Page
from forms.settled_finality import ask_to_drop
from forms.showing import not_found, show
from forms.visit import Visit
from forms.words import N_

PARTS = {
    "title": "标题", "body": "正文", "sms": "短信", "subject": "邮件主题", "mail": "邮件正文",
}  # fmt: skip
"""Box → element of the text."""
DRAFT: Final = f"{DESIGNS}@words"
"""What the store of drafts calls one of the words; no matter's code begins so."""
_OURS: Final = UUID("6f0a4a0e-3c1c-5a55-9a0a-7b6f1d2c9e41")
"""Name space of the drafts of the words: everybody keeps one."""
PATH: Final = "/designer/words"
BASE: Final = "base"
"""Hidden field: the version that counted when the draft was begun."""
WHERE = {
    "title": N_("标题"), "body": N_("正文"), "sms": N_("短信"),
    "subject": N_("邮件主题"), "mail": N_("邮件正文"),
}  # fmt: skip


@dataclass(frozen=True)
class KindLine:
    """One kind of notice: its boxes, and what they make of made-up facts."""

    kind: str
    title: str
    fields: tuple[Field, ...]
    said: str
    sms: str
    """Empty: no channel carries it."""
    subject: str
    mail: str
    names: str
    own: bool
    """The city has words of its own for it."""


@dataclass(frozen=True)
class NoticeWordsPage(Page):
    """Every kind of notice with its words."""

    template: ClassVar[str] = "notice_words.html"

    form: Annotated[Form, "What is wrong."]
    lines: Annotated[tuple[KindLine, ...], "Every kind."]
    version: Annotated[str, "The version that counts; empty: all as shipped."]
    moves: Annotated[tuple[Moved, ...], "What is typed changes against it."]
    hint: Annotated[str, "How a text is written."]
    looked: Annotated[bool, "The words were looked at: they may be sent if nothing is wrong."]
    kept: Annotated[Draft | None, "The draft that is gone on with; None: nothing is kept yet."]
    seen: Annotated[int, "The version of the draft that the page shows; 0: none was saved."]
    base: Annotated[str, "The version that counted when this was begun."]
    stale: Annotated[bool, "Another version has come to count since."]


@dataclass(frozen=True)
class WordsReleasePage(Page):
    """One version of the words in the register."""

    template: ClassVar[str] = "words_release.html"

    release: Annotated[Release, "The version in the register."]
    before: Annotated[str, "The version that counts before it; empty: all as shipped."]
    moves: Annotated[tuple[Moved, ...], "Every difference."]
    lines: Annotated[tuple[KindLine, ...], "The kinds that it words, with what they say."]
    failed: Annotated[tuple[str, ...], "What the gate found."]
    people: Annotated[Mapping[str, str], "User id → name."]
    may_sign: Annotated[bool, "May activate it: somebody else proposed it."]
    may_withdraw: Annotated[bool, "Proposed it, and may take it back."]
    may_draft: Annotated[bool, "May draft the next version."]


def parts_of(kind: str) -> tuple[str, ...]:
    """Return the boxes of a kind: what stands on a page alone has no message and no mail."""
    return ("title", "body") if kind in CASE_TITLES else tuple(PARTS)


async def words(visit: Visit) -> Response:
    """The words that count, every box of them; or the draft of this person, gone on with."""
    await visit.demand("release_propose", WORDS)
    known: NoticeWords = await visit.ask(visit.ports.designs.notice_words)
    draft = await visit.ask(visit.ports.drafts.find, visit.author, _draft_id(visit))
    if draft is None:
        return await _shown(visit, known, known, (), looked=False)
    posted = texts_of(draft.values)
    typed, text = await _typed(visit, posted)
    looked = visit.request.query_params.get("saved") == "1"
    return await _shown(visit, known, typed, _faults(typed, text), looked, draft, posted)


async def keep_words(visit: Visit) -> Response:
    """Keep what was typed and show what it says; or send it to the gate; or throw it away."""
    await visit.demand("release_propose", WORDS)
    known: NoticeWords = await visit.ask(visit.ports.designs.notice_words)
    if visit.text("do") == "drop":
        return await _drop(visit)
    posted = visit.texts()
    typed, text = await _typed(visit, posted)
    begun = _begun(visit, typed)
    if visit.text("do") != "send":
        kept = await keep(visit, begun, posted)
        if isinstance(kept, Response):
            return kept
        return await _shown(visit, known, typed, (("", kept),), looked=True, posted=posted)
    if (both := await clash(visit, begun, posted)) is not None:
        return both
    faults = _faults(typed, text)
    if faults or typed.words == known.words:
        return await _shown(visit, known, typed, faults, looked=True, posted=posted)
    made = await visit.ask(visit.ports.releases.propose, visit.who, "template", text)
    if isinstance(made, str):
        return await _shown(visit, known, typed, (("", made),), looked=True, posted=posted)
    # Sent first: a crash between the two leaves a draft of what was sent, and loses nothing.
    await visit.ask(visit.ports.drafts.remove, visit.author, begun.draft)
    return RedirectResponse(f"/releases/{quote(made.id)}", 303)


async def _drop(visit: Visit) -> Response:
    if asked := await ask_to_drop(
        visit, visit.say(N_("丢弃这份草稿")), visit.say(N_("通知用语")), PATH
    ):
        return asked
    await visit.ask(visit.ports.drafts.remove, visit.author, _draft_id(visit))
    return RedirectResponse(PATH, 303)


def _draft_id(visit: Visit) -> str:
    return str(uuid5(_OURS, visit.author.id))


def _begun(visit: Visit, typed: NoticeWords) -> Begun:
    """Return the draft as what keeps drafts knows one; each box is named with its notice."""
    boxes = tuple(
        replace(field, label=f"{visit.say(title_of(kind))} · {field.label}")
        for kind in SAMPLES
        for field in _fields(visit, typed, kind, {})
    )
    title = visit.say(N_("通知用语"))
    return Begun(DRAFT, title, _draft_id(visit), "", "", PATH, Form(boxes), ())


WORDS: Final = Thing("release", "new:template", department="*")
"""The words are the whole city's: who drafts for one department alone does not change them."""


async def may_draft(visit: Visit) -> bool:
    """Return whether the visitor may draft the words of notices."""
    may = visit.ports.access.may
    return (await visit.ask(may, visit.actor, "release_propose", WORDS)).allowed


def _next(taken: Sequence[str], year: int) -> str:
    number = 1
    while f"{year}.{number}" in taken:
        number += 1
    return f"{year}.{number}"


async def _typed(visit: Visit, posted: Posted) -> tuple[NoticeWords, str]:
    """Return what was typed, and the same as the text that is sent: what is as shipped left out.

    The words are as typed, however long: what is wrong with them the text's reader says.
    """
    taken: Sequence[str] = await visit.ask(visit.ports.designs.words_versions)
    version = _next(taken, datetime.now(visit.zone).year)
    found = []
    for kind in SAMPLES:
        own = {
            part: next(iter(posted.get(f"{part}.{kind}", ())), "").strip().replace("\r\n", "\n")
            for part in parts_of(kind)
        }
        own["title"] = own["title"] or title_of(kind)
        if own["title"] != title_of(kind) or any(own[part] for part in own if part != "title"):
            empty = dict.fromkeys(PARTS, "")
            found.append(NoticeWord.model_construct(None, kind=kind, **{**empty, **own}))
    words = NoticeWords.model_construct(name=NAME, version=version, words=tuple(found))
    entries = [
        {"通知": one.kind}
        | {element: text for part, element in PARTS.items() if (text := getattr(one, part))}
        for one in found
    ]
    whole = {"标识": NAME, "版本": version, "通知用语": entries}
    return words, yaml.safe_dump(whole, allow_unicode=True, sort_keys=False, width=10_000)


def _faults(typed: NoticeWords, text: str) -> tuple[tuple[str, str], ...]:
    """Return box → what is wrong, exactly as the gate will say."""
    _, marked, faults = read_notice_words(text)
    if marked is not None:  # of the form's own making: what is too long is said beside the rest
        faults = [*faults, *words_problems(typed, marked)]
    return tuple((_box(typed, marked, one), f"{one.message}。{one.remedy}") for one in faults)


def _box(typed: NoticeWords, marked: Marked | None, fault: Fault) -> str:
    places: Loc = ()
    for loc, line in ({} if marked is None else marked.lines).items():
        if line == fault.line and len(loc) >= len(places):
            places = loc
    part = next((part for part, element in PARTS.items() if element in places), "")
    if len(places) < 2 or not part or not isinstance(places[1], int):
        return ""
    return f"{part}.{typed.words[places[1]].kind}"


async def _shown(
    visit: Visit,
    known: NoticeWords,
    typed: NoticeWords,
    faults: Sequence[tuple[str, str]],
    looked: bool,
    kept: Draft | None = None,
    posted: Posted | None = None,
) -> Response:
    posted = posted or {}
    base = next(iter(posted.get(BASE, ())), known.version)[:12]
    told: dict[str, str] = {}
    for box, said in faults:
        told[box] = f"{told[box]}；{said}" if box in told else said
    lines = tuple(_line(visit, typed, kind, told) for kind in SAMPLES)
    every = tuple(field for line in lines for field in line.fields)
    wrong = tuple(Wrong(said) for box, said in told.items() if not box)
    errors = (*wrong, *Form(every).with_errors({b: s for b, s in told.items() if b}).errors)
    page = NoticeWordsPage(
        title=visit.say(N_("通知用语")),
        form=Form((), errors),
        lines=lines,
        version=known.version if known.words else "",
        moves=() if faults else tuple(_moves(visit, known, typed)),
        hint=visit.say(N_(
            "{{ 名称 }} 换成通知的内容，{% if 名称 %}…{% endif %} 只在有内容时才说。"
            "通知不含个人信息，用语里也没有这样的名称。"
        )),
        looked=looked,
        kept=kept,
        seen=marked_seen(kept.version if kept else 0, posted),
        base=base,
        stale=base != known.version,
    )  # fmt: skip
    return await show(visit, page, 422 if faults and looked else 200)


def _fields(
    visit: Visit, words: NoticeWords, kind: str, told: Mapping[str, str]
) -> tuple[Field, ...]:
    own = words.of(kind)
    values = {part: getattr(own, part) if own else "" for part in PARTS}
    values["title"] = values["title"] or title_of(kind)
    hints = {
        "body": N_("站内、邮件、即时消息；不填的用全市原来的句子"),
        "sms": N_("只用于短信；不填的同正文"),
        "subject": N_("不填的同站内的一句"),
        "mail": N_("可以分行；不填的同正文。链接总在最后"),
    }
    if kind in CASE_TITLES:
        hints["body"] = N_("写在通知的标题下面，如收到以后要做什么；不填的不写")
    return tuple(
        Field(
            f"{part}.{kind}", visit.say(WHERE[part]),
            "text" if part in ("title", "subject") else "textarea",
            required=part == "title", hint=visit.say(hints[part]) if part in hints else "",
            values=(values[part],), error=told.get(f"{part}.{kind}", ""), wide=part != "title",
        )
        for part in parts_of(kind)
    )  # fmt: skip


def _line(visit: Visit, words: NoticeWords, kind: str, told: Mapping[str, str]) -> KindLine:
    broken = any(box.endswith(f".{kind}") for box in told)
    alone = broken or kind in CASE_TITLES
    sms, subject, mail = (
        "" if alone else sample(kind, words, channel) for channel in (SMS, SUBJECT, MAIL)
    )
    return KindLine(
        kind, visit.say(title_of(kind)), _fields(visit, words, kind, told),
        "" if broken else sample(kind, words), sms, subject, mail,
        "、".join(names_of(kind)), words.of(kind) is not None,
    )  # fmt: skip


def _moves(visit: Visit, before: NoticeWords, after: NoticeWords) -> Iterator[Moved]:
    for kind in SAMPLES:
        old, new = before.of(kind), after.of(kind)
        shipped = {**dict.fromkeys(PARTS, ""), "title": title_of(kind)}
        for part in PARTS:
            was = getattr(old, part) if old else shipped[part]
            now = getattr(new, part) if new else shipped[part]
            if was != now:
                where = f"{visit.say(title_of(kind))} · {visit.say(WHERE[part])}"
                yield Moved(where, "other" if was and now else "come" if now else "gone", was, now)


async def words_release(visit: Visit, row: Release) -> Response:
    """What a version of the words changes, what it says, who signs. Raises `Stop` 404."""
    found = await visit.ask(visit.ports.designs.proposed_words, row.id)
    if found is None:
        raise not_found(visit)
    before = found.before if found.before.version != found.words.version else NO_WORDS
    thing = Thing("release", row.id, proposed_by=row.proposed_by, department="*")
    may = visit.ports.access.may
    signing = (await visit.ask(may, visit.actor, "release_sign", thing)).allowed
    page = WordsReleasePage(
        title=f"{visit.say(N_('通知用语'))} {row.version}",
        release=row,
        before=before.version if before.words else "",
        moves=tuple(_moves(visit, before, found.words)),
        lines=tuple(_line(visit, found.words, one.kind, {}) for one in found.words.words),
        failed=tuple(text for check in found.gate for text in check.findings),
        people=dict(await visit.ask(visit.ports.reader.colleagues, "")),
        may_sign=row.state == "proposed" and signing,
        may_withdraw=row.state in ("proposed", "blocked") and row.proposed_by == visit.actor.id,
        may_draft=await may_draft(visit),
    )
    return await show(visit, page)


__all__ = ["keep_words", "may_draft", "words", "words_release"]
