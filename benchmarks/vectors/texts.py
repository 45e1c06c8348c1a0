"""JSON canonicalisation (RFC 8785) inside and outside our profile; the C2SP examples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import rfc8785

from audit.canonical import NotCanonical, canonical_bytes, parse_strict
from audit.notes import NoteInvalid, NoteVerifier, cosigned_text, open_note, parse_checkpoint
from benchmarks.vectors.folder import Folder, Tallies, Tally, VectorFile

JCS, JCS_PROFILE = "JCS（RFC 8785 全文）", "JCS（本系统的窄口径）"
C2SP = "C2SP 示例"
FAMILIES = (JCS, JCS_PROFILE, C2SP)


def read(folder: Folder, tallies: Tallies) -> None:
    """Feed every input/output pair and every example."""
    for file in folder.files:
        parent = file.path.parent
        if parent.name == "input" and (published := _output(folder, file)):
            folder.claim(file, *published)
            with tallies[JCS].understood(file.name):
                _canonical(file, published, tallies)
    for file in folder.files:
        if isinstance(file.content, dict):
            with tallies[C2SP].understood(file.name):
                _example(folder, file, file.content, tallies[C2SP])


def _output(folder: Folder, file: VectorFile) -> list[VectorFile]:
    """Return the published output, with its hexadecimal twin if there is one."""
    base: Path = file.path.parent.parent
    output = folder.at(base / "output" / file.path.name)
    twin = folder.at(base / "outhex" / f"{file.path.stem}.txt")
    return [one for one in (output, twin) if one is not None] if output else []


def _canonical(file: VectorFile, published: list[VectorFile], tallies: Tallies) -> None:
    expected = published[0].raw
    for twin in published[1:]:
        hexed = bytes.fromhex("".join((twin.text or "").split()))
        tallies[JCS].check(f"{twin.name}（两种写法）", expected.hex(), hexed.hex())
        tallies[JCS].cases -= 1  # the same answer a second time
        tallies[JCS].equal -= hexed == expected
    value = json.loads(file.raw)
    try:
        whole: object = rfc8785.dumps(value)
    except rfc8785.CanonicalizationError as error:
        whole = str(error)
    tallies[JCS].check(file.name, expected, whole)
    profile = tallies[JCS_PROFILE]
    try:
        ours = canonical_bytes(value)
    except NotCanonical as refusal:
        # By design: what two readers could spell in two ways has no place in an entry.
        profile.remark(f"按设计拒收 {file.path.name}：{refusal}")
        return
    profile.check(file.name, expected, ours)
    if isinstance(value, dict):
        profile.check(f"{file.name}（读回）", value, parse_strict(expected))


def _example(folder: Folder, file: VectorFile, content: dict[str, Any], tally: Tally) -> None:
    examples = [content, *(v for v in content.values() if isinstance(v, dict))]
    for example in examples:
        if {"vkey", "note"} <= example.keys():
            folder.claim(file)
            _note(file.name, example, tally)
    text = content.get("checkpoint_text")
    if isinstance(text, str):
        folder.claim(file)
        try:
            spelled = parse_checkpoint(text).text()
        except NoteInvalid as error:
            spelled = str(error)
        tally.check(f"{file.name} checkpoint", text, spelled)
    cosigned = content.get("cosigned_message")
    if isinstance(cosigned, str):
        folder.claim(file)
        _cosigned(file.name, cosigned, tally)


def _note(place: str, example: dict[str, Any], tally: Tally) -> None:
    try:
        verifier = NoteVerifier.parse(example["vkey"])
        opened = open_note(example["note"], [verifier])
        found = (opened.text, verifier.vkey)
    except NoteInvalid as error:
        found = (str(error), example["vkey"])
    text = example["note"].rpartition("\n\n")[0] + "\n"
    tally.check(f"{place} note", (text, example["vkey"]), found)


def _cosigned(place: str, message: str, tally: Tally) -> None:
    first, second, text = message.split("\n", 2)
    try:
        head = parse_checkpoint(text)
        seconds = int(second.removeprefix("time "))
        spelled = cosigned_text(head.text().encode(), seconds).decode()
    except (NoteInvalid, ValueError) as error:
        spelled = f"{first}: {error}"
    tally.check(f"{place} cosignature", message, spelled)
