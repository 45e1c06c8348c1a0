"""任职与职责分离: who holds which office where, what may not meet in one person, and who has both.

For whoever may read policy and accounts. Nothing is changed here: a right is proposed at its
account, the policy at its own page.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar
from urllib.parse import quote

from starlette.responses import Response

from forms.account_ports import AccountRow
from forms.fields import Field, Option
from forms.list_file import safe_cell
from forms.policy_pages import RowShown, row_shown
from forms.policy_ports import PolicyInForce, PolicyProposal
from forms.release_ports import Release
from forms.rendering import Page
from forms.showing import show
from forms.visit import Visit
from forms.words import N_
from policies.differences import difference
from policies.exclusions import BUSINESS, Apart, Exclusion, exclusions, standing
from policies.gate import Fault
from policies.scopes import EVERYWHERE
from policies.vocabulary import ACT_TITLES, ADMINISTRATORS, CITIZEN, OBJECT_TITLES, ROLES, Kind

ENDED = frozenset({"closed", "expired", "asleep"})
"""States of an account that holds nothing any more."""


@dataclass(frozen=True)
class Office:
    """One role held by one account in one department."""

    account: str
    login: str
    name: str
    service: bool
    role: str
    where: str
    """Department in words; of the whole city "全市"."""


@dataclass(frozen=True)
class Both:
    """An account that holds what does not belong together."""

    account: str
    name: str
    roles: tuple[str, ...]
    forbidden: tuple[tuple[str, str], ...]
    """Sentence and basis of what may not be."""
    known: tuple[str, ...]
    """Sentences of what an approver was told."""


@dataclass(frozen=True)
class PairLine:
    """One pair in words, and how many accounts have both."""

    first: str
    second: str
    why: str
    basis: str
    forbidden: bool
    people: int


@dataclass(frozen=True)
class RoleCount:
    """A role, how many accounts hold it, and in how many departments."""

    role: str
    title: str
    people: int
    departments: int


@dataclass(frozen=True)
class LastChange:
    """What the version of the policy in force changed when it was signed."""

    release: str
    version: str
    proposed_by: str
    signed_by: str
    since: datetime | None
    first: bool
    """There was none before it that the register has."""
    gone: tuple[RowShown, ...]
    come: tuple[RowShown, ...]
    moved: tuple[str, ...]


@dataclass(frozen=True)
class SeparationPage(Page):
    """The report."""

    template: ClassVar[str] = "separation.html"

    people: Annotated[int, "Open accounts of people."]
    services: Annotated[int, "Open accounts of systems."]
    offices: Annotated[int, "How many offices they hold."]
    both: Annotated[tuple[Both, ...], "Who holds what does not belong together, the worst first."]
    forbidden: Annotated[int, "How many of them hold what may not be."]
    pairs: Annotated[tuple[PairLine, ...], "Every pair."]
    roles: Annotated[tuple[RoleCount, ...], "Every role, with how many hold it."]
    held: Annotated[tuple[Office, ...], "Offices that were asked for; none when nothing is."]
    filters: Annotated[tuple[Field, ...], "Role, department."]
    asked: Annotated[bool, "Offices were asked for."]
    file: Annotated[str, "Address of the same as a file."]
    last: Annotated[LastChange | None, "What the last signed policy changed; None: none is signed."]


async def separation(visit: Visit) -> Response:
    """The report; with a role or a department, who holds it."""
    await visit.demand("account_read", "account")
    rows = await _open(visit)
    known: PolicyInForce = await visit.ask(visit.ports.policies.in_force)
    apart = _apart(visit)
    judged = await visit.ask(standing, [_held(one) for one in rows], known.policy, apart)
    faults = {one.id: judged[_held(one)] for one in rows}
    wanted = _wanted(visit)
    both = [_both(visit, one, faults[one.id]) for one in rows if faults[one.id]]
    offices = list(_offices(visit, rows))
    asked = any(wanted.values())
    visit.saw(lines=len(both) + (len(offices) if asked else 0))
    page = SeparationPage(
        title=visit.say(N_("任职与职责分离")),
        people=sum(one.kind == "human" for one in rows),
        services=sum(one.kind == "service" for one in rows),
        offices=len(offices),
        both=tuple(sorted(both, key=lambda one: (not one.forbidden, one.name))),
        forbidden=sum(bool(one.forbidden) for one in both),
        pairs=tuple(_pair(visit, one, faults.values()) for one in exclusions(apart)),
        roles=tuple(_counted(visit, role, rows) for role in ROLES if role != CITIZEN),
        held=tuple(_kept(visit, rows, offices, wanted)) if asked else (),
        filters=_filters(visit, wanted),
        asked=asked,
        file="/policy/duties.csv"
        + (f"?role={quote(wanted['role'])}&department={quote(wanted['department'])}" * asked),
        last=await _last(visit, known),
    )
    return await show(visit, page)


async def separation_file(visit: Visit) -> Response:
    """Who holds which office where, as a file; its entry says how many lines."""
    await visit.demand("account_read", "account")
    rows = await _open(visit)
    wanted = _wanted(visit)
    offices = list(_kept(visit, rows, list(_offices(visit, rows)), wanted))
    visit.saw(lines=len(offices))
    out = io.StringIO()
    writer = csv.writer(out)
    at = datetime.now(visit.zone).strftime("%Y-%m-%d %H:%M")
    took = visit.say(N_("{who} 于 {at} 导出，共 {n} 行（全部 {all} 行）")).format(
        who=f"{visit.who.name} {visit.actor.id}", at=at, n=len(offices), all=len(offices)
    )
    writer.writerow([took])
    heads = (N_("姓名"), N_("登录名"), N_("角色"), N_("任职部门"), N_("业务系统"))
    writer.writerow([visit.say(one) for one in heads])
    for one in offices:
        told = (one.name, one.login, one.role, one.where, visit.say(N_("是")) * one.service)
        writer.writerow([safe_cell(cell) for cell in told])
    # With a byte order mark: spreadsheets of the office take the file for GBK otherwise.
    response = Response("\ufeff" + out.getvalue(), media_type="text/csv; charset=utf-8")
    name = quote(f"{visit.say(N_('任职与职责分离'))}.csv", safe="")
    response.headers["content-disposition"] = f"attachment; filename*=UTF-8''{name}"
    return response


async def _open(visit: Visit) -> list[AccountRow]:
    found: Sequence[AccountRow] = await visit.ask(visit.ports.accounts.listing)
    return [one for one in found if one.state not in ENDED]


def _held(one: AccountRow) -> tuple[Kind, frozenset[str]]:
    return one.kind, frozenset(grant.role for grant in one.grants)


def _apart(visit: Visit) -> tuple[Apart, ...]:
    """What the matters in force separate; the same acts of several matters are one."""
    found: dict[tuple[str, ...], dict[str, None]] = {}
    for matter in visit.ports.catalogue.matters():
        for one in matter.separations:
            found.setdefault(one.acts, {})[one.basis] = None
    return tuple(Apart(acts, tuple(bases)) for acts, bases in found.items())


def _wanted(visit: Visit) -> dict[str, str]:
    query = visit.request.query_params
    return {name: query.get(name, "")[:64] for name in ("role", "department")}


def _title(visit: Visit, role: str) -> str:
    return visit.say(ROLES[role].title) if role in ROLES else role


def _offices(visit: Visit, rows: Iterable[AccountRow]) -> Iterable[Office]:
    names = visit.ports.catalogue.departments(visit.language)
    whole = visit.say(N_("全市"))
    for one in rows:
        for grant in one.grants:
            where = whole if grant.department == EVERYWHERE else names.get(grant.department, "")
            yield Office(
                one.id, one.login, one.name, one.kind == "service", _title(visit, grant.role),
                where or grant.department,
            )  # fmt: skip


def _kept(
    visit: Visit, rows: Iterable[AccountRow], offices: Sequence[Office], wanted: Mapping[str, str]
) -> Iterable[Office]:
    grants = [grant for one in rows for grant in one.grants]
    for grant, office in zip(grants, offices, strict=True):
        if wanted["role"] in ("", grant.role) and wanted["department"] in ("", grant.department):
            yield office


def _counted(visit: Visit, role: str, rows: Sequence[AccountRow]) -> RoleCount:
    held = [
        (one.id, grant.department) for one in rows for grant in one.grants if grant.role == role
    ]
    return RoleCount(
        role, _title(visit, role), len({who for who, _ in held}),
        len({where for _, where in held}),
    )  # fmt: skip


def _both(visit: Visit, one: AccountRow, faults: Sequence[Fault]) -> Both:
    return Both(
        one.id, one.name,
        tuple(dict.fromkeys(_title(visit, grant.role) for grant in one.grants)),
        tuple((fault.sentence, fault.basis) for fault in faults if fault.blocking),
        tuple(fault.sentence for fault in faults if not fault.blocking),
    )  # fmt: skip


def _pair(visit: Visit, one: Exclusion, faults: Iterable[Sequence[Fault]]) -> PairLine:
    law = visit.ports.catalogue
    if one.of == "roles":
        second = (
            visit.say(N_("任一业务角色")) if one.second == BUSINESS else _title(visit, one.second)
        )
        first, why = _title(visit, one.first), visit.say(one.why)
    else:
        what = visit.say(OBJECT_TITLES[one.object_type])
        first, second = (
            f"{what}·{visit.say(ACT_TITLES.get(act, act))}" for act in (one.first, one.second)
        )
        why = visit.say(N_("同一对象上，办过前一步的人再办后一步会被拒绝；兼任须由批准人确认"))
    basis = visit.say(N_("、")).join(
        visit.say(law.cited(part)) for part in one.basis.split("、") if part
    )
    people = sum(_has_both(one, some) for some in faults)
    return PairLine(first, second, why, basis, one.of == "roles", people)


def _has_both(one: Exclusion, faults: Sequence[Fault]) -> bool:
    if one.second != BUSINESS:
        return one.in_one(faults)
    return any(
        one.first in fault.roles and not set(ADMINISTRATORS).issuperset(fault.roles)
        for fault in faults
    )


def _filters(visit: Visit, wanted: Mapping[str, str]) -> tuple[Field, ...]:
    say = visit.say
    roles = {role: say(known.title) for role, known in ROLES.items() if role != CITIZEN}
    names = visit.ports.catalogue.departments(visit.language)
    departments = {EVERYWHERE: say(N_("全市")), **names}
    return tuple(
        Field(
            name, label, "select", required=False, values=(wanted[name],),
            options=tuple(Option(code, word) for code, word in words.items()),
        )
        for name, label, words in (
            ("role", say(N_("角色")), roles), ("department", say(N_("任职部门")), departments),
        )
    )  # fmt: skip


async def _last(visit: Visit, known: PolicyInForce) -> LastChange | None:
    """What the version in force changed against the one that counted before it."""
    found: Sequence[Release] = await visit.ask(visit.ports.releases.listing)
    policies = [one for one in found if one.kind == "policy"]
    now = next((one for one in policies if one.state == "active"), None)
    if now is None:
        return None
    began = now.in_force_from or known.since
    earlier = [
        one for one in policies
        if one.state in ("superseded", "revoked") and one.in_force_from and one.id != now.id
        and one.in_force_from <= began
    ]  # fmt: skip
    before = max(earlier, key=lambda one: one.in_force_from or began, default=None)
    people: Mapping[str, str] = dict(await visit.ask(visit.ports.reader.colleagues, ""))
    gone: tuple[RowShown, ...] = ()
    come: tuple[RowShown, ...] = ()
    moved: tuple[str, ...] = ()
    if before is not None:
        old: PolicyProposal | None = await visit.ask(visit.ports.policies.proposal, before.id)
        if old is not None:
            changed = await visit.ask(difference, old.policy, known.policy)
            gone = tuple(row_shown(row, visit.say) for row in changed.gone)
            come = tuple(row_shown(row, visit.say) for row in changed.come)
            moved = tuple(one.sentence() for one in changed.moved)
    return LastChange(
        now.id, now.version, people.get(now.proposed_by, now.proposed_by),
        people.get(now.signed_by, now.signed_by), now.in_force_from, before is None, gone, come,
        moved,
    )  # fmt: skip


__all__ = ["separation", "separation_file"]
