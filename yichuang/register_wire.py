"""What goes between the pages and a department's register over NATS: subject, question, answer.

`reg.<city>.<department>.<register>.query`, request and reply, nothing is kept. Only the web may
ask, only the register's own user `reg-<register>` hears it, and that user may publish nothing but
one answer to each question (`allow_responses` of the server). An answer is signed with the nkey
over subject and bytes; the question's id stands in it, so that no other answer fits.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import nkeys  # type: ignore[import-untyped]  # ships no types
import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from jsonschema import Draft202012Validator

from catalogue.registers import Register

SIGNATURE: Final = "Yichuang-Signature"
"""Header with the signature, base64."""
LONGEST_ANSWER: Final = 64 * 1024
"""Bytes of an answer; what it gives is at most a few hundred characters each."""


class AnswerRefused(Exception):
    """An answer cannot be believed or read; the text says why, and repeats nothing of it."""


@dataclass(frozen=True)
class Answer:
    """What a register said. `data` is empty where it knows nothing."""

    found: bool
    data: dict[str, str]


def user_of(register: str) -> str:
    """Return the NATS user of a register's service."""
    return f"reg-{register}"


def subject_of(city: str, register: Register) -> str:
    return f"reg.{city}.{register.department}.{register.code}.query"


def question(
    register: Register, key: dict[str, str], matter: str, number: str, at: datetime
) -> bytes:
    """Return the bytes of a question."""
    purpose = {"matter": matter, "article": register.basis}
    return orjson.dumps({"id": number, "at": at.isoformat(), "purpose": purpose, "key": key})


def signed(seed: bytes, subject: str, body: bytes) -> str:
    """Return the signature of an answer, as its header has it."""
    made: bytes = nkeys.from_seed(bytearray(seed)).sign(_said(subject, body))
    return base64.b64encode(made).decode()


def judged(
    register: Register, key: str, subject: str, number: str, body: bytes, signature: str
) -> Answer:
    """Return an answer that is believed. Raises `AnswerRefused`.

    `key`: the register's public nkey.
    """
    if len(body) > LONGEST_ANSWER:
        raise AnswerRefused("答复过大")
    try:
        _public(key).verify(base64.b64decode(signature, validate=True), _said(subject, body))
    except (InvalidSignature, binascii.Error, ValueError) as no:
        raise AnswerRefused("答复的签名核对不上") from no
    try:
        said: Any = orjson.loads(body)
    except orjson.JSONDecodeError as no:
        raise AnswerRefused("答复不是 JSON") from no
    faults = list(Draft202012Validator(register.answered()).iter_errors(said))
    if faults:
        place = "/".join(str(part) for part in faults[0].path) or "/"
        raise AnswerRefused(f"答复不合模式：{place}（{faults[0].validator}）")
    if said["id"] != number:
        raise AnswerRefused("答复的不是这个问题")
    return Answer(said["found"], said.get("data", {}) if said["found"] else {})


def _said(subject: str, body: bytes) -> bytes:
    return subject.encode() + b"\n" + body


def _public(key: str) -> Ed25519PublicKey:
    """Return the Ed25519 key of a public nkey: one byte of kind, the key, two of checksum."""
    raw = base64.b32decode(key + "=" * (-len(key) % 8))
    if len(raw) != 35:
        raise ValueError(key)
    return Ed25519PublicKey.from_public_bytes(raw[1:33])
