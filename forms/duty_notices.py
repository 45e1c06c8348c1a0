"""My notices of incidents, and where I am reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from starlette.responses import RedirectResponse, Response

from forms.duty import own
from forms.duty_ports import Contact, ShownNotice
from forms.rendering import Page
from forms.showing import not_found, show
from forms.visit import Visit
from forms.words import N_

CHANNELS = {
    "in_app": N_("站内"),
    "email": N_("邮件"),
    "sms": N_("短信"),
    "im": N_("即时消息"),
    "webhook": N_("系统推送"),
}
STATES = {
    "queued": N_("待发"),
    "sent": N_("已发"),
    "delivered": N_("已送达"),
    "failed": N_("未送达"),
}


@dataclass(frozen=True)
class DutyNoticesPage(Page):
    """What the reader was told of incidents."""

    template: ClassVar[str] = "duty_notices.html"

    notices: Annotated[Sequence[ShownNotice], "The newest first."]
    unread: Annotated[int, "How many are not acknowledged."]
    opens: Annotated[bool, "The reader may open incidents: told in their office, some may not."]
    departments: Annotated[Mapping[str, str], "Code → name."]


@dataclass(frozen=True)
class ContactsPage(Page):
    """Where the reader is reached."""

    template: ClassVar[str] = "duty_contacts.html"

    contacts: Annotated[Sequence[Contact], "One for each channel that needs an address."]
    channels: Annotated[Mapping[str, str], "Channel → word."]
    fault: Annotated[str, "What is wrong with what was typed; empty: nothing."]
    typed: Annotated[Mapping[str, str], "Channel → what was typed, when it is wrong."]


async def notices(visit: Visit) -> Response:
    found = await visit.ask(visit.ports.duty.tray, own(visit))
    visit.saw_rows(len(found))
    page = DutyNoticesPage(
        title=visit.say(N_("事件通知")),
        notices=found,
        unread=await visit.ask(visit.ports.duty.unread, own(visit)),
        opens=(await visit.ask(visit.ports.access.may, visit.actor, "read", "incident")).allowed,
        departments=visit.ports.catalogue.departments(visit.language),
    )
    return await show(visit, page)


async def read(visit: Visit) -> Response:
    """Acknowledge one notice, or with no id all of the tray."""
    wanted = visit.text("notice")
    port, me = visit.ports.duty, own(visit)
    if wanted:
        if not await visit.ask(port.acknowledge, me, visit.where.ip, wanted):
            raise not_found(visit)
    else:
        for one in await visit.ask(port.tray, me):
            if not one.read:
                await visit.ask(port.acknowledge, me, visit.where.ip, one.id)
    return RedirectResponse("/duty/notices", 303)


async def contacts(
    visit: Visit, fault: str = "", typed: Mapping[str, str] | None = None
) -> Response:
    page = ContactsPage(
        title=visit.say(N_("通知送到哪里")),
        contacts=await visit.ask(visit.ports.duty.contacts, own(visit)),
        channels={code: visit.say(words) for code, words in CHANNELS.items()},
        fault=fault,
        typed=typed or {},
    )
    return await show(visit, page, 422 if fault else 200)


async def set_contact(visit: Visit) -> Response:
    channel, address = visit.text("channel"), visit.text("address")
    fault = await visit.ask(
        visit.ports.duty.set_contact, own(visit), visit.where.ip, channel, address
    )
    if fault:
        return await contacts(visit, visit.told(fault), {channel: address})
    return RedirectResponse("/duty/contacts", 303)
