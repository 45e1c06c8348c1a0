"""Files attached to an order on a page: taken with the form, handed out under policy.

Any page of any thing takes them alike: `posted` before the order, `attach` of
`macros/attach.html` in its form, `hand_out` from a route of the thing's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import UploadFile
from starlette.responses import Response

from cases.attached import MOST_ATTACHED, Attached
from forms.access_ports import Thing
from forms.case import download
from forms.case_files import HELD
from forms.materials import ENDINGS, FileRefused, ending_fits, media_type, safe_name
from forms.showing import not_found
from forms.stops import Stop
from forms.visit import Visit
from forms.words import N_

FIELD: Final = "attach"
"""Name of the control that chooses files."""
KEPT: Final = "attached"
"""Name of the hidden fields that carry the files of an earlier try."""


@dataclass(frozen=True)
class Taken:
    """The files of a form as they stand now."""

    files: tuple[Attached, ...] = ()
    error: str = ""
    """Why one of them cannot be kept, in the reader's language; empty: all are."""

    def body(self) -> list[dict[str, object]]:
        """Return what an order's body carries as `attached`."""
        return [one.model_dump() for one in self.files]

    def hidden(self) -> list[tuple[str, str]]:
        """Return the hidden fields that carry them on to the next try."""
        return [(KEPT, one.upload) for one in self.files]


async def posted(visit: Visit, thing: Thing, field: str = FIELD, hidden: str = KEPT) -> Taken:
    """Return the files of a form: those of an earlier try, and those chosen now, kept at once.

    The caller has asked policy whether the visitor may give the order. A file that cannot be kept
    leaves the error; the others stay. `field`, `hidden`: names of the two controls, where a form
    has several of them.
    """
    kept = await _earlier(visit, thing, hidden)
    error = ""
    for new in _chosen(visit, field):
        if len(kept) == MOST_ATTACHED:
            error = visit.say(N_("一次最多附 {n} 个文件")).format(n=MOST_ATTACHED)
            break
        found = await _kept(visit, thing, new)
        if isinstance(found, str):
            error = found
        else:
            kept.append(found)
    return Taken(tuple(kept), error)


async def take(visit: Visit, thing: Thing, files: Sequence[Attached]) -> None:
    """Note that an order names them; before the order, or a crash would lose the evidence."""
    await visit.ask(visit.ports.attached.take, thing, files)


async def hand_out(visit: Visit, thing: Thing, upload: str) -> Response:
    """Hand out a file of the thing, for a caller that has asked policy; its entry comes first."""
    found = await visit.ask(visit.ports.attached.hand_out, visit.who, visit.where, thing, upload)
    if found is not None:
        return download(found)
    held = await visit.ask(visit.ports.attached.held, thing, upload)
    if held:
        raise Stop(423, visit.say(HELD[held]), f"held_{held}")
    raise not_found(visit)


async def _earlier(visit: Visit, thing: Thing, hidden: str) -> list[Attached]:
    found = []
    for upload in dict.fromkeys(visit.texts().get(hidden, ())):
        # Only what this very person kept for this very thing: a guessed id opens nothing.
        kept = await visit.ask(visit.ports.attached.offered, visit.actor, thing, upload[:64])
        if kept is not None and not kept.finding:
            found.append(kept.file)
    return found[:MOST_ATTACHED]


def _chosen(visit: Visit, field: str) -> list[UploadFile]:
    return [
        value
        for name, value in visit.posted.multi_items()
        if name == field and isinstance(value, UploadFile) and value.filename
    ]


async def _kept(visit: Visit, thing: Thing, new: UploadFile) -> Attached | str:
    """Return the kept file, or the sentence why it cannot be."""
    limit = visit.options.upload_limit_bytes
    content = await new.read(limit + 1)
    name = safe_name(new.filename or "")
    fault = file_fault(name, content, limit)
    if fault is not None:
        sentence, values = fault
        return f"{name}：{visit.say(sentence).format(**values)}"
    kind = media_type(content)
    return await visit.ask(visit.ports.attached.keep, visit.actor, thing, name, kind, content)


def file_fault(name: str, content: bytes, limit: int) -> tuple[str, dict[str, object]] | None:
    """Return the sentence why a file is not kept, with what stands in its braces; None: it may."""
    if not content:
        return N_("文件是空的"), {}
    if len(content) > limit:
        return N_("文件超过 {n} MB"), {"n": limit // (1024 * 1024)}
    try:
        kind = media_type(content)
    except FileRefused as refused:
        return str(refused), {}
    if not ending_fits(name, kind):
        return N_("文件名的后缀与内容不符，应为 {ending}"), {"ending": "、".join(ENDINGS[kind])}
    return None
