"""规则: the packs in force, each rule as a lawyer reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, ClassVar
from urllib.parse import quote, urlencode

from starlette.responses import Response

from forms.release_ports import Release
from forms.rendering import Page
from forms.rule_ports import PackInForce
from forms.showing import not_found, show
from forms.visit import Visit
from forms.words import N_
from rules.model import Definition, Rule, ScaleSpec
from rules.pack import Pack
from rules.sentences import clauses, facts, settings, thresholds
from rules.tables.spec import TableSpec
from rules.words import Language, duration, said, words_for

RULES_AT_ONCE = 20
"""Rules on a page: some seven screens."""
UNDIVIDED = 20
"""Packs of so many rules are shown with every span at once."""

SUBJECTS = {
    "case": N_("办件"),
    "reading": N_("读数"),
    "incident": N_("突发事件"),
    "payment": N_("付费"),
    "project": N_("项目"),
    "access": N_("查看"),
}


@dataclass(frozen=True)
class PackLine:
    """One pack of the list."""

    id: str
    title: str
    subject: str
    version: str
    since: PackInForce
    rules: int
    scales: int
    tables: int
    unverified: int
    """Rules, scales and tables whose text was not compared with the official one."""
    waiting: int
    """Proposals that nobody has signed yet."""


@dataclass(frozen=True)
class ExampleShown:
    """One example in words."""

    holds: bool
    day: str
    given: tuple[str, ...]
    outcome: tuple[str, ...]


@dataclass(frozen=True)
class RuleShown:
    """One rule in words."""

    rule: Rule
    title: str
    article: str
    """How the article is cited; its id where the register does not have it."""
    gist: str
    when: tuple[str, ...]
    then: tuple[str, ...]
    numbers: tuple[str, ...]
    hold: str
    """How long it must hold before its alarm is raised, in words; empty: no alarm."""
    clear_hold: str
    note: str
    """In the reader's language, where it is known in it."""
    examples: tuple[ExampleShown, ...]


@dataclass(frozen=True)
class IndexLine:
    """One rule of the index, and where it stands."""

    id: str
    title: str
    href: str


@dataclass(frozen=True)
class SpanShown:
    """A time in which the same rules are in force; `until` is its last day, empty: still."""

    since: str
    until: str
    href: str
    current: bool


@dataclass(frozen=True)
class Row:
    """One row of a decision table, its outputs in words."""

    when: tuple[str, ...]
    then: tuple[str, ...]


@dataclass(frozen=True)
class RulesPage(Page):
    """The packs in force."""

    template: ClassVar[str] = "rules.html"

    packs: Annotated[tuple[PackLine, ...], "By id."]


@dataclass(frozen=True)
class RulePackPage(Page):
    """One pack, rule by rule."""

    template: ClassVar[str] = "rule_pack.html"

    line: Annotated[PackLine, "The pack."]
    digest: Annotated[str, "Of the version in force."]
    rules: Annotated[tuple[RuleShown, ...], "Those of this page, in the order of the file."]
    scales: Annotated[tuple[ScaleSpec, ...], "Scales of the span, on its last page."]
    tables: Annotated[tuple[tuple[TableSpec, tuple[Row, ...]], ...], "Tables, on the last page."]
    index: Annotated[tuple[IndexLine, ...], "Every rule of the span, where it stands."]
    spans: Annotated[tuple[SpanShown, ...], "The spans of a large pack; empty: not divided."]
    page: Annotated[int, "Number of the page, from 1."]
    pages: Annotated[int, "How many pages the span has."]
    links: Annotated[Mapping[str, str], "Addresses of the pages before and after; empty: none."]
    names: Annotated[Mapping[str, str], "Field or outcome → its title."]
    articles: Annotated[Mapping[str, str], "Basis → how it is cited."]
    versions: Annotated[tuple[Release, ...], "Every version in the register, newest first."]


async def rules(visit: Visit) -> Response:
    """The list of packs."""
    found = await visit.ask(visit.ports.rules.in_force)
    known = await visit.ask(visit.ports.releases.listing)
    lines = tuple(_line(visit, one, known) for one in found)
    return await show(visit, RulesPage(title=visit.say(N_("规则")), packs=lines))


async def rule_pack(visit: Visit) -> Response:
    """One pack as a lawyer reads it."""
    name = visit.request.path_params["pack"]
    found = await visit.ask(visit.ports.rules.in_force)
    one: PackInForce | None = next((each for each in found if each.pack.id == name), None)
    if one is None:
        raise not_found(visit)
    known = await visit.ask(visit.ports.releases.listing)
    law = await visit.ask(visit.ports.rules.articles)
    language: Language = "en" if visit.language == "en" else "zh"
    cited = {key: article.cited for key, article in law.items()}
    gists = {key: article.gist for key, article in law.items()}
    whole = one.pack.definition
    titles = {key: spec.title for key, spec in whole.fields.items()}
    titles |= {key: spec.title for key, spec in whole.outcome.items()}
    line = _line(visit, one, known)
    params = visit.request.query_params
    spans = _spans(whole, params.get("day", ""), datetime.now(visit.zone).date())
    here = next((span for span in spans if span.current), None)
    day = None if here is None else date.fromisoformat(here.since)
    rules = [rule for rule in whole.rules if day is None or _holds(rule, day)]
    pages = max(1, -(-len(rules) // RULES_AT_ONCE))
    asked = params.get("page", "1")
    number = min(int(asked), pages) if asked.isdecimal() and 0 < len(asked) < 6 else 1
    number = max(number, 1)
    some = rules[(number - 1) * RULES_AT_ONCE : number * RULES_AT_ONCE]
    last = number == pages
    page = RulePackPage(
        title=line.title,
        line=line,
        digest=one.pack.digest,
        rules=tuple(_shown(visit, one.pack, rule, cited, gists) for rule in some),
        scales=tuple(s for s in whole.scales if last and (day is None or _holds(s, day))),
        tables=tuple(
            (table, tuple(_rows(whole, table, language)))
            for table in whole.tables
            if last and (day is None or _holds(table, day))
        ),
        index=tuple(_index(whole, rules, day, number, language)),
        spans=spans,
        page=number,
        pages=pages,
        links={
            name: _at(whole, day, n) if 1 <= n <= pages else ""
            for name, n in (("before", number - 1), ("after", number + 1))
        },
        names={key: one.en if language == "en" else one.zh for key, one in titles.items()},
        articles=cited,
        versions=tuple(each for each in known if each.kind == "rules" and each.name == name),
    )
    return await show(visit, page)


def _holds(one: Rule | ScaleSpec | TableSpec, day: date) -> bool:
    return one.in_force_from <= day and (one.in_force_until is None or day < one.in_force_until)


def _spans(whole: Definition, asked: str, today: date) -> tuple[SpanShown, ...]:
    """Return the spans of a large pack, with the one that holds the asked day, else today, marked.

    A pack that fits a page or two is not divided: a lawyer reads it whole.
    """
    dated: list[Rule | ScaleSpec | TableSpec] = [*whole.rules, *whole.scales, *whole.tables]
    starts = sorted({one.in_force_from for one in dated}
                    | {one.in_force_until for one in dated if one.in_force_until})  # fmt: skip
    if len(whole.rules) <= UNDIVIDED or len(starts) < 2:
        return ()
    ends = [*starts[1:], None]
    try:
        day = date.fromisoformat(asked) if asked else today
    except ValueError:
        day = today
    chosen = max([n for n, since in enumerate(starts) if since <= day], default=0)
    return tuple(
        SpanShown(
            since.isoformat(),
            "" if end is None else (end - timedelta(days=1)).isoformat(),
            _at(whole, since, 1),
            n == chosen,
        )
        for n, (since, end) in enumerate(zip(starts, ends, strict=True))
        if any(_holds(one, since) for one in dated)
    )


def _at(whole: Definition, day: date | None, page: int) -> str:
    query = {"day": "" if day is None else day.isoformat(), "page": str(page) if page > 1 else ""}
    said = urlencode({key: value for key, value in query.items() if value})
    return f"/rules/{quote(whole.pack)}" + (f"?{said}" if said else "")


def _index(
    whole: Definition, rules: Sequence[Rule], day: date | None, page: int, language: Language
) -> Iterator[IndexLine]:
    for n, rule in enumerate(rules):
        where = n // RULES_AT_ONCE + 1
        address = "" if where == page else _at(whole, day, where)
        title = rule.title.en if language == "en" else rule.title.zh
        yield IndexLine(rule.id, title, f"{address}#r-{rule.id}")


def _rows(whole: Definition, table: TableSpec, language: Language) -> Iterator[Row]:
    words = [words_for(whole, output.name) for output in table.outputs]
    for row in table.rows:
        then = tuple(
            said(some[str(cell)], language) if str(cell) in some else str(cell)
            for cell, some in zip(row.then, words, strict=False)
        )
        yield Row(tuple(map(str, row.when)), then)


def _line(visit: Visit, one: PackInForce, known: Sequence[Release]) -> PackLine:
    whole = one.pack.definition
    parts: list[Rule | ScaleSpec | TableSpec] = [*whole.rules, *whole.scales, *whole.tables]
    return PackLine(
        id=whole.pack,
        title=whole.title.en if visit.language == "en" else whole.title.zh,
        subject=visit.say(SUBJECTS[whole.subject]),
        version=whole.version,
        since=one,
        rules=len(whole.rules),
        scales=len(whole.scales),
        tables=len(whole.tables),
        unverified=sum(not part.verified for part in parts),
        waiting=sum(
            each.kind == "rules" and each.name == whole.pack and each.state == "proposed"
            for each in known
        ),
    )


def _shown(
    visit: Visit,
    pack: Pack,
    rule: Rule,
    cited: Mapping[str, str],
    gists: Mapping[str, str],
) -> RuleShown:
    whole, language = pack.definition, visit.language
    return RuleShown(
        rule=rule,
        title=rule.title.en if language == "en" else rule.title.zh,
        article=cited.get(rule.basis, rule.basis),
        gist=gists.get(rule.basis, ""),
        when=clauses(whole, rule, language),
        then=settings(whole, rule, language),
        numbers=tuple(thresholds(whole, rule, language)),
        hold="" if rule.alarm is None else duration(rule.alarm.hold, language),
        clear_hold="" if rule.alarm is None else duration(rule.alarm.clear_hold, language),
        note=visit.told(rule.note),
        examples=tuple(_examples(pack, rule, language)),
    )


def _examples(pack: Pack, rule: Rule, language: Language) -> Iterator[ExampleShown]:
    whole = pack.definition
    for one in rule.examples:
        outcome = rule.model_copy(update={"then": one.outcome})
        yield ExampleShown(
            one.holds,
            (one.day or rule.in_force_from).isoformat(),
            facts(whole, one.given, language),
            settings(whole, outcome, language),
        )
