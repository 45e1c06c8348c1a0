"""规则: the packs in force, each rule as a lawyer reads it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from starlette.responses import Response

from forms.guard import Visit
from forms.ports import Release
from forms.rendering import Page
from forms.rule_ports import PackInForce
from forms.showing import not_found, show
from forms.words import N_
from rules.model import Rule, ScaleSpec
from rules.pack import Pack
from rules.sentences import Language, clauses, facts, settings, thresholds
from rules.tables.spec import TableSpec

SUBJECTS = {
    "case": N_("办件"),
    "reading": N_("读数"),
    "incident": N_("事件"),
    "payment": N_("付费"),
    "project": N_("项目"),
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
    examples: tuple[ExampleShown, ...]


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
    rules: Annotated[tuple[RuleShown, ...], "In the order of the file."]
    scales: Annotated[tuple[ScaleSpec, ...], "Scales of the pack."]
    tables: Annotated[tuple[TableSpec, ...], "Decision tables of the pack."]
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
    page = RulePackPage(
        title=line.title,
        line=line,
        digest=one.pack.digest,
        rules=tuple(_shown(one.pack, rule, language, cited, gists) for rule in whole.rules),
        scales=whole.scales,
        tables=whole.tables,
        names={key: one.en if language == "en" else one.zh for key, one in titles.items()},
        articles=cited,
        versions=tuple(each for each in known if each.kind == "rules" and each.name == name),
    )
    return await show(visit, page)


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
    pack: Pack,
    rule: Rule,
    language: Language,
    cited: Mapping[str, str],
    gists: Mapping[str, str],
) -> RuleShown:
    whole = pack.definition
    return RuleShown(
        rule=rule,
        title=rule.title.en if language == "en" else rule.title.zh,
        article=cited.get(rule.basis, rule.basis),
        gist=gists.get(rule.basis, ""),
        when=clauses(whole, rule, language),
        then=settings(whole, rule, language),
        numbers=tuple(thresholds(whole, rule, language)),
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
