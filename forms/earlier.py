"""At the window nobody is asked again for what they said before: what earlier cases of the same
applicant say, found by the number of identity that the clerk has typed.

Only cases whose personal data policy lets the clerk see, only fields that are still empty, and each
case that is used is an entry of the log first, with the purpose and the fields. What is filled in
says from which case and when, and may be changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final
from uuid import uuid4

from cases.facts import CaseFacts
from cases.views import CaseView
from catalogue.matters import Matter
from forms.fields import Field, Posted
from forms.said_before import fields_about, is_known, said_before
from forms.visit import Visit
from forms.words import N_

BUTTON: Final = "earlier"
"""Value of `do` by which the form asks earlier cases instead of being sent."""
LOOKED_BACK: Final = 5
"""Cases in which it is looked for what was said before: the newest ones."""
PARTS: Final = ("name", "phone", "legal_representative")
"""What is taken of the applicant; the number was typed."""
NUMBER: Final = "applicant.id_number"


@dataclass(frozen=True)
class Said:
    """What one field of the form was filled with before."""

    text: str
    case_no: str
    on: str
    """The day on which that case was received, in legal time."""


@dataclass(frozen=True)
class Earlier:
    """What earlier cases say, and what became of looking."""

    said: Mapping[str, Said]
    told: str
    """A sentence for the top of the page."""


async def ask_earlier(visit: Visit, matter: Matter, texts: Posted) -> Earlier:
    """Look through the newest cases of whoever has the typed number."""
    visit.not_too_often("search")
    number = next(iter(texts.get(NUMBER, ())), "").strip()[:18]
    if not number:
        return Earlier({}, visit.say(N_("请先填写申请人的证件号码，再从以前的办件带出。")))
    typed = {name for name, values in texts.items() if any(one.strip() for one in values)}
    found: dict[str, Said] = {}
    for case_no in await visit.ask(visit.ports.reader.earlier, visit.actor, number, LOOKED_BACK):
        facts = await visit.ask(visit.ports.reader.find, case_no)
        if facts is not None:
            fresh = await _said_in(visit, facts, matter, typed | found.keys())
            found |= {name: fresh[name] for name in fresh}
    if not found:
        nothing = N_("没有查到这个号码以前的办件里可以带出的内容，或者您无权查看，请照旧填写。")
        return Earlier({}, visit.say(nothing))
    told = visit.say(
        N_("已从以前的 {m} 件办件带出 {n} 项，请核对标明的各项，可以改；本次查看已记入日志。")
    )
    cases = len({one.case_no for one in found.values()})
    return Earlier(found, told.format(m=cases, n=len(found)))


async def _said_in(
    visit: Visit, facts: CaseFacts, matter: Matter, known: set[str]
) -> Mapping[str, Said]:
    """Return what this case says of fields that are not `known`, once the log was told."""
    verdict = await visit.ask(visit.ports.access.may, visit.actor, "read_personal", facts)
    masked = await visit.ask(visit.ports.reader.case, visit.actor, facts.id)
    if not verdict.allowed or masked is None:
        return {}
    names = [f"applicant.{part}" for part in PARTS]
    names += [f"form.{name}" for name in fields_about(masked, matter)]
    wanted = [name for name in names if name not in known]
    hidden = [name for name in masked.personal if name in wanted]
    view = masked
    if hidden:
        opened = await visit.ask(visit.ports.reader.case, visit.actor, facts.id, hidden)
        view = opened or masked
    said = _of(view, matter, wanted)
    if said:
        purpose = visit.say(N_("收件登记：从申请人以前的办件带出"))
        await visit.ask(
            visit.ports.disclosures.record, visit.who, visit.where, "read_personal", facts.id,
            f"{purpose} · {matter.name}", str(uuid4()), tuple(said),
        )  # fmt: skip
    on = view.row.received_at.astimezone(visit.zone).date().isoformat()
    return {name: Said(text, view.row.case_no, on) for name, text in said.items()}


def _of(view: CaseView, matter: Matter, wanted: list[str]) -> Mapping[str, str]:
    found = {f"applicant.{part}": str(view.applicant.get(part) or "") for part in PARTS}
    found |= said_before(view, matter, ())
    return {name: text for name, text in found.items() if name in wanted and is_known(text)}


def filled(visit: Visit, fields: tuple[Field, ...], earlier: Earlier) -> tuple[Field, ...]:
    """Return the fields with what earlier cases say; what was typed stays."""
    note = visit.say(N_("按 {case_no}（{on} 收件）所填，请核对，可以改"))
    return tuple(
        replace(
            one,
            values=(found.text,),
            hint=note.format(case_no=found.case_no, on=found.on),
        )
        if (found := earlier.said.get(one.name)) and not one.value
        else one
        for one in fields
    )
