"""Dead letters: messages that nobody could apply, to be read, mended, sent again or put away."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, ClassVar

from starlette.responses import RedirectResponse, Response

from forms.fields import Field, Form, Wrong
from forms.letter_ports import DeadLetter
from forms.rendering import Page
from forms.settled_finality import ask_to_drop
from forms.showing import not_found, show
from forms.visit import Visit
from forms.words import N_

PER_PAGE = 50
STATES = {
    "open": N_("待处理"),
    "mended": N_("已修正，待重放"),
    "replayed": N_("已重放"),
    "discarded": N_("已作废"),
}


@dataclass(frozen=True)
class LettersPage(Page):
    """The list, newest first."""

    template: ClassVar[str] = "letters.html"

    letters: Annotated[tuple[DeadLetter, ...], "One page of them."]
    total: Annotated[int, "How many there are in this state."]
    state: Annotated[str, "Which state is listed."]
    states: Annotated[dict[str, str], "State → word."]
    page: Annotated[int, "Number of the page, from 1."]
    pages: Annotated[int, "How many pages."]


@dataclass(frozen=True)
class LetterPage(Page):
    """One message with its reason, ready to be mended."""

    template: ClassVar[str] = "letter.html"

    letter: Annotated[DeadLetter, "As it is kept."]
    form: Annotated[Form, "The payload, to be mended."]
    state: Annotated[str, "Word of its state."]
    linked: Annotated[bool, "Whether the reader may open cases: the number is a link then."]


async def letters(visit: Visit) -> Response:
    query = visit.request.query_params
    state = query.get("state", "open") if query.get("state", "open") in STATES else "open"
    number = query.get("page", "1")
    page = max(1, int(number)) if number.isdecimal() and len(number) < 8 else 1
    found, total = await visit.ports.dead_letters.listing(state, page)
    visit.saw_rows(len(found))
    names = {code: visit.say(label) for code, label in STATES.items()}
    pages = max(1, -(-total // PER_PAGE))
    shown = LettersPage(visit.say(N_("死信处理")), tuple(found), total, state, names, page, pages)
    return await show(visit, shown)


async def letter(visit: Visit) -> Response:
    found = await _found(visit)
    return await _show(visit, found, pretty(found.payload))


async def _found(visit: Visit) -> DeadLetter:
    found = await visit.ports.dead_letters.find(visit.request.path_params["letter"])
    if found is None:
        raise not_found(visit)
    visit.saw(found.id)
    return found


async def _show(
    visit: Visit, found: DeadLetter, payload: str, wrong: str = "", status: int = 200
) -> Response:
    field = Field("payload", visit.say(N_("报文")), "textarea", values=(payload,), wide=True)
    form = Form((field,), (Wrong(wrong, field.id),) if wrong else ())
    linked = (await visit.ask(visit.ports.access.may, visit.actor, "list", "case")).allowed
    title = f"{visit.say(N_('死信'))} {found.id}"
    page = LetterPage(title, found, form, visit.say(STATES[found.state]), linked)
    return await show(visit, page, status)


def pretty(payload: str) -> str:
    """Return JSON with indentation, anything else unchanged."""
    try:
        return json.dumps(json.loads(payload), ensure_ascii=False, indent=2)
    except ValueError:
        return payload


async def mend(visit: Visit) -> Response:
    """Send it again as typed, or put it away."""
    found = await _found(visit)
    payload = str(visit.posted.get("payload", ""))
    letters = visit.ports.dead_letters
    if visit.text("do") == "discard":
        sentence = visit.say(N_("放弃这封死信，不再处理"))
        if found.state != "discarded" and (
            asked := await ask_to_drop(visit, sentence, found.id, f"/letters/{found.id}")
        ):
            return asked
        refused = await letters.discard(visit.who, found.id)
    else:
        try:
            json.loads(payload)
        except ValueError as broken:
            sentence = visit.say(N_("报文不是 JSON：{why}")).format(why=broken)
            return await _show(visit, found, payload, sentence, 422)
        # What was shown indented and not touched goes back byte for byte as it came.
        untouched = payload.replace("\r\n", "\n") == pretty(found.payload)
        sent = found.payload if untouched else payload
        refused = await letters.replay(visit.who, found.id, sent)
    if refused:
        return await _show(visit, found, payload, refused, 409)
    return RedirectResponse(f"/letters/{found.id}", 303)
