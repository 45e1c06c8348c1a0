"""Pages as values: a dataclass names all that its template may show, and nothing else reaches it.

Each field of a page is `Annotated` with the words that document it; tests/house holds documented
keys equal to those that the template uses.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, ClassVar
from zoneinfo import ZoneInfo

import django_htmx
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from cases.payments import yuan
from forms import words
from forms.conditions import as_json
from forms.entrance_ports import Visitor
from forms.help_words import HelpPanel
from forms.reader_ports import Counts
from forms.words import Language

HERE = Path(__file__).parent
STATIC = HERE / "static"


LIBRARIES = {
    name: Path(django_htmx.__file__).parent / "static" / "django_htmx" / name
    for name in ("htmx-2.min.js",)
}
"""Static files of others, from locked packages: name → file."""


SENDING = frozenset({
    "account.html", "accounts.html", "act.html", "apply.html", "bulk.html", "bulk_done.html",
    "bulk_tried.html", "calendar.html", "case.html", "confirm.html", "deputies.html",
    "design.html", "dossier.html",
    "draft_clash.html", "duty_contacts.html", "duty_hand_over.html", "duty_stand_in.html",
    "duty_week.html", "for_good.html", "fund_act.html", "grants.html", "incident_act.html",
    "incident_confirm.html", "intake.html", "letter.html", "matter_release.html", "new_case.html",
    "new_payment.html", "notice_words.html", "other_name.html", "own_case.html",
    "performance_act.html", "plan_report.html", "policy_new.html", "policy_proposal.html",
    "project_act.html", "prove.html", "releases.html", "resume.html", "saved_filters.html",
    "signal_windows.html", "suggest.html", "suggest_rate.html", "warning_act.html",
    "withdraw.html", "words_release.html",
})  # fmt: skip
"""Templates whose forms carry what somebody typed: a browser that cannot send it keeps the page.
Held whole by tests/house/test_sending.py."""


SCRIPTED = frozenset({"second.html", "prove.html", "set_up.html", *SENDING})
"""Templates that load a script whoever reads them: a browser speaks with a passkey, a form says
that it is on its way."""


LIVE = frozenset({
    "incidents.html", "incident.html", "incident_act.html", "new_case.html", "apply.html",
    "act.html", "own_case.html", "list.html", "wall.html", "supervision.html",
    "notice_words.html",
})  # fmt: skip
"""Templates that listen for changes, fetch their parts, keep drafts or send files piece by piece:
files of our own, and our own address."""


FRAMING = frozenset({"document.html"})
"""Templates that show a file of ours inside themselves."""


@dataclass(frozen=True)
class NavigationItem:
    """One line of the left-hand list."""

    label: str
    url: str
    count: int | None = None
    """Above `Frame.counts.counted_to`: at least so many."""
    current: bool = False
    group: str = ""
    folds: bool = False
    """Its group is shown by its heading, until it is opened or holds the page that is shown."""


@dataclass(frozen=True)
class Frame:
    """What the layout around every page shows."""

    language: Language
    city: str
    path: str
    here: str
    """Path and query, for links that come back."""
    visitor: Visitor | None
    citizen: str
    """Name of who is signed in as a citizen; empty: nobody."""
    csrf: str
    navigation: tuple[NavigationItem, ...]
    counts: Counts
    zone: ZoneInfo
    now: datetime
    failed: bool = False
    """The page tells errors; its title says so first."""
    keys: bool = False
    """Single keys press links and buttons; the person has not switched them off."""
    sends: bool = False
    """Its forms carry what was typed: `SENDING`."""
    idle_minutes: int = 15
    """After so long without use a session is over."""
    help: HelpPanel | None = None
    """What the page is for; None where the page itself says nothing else."""


@dataclass(frozen=True)
class Page:
    """One page: the template it fills, and the fields that the template shows."""

    template: ClassVar[str]

    title: Annotated[str, "What the page is called, in the reader's language."]

    def rests_on(self) -> tuple[str, ...]:
        """Return the articles that the help of this very page quotes; empty: its template's."""
        return ()


def context(page: Page, frame: Frame) -> dict[str, Any]:
    """Return exactly what the template gets."""
    return {f.name: getattr(page, f.name) for f in fields(page)} | {"frame": frame}


def html(page: Page, frame: Frame) -> str:
    """Return the page as HTML. Raises jinja2's `UndefinedError` for a key that is not there."""
    template = environment(frame.language).get_template(page.template)
    return template.render(context(page, frame))


class Templates(Environment):
    """Templates in which `links.clear` is what stands under that key, never a method of the dict.

    Jinja asks for an attribute first: a filter's address was once `<built-in method clear …>`.
    """

    def getattr(self, obj: Any, attribute: str) -> Any:
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)


@lru_cache(maxsize=2)
def environment(language: Language) -> Environment:
    """Return the templates of one language; names and texts are escaped always."""
    made = Templates(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
    )
    catalogue = words.translations(language)
    made.install_gettext_callables(  # type: ignore[attr-defined]  # added by jinja2.ext.i18n
        catalogue.gettext, catalogue.ngettext, newstyle=True
    )
    made.globals["asset"] = asset
    made.filters.update(_filters(language, catalogue.gettext))
    return made


def side_html(frame: Frame) -> str:
    """Return the left-hand list alone, for a page that fetches its numbers anew."""
    made = environment(frame.language).get_template("macros/side.html").module
    return str(made.side(frame))  # type: ignore[attr-defined]  # a macro of the template


def _filters(language: Language, say: Callable[[str], str]) -> Mapping[str, Callable[..., Any]]:
    def word(code: str, table: str) -> str:
        return say(words.word(table, code))

    def named(thing: Any) -> str:
        # Values from the catalogue: a model with name and name_en, or the same as JSON.
        get = thing.get if isinstance(thing, Mapping) else lambda key: getattr(thing, key, "")
        return str((language == "en" and get("name_en")) or get("name") or "")

    return {
        "word": word,
        "asked_json": as_json,
        "tally": tally,
        "timer": lambda key: say(words.timer_word(key)),
        "named": named,
        "said": say,
        "day": day,
        "due": due,
        "due_day": due_day,
        "moment": moment,
        "yuan": yuan,
        "instant": instant,
        "to_the_second": to_the_second,
        "clock_time": clock_time,
        "lasted": lasted,
        "safe_svg": Markup,
    }


def tally(number: int, counted_to: int) -> str:
    """Return a number of lines: 1000+ where there are more than were counted; 0: no such limit."""
    return f"{counted_to}+" if 0 < counted_to < number else str(number)


def day(value: datetime | date | None, zone: ZoneInfo) -> str:
    """Return the day in legal time, 2026-11-22; empty for none."""
    if value is None:
        return ""
    return (value.astimezone(zone) if isinstance(value, datetime) else value).strftime("%Y-%m-%d")


def moment(value: datetime | None, zone: ZoneInfo) -> str:
    """Return day and minute in legal time."""
    return "" if value is None else value.astimezone(zone).strftime("%Y-%m-%d %H:%M")


def due_day(value: datetime | None, zone: ZoneInfo) -> str:
    """Return the last day of a period: one that ends at 24:00 ends on that day, not the next."""
    return "" if value is None else day(value - timedelta(microseconds=1), zone)


def due(value: datetime | None, zone: ZoneInfo) -> str:
    """Return the end of a period to the minute, midnight as 24:00 of the day that it closes."""
    if value is None:
        return ""
    local = value.astimezone(zone)
    if (local.hour, local.minute, local.second) == (0, 0, 0):
        return f"{due_day(value, zone)} 24:00"
    return moment(value, zone)


def instant(value: datetime | None, zone: ZoneInfo) -> str:
    """Return the second with its offset, as ISO 8601 has it."""
    return "" if value is None else value.astimezone(zone).isoformat(" ", "seconds")


def to_the_second(value: datetime | None, zone: ZoneInfo) -> str:
    """Return day, hour, minute and second in legal time, for people who read many at a glance."""
    return "" if value is None else value.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


def clock_time(value: datetime | None, zone: ZoneInfo) -> str:
    """Return hour, minute and second in legal time."""
    return "" if value is None else value.astimezone(zone).strftime("%H:%M:%S")


def lasted(since: datetime, until: datetime) -> str:
    """Return minutes and seconds between two instants, 09:21; above an hour 1:02:03."""
    seconds = max(0, int((until - since).total_seconds()))
    hours, rest = divmod(seconds, 3600)
    minutes, left = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{left:02d}" if hours else f"{minutes:02d}:{left:02d}"


@lru_cache(maxsize=64)
def asset(name: str) -> str:
    """Return the address of a static file; it changes with the content, so it may be kept long."""
    digest = hashlib.sha256(LIBRARIES.get(name, STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"
