"""An incident's papers over the real stores: rows and opened words become a story, then a PDF.

Every paper that leaves the house is an entry of the log with the digest of what left.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import orjson
from sqlalchemy import ColumnElement, Engine

from activities.incident_papers import (
    SentReport,
    Surroundings,
    after_action_html,
    announcement_html,
    brief_html,
    clock_words,
    report_html,
)
from audit.vault import KeyDestroyed, SubjectVault, UnknownSubject
from cases.database import reading
from cases.incident_lists import EventRow, IncidentView, incident_view, open_incidents
from cases.incidents.chains import RECIPIENTS
from cases.incidents.messages import incident_subject
from cases.incidents.state import GRADES, Report
from cases.incidents.story import Story, report_draft
from cases.incidents.telling import Told, Words, story_of
from cases.lives import RING
from cases.paper_rows import KeptPaper
from cases.store import place
from catalogue.load import Catalogue

Kind = Literal["brief", "after_action", "report", "announcement"]
TITLES: Final[Mapping[str, str]] = {
    "brief": "专报", "after_action": "复盘报告", "report": "信息报告", "announcement": "公告",
}  # fmt: skip

NEARBY: Final = 300
"""Other open incidents that a map shows at most."""

RESPONSES: Final[Mapping[str, Literal["start", "adjust", "end"]]] = {
    "start_response": "start", "adjust_response": "adjust", "end_response": "end",
}  # fmt: skip

GONE: Final = "（已依法销毁）"
"""Stands where words were, once the incident's key is destroyed (第八十五条)."""


HIDDEN: Final = "（正文有内容，看不了个人信息的人不打印）"
"""Stands where words are that the reader may not see."""


class NoSuchPaper(LookupError):
    """There is no such incident, or nothing to announce or report yet."""


@dataclass(frozen=True, slots=True)
class Opened:
    """An order's body: opened, or gone."""

    body: Mapping[str, Any]
    is_gone: bool = False


@dataclass(frozen=True)
class IncidentPapers:
    """Makes papers of one incident, for a caller that has asked policy (`print`)."""

    cases: Engine
    catalogue: Callable[[], Catalogue]
    open_body: Callable[[str, EventRow], Mapping[str, Any]]
    """Incident and event → its body, opened. Raises `KeyDestroyed`, `UnknownSubject`."""
    names: Callable[[Sequence[str]], Mapping[str, str]]
    """User ids → names, of those who have an account."""
    zone: str
    now: Callable[[], datetime]

    def story(
        self, incident_id: str, where: ColumnElement[bool] | None = None, *, typed: bool = True
    ) -> Story:
        """Return the story as it stands. `where` cuts what else the map shows: without it nothing.

        `typed`: what people typed is opened; else only what stands in the clear is told.

        Raises `NoSuchPaper`.
        """
        with reading(self.cases) as connection:
            view = incident_view(connection, incident_id)
            near = [] if where is None else open_incidents(connection, where, limit=NEARBY)
        if view is None:
            raise NoSuchPaper(incident_id)
        opened = {
            one.seq: self._opened(incident_id, one) if typed else Opened({}) for one in view.events
        }
        people = {one.actor for one in view.events} | {one.on_behalf for one in view.events}
        names = self.names(sorted(people - {""}))
        told, matter = [], ""
        for one in view.events:
            told.append(self._told(one, opened[one.seq], names, matter))
            matter = told[-1].matter or matter
        nearby = tuple(
            (one.lon, one.lat, one.level)
            for one in near
            if one.id != incident_id and one.lon is not None and one.lat is not None
        )
        words = self._words(view, opened, names, nearby)
        return story_of(view.state, told, words, self.catalogue())

    def html(
        self,
        incident_id: str,
        kind: Kind,
        chain: str = "",
        where: ColumnElement[bool] | None = None,
        *,
        typed: bool = True,
    ) -> tuple[Story, str]:
        """Return the story and the paper as HTML. `chain`: whose report.

        Raises `NoSuchPaper`, and `NotAnnounceable` of `activities.incident_papers`.
        """
        story = self.story(incident_id, where, typed=typed)
        if kind == "brief":
            return story, brief_html(story, self._around("zhzx"))
        if kind == "after_action":
            return story, after_action_html(story, self._around("zhzx"))
        if kind == "announcement":
            if not story.responses:
                raise NoSuchPaper("没有启动过应急响应")
            # 第七十二条: it is the government that starts a response.
            return story, announcement_html(story, story.responses[-1], self._around("gov"))
        to, sent = self._report(incident_id, chain, typed=typed)
        return story, report_html(story, to, sent, self._around("zhzx"))

    def kept_html(self, incident_id: str, kind: Kind, source: str, number: str) -> str:
        """Return a paper as it is kept: of the order `source`, announced under `number`.

        Raises `NoSuchPaper`, and `NotAnnounceable` of `activities.incident_papers`.
        """
        if kind in ("brief", "after_action"):
            return self.html(incident_id, kind)[1]
        with reading(self.cases) as connection:
            view = incident_view(connection, incident_id)
        events = [] if view is None else view.events
        act = next((one for one in events if one.command_id == source), None)
        if act is None:
            raise NoSuchPaper(source)
        if kind == "report":
            return self.html(incident_id, kind, str(act.said.get("chain", "")))[1]
        place = sum(one.kind in RESPONSES for one in events if one.seq < act.seq)
        story = self.story(incident_id)
        return announcement_html(story, story.responses[place], self._around("gov"), number)

    def draft(self, incident_id: str, chain: str = "") -> str:
        """Return the drafted text of a report upwards, for a person to look over.

        Raises `NoSuchPaper`.
        """
        around = self._around("zhzx")
        story = self.story(incident_id)
        to, _ = self._report(incident_id, chain)
        return report_draft(story, to, clock_words(around))

    def _report(
        self, incident_id: str, chain: str, *, typed: bool = False
    ) -> tuple[str, SentReport | None]:
        """Return to whom a link reports (empty: the next that waits), and what was sent, if it was.

        Raises `NoSuchPaper`.
        """
        with reading(self.cases) as connection:
            view = incident_view(connection, incident_id)
        assert view is not None
        for one in view.state.reports:
            if chain in ("", one.chain) and (chain or one.sent_at is None):
                to = RECIPIENTS.get(one.to, one.to)
                return to, None if one.sent_at is None else self._sent(view, one, typed)
        if chain:
            raise NoSuchPaper(chain)
        return self.catalogue().city.department("gov").name, None

    def _sent(self, view: IncidentView, link: Report, typed: bool) -> SentReport:
        event = next(
            one for one in view.events
            if one.kind == "report_up" and one.said.get("chain") == link.chain
        )  # fmt: skip
        opened = self._opened(view.row.id, event) if typed else Opened({})
        text = str(opened.body.get("text", "")) or (GONE if opened.is_gone else HIDDEN)
        assert link.sent_at is not None
        names = self.names([one for one in (event.actor, event.on_behalf) if one])
        by = names.get(event.actor, event.actor)
        if event.on_behalf:
            by = f"{by}（代{names.get(event.on_behalf, event.on_behalf)}）"
        article = self.catalogue().law.get(link.article)
        return SentReport(
            text, link.sent_at, by, link.due_at, article.cited if article else link.article,
            event.entry_id,
        )  # fmt: skip

    def _around(self, issuer: str) -> Surroundings:
        catalogue = self.catalogue()
        return Surroundings(
            city=catalogue.city.name, issuer=catalogue.city.department(issuer).name,
            grid=catalogue.grid, zone=self.zone, now=self.now(),
        )  # fmt: skip

    def _opened(self, incident_id: str, one: EventRow) -> Opened:
        try:
            return Opened(self.open_body(incident_id, one))
        except (KeyDestroyed, UnknownSubject):
            return Opened({}, is_gone=True)

    def _told(self, one: EventRow, opened: Opened, names: Mapping[str, str], matter: str) -> Told:
        """Return an event in plain; `matter` is that of the response which it may end."""
        said: dict[str, Any] = {**one.said, **opened.body}
        name = "" if one.kind == RING else names.get(one.actor, one.actor)
        if one.on_behalf:
            name = f"{name}（代{names.get(one.on_behalf, one.on_behalf)}）"
        until = said.get("expected_until")
        return Told(
            at=one.at,
            verb=one.kind,
            by=name,
            department=str(said.get("unit") or said.get("department") or ""),
            text=GONE if opened.is_gone and one.kind != RING else self._text(one.kind, said),
            key=str(said.get("timer", said.get("key", ""))),
            ground=str(said.get("ground", "")),
            act=RESPONSES.get(one.kind, ""),
            matter=str(said.get("matter", "")) or (matter if one.kind in RESPONSES else ""),
            level=int(said.get("level", 0)) if one.kind in RESPONSES else 0,
            expected_until=datetime.fromisoformat(str(until)) if until else None,
        )

    def _text(self, kind: str, said: Mapping[str, Any]) -> str:
        """Return what a person typed with an order, in one line."""
        names = {one.code: one.short or one.name for one in self.catalogue().city.departments}
        if kind == "refuse_dispatch":
            return str(said.get("evidence", ""))
        if kind == "arbitrate":
            to = str(said.get("to", ""))
            ruled = "维持" if said.get("ruling") == "stands" else f"改派{names.get(to, to)}"
            return f"{ruled}：{said.get('ground', '')}"
        if kind == "dispatch":
            sent = said.get("units") or ()
            codes = [one["department"] if isinstance(one, dict) else one for one in sent]
            return "、".join(names.get(one, one) for one in codes)
        if kind in ("grade", "regrade"):
            return "；".join(
                one for one in (GRADES.get(str(said.get("level", "")), ""),
                                str(said.get("ground", ""))) if one
            )  # fmt: skip
        if kind in RESPONSES:
            return str(said.get("measures") or said.get("text") or "")
        if kind == "keep_personal":
            return str(said.get("reason", ""))
        return str(said.get("text") or said.get("ground") or "")

    def _words(
        self, view: IncidentView, opened: Mapping[int, Opened], names: Mapping[str, str],
        nearby: Sequence[tuple[float, float, str]],
    ) -> Words:  # fmt: skip
        text = evaluation = evaluator = kept = ""
        lessons: dict[str, tuple[str, str]] = {}
        added = iter(view.state.lessons)
        for one in view.events:
            found = opened[one.seq]
            said = GONE if found.is_gone else str(found.body.get("text", ""))
            if one.kind == "report":
                text = said
            elif one.kind == "evaluate":
                evaluation, evaluator = said, names.get(one.actor, one.actor)
            elif one.kind == "keep_personal":
                kept = GONE if found.is_gone else str(found.body.get("reason", ""))
            elif one.kind == "add_lesson":
                lesson = next(added, None)
                if lesson is not None:
                    lessons[lesson.id] = (said, "")
            elif one.kind == "finish_lesson":
                key = str({**one.said, **found.body}.get("lesson", ""))
                lessons[key] = (lessons.get(key, ("", ""))[0], said)
        signals = (("信号", len(view.signals)),) if view.signals else ()
        return Words(text, signals, lessons, evaluation, evaluator, kept, nearby)


def body_opener(vault: SubjectVault) -> Callable[[str, EventRow], Mapping[str, Any]]:
    """Return how an event's sealed body is opened, for who may print the incident."""

    def opened(incident_id: str, one: EventRow) -> Mapping[str, Any]:
        where = place("incident_event", "body", incident_id, one.command_id)
        body = orjson.loads(vault.open(incident_subject(incident_id), one.body_sealed, where))
        return body if isinstance(body, dict) else {}

    return opened


def where_of(kept: KeptPaper) -> bytes:
    """Return the place to which a kept file is bound: it opens nowhere else."""
    return place("incident_paper", "file", kept.incident_id, kept.id)


class PaperDiffers(Exception):
    """A kept file is not the one that its row, and through it the log, tells of."""


def paper_opener(vault: SubjectVault) -> Callable[[KeptPaper, bytes], bytes]:
    """Return how a kept file is opened, for who may print the incident."""

    def opened(kept: KeptPaper, sealed: bytes) -> bytes:
        content = vault.open(incident_subject(kept.incident_id), sealed, where_of(kept))
        found = hashlib.sha256(content).hexdigest()
        if found != kept.digest:
            raise PaperDiffers(f"{kept.id}: expected {kept.digest}, found {found}")
        return content

    return opened
