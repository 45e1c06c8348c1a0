"""The page before an act that is for good: what will be done, to which case, and what follows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, ClassVar

from starlette.responses import Response

from cases import approval
from cases.approval.articles import broken_by
from cases.messages import Command, Source
from cases.settling import RuleForbids
from cases.state import Plan
from cases.views import CaseView, TimelineItem
from catalogue.law import Article
from forms.act_finality import FINAL
from forms.act_scene import Act
from forms.act_sending import Sending
from forms.corrected_twice import SEEN, newest, seen_of
from forms.fields import Form
from forms.rendering import Page
from forms.showing import show
from forms.visit import Visit
from forms.words import N_

STEP = "step"
"""Hidden in the confirm page's buttons: `confirmed`, or `back` to the form."""
OF_THE_FORM = ("csrf", "command", STEP, "do", SEEN)
"""Posted names that each page sets anew; everything else travels on as it was typed."""


@dataclass(frozen=True)
class ConfirmPage(Page):
    """What will be done, in a sentence, before it is done for good."""

    template: ClassVar[str] = "confirm.html"

    view: Annotated[CaseView, "The case."]
    act: Annotated[Act, "Verb and button."]
    sentence: Annotated[str, "The outcome that the button brings about."]
    form: Annotated[Form, "What was typed, to be read once more."]
    follows: Annotated[approval.Foretold | None, "What comes of it; None: only the rules know."]
    articles: Annotated[Mapping[str, Article], "Id of an article that it rests on → its words."]
    meanwhile: Annotated[Sequence[TimelineItem], "Steps since the form was opened, newest first."]
    asks: Annotated[bool, "There is a form to go back to."]
    hidden: Annotated[tuple[tuple[str, str], ...], "Everything typed, as it travels on."]
    command: Annotated[str, "Id of the command."]
    seen: Annotated[int, "The last step of the case that this page shows."]


def outcome_of(sending: Sending) -> str:
    """Return what an act that is for good brings about; empty: it can be taken back."""
    sentence = FINAL.get(sending.act.verb)
    return sentence(sending.scene, sending.body) if sentence else ""


def must_be_read(visit: Visit, sending: Sending) -> bool:
    """Return whether the page must be shown: nobody has confirmed it, or not as it stands now."""
    confirmed = visit.text(STEP) == "confirmed"
    return not (confirmed and seen_of(visit, sending.view) >= newest(sending.view))


async def foretold(visit: Visit, sending: Sending) -> approval.Foretold | RuleForbids | None:
    """Return what would come of the order now, or why it would be refused; nothing is done."""
    state = await visit.ask(visit.ports.reader.state, sending.case_id)
    if state is None:
        return None
    calendar = await visit.ask(visit.ports.catalogue.calendar, state.plan.calendar)
    command = Command(
        id=sending.command,
        verb=sending.act.verb,
        case_id=sending.case_id,
        body=sending.body,
        actor=visit.actor,
        source=Source(door="web", ip=visit.where.ip, session=visit.who.session),
        occurred_at=datetime.now(UTC),
    )
    return await visit.ask(approval.foretold, state, command, sending.view.clock, calendar)


async def ask_once_more(
    visit: Visit, sending: Sending, follows: approval.Foretold | None
) -> Response:
    """Show the page; what came to the case since the form was opened stands on it, first."""
    view, seen = sending.view, seen_of(visit, sending.view)
    meanwhile = [item for item in view.timeline if item.seq > seen]
    page = ConfirmPage(
        title=f"{visit.say(N_('请核对'))} · {view.row.case_no}",
        view=view,
        act=sending.act,
        sentence=outcome_of(sending),
        form=sending.form,
        follows=follows,
        articles=_articles(visit, sending, follows),
        meanwhile=sorted(meanwhile, key=lambda one: -one.seq),
        asks=sending.asks,
        hidden=_travelling(visit, sending),
        command=sending.command,
        seen=newest(view),
    )
    return await show(visit, page, 409 if meanwhile and visit.text(STEP) == "confirmed" else 200)


def _travelling(visit: Visit, sending: Sending) -> tuple[tuple[str, str], ...]:
    """Return what was typed, or, where nothing was to be typed, what the form holds by itself."""
    typed = visit.texts() or {one.name: one.values for one in sending.form.fields}
    return tuple(
        (name, text) for name, found in typed.items() if name not in OF_THE_FORM for text in found
    )


def _articles(
    visit: Visit, sending: Sending, follows: approval.Foretold | None
) -> Mapping[str, Article]:
    own = broken_by(Plan.model_validate(sending.view.plan), sending.act.verb)
    cited = dict.fromkeys((*(follows.articles if follows else ()), own))
    found = {basis: visit.ports.catalogue.article(basis) for basis in cited}
    return {basis: article for basis, article in found.items() if article is not None}
