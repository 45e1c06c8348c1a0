"""One request of one person, and what its page may ask of it."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeVar
from zoneinfo import ZoneInfo

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from cases.facts import CaseFacts
from cases.messages import Actor
from catalogue.told import in_words
from forms import refusal_words, words
from forms.access_ports import Thing
from forms.citizen_ports import Citizen
from forms.disclosure_ports import Shown
from forms.entrance_ports import Visitor, Where
from forms.fields import Posted
from forms.ports import Options, Ports
from forms.stops import ProveFirst, Stop
from forms.throttles import Rate, Throttle, Throttles
from forms.words import N_, Language
from policies.vocabulary import STEP_UP

PROOF_FIELDS = ("proof.code", "proof.assertion", "proof.recovery")
"""A second factor in a form: an app's code, what a passkey says, or a recovery code."""


T = TypeVar("T")


@dataclass
class Visit:
    """One request of one person, with what is known about it."""

    request: Request
    ports: Ports
    options: Options
    language: Language
    secret: str = ""
    """The session's secret, or the random value of a visit that has no session."""
    visitor: Visitor | None = None
    screen: bool = False
    """The visitor came by the mark of a screen of the wall: there is no session that acts."""
    citizen: Citizen | None = None
    """On a page of citizens: who is signed in as one. No page of the offices looks at it."""
    posted: FormData = field(default_factory=FormData)
    seen: Shown | None = None
    """What the answer is going to show of people; its entry comes first."""
    wanted: Mapping[str, str] | None = None
    """How the person wants their pages, once it was asked for."""

    def saw(self, id: str = "-", lines: int | None = None, type: str = "") -> None:
        """Say more exactly what the answer shows than the route's `shows` could."""
        known = self.seen or Shown("read", type)
        self.seen = replace(known, type=type or known.type, id=id, lines=lines)

    def saw_rows(self, lines: int) -> None:
        """Say of how many the answer's lines are; of nobody: then it shows nothing."""
        if lines:
            self.saw(lines=lines)
        else:
            self.seen = None

    @property
    def who(self) -> Visitor:
        """The visitor. Only pages that demand a session ask."""
        assert self.visitor is not None
        return self.visitor

    @property
    def actor(self) -> Actor:
        return self.who.actor

    @property
    def known(self) -> Actor | None:
        """Who asks; None for a stranger."""
        if self.citizen is not None:
            return self.citizen.actor
        return None if self.visitor is None else self.visitor.actor

    @property
    def author(self) -> Actor:
        """Whose drafts and files these are: the citizen's on their pages, else the visitor's."""
        return self.citizen.actor if self.citizen is not None else self.actor

    @property
    def csrf(self) -> str:
        """The token that each form of this session carries; derived, so nothing is stored.

        It says in whose name the form was opened, so that it is not posted in another's. It comes
        from a key that stays when the session's secret changes: a form that was open in another tab
        can still be sent.
        """
        name = self.visitor.in_name if self.visitor is not None else None
        return self.token(name.delegation if name is not None and name.actor is not None else "")

    def token(self, delegation: str) -> str:
        """Return the token of this session's forms in a delegation's name; empty: one's own."""
        key = self.secret if self.visitor is None else self.visitor.form_key
        said = b"form token" + (b"\n" + delegation.encode() if delegation else b"")
        return hmac.new(key.encode(), said, hashlib.sha256).hexdigest()

    @property
    def zone(self) -> ZoneInfo:
        """Legal time."""
        return ZoneInfo(self.options.zone)

    @property
    def where(self) -> Where:
        return where_of(self.request)

    def say(self, text: str) -> str:
        """Return a sentence of the source in the reader's language."""
        return words.translations(self.language).gettext(text)

    def told(self, text: str) -> str:
        """Return a sentence that another room made in the reader's language."""
        if self.language == "zh":
            return str(text)
        every = self.ports.catalogue.departments
        ours, names = every("zh"), every(self.language)
        called = {name: names.get(code, name) for code, name in ours.items()}
        say = words.translations(self.language).gettext

        def whole(one: str) -> str:
            return called.get(one) or say(one)

        return in_words(text, lambda one: refusal_words.said(one, self.language, whole), ", ")

    async def ask(self, read: Callable[..., T], *values: object) -> T:
        """Call a port that may block, in a worker thread."""
        return await run_in_threadpool(read, *values)

    async def preferences(self) -> Mapping[str, str]:
        """Return how the person wants their pages; read once for a request."""
        if self.wanted is None:
            self.wanted = await self.ask(self.ports.preferences.of, self.who.own or self.actor)
        return self.wanted

    async def demand(self, act: str, thing: CaseFacts | Thing | str) -> None:
        """Ask policy. Raises `Stop` 403 with the rule that says no and who could grant it."""
        verdict = await self.ask(self.ports.access.may, self.actor, act, thing)
        if not verdict.allowed:
            reason = self.told(verdict.reason or N_("您没有这项权限"))
            remedy = self.told(verdict.remedy)
            raise Stop(403, reason, "no_permission", remedy, (act, _named(thing)))
        if (_named(thing).type, act) in STEP_UP:
            self.demand_proof(act)

    def demand_proof_of(self, thing: str, act: str) -> None:
        """Ask for a second factor where the act needs one. Raises `ProveFirst`."""
        if (thing, act) in STEP_UP:
            self.demand_proof(act)

    def demand_proof(self, act: str = "") -> None:
        """Ask that a second factor was shown lately. Raises `ProveFirst`."""
        proved, limit = self.who.proved_at, timedelta(minutes=self.options.step_up_minutes)
        if proved is None or datetime.now(UTC) - proved > limit:
            raise ProveFirst(act)

    def typed(self) -> list[tuple[str, str]]:
        """Every posted text but the form's own token and a proof, in order: what is kept."""
        ours = ("csrf", *PROOF_FIELDS)
        return [
            (name, value)
            for name, value in self.posted.multi_items()
            if isinstance(value, str) and name not in ours
        ]

    def not_too_often(self, rate: Rate) -> None:
        """Count one page of this person. Raises `Stop` 429 when there were too many in a minute.

        Per account, because a whole office may come from one address; a stranger's pages are
        counted where they ask something (`slow_down`).
        """
        if self.visitor is None:
            return
        throttles: Throttles = self.request.app.state.throttles
        for one in dict.fromkeys(("page", rate)):
            self._within(throttles.people[one], self.actor.id)

    def slow_down(self, kind: Literal["sign_ins", "questions"]) -> None:
        """Count one asking from this address. Raises `Stop` 429 when there were too many."""
        self._within(getattr(self.request.app.state.throttles, kind), self.where.ip)

    def _within(self, throttle: Throttle, key: str) -> None:
        wait = throttle.wait(key)
        if wait:
            reason = self.say(N_("尝试过于频繁，请 {n} 秒后再试")).format(n=int(wait) + 1)
            raise Stop(429, reason, "too_many")

    def texts(self) -> Posted:
        """Every posted text by name; files are not among them."""
        found: dict[str, list[str]] = {}
        for name, value in self.posted.multi_items():
            if isinstance(value, str):
                found.setdefault(name, []).append(value)
        return found

    def text(self, name: str) -> str:
        """One posted text without surrounding space; empty when absent."""
        value = self.posted.get(name)
        return value.strip() if isinstance(value, str) else ""

    def files(self) -> Mapping[str, UploadFile]:
        """Posted files that somebody has chosen, by field name."""
        return {
            name: value
            for name, value in self.posted.multi_items()
            if isinstance(value, UploadFile) and value.filename
        }


def _named(thing: CaseFacts | Thing | str) -> Thing:
    if isinstance(thing, CaseFacts):
        return Thing("case", thing.id)
    return Thing(thing, "-") if isinstance(thing, str) else thing


def where_of(request: Request) -> Where:
    """Return whence a request came, as the log may name it."""
    agent = request.headers.get("user-agent", "")[:200]
    return Where(request.client.host if request.client else "", agent)
