"""Notices: what the reader, their departments and roles were told, and the morning's digest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from starlette.responses import RedirectResponse, Response

from activities.notice_wording import case_body, title_of
from cases import digests
from catalogue.notice_words import NoticeWords
from forms.own_ports import OwnNotice
from forms.rendering import Page
from forms.showing import show
from forms.visit import Visit
from forms.words import N_

DIGEST = {
    "open": (N_("待办"), "/"),
    "overdue": (N_("超期"), "/?state=overdue"),
    "warning": (N_("预警"), "/?state=warning"),
    "team": (N_("团队未签收"), "/team"),
    "unread": (N_("未读通知"), "/notices"),
}
"""What a digest counts → its word, and the list that it counts."""


@dataclass(frozen=True)
class NoticesPage(Page):
    """What the reader was told, the newest first, unread in bold."""

    template: ClassVar[str] = "notices.html"

    notices: Annotated[Sequence[OwnNotice], "The notices and digests."]
    unread: Annotated[int, "How many are unread."]
    counted: Annotated[Mapping[str, tuple[str, str]], "What a digest counts → word and list."]
    people_names: Annotated[Mapping[str, str], "User id → name."]
    worded: Annotated[
        Mapping[str, tuple[str, str]], "Id of a notice → the city's own head and text."
    ]
    incidents_unread: Annotated[int, "Unacknowledged notices of incidents; they have their page."]


async def notices(visit: Visit) -> Response:
    await visit.demand("list", "case")
    found = await visit.ask(visit.ports.own.notices, visit.actor)
    visit.saw_rows(len([one for one in found if one.notice is not None]))
    people = await visit.ask(visit.ports.reader.colleagues, "")
    duty = await visit.ask(visit.ports.access.may, visit.actor, "duty_read", "duty")
    own = visit.who.own or visit.actor
    page = NoticesPage(
        title=visit.say(N_("通知")),
        notices=found,
        unread=sum(not one.read for one in found),
        counted={name: (visit.say(words), url) for name, (words, url) in DIGEST.items()},
        people_names=dict(people),
        worded=_worded(found, await visit.ask(visit.ports.designs.notice_words)),
        incidents_unread=await visit.ask(visit.ports.duty.unread, own) if duty.allowed else 0,
    )
    return await show(visit, page)


def _worded(notices: Sequence[OwnNotice], words: NoticeWords) -> dict[str, tuple[str, str]]:
    """Return id of a notice → head and text, where the city has words of its own for its kind."""
    found = {}
    for one in notices:
        kind = digests.KIND if one.notice is None else one.notice.kind
        if words.of(kind) is not None:
            case = one.notice
            body = "" if case is None else case_body(kind, case.case_no, case.level or "", words)
            found[one.id] = (title_of(kind, words), body)
    return found


async def read(visit: Visit) -> Response:
    """Mark one notice as read, or with none named all that the page showed."""
    await visit.demand("list", "case")
    wanted = [one for one in visit.texts().get("notice", []) if one]
    await visit.ask(visit.ports.own.mark, visit.actor, wanted)
    return RedirectResponse("/notices", 303)
