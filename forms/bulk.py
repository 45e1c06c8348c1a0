"""An act on many cases: choose, see what would come of each row, confirm, see what came of it.

Every page is a post of plain fields that travel on; nothing is kept between them, so the back
button and a reload are safe. Only the last one does something (`forms.bulk_rows.settled`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar
from uuid import UUID, uuid4

from starlette.responses import Response

from cases.views import WorklistQuery
from forms import list_file
from forms.bulk_fields import BULK, BulkAct, body_of, faults_of, form_of, offered
from forms.bulk_rows import MOST_ROWS, Pick, Row, picked, settled, tried
from forms.disclosure_ports import Shown
from forms.fields import Field, Form, Option
from forms.list_address import PATHS
from forms.rendering import Page
from forms.showing import show
from forms.visit import Visit
from forms.words import N_, word

EXPORT = "export"
"""No act on a case: the chosen lines as a file."""
MOST_CHARACTERS = 20_000
"""Of a pasted list: two hundred numbers with whatever stands between them."""


@dataclass(frozen=True)
class BulkPage(Page):
    """Which cases, which act, and what the act asks."""

    template: ClassVar[str] = "bulk.html"

    acts: Annotated[Sequence[Option], "Acts to choose from; empty once one is chosen."]
    act: Annotated[BulkAct | None, "The act that is chosen."]
    form: Annotated[Form, "What it asks, and what is wrong."]
    picks: Annotated[Sequence[Pick], "What was ticked."]
    pasted: Annotated[str, "What was pasted."]
    scope: Annotated[str, "The list that led here, and to which one goes back."]
    back: Annotated[str, "Its address."]
    most: Annotated[int, "Rows of one order."]


@dataclass(frozen=True)
class BulkTriedPage(Page):
    """What would come of each row, before anything is done."""

    template: ClassVar[str] = "bulk_tried.html"

    act: Annotated[BulkAct, "The act."]
    form: Annotated[Form, "What was filled in, to be read once more."]
    rows: Annotated[Sequence[Row], "The rows; those that would be refused last."]
    cases: Annotated[int, "Of so many cases: one may have several tasks."]
    picks: Annotated[Sequence[Pick], "What was ticked, to go back to."]
    pasted: Annotated[str, "What was pasted, to go back to."]
    ready: Annotated[int, "Rows that would succeed."]
    sentence: Annotated[str, "What the button brings about."]
    hidden: Annotated[Sequence[tuple[str, str]], "The fields as they travel on."]
    order: Annotated[str, "Id of the order: sent twice, it is done once."]
    scope: Annotated[str, "The list that led here."]
    back: Annotated[str, "Its address."]


@dataclass(frozen=True)
class BulkDonePage(Page):
    """What came of each row."""

    template: ClassVar[str] = "bulk_done.html"

    act: Annotated[BulkAct, "The act."]
    rows: Annotated[Sequence[Row], "The rows in the order of the dry run."]
    cases: Annotated[int, "Of so many cases: one may have several tasks."]
    counts: Annotated[Sequence[tuple[str, int]], "State → number of rows; none that is empty."]
    unknown: Annotated[int, "Rows of which it is not known whether they were settled."]
    hidden: Annotated[Sequence[tuple[str, str]], "The same order again, for those rows."]
    order: Annotated[str, "Id of the order."]
    scope: Annotated[str, "The list that led here."]
    back: Annotated[str, "Its address."]


async def bulk(visit: Visit) -> Response:
    """The first page, with nothing chosen."""
    return await _ask(visit, None, Form(()))


async def bulk_step(visit: Visit) -> Response:
    """One step further: what it needs is asked, then tried, then done."""
    step = visit.text("step")
    if visit.text("verb") == EXPORT:
        return await _export(visit)
    act = await _act(visit)
    if act is None:
        return await _ask(visit, None, _wrong_act(visit))
    form = await form_of(visit, act, posted=step in ("try", "do", "back"))
    if step == "back" or (step == "" and form.fields):
        return await _ask(visit, act, form)
    body = body_of(form)
    # What the dry run found ready travels as `row`; what was chosen at first, as it was.
    picks = picked(visit.texts().get("row", ()), "") if step == "do" else _picks(visit)
    wrong = {**_wrong_picks(visit, picks), **faults_of(visit, act, form, body)}
    if wrong:
        return await _ask(visit, act, _with_numbers(visit, form, wrong))
    order = _order(visit)
    if step == "do":
        visit.demand_proof_of("case", act.verb)
        return await _done(visit, act, form, await settled(visit, act, body, picks, order), order)
    rows = await tried(visit, act, body, picks, order)
    wrong = _wrong_picks(visit, [row.pick for row in rows])  # several tasks of one case
    if wrong:
        visit.saw_rows(0)
        return await _ask(visit, act, _with_numbers(visit, form, wrong))
    return await _tried(visit, act, form, rows, order)


async def _act(visit: Visit) -> BulkAct | None:
    act = BULK.get(visit.text("verb"))
    return act if act in await offered(visit) else None


def _ticked(visit: Visit) -> list[str]:
    texts = visit.texts()
    return [*texts.get("pick", ()), *(texts.get("on_page", ()) if visit.text("whole") else ())]


def _picks(visit: Visit) -> tuple[Pick, ...]:
    return picked(_ticked(visit), visit.text("numbers")[:MOST_CHARACTERS])


def _order(visit: Visit) -> str:
    """Return the id under which the order travels: made with the dry run, kept from then on."""
    try:
        return str(UUID(visit.text("order")))
    except ValueError:
        return str(uuid4())


def _scope(visit: Visit) -> str:
    given = visit.text("scope") or visit.request.query_params.get("scope", "")
    return given if given in PATHS else "all"


def _wrong_act(visit: Visit) -> Form:
    verb = Field("verb", visit.say(N_("要办的事")), "radios")
    if not visit.text("verb"):
        return Form((verb,)).with_errors({"verb": visit.say(N_("请选择要办的事"))})
    return Form((verb,)).with_errors({"verb": visit.say(N_("这件事不能批量办理，或您无权办理"))})


def _wrong_picks(visit: Visit, picks: Sequence[Pick]) -> dict[str, str]:
    if not picks:
        return {"numbers": visit.say(N_("请先勾选办件，或者粘贴办件编号"))}
    if len(picks) > MOST_ROWS:
        said = N_("一次最多 {most} 件，现在是 {n} 件；请分几次办理")
        return {"numbers": visit.say(said).format(most=MOST_ROWS, n=len(picks))}
    return {}


def _with_numbers(visit: Visit, form: Form, wrong: Mapping[str, str]) -> Form:
    """Return the form with its errors; which cases is a field of the page, not of the act."""
    numbers = Field("numbers", visit.say(N_("办件编号")), "hidden")
    return Form((*form.fields, numbers)).with_errors(wrong)


async def _ask(visit: Visit, act: BulkAct | None, form: Form) -> Response:
    say, scope = visit.say, _scope(visit)
    acts = tuple(Option(one.verb, say(word("verb", one.verb))) for one in await offered(visit))
    page = BulkPage(
        title=_title(visit, N_("批量办理"), act),
        acts=() if act else (*acts, Option(EXPORT, say(N_("导出")))),
        act=act,
        form=form,
        picks=picked(_ticked(visit), ""),
        pasted=visit.text("numbers")[:MOST_CHARACTERS],
        scope=scope,
        back=PATHS[scope],
        most=MOST_ROWS,
    )
    visit.seen = None
    return await show(visit, page, 422 if form.errors else 200)


async def _tried(
    visit: Visit, act: BulkAct, form: Form, rows: Sequence[Row], order: str
) -> Response:
    visit.saw_rows(sum(row.known for row in rows))
    ready = sum(row.state == "ready" for row in rows)
    page = BulkTriedPage(
        title=_title(visit, N_("预演"), act),
        act=act,
        form=form,
        rows=sorted(rows, key=lambda row: row.state != "ready"),
        cases=_cases(rows),
        picks=picked(_ticked(visit), ""),
        pasted=visit.text("numbers")[:MOST_CHARACTERS],
        ready=ready,
        sentence=visit.say(act.sentence).format(n=ready),
        hidden=_hidden(form),
        order=order,
        scope=_scope(visit),
        back=PATHS[_scope(visit)],
    )
    return await show(visit, page)


def _title(visit: Visit, words: str, act: BulkAct | None) -> str:
    return " · ".join(
        visit.say(one) for one in (words, word("verb", act.verb) if act else "") if one
    )


def _cases(rows: Sequence[Row]) -> int:
    return len({row.pick.number for row in rows})


def _hidden(form: Form) -> tuple[tuple[str, str], ...]:
    return tuple((field.name, value) for field in form.fields for value in field.values)


STATES = {
    "done": N_("已办"),
    "again": N_("此前已办，未重复"),
    "refused": N_("未办"),
    "unknown": N_("不确定"),
}


async def _done(
    visit: Visit, act: BulkAct, form: Form, rows: Sequence[Row], order: str
) -> Response:
    visit.saw_rows(sum(row.known for row in rows))
    counted = {state: sum(row.state == state for row in rows) for state in STATES}
    page = BulkDonePage(
        title=_title(visit, N_("办理结果"), act),
        act=act,
        rows=rows,
        cases=_cases(rows),
        counts=tuple((visit.say(STATES[state]), n) for state, n in counted.items() if n),
        unknown=counted["unknown"],
        hidden=_hidden(form),
        order=order,
        scope=_scope(visit),
        back=PATHS[_scope(visit)],
    )
    return await show(visit, page)


async def _export(visit: Visit) -> Response:
    picks = _picks(visit)
    wrong = _wrong_picks(visit, picks)
    if wrong:
        return await _ask(visit, None, _with_numbers(visit, Form(()), wrong))
    visit.not_too_often("export")
    visit.seen = Shown("export", "worklist")
    query = WorklistQuery(scope="all", numbers=tuple(dict.fromkeys(one.number for one in picks)))
    return await list_file.handed_out(visit, query)
