"""Large files piece by piece: progress is seen, a broken connection goes on where it stopped.

A page's script cuts a file into pieces and posts one after another; when the last has come the file
is judged as any other and becomes an upload of its sender, whatever becomes of the form. Without
script files travel with the form, as they always may.
"""

from __future__ import annotations

from typing import Final

from starlette.datastructures import UploadFile
from starlette.responses import JSONResponse, Response

from forms.attaching import file_fault
from forms.materials import media_type, safe_name
from forms.upload_ports import ComingFile
from forms.visit import Visit
from forms.words import N_

PIECE: Final = 512 * 1024
"""Bytes of a piece: what a line of 64 kB/s carries in eight seconds; little is sent twice."""
PIECE_BODY: Final = PIECE + 16 * 1024
"""Bytes of a post that carries one."""


async def piece(visit: Visit) -> Response:
    """Take the beginning of a file (without `file`), or the piece of it that starts at `start`."""
    if visit.text("do") == "give_up":
        await visit.ask(visit.ports.uploads.give_up, visit.author, visit.text("file")[:64])
        return JSONResponse({"came": 0})
    if not visit.text("file"):
        return await _begin(visit)
    file = await visit.ask(visit.ports.uploads.coming, visit.author, visit.text("file")[:64])
    if file is None:
        return _no(visit, N_("这个文件的上传已经过期，请重新选择"), 410)
    content = await _content(visit)
    start = _number(visit.text("start"))
    if file.came == 0 and start == 0 and content:
        wrong = _first_look(visit, file.name, content)
        if wrong:
            await visit.ask(visit.ports.uploads.give_up, visit.author, file.id)
            return JSONResponse({"refused": wrong}, 422)
    came = file.came
    if content and start == came:
        came = await visit.ask(visit.ports.uploads.add, visit.author, file, start, content)
    if came < file.size:
        return JSONResponse({"file": file.id, "came": came})
    return await _arrived(visit, file)


async def _begin(visit: Visit) -> Response:
    name, size = safe_name(visit.text("name")), _number(visit.text("size"))
    limit = visit.options.upload_limit_bytes
    if size > limit:
        said = visit.say(N_("文件超过 {n} MB")).format(n=limit // (1024 * 1024))
        return JSONResponse({"refused": said}, 422)
    if size == 0:
        return _no(visit, N_("文件是空的"))
    file = await visit.ask(visit.ports.uploads.begin, visit.author, name, size)
    if file is None:
        return _no(visit, N_("同时上传的文件太多，请等前面的传完"), 429)
    return JSONResponse({"file": file.id, "came": 0})


def _first_look(visit: Visit, name: str, content: bytes) -> str:
    """Return why a file will not be kept, as far as its first piece tells; empty: go on."""
    if content.startswith(b"PK\x03\x04"):
        return ""  # what is in a package is known when all of it is here
    fault = file_fault(name, content, len(content))
    return visit.say(fault[0]).format(**fault[1]) if fault else ""


async def _arrived(visit: Visit, file: ComingFile) -> Response:
    uploads = visit.ports.uploads
    content = await visit.ask(uploads.whole, visit.author, file)
    fault = await visit.ask(file_fault, file.name, content, visit.options.upload_limit_bytes)
    if fault is not None or len(content) != file.size:
        await visit.ask(uploads.give_up, visit.author, file.id)
        sentence, values = fault or (N_("文件没有传完整，请重新选择"), {})
        return JSONResponse({"refused": visit.say(sentence).format(**values)}, 422)
    kept = await visit.ask(uploads.keep, visit.author, file.name, media_type(content), content)
    # A crash before this leaves pieces that nobody names; they are forgotten in a day.
    await visit.ask(uploads.give_up, visit.author, file.id)
    return JSONResponse({"upload": kept.id, "name": kept.name, "came": file.size})


async def _content(visit: Visit) -> bytes:
    value = visit.posted.get("piece")
    return await value.read(PIECE + 1) if isinstance(value, UploadFile) else b""


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 13 else 0


def _no(visit: Visit, sentence: str, status: int = 422) -> Response:
    return JSONResponse({"refused": visit.say(sentence)}, status)
