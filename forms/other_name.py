"""A form that was opened in one name and posted in another: nothing is done, nothing is lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from starlette.responses import Response

from forms.fields import MaterialRow
from forms.materials import posted_rows
from forms.rendering import Page
from forms.showing import show
from forms.stops import OtherName
from forms.visit import Visit
from forms.words import N_

_OWN = ("csrf",)


@dataclass(frozen=True)
class OtherNamePage(Page):
    """In whose name the form was opened and in whose it came; all that was typed travels on."""

    template: ClassVar[str] = "other_name.html"

    action: Annotated[str, "Where the form goes."]
    opened: Annotated[str, "In whose name it was opened."]
    now: Annotated[str, "In whose name the session acts now."]
    opened_token: Annotated[str, "Token of the form in the name in which it was opened."]
    hidden: Annotated[tuple[tuple[str, str], ...], "Everything typed."]
    files: Annotated[tuple[str, ...], "Names of files that must be chosen anew."]


async def other_name(visit: Visit, stop: OtherName) -> Response:
    """Return the page on which the person decides in whose name what they typed is meant."""
    visit.posted = stop.posted
    kept, lost = [], []
    for name, file in visit.files().items():
        row = await _kept(visit, name)
        if row is None or not row.upload:
            lost.append(file.filename or name)
        else:
            kept.append((f"upload.{row.code}", row.upload))
    replaced = {name for name, _ in kept}
    typed = [
        (name, text)
        for name, found in visit.texts().items()
        if name not in _OWN and name not in replaced
        for text in found
    ]
    url = visit.request.url
    page = OtherNamePage(
        title=visit.say(N_("请确认以谁的名义办理")),
        action=url.path + (f"?{url.query}" if url.query else ""),
        opened=stop.opened or visit.say(N_("本人")),
        now=visit.who.in_name.name
        if visit.who.in_name and visit.who.in_name.actor
        else visit.say(N_("本人")),
        opened_token=stop.token,
        hidden=(*typed, *kept),
        files=tuple(lost),
    )
    return await show(visit, page, stop.status)


async def _kept(visit: Visit, name: str) -> MaterialRow | None:
    """Keep a file handed in as a material, so that it need not be chosen again."""
    if not name.startswith("file."):
        return None
    code = name.removeprefix("file.")
    return (await posted_rows(visit, [MaterialRow(code, "", False, False)]))[0]
