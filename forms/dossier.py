"""卷宗: what a proposed version would have made of the past, and who signs it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar
from urllib.parse import quote, urlencode

import orjson
from starlette.responses import RedirectResponse, Response

from cases.dossier import (
    MOST_MONTHS,
    SECTIONS,
    Change,
    Dossier,
    DossierCheck,
    MutantFound,
    Section,
    SectionName,
)
from cases.payments import yuan
from cases.releasing import TRIED_KINDS
from forms.access_ports import Thing
from forms.dossier_ports import ShownDossier
from forms.payments import OUTCOMES
from forms.release_ports import Release
from forms.rendering import Page
from forms.showing import not_found, show
from forms.stops import Stop
from forms.visit import Visit
from forms.words import N_
from rules.model import Definition
from rules.words import words_for

CHANGES_AT_ONCE = 50
OBJECT = "release"

SECTION_WORDS: Mapping[SectionName, str] = {
    "rulings": N_("裁定"),
    "cards": N_("监察牌"),
    "deadlines": N_("期限"),
    "alarms": N_("警报"),
    "payments": N_("付费"),
}
KIND_WORDS = {
    "ruling": N_("裁定不同"),
    "added": N_("新增"),
    "dropped": N_("不再有"),
    "level": N_("级别不同"),
    "moved": N_("时刻不同"),
    "earlier": N_("提前"),
    "later": N_("推后"),
    "now_late": N_("变为超期"),
    "no_longer_late": N_("不再超期"),
    "raised": N_("新增"),
    "cleared": N_("不再有"),
    "now_stopped": N_("改为停付"),
    "no_longer_stopped": N_("改为可付"),
}
TOLD = (
    N_("现行版本重放无差异"),
    N_("现行期限重算无差异"),
    N_("阈值变异被例子发现"),
    N_("付费裁定重放无差异"),
    N_("本规则包不以读数为对象，没有警报可重放"),
    N_("事项的时限不决定读数的警报"),
    N_("这里没有读数库可读，警报没有重放"),
    N_("事项的时限不裁定付费"),
    N_("本规则包不裁定付费"),
    N_("事项的时限不经规则裁定，没有裁定可重放"),
    N_("本规则包不发监察牌"),
    N_("规则包不改期限；期限由事项的时限决定"),
    N_("个人信息已删除"),
    N_("现行版本无答案"),
    N_("已发"),
    N_("现行版本应发"),
    N_("拟议版本应发"),
    N_("与已发不一"),
    N_("现行版本"),
    N_("拟议版本"),
    N_("期限"),
    N_("现行版本超期"),
    N_("拟议版本超期"),
    N_("日历已换未核"),
    N_("改为停付"),
    N_("改为停付金额"),
    N_("改为可付"),
    N_("改为可付金额"),
    N_("届满日或利息不同"),
    N_("不同金额合计"),
)
"""What dossiers say of themselves in Chinese: their text is signed, pages say it in words."""
IN_FEN = "（分）"
"""Ends the word of a count that is a sum of money."""

MUTANT_WORDS = {
    "threshold": N_("阈值"),
    "operator": N_("比较"),
    "dropped": N_("条件"),
    "dates": N_("日期"),
    "priority": N_("优先顺序"),
    "value": N_("结果"),
    "clear": N_("解除条件"),
    "hold": N_("持续时间"),
}


@dataclass(frozen=True)
class Line:
    """One difference, its two sides taken apart."""

    one: Change
    before: str
    after: str
    before_at: datetime | None = None
    after_at: datetime | None = None


@dataclass(frozen=True)
class Listed:
    """One page of the differences of a section."""

    name: SectionName
    department: str
    lines: tuple[Line, ...]
    total: int
    page: int
    pages: int


@dataclass(frozen=True)
class DossierPage(Page):
    """One proposal's dossier."""

    template: ClassVar[str] = "dossier.html"

    release: Annotated[Release, "The proposed version."]
    kept: Annotated[ShownDossier | None, "Its newest dossier; None: not made yet."]
    departments_with: Annotated[
        tuple[tuple[str, tuple[tuple[SectionName, int, str], ...]], ...],
        "Department → section, how many differences, where they are listed.",
    ]
    listed: Annotated[Listed | None, "The differences asked for, for who may see cases."]
    survivors: Annotated[tuple[MutantFound, ...], "Mutants that no example notices."]
    words: Annotated[Mapping[str, str], "Section or kind → word."]
    counts: Annotated[Mapping[str, tuple[str, ...]], "Section → its other numbers, in words."]
    checks: Annotated[tuple[tuple[str, DossierCheck], ...], "Each check and its name in words."]
    untold: Annotated[Mapping[str, str], "Section → why nothing was compared, in words."]
    departments: Annotated[Mapping[str, str], "Code → name."]
    people: Annotated[Mapping[str, str], "User id → name."]
    may_endorse: Annotated[bool, "May sign the dossier of this own proposal."]
    may_sign: Annotated[bool, "May activate the version."]
    may_simulate: Annotated[bool, "May have the dossier made anew."]
    most_months: Annotated[int, "How far back it may look."]
    links: Annotated[Mapping[str, str], "Addresses of the pages of the list."]


async def dossier(visit: Visit) -> Response:
    """What would have been otherwise, by department; the lists for who may see cases."""
    found = await _named(visit)
    await visit.demand("list", OBJECT)
    visit.saw(found.id)
    kept: ShownDossier | None = await visit.ask(visit.ports.releases.dossier, found.id)
    listed = None
    if kept is not None and await _may_see_cases(visit):
        packs = await visit.ask(visit.ports.rules.in_force)
        known = (one.pack.definition for one in packs if one.pack.id == kept.whole.name)
        shown = await _shown(visit, kept.whole)
        listed = _listed(visit, shown, next(known, None))
    return await show(visit, await _page(visit, found, kept, listed))


async def _page(
    visit: Visit, found: Release, kept: ShownDossier | None, listed: Listed | None
) -> DossierPage:
    words: dict[str, str] = dict(SECTION_WORDS.items())
    words |= {f"kind:{kind}": word for kind, word in KIND_WORDS.items()}
    words |= {f"mutant:{kind}": word for kind, word in MUTANT_WORDS.items()}
    waits = found.state == "proposed"
    passed = kept is not None and kept.row.passed
    ready = waits and passed
    version = Thing(OBJECT, found.id, proposed_by=found.proposed_by)
    signed_first = kept is not None and found.dossier == kept.row.digest
    return DossierPage(
        title=visit.say(N_("卷宗")),
        release=found,
        kept=kept,
        departments_with=() if kept is None else tuple(_departments(found, kept.whole)),
        listed=listed,
        survivors=() if kept is None else kept.whole.survivors,
        words={key: visit.say(word) for key, word in words.items()},
        counts={} if kept is None else _counts(visit, kept.whole),
        checks=()
        if kept is None
        else tuple((visit.say(one.name), one) for one in kept.whole.checks),
        untold={}
        if kept is None
        else {name: visit.say(part.reason) for name, part in kept.whole.sections() if part.reason},
        departments=visit.ports.catalogue.departments(visit.language),
        people=dict(await visit.ask(visit.ports.reader.colleagues, "")),
        may_endorse=ready and not signed_first and found.proposed_by == visit.actor.id,
        may_sign=ready and signed_first and await _may(visit, "release_sign", version),
        may_simulate=waits and await _may(visit, "release_look_ahead", version),
        most_months=MOST_MONTHS,
        links=_links(found, listed),
    )


def _counts(visit: Visit, whole: Dossier) -> dict[str, tuple[str, ...]]:
    def said(word: str, n: int) -> str:
        if word.endswith(IN_FEN):
            return f"{visit.say(word.removesuffix(IN_FEN))} {yuan(n)} {visit.say(N_('元'))}"
        return f"{visit.say(word)} {n}"

    return {
        name: tuple(said(word, n) for word, n in section.counts.items() if n)
        for name, section in whole.sections()
    }


def _departments(
    found: Release, whole: Dossier
) -> Iterator[tuple[str, tuple[tuple[SectionName, int, str], ...]]]:
    counted = {name: section.departments for name, section in whole.sections()}
    for department in sorted({one for counts in counted.values() for one in counts}):
        yield (
            department,
            tuple(
                (name, counts.get(department, 0), _at(found, name, department))
                for name, counts in counted.items()
            ),
        )


async def _shown(visit: Visit, whole: Dossier) -> Dossier:
    """Return the dossier without the cases that the reader may not be shown: those are counted
    by department, and not named."""
    ids = {one.case_id for _, part in whole.sections() for one in part.changes} - {""}
    hidden = await visit.ask(visit.ports.reader.hidden, visit.actor, ids, "look_ahead")
    if not hidden:
        return whole
    left: dict[str, Section] = {
        name: part.model_copy(
            update={"changes": tuple(c for c in part.changes if c.case_id not in hidden)}
        )
        for name, part in whole.sections()
    }
    return whole.model_copy(update=left)


def _listed(visit: Visit, whole: Dossier, definition: Definition | None) -> Listed | None:
    params = visit.request.query_params
    name = next((one for one in SECTIONS if one == params.get("section")), None)
    if name is None:
        return None
    department = params.get("department", "")
    changes = [
        one for one in dict(whole.sections())[name].changes if department in ("", one.department)
    ]
    asked = params.get("page", "1")
    pages = max(1, -(-len(changes) // CHANGES_AT_ONCE))
    page = min(max(1, int(asked)) if asked.isdecimal() and len(asked) < 7 else 1, pages)
    some = changes[(page - 1) * CHANGES_AT_ONCE : page * CHANGES_AT_ONCE]
    lines = tuple(_line(visit, one, definition) for one in some)
    return Listed(name, department, lines, len(changes), page, pages)


def _line(visit: Visit, one: Change, definition: Definition | None) -> Line:
    if one.kind == "ruling" or one.before.startswith("{") or one.after.startswith("{"):
        before, after = (_outcome(visit, definition, text) for text in (one.before, one.after))
        return Line(one, before, after)
    (before, before_at), (after, after_at) = _moment(one.before), _moment(one.after)
    return Line(one, before, after, before_at, after_at)


def _moment(text: str) -> tuple[str, datetime | None]:
    """Return the word before an instant, and the instant: `yellow 2026-…`, `2026-…`, `停表`."""
    word, _, instant = text.rpartition(" ")
    try:
        return word, datetime.fromisoformat(instant)
    except ValueError:
        return text, None


def _outcome(visit: Visit, definition: Definition | None, text: str) -> str:
    """Return a ruling's outcome in one line, in words; of a payment, what follows from it."""
    if not text.startswith("{"):
        return text
    said = orjson.loads(text)
    parts = [
        _set(visit, definition, key, value) for key, value in said["outcome"].items() if value != []
    ]
    if "payment" in said:
        parts.insert(0, visit.say(OUTCOMES[said["payment"]]))
    if said.get("due_on"):
        parts.append(f"{visit.say(N_('届满日'))}：{said['due_on']}")
    if said.get("interest_fen"):
        parts.append(
            f"{visit.say(N_('逾期利息'))}：{yuan(said['interest_fen'])} {visit.say(N_('元'))}"
        )
    return "；".join([*parts, f"（{'、'.join(said['rules']) or '—'}）"])


def _set(visit: Visit, definition: Definition | None, key: str, value: object) -> str:
    spec = None if definition is None else definition.outcome.get(key)
    english = visit.language == "en"
    title = key if spec is None else (spec.title.en if english else spec.title.zh)
    words = {} if definition is None else words_for(definition, key)

    def one(item: object) -> str:
        if isinstance(item, bool):
            return visit.say(N_("是")) if item else visit.say(N_("否"))
        known = words.get(str(item))
        return str(item) if known is None else (known.en if english else known.zh)

    items = value if isinstance(value, list) else [value]
    return f"{title}：{(', ' if english else '、').join(map(one, items))}"


def _at(found: Release, name: str, department: str = "", page: int = 1) -> str:
    query = {"section": name, "department": department, "page": page if page > 1 else ""}
    said = urlencode({key: value for key, value in query.items() if value})
    return f"/releases/{quote(found.id)}/dossier?{said}#changes"


def _links(found: Release, listed: Listed | None) -> Mapping[str, str]:
    links: dict[str, str] = {name: _at(found, name) for name in SECTIONS}
    links |= {"previous": "", "next": ""}
    if listed is not None:
        name, department = listed.name, listed.department
        if listed.page > 1:
            links["previous"] = _at(found, name, department, listed.page - 1)
        if listed.page < listed.pages:
            links["next"] = _at(found, name, department, listed.page + 1)
    return links


async def endorse(visit: Visit) -> Response:
    """Sign the dossier of one's own proposal."""
    found = await _named(visit)
    await visit.demand("release_propose", Thing(OBJECT, found.id, proposed_by=found.proposed_by))
    refused = await visit.ask(
        visit.ports.releases.endorse, visit.who, found.id, visit.text("dossier")
    )
    return _done(found, visit.told(refused))


async def simulate(visit: Visit) -> Response:
    """Have the dossier made anew over so many months."""
    found = await _named(visit)
    await visit.demand("release_look_ahead", Thing(OBJECT, found.id))
    typed = visit.text("months")
    if not (typed.isdecimal() and 1 <= int(typed[:4]) <= MOST_MONTHS):
        raise Stop(422, visit.say(N_("月数应在 1 至 60 之间")), "months")
    refused = await visit.ask(visit.ports.releases.simulate, visit.who, found.id, int(typed))
    return _done(found, visit.told(refused))


def _done(found: Release, refused: str) -> Response:
    if refused:
        raise Stop(409, refused, "not_done")
    return RedirectResponse(f"/releases/{quote(found.id)}/dossier", 303)


async def _named(visit: Visit) -> Release:
    release = visit.request.path_params["release"]
    known = await visit.ask(visit.ports.releases.listing)
    found: Release | None = next((one for one in known if one.id == release), None)
    if found is None or found.kind not in TRIED_KINDS:
        raise not_found(visit)
    return found


async def _may(visit: Visit, act: str, thing: Thing | str) -> bool:
    return (await visit.ask(visit.ports.access.may, visit.actor, act, thing)).allowed


async def _may_see_cases(visit: Visit) -> bool:
    # Three administrators keep the house and see no case (GB/T 22239-2019 8.1.4.2 d).
    if await _may(visit, "release_look_ahead", OBJECT):
        return True
    return await _may(visit, "list", "case")
