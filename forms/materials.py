"""Materials as they are handed in: counts, files, and what a file must be.

A file is judged by its first bytes, never by what its name or the browser says it is.
"""

from __future__ import annotations

import io
import re
import unicodedata
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePosixPath, PureWindowsPath

from starlette.datastructures import UploadFile

from cases.messages import HandedIn
from cases.views import MaterialView
from catalogue.matters import Material
from forms import words
from forms.fields import MaterialRow, Posted
from forms.visit import Visit
from forms.words import N_, Language

LONGEST_NAME = 120
"""Characters of a kept file name; NAME_MAX is 255 bytes and a Chinese character takes three."""

MOST_UNPACKED = 200 * 1024 * 1024
"""Declared bytes inside an OFD or DOCX above which it is taken for a zip bomb."""

MOST_PARTS = 2_000
"""Files inside an OFD or DOCX; an OFD of five hundred pages with a seal each has some 1,100."""

REFUSED_KIND = N_("只接受 PDF、JPEG、PNG、OFD、DOCX（不含宏）文件")

_DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

ENDINGS: Mapping[str, tuple[str, ...]] = {
    "application/pdf": (".pdf",),
    "image/jpeg": (".jpg", ".jpeg"),
    "image/png": (".png",),
    "application/ofd": (".ofd",),
    _DOCX: (".docx",),
}
"""Media type → the endings that a name of it may have: who saves it opens it by its ending."""

_PDF_THAT_ACTS = re.compile(rb"/(JavaScript|JS|Launch)(?=[\s/<(\[])")
"""What makes a PDF do something when it is opened (ISO 32000-1, 12.6.4); within compressed objects
it is not seen here: the scanner's part."""


class FileRefused(Exception):
    """The file cannot be kept; the text says why, in Chinese."""


def media_type(content: bytes) -> str:
    """Return the media type that the bytes show. Raises `FileRefused`."""
    if content.startswith(b"%PDF-"):
        if _PDF_THAT_ACTS.search(content):
            raise FileRefused(N_("PDF 含脚本或启动动作，不能接收"))
        return "application/pdf"
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content.startswith(b"PK\x03\x04"):
        return _package_type(content)
    raise FileRefused(REFUSED_KIND)


def _package_type(content: bytes) -> str:
    """Tell OFD (GB/T 33190: OFD.xml at the root) from DOCX (ECMA-376) by what the zip holds."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            parts = package.infolist()
            if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > MOST_UNPACKED:
                raise FileRefused(N_("文件解开后过大"))
            names = {part.filename for part in parts}
            if any(_climbs(name) for name in names):
                raise FileRefused(REFUSED_KIND)
            kinds = _part(package, "[Content_Types].xml")
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as broken:
        raise FileRefused(REFUSED_KIND) from broken
    if b"macroEnabled" in kinds or any(name.lower().endswith(MACROS) for name in names):
        raise FileRefused(N_("文件含宏，不能接收"))
    if "OFD.xml" in names:
        return "application/ofd"
    if "word/document.xml" in names and "[Content_Types].xml" in names:
        return _DOCX
    raise FileRefused(REFUSED_KIND)


MACROS = ("vbaproject.bin", "vbadata.xml", "activex1.bin", ".exe", ".js", ".vbs", ".dll", ".jar")
"""Endings inside a package that run when it is opened, or that somebody might run."""

LARGEST_PART = 1024 * 1024
"""Bytes of a package's list of types that are looked at."""


def _climbs(name: str) -> bool:
    return name.startswith(("/", "\\")) or ".." in re.split(r"[/\\]", name) or ":" in name


def _part(package: zipfile.ZipFile, name: str) -> bytes:
    """Return the beginning of a part; empty when there is none. Never unpacks more than that."""
    if name not in package.namelist():
        return b""
    with package.open(name) as part:
        return part.read(LARGEST_PART)


def ending_fits(name: str, kind: str) -> bool:
    """Return whether a file's name ends as its content asks."""
    return name.lower().endswith(ENDINGS[kind])


def safe_name(given: str) -> str:
    """Return the bare name: no folder, no control or direction sign, at most 120 characters."""
    bare = PureWindowsPath(PurePosixPath(given).name).name
    plain = unicodedata.normalize("NFC", bare)
    kept = "".join(c for c in plain if unicodedata.category(c)[0] != "C")
    kept = re.sub(r'[<>:"/\\|?*]', "_", kept).strip(" .")
    if len(kept) > LONGEST_NAME:
        stem, dot, ending = kept.rpartition(".")
        ending = ending[:8] if dot else ""
        kept = (stem or kept)[: LONGEST_NAME - len(ending) - 1] + (f".{ending}" if ending else "")
    return kept or "file"


def empty_rows(asked: Sequence[Material], language: Language) -> tuple[MaterialRow, ...]:
    """Return the list of materials with nothing handed in."""
    say = words.translations(language).gettext
    return tuple(
        MaterialRow(
            m.code, material_name(m, language), m.required, m.tolerable,
            say(m.issuer) if m.issuer else "", m.originals, m.copies,
        )
        for m in asked
    )  # fmt: skip


def material_name(one: Material, language: Language) -> str:
    """Return what a material is called in the reader's language."""
    return one.name_en if language == "en" and one.name_en else one.name


def named_views(
    asked: Sequence[Material], had: Sequence[MaterialView], language: Language
) -> tuple[MaterialView, ...]:
    """Return a case's materials, each called by the reader's language where its matter says how."""
    names = {m.code: material_name(m, language) for m in asked}
    return tuple(m.model_copy(update={"name": names.get(m.code, m.name)}) for m in had)


def lacking_rows(
    asked: Sequence[Material], had: Sequence[MaterialView], language: Language
) -> tuple[MaterialRow, ...]:
    """Return the materials that may be handed in now, those not yet received first."""
    received = {m.code for m in had if m.received}
    return tuple(sorted(empty_rows(asked, language), key=lambda row: row.code in received))


async def posted_rows(visit: Visit, rows: Sequence[MaterialRow]) -> tuple[MaterialRow, ...]:
    """Return the rows with what was posted; new files are kept, earlier ones recognised.

    A file that cannot be kept leaves its error on the row.
    """
    texts, files = visit.texts(), visit.files()
    found = []
    for row in rows:
        filled = replace(
            row,
            originals=_one(texts, f"originals.{row.code}"),
            copies=_one(texts, f"copies.{row.code}"),
        )
        filled = await _with_earlier(visit, filled, _one(texts, f"upload.{row.code}"))
        new = files.get(f"file.{row.code}")
        if new is not None:
            filled = await _with_file(visit, filled, new)
        if any(
            n and not (n.isdecimal() and int(n) <= 999) for n in (filled.originals, filled.copies)
        ):
            filled = replace(filled, error=visit.say(N_("份数应是 0 到 999 的整数")))
        found.append(filled)
    return tuple(found)


def _one(texts: Posted, name: str) -> str:
    return next(iter(texts.get(name, ())), "").strip()


async def _with_earlier(visit: Visit, row: MaterialRow, upload: str) -> MaterialRow:
    # Only an upload of this very person counts: an id that somebody guessed opens nothing.
    kept = await visit.ask(visit.ports.uploads.known, visit.author, upload) if upload else None
    if kept is None:
        return row
    if kept.finding:
        return replace(row, error=_found(visit, kept.name))
    return replace(row, upload=kept.id, file_name=kept.name, digest=kept.digest)


def _found(visit: Visit, name: str) -> str:
    return visit.say(N_("文件“{name}”经检查含恶意内容，已隔离，请换一份")).format(name=name)


async def _with_file(visit: Visit, row: MaterialRow, new: UploadFile) -> MaterialRow:
    limit = visit.options.upload_limit_bytes
    content = await new.read(limit + 1)
    if len(content) > limit:
        text = visit.say(N_("文件超过 {n} MB")).format(n=limit // (1024 * 1024))
        return replace(row, error=text)
    try:
        kind = media_type(content)
    except FileRefused as refused:
        return replace(row, error=visit.say(str(refused)))
    name = safe_name(new.filename or "")
    if not ending_fits(name, kind):
        text = visit.say(N_("文件名的后缀与内容不符，应为 {ending}"))
        return replace(row, error=text.format(ending="、".join(ENDINGS[kind])))
    kept = await visit.ask(visit.ports.uploads.keep, visit.author, name, kind, content)
    return replace(row, upload=kept.id, file_name=kept.name, digest=kept.digest)


def handed_in(rows: Sequence[MaterialRow]) -> tuple[HandedIn, ...]:
    """Return what was handed in: a row counts when it has paper or a file."""
    return tuple(
        HandedIn(
            code=row.code,
            originals=int(row.originals or 0),
            copies=int(row.copies or 0),
            upload=row.upload,
            digest=row.digest,
            file_name=row.file_name,
        )
        for row in rows
        if not row.error and (row.upload or int(row.originals or 0) or int(row.copies or 0))
    )


def row_errors(rows: Sequence[MaterialRow]) -> Mapping[str, str]:
    """Return the errors by field name."""
    return {f"file.{row.code}": f"{row.name}：{row.error}" for row in rows if row.error}
