"""专项基金 on pages: its table from allotment to use, each project, the journal and its file."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Annotated, ClassVar
from urllib.parse import quote

from markupsafe import Markup
from starlette.responses import Response, StreamingResponse

from cases import fund as f
from cases.fund_rows import Booked
from forms.fund_charts import money_curve_svg
from forms.fund_ports import FundView, JournalView, ProjectView
from forms.fund_words import ACCOUNT_WORDS, KIND_WORDS, STAGE_WORDS
from forms.links import project_url
from forms.payment_reading import read_for
from forms.rendering import Page
from forms.showing import not_found, show
from forms.visit import Visit
from forms.words import N_

PER_PAGE = 100


@dataclass(frozen=True)
class FundPage(Page):
    """The fund as one table: allotment, project, contract, payment, use, performance."""

    template: ClassVar[str] = "fund.html"

    view: Annotated[FundView, "The sums, by project and contract."]
    curve: Annotated[Markup, "Planned against paid, by month; empty: nothing was booked."]
    may: Annotated[frozenset[str], "Acts that the reader may do to the fund."]


@dataclass(frozen=True)
class FundProjectPage(Page):
    """One project's money, down to each payment and usage."""

    template: ClassVar[str] = "fund_project.html"

    view: Annotated[ProjectView, "Allotments, contracts, payments, usages."]
    curve: Annotated[Markup, "Planned against paid, by month."]
    stages: Annotated[Mapping[str, str], "Stage of a payment → word."]
    milestones: Annotated[Mapping[str, str], "Milestone of the project → title."]
    may: Annotated[frozenset[str], "Acts that the reader may do to the fund."]
    may_request: Annotated[bool, "May ask for money somewhere."]
    opened: Annotated[frozenset[str], "Departments whose payments the reader may open."]
    own_url: Annotated[str, "The project's own page; empty: there is none."]


@dataclass(frozen=True)
class JournalPage(Page):
    """The journal and its balance."""

    template: ClassVar[str] = "fund_journal.html"

    view: Annotated[JournalView, "Some entries, and whether the whole balances."]
    accounts: Annotated[Mapping[str, str], "Account → word."]
    kinds: Annotated[Mapping[str, str], "Kind of an entry → word."]
    following: Annotated[str, "Address of the next entries; empty: none."]
    projects: Annotated[Mapping[str, str], "Project → number and title, of those that there are."]
    opened: Annotated[frozenset[str], "Departments whose payments the reader may open."]


async def overview(visit: Visit) -> Response:
    """The whole fund."""
    view = await visit.ask(visit.ports.fund.view, visit.actor)
    visit.saw_rows(len(view.projects))
    may = await _may(visit)
    shown = FundPage(
        title=visit.say(N_("专项基金")),
        view=view,
        curve=_curve(visit, view),
        may=may - {f.OPEN} if view.title else may,
    )
    return await show(visit, shown)


async def _may(visit: Visit) -> frozenset[str]:
    may = visit.ports.access.may
    allowed = [
        act for act in f.OF_FUND if (await visit.ask(may, visit.actor, act, f.OBJECT)).allowed
    ]
    return frozenset(allowed)


async def project(visit: Visit) -> Response:
    """One project."""
    key = visit.request.path_params["project"]
    view = await visit.ask(visit.ports.fund.project, visit.actor, key)
    if view is None:
        raise not_found(visit)
    visit.saw(key[:64])
    shown = FundProjectPage(
        title=f"{visit.say(N_('项目资金'))} {view.money.title or key}",
        view=view,
        curve=_curve(visit, view),
        stages={code: visit.say(word) for code, word in STAGE_WORDS.items()},
        milestones=await _milestones(visit, key),
        may=await _may(visit),
        may_request=bool(await visit.ask(visit.ports.payments.may_request, visit.actor)),
        opened=await read_for(visit, [one.department for one, _ in view.payments]),
        own_url=await project_url(visit, key) if view.money.title else "",
    )
    return await show(visit, shown)


async def _milestones(visit: Visit, project: str) -> Mapping[str, str]:
    state = await visit.ask(visit.ports.projects.known, project)
    english = visit.language == "en"
    found = state.milestones if state is not None else ()
    return {one.id: one.english or one.title if english else one.title for one in found}


async def journal(visit: Visit) -> Response:
    """The journal, a hundred entries at a time."""
    text = visit.request.query_params.get("after", "")
    after = int(text) if text.isdecimal() and len(text) < 9 else 0
    view = await visit.ask(visit.ports.fund.journal, visit.actor, after, PER_PAGE)
    visit.saw_rows(len(view.entries))
    last = view.entries[-1].seq if view.entries else 0
    shown = JournalPage(
        title=visit.say(N_("分录账")),
        view=view,
        accounts={code: visit.say(word) for code, word in ACCOUNT_WORDS.items()},
        kinds={code: visit.say(word) for code, word in KIND_WORDS.items()},
        following=f"/fund/journal?after={last}" if last < view.total and last else "",
        projects=await visit.ask(visit.ports.projects.names, {e.project for e in view.entries}),
        opened=await read_for(visit, [e.department for e in view.entries if e.payment]),
    )
    return await show(visit, shown)


async def exported(visit: Visit) -> Response:
    """The whole journal as a file for audit; its last line is the digest of all before it."""
    view = await visit.ask(visit.ports.fund.journal, visit.actor, 0, 1)
    visit.saw(id="journal", lines=view.total)
    entries = await visit.ask(visit.ports.fund.entries, visit.actor, view.total)
    response = StreamingResponse(journal_csv(entries), media_type="text/csv; charset=utf-8")
    name = quote(f"{visit.say(N_('分录账'))}.csv", safe="")
    response.headers["content-disposition"] = f"attachment; filename*=UTF-8''{name}"
    return response


HEAD = (
    "凭证号", "时间", "种类", "项目", "部门", "预算年度", "合同", "付费申请", "科目", "借方（分）",
    "贷方（分）",
)  # fmt: skip


def journal_csv(entries: Iterable[Booked]) -> Iterator[str]:
    """Yield the journal, a line for each account, in fen; last the SHA-256 of what stands above,
    the mark of byte order aside. It is never in memory as a whole.

    Times are UTC. Ids are ours and codes are checked: nothing begins as a formula does.
    """
    digest = hashlib.sha256()
    yield "\ufeff"
    for line in chain((HEAD,), _lines(entries)):
        text = _row(line)
        digest.update(text.encode())
        yield text
    yield _row(("SHA-256", digest.hexdigest()))


def _row(line: Sequence[object]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(line)
    return out.getvalue()


def _lines(entries: Iterable[Booked]) -> Iterator[tuple[object, ...]]:
    for one in entries:
        for line in one.lines:
            debit, credit = max(line.amount_fen, 0), max(-line.amount_fen, 0)
            yield (
                one.seq, one.at.isoformat(), one.kind, one.project, one.department,
                one.budget_year, one.contract, one.payment, ACCOUNT_WORDS[line.account], debit,
                credit,
            )  # fmt: skip


def _curve(visit: Visit, view: FundView | ProjectView) -> Markup:
    picture = money_curve_svg(
        [one.month for one in view.curve],
        [one.planned_fen for one in view.curve],
        [one.paid_fen for one in view.curve],
        planned=visit.say(N_("按里程碑计划")),
        paid=visit.say(N_("已拨付")),
        unit=visit.say(N_("万元")),
    )
    return Markup(picture)  # noqa: S704 -- our own, texts escaped
