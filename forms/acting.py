"""Doing something to a case: the form of a verb, what is wrong with it, and what comes of it.

The command's id is made with the form and travels in it, so a double click, the back button and a
second try after a failure all name the same command and get the same outcome. What the form holds
is a `Sending` (`forms.act_sending`); an act that is for good is shown once more before it is done
(`forms.act_confirming`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar
from uuid import uuid4

from starlette.responses import RedirectResponse, Response

from cases.approval.articles import broken_by
from cases.facts import CaseFacts
from cases.messages import Outcome
from cases.reception import NotNow, Request
from cases.settling import RuleForbids
from cases.state import Plan
from cases.views import CaseView
from forms.act_confirming import STEP, ask_once_more, foretold, must_be_read, outcome_of
from forms.act_scene import Act, Scene
from forms.act_sending import Sending, faults_of, field_named, fields_of, sent, untouched
from forms.acts import ACTS
from forms.case import Fact, facts_of, form_facts, next_of, offered, scene_of, view_of
from forms.corrected_twice import corrected_since, newest, seen_of
from forms.fields import Form, Wrong
from forms.filing import hand_over, refusal
from forms.rendering import Page
from forms.rows import changes_rows
from forms.showing import not_found, show
from forms.stops import Stop
from forms.visit import Visit
from forms.window import NOT_NOW, settle
from forms.words import N_, word


@dataclass(frozen=True)
class ActPage(Page):
    """One act as a form, the case in short beside it."""

    template: ClassVar[str] = "act.html"

    view: Annotated[CaseView, "The case."]
    act: Annotated[Act, "Verb, button, consequence."]
    form: Annotated[Form, "Its fields."]
    facts: Annotated[tuple[Fact, ...], "The filed form, for reading beside."]
    command: Annotated[str, "Id of the command; the same at every try of this form."]
    limit_mb: Annotated[int, "Largest file, in MB."]
    departments: Annotated[Mapping[str, str], "Code → name."]
    seen: Annotated[int, "The last step of the case that this page shows."]

    def rests_on(self) -> tuple[str, ...]:
        """Return the article that the act rests on in this matter."""
        return (broken_by(Plan.model_validate(self.view.plan), self.act.verb),)


async def act_page(visit: Visit) -> Response:
    """The empty form of a verb; `task` or `card` in the address chooses it.

    Where there is nothing to fill in, what would come of it at once.
    """
    act, facts = await _act(visit)
    scene = await scene_of(visit, await view_of(visit, facts))
    given = visit.request.query_params
    chosen = {name: given[name] for name in ("task", "card") if given.get(name)}
    fields = tuple(
        replace(one, values=(chosen[one.name],)) if one.name in chosen else one
        for one in fields_of(act, scene)
    )
    sending = untouched(act, scene, facts.id, str(uuid4()), Form(fields))
    if outcome_of(sending) and not sending.asks:
        # A form without a field would be a page for nothing.
        follows = await foretold(visit, sending)
        if not isinstance(follows, RuleForbids):
            return await ask_once_more(visit, sending, follows)
        return await _again(visit, sending, _why_not(visit, sending, follows), 200)
    return await _show(visit, sending)


async def do(visit: Visit) -> Response:
    """Check what was typed, ask once more where it is for good, settle it, go on."""
    try:
        act, facts = await _act(visit)
    except Stop as no:
        return await _done_before(visit, no)
    scene = await scene_of(visit, await view_of(visit, facts))
    command = visit.text("command") or str(uuid4())
    fresh = await visit.ask(visit.ports.reader.outcome, command) is None
    if fresh:
        # Asked again after it was settled, the stage has moved on; the answer is the stored one.
        await _still_offered(visit, act, facts, scene)
    sending = await sent(visit, act, scene, facts.id, command)
    if changes_rows(visit.text("do")):
        return await _show(visit, sending)
    stopped = await _stopped(visit, sending) if fresh else None
    return stopped or await _settled(visit, sending, facts)


async def _act(visit: Visit) -> tuple[Act, CaseFacts]:
    """Return the act in the path and the facts of its case, if policy lets the visitor do it."""
    act = ACTS.get(visit.request.path_params["verb"])
    if act is None:
        raise not_found(visit)
    return act, await facts_of(visit, act.verb)


async def _done_before(visit: Visit, no: Stop) -> Response:
    """Lead on as the first time where the order was done, and its answer was lost on the way.

    What was done is often forbidden since: who has given an opinion may not give it again. Raises
    what stopped it where it was not done; only whoever may read the case is told that it was.
    """
    command = visit.text("command")
    outcome = await visit.ask(visit.ports.reader.outcome, command) if command else None
    if outcome is None or outcome.status != "done":
        raise no
    facts = await facts_of(visit, "read")
    if outcome.case_id != facts.id:
        raise no
    return await _on(visit, facts, await view_of(visit, facts), command)


async def _still_offered(visit: Visit, act: Act, facts: CaseFacts, scene: Scene) -> None:
    if act.verb not in {one.verb for one in await offered(visit, facts)}:
        stage = visit.say(word("stage", scene.view.row.stage))
        reason = visit.say(N_("本件现在处于“{stage}”，不能再“{verb}”")).format(
            stage=stage, verb=visit.say(word("verb", act.verb))
        )
        raise Stop(409, reason, "wrong_stage", visit.say(N_("请回到办件查看最新情况")))


async def _stopped(visit: Visit, sending: Sending) -> Response | None:
    """Return the page that comes before the order is given; None: it may be given."""
    wrong = faults_of(visit, sending)
    if wrong:
        return await _again(visit, sending, wrong)
    both = corrected_since(visit, sending.view, sending.form, sending.body)
    if both:
        return await _again(visit, sending, both, 409, newest(sending.view))
    if not outcome_of(sending):
        return None
    if visit.text(STEP) == "back":
        return await _show(visit, sending)
    if not must_be_read(visit, sending):
        return None
    follows = await foretold(visit, sending)
    if isinstance(follows, RuleForbids):
        # It would be refused: said at once, beside the field, instead of after one more page.
        return await _again(visit, sending, _why_not(visit, sending, follows))
    return await ask_once_more(visit, sending, follows)


def _why_not(visit: Visit, sending: Sending, no: RuleForbids) -> Mapping[str, str]:
    cited = visit.ports.catalogue.cited(no.basis) if no.basis else ""
    said = visit.told(no.reason)
    reason = f"{said}（{cited}）" if cited else said
    return {field_named(no.field, sending.form): reason}


async def _settled(visit: Visit, sending: Sending, facts: CaseFacts) -> Response:
    """Give the order and lead on; a refusal shows the form again with what was typed."""
    act, command = sending.act, sending.command
    request = Request(id=command, verb=act.verb, body=dict(sending.body), case_id=facts.id)
    try:
        outcome = await settle(visit, request)
    except NotNow:
        form = replace(sending.form, errors=(Wrong(visit.say(NOT_NOW)),))
        return await _show(visit, replace(sending, form=form), 503)
    if outcome.status == "refused":
        return await _refused(visit, sending, outcome)
    await hand_over(visit, sending.rows, facts.id)
    if act.verb == "recuse" and not sending.body.get("person"):
        return RedirectResponse("/", 303)  # the case is no longer theirs to see
    return await _on(visit, facts, sending.view, command)


async def _refused(visit: Visit, sending: Sending, outcome: Outcome) -> Response:
    wrong = {field_named(outcome.field, sending.form): refusal(visit, outcome)}
    # A refusal is final for its id: what is corrected now is another command.
    return await _again(visit, replace(sending, command=str(uuid4())), wrong)


async def _on(visit: Visit, facts: CaseFacts, view: CaseView, command: str) -> Response:
    """Lead to the case with what came of the act; or to the next one, for whoever wants that."""
    if (await visit.preferences())["go_on"] == "on":
        following = await next_of(visit, facts.id, finished=True)
        if following:
            return RedirectResponse(f"/cases/{following}?after={command}", 303)
    return RedirectResponse(f"/cases/{view.row.case_no}?done={command}", 303)


async def _again(
    visit: Visit,
    sending: Sending,
    wrong: Mapping[str, str],
    status: int = 422,
    seen: int | None = None,
) -> Response:
    """Show the form with what was typed, and what is wrong with it."""
    marked = replace(sending, form=sending.form.with_errors(wrong))
    return await _show(visit, marked, status, seen)


async def _show(
    visit: Visit, sending: Sending, status: int = 200, seen: int | None = None
) -> Response:
    view, act, scene = sending.view, sending.act, sending.scene
    page = ActPage(
        title=f"{visit.say(word('verb', act.verb))} · {view.row.case_no}",
        view=view,
        act=act,
        form=sending.form,
        facts=form_facts(scene.matter, view.form, visit),
        command=sending.command,
        limit_mb=visit.options.upload_limit_bytes // (1024 * 1024),
        departments=scene.departments,
        seen=seen_of(visit, view) if seen is None else seen,
    )
    return await show(visit, page, status)
