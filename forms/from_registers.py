"""Nobody is asked for what is known: fields filled from departments' registers, and from what the
same citizen has said before (国务院关于在线政务服务的若干规定第七条).

Only what is empty is filled, and each filled field says where it comes from; what was typed and
differs is told, not overwritten. A register that does not answer in time is told too, and the form
is filled in by hand as ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from catalogue.matters import Matter
from catalogue.registers import Register
from forms.citizen_ports import Citizen, Remembered
from forms.fields import Field, Posted
from forms.register_ports import Shared
from forms.visit import Visit
from forms.words import N_

BUTTON = "share"
"""Value of `do` by which a form asks the registers instead of being sent."""
OWN = "own."


def names_of(visit: Visit, matter: Matter) -> tuple[str, ...]:
    """Return the registers that can fill something of this form, as the reader calls them."""
    return tuple(_named(visit, one) for one in visit.ports.registers.offered(matter.code))


async def ask_at_window(visit: Visit, matter: Matter, texts: Posted) -> tuple[Shared, ...]:
    """Ask every register whose key the clerk has typed."""
    visit.not_too_often("search")
    natural = _typed(texts, "applicant.kind") == "natural_person"
    asked = []
    for register in visit.ports.registers.offered(matter.code):
        if register.personal and not natural:
            continue
        key = {
            part: next((t for s in sources if (t := _typed(texts, s))), "")
            for part, sources in register.key.items()
        }
        asked.append((register, key))
    return await _ask(visit, matter, asked)


async def ask_on_line(
    visit: Visit, matter: Matter, citizen: Citizen, texts: Posted
) -> tuple[Shared, ...]:
    """Ask every register whose key is known: of people about the citizen alone, by what the
    identity provider vouched for; of the others by what was typed."""
    vouched = {"own.id_number": citizen.id_number, "own.name": citizen.name}
    asked = []
    for register in visit.ports.registers.offered(matter.code):
        key = {}
        for part, sources in register.key.items():
            own = [s for s in sources if s.startswith(OWN)]
            found = [vouched.get(s, "") for s in own] if register.personal else [
                _typed(texts, s) for s in sources if s not in own
            ]  # fmt: skip
            key[part] = next((text for text in found if text), "")
        asked.append((register, key))
    return await _ask(visit, matter, asked)


async def _ask(
    visit: Visit, matter: Matter, asked: Sequence[tuple[Register, Mapping[str, str]]]
) -> tuple[Shared, ...]:
    actor = visit.author
    return tuple(
        await asyncio.gather(
            *(
                visit.ports.registers.ask(actor, visit.where, register, key, matter.code)
                for register, key in asked
                if all(key.values())
            )
        )
    )


def _typed(texts: Posted, name: str) -> str:
    return next(iter(texts.get(name, ())), "").strip()[:200]


def filled(visit: Visit, fields: tuple[Field, ...], shares: Sequence[Shared]) -> tuple[Field, ...]:
    """Return the fields with what the registers said of them."""
    for share in shares:
        fields = tuple(_with(visit, one, share) for one in fields)
    return fields


def _with(visit: Visit, one: Field, share: Shared) -> Field:
    said = share.values.get(one.name, "")
    if not said:
        return one
    source = _named(visit, share.register)
    if not one.value or one.value == said:
        note = visit.say(N_("已从{source}共享取得，不需要再填")).format(source=source)
        return replace(one, values=(said,), hint=note)
    note = visit.say(N_("{source}登记为“{said}”，与所填不同，请核对"))
    return replace(one, hint=note.format(source=source, said=said))


def remembered(
    visit: Visit, fields: tuple[Field, ...], known: Remembered | None
) -> tuple[Field, ...]:
    """Return the fields with what the citizen said in an earlier case of theirs."""
    if known is None:
        return fields
    note = visit.say(N_("按您在 {case_no} 里所填，请核对")).format(case_no=known.case_no)
    return tuple(
        replace(one, values=(known.values[one.name],), hint=note)
        if one.name in known.values and not one.value
        else one
        for one in fields
    )


def told(visit: Visit, shares: Sequence[Shared]) -> tuple[str, ...]:
    """Return a sentence for each register that was asked."""
    words = {
        "found": N_("已从{source}取得信息，请核对下面标明的各项。"),
        "none": N_("{source}里没有查到，请核对号码，或照旧填写。"),
        "away": N_("{source}没有及时答复，请照旧填写，不影响提交。"),
    }
    return tuple(
        visit.say(words[one.state]).format(source=_named(visit, one.register)) for one in shares
    )


def nothing_typed(visit: Visit) -> tuple[str, ...]:
    """Return the sentence for who asked before a key was typed."""
    return (visit.say(N_("请先填写统一社会信用代码、证件号码或项目代码，再从登记库取信息。")),)


def _named(visit: Visit, register: Register) -> str:
    if visit.language == "en":
        return register.english
    names = visit.ports.catalogue.departments("zh")
    return f"{names.get(register.department, register.department)}·{register.name}"
