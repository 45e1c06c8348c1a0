"""Payloads: what a step said about people, sealed per subject and committed to by its entry."""

from collections.abc import Sequence
from dataclasses import dataclass

from audit.commitments import commitment, opens
from audit.entry import PayloadRef
from audit.vault import SubjectVault


class PayloadAltered(Exception):
    """A stored payload is not the one its entry committed to."""


@dataclass(frozen=True, slots=True)
class Payload:
    """Plain bytes that an entry commits to, and whose key protects them (a pseudonym)."""

    name: str
    subject: str
    content: bytes
    media_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class SealedPayload:
    """A payload as it is stored, with the commitment that goes into the body."""

    name: str
    subject: str
    media_type: str
    length: int
    commitment: bytes
    sealed: bytes

    @property
    def reference(self) -> PayloadRef:
        """What the entry's `pay` says."""
        return PayloadRef(self.name, self.commitment, self.length, self.media_type)


def seal_payloads(
    vault: SubjectVault, entry_id: str, payloads: Sequence[Payload]
) -> list[SealedPayload]:
    """Return the payloads sealed for this entry. Call it before the transaction opens: a new
    subject's key commits in its own store first. Raises `KeyDestroyed`.

    The salts derive from keys and place, so a retry commits to the same values.
    """
    places = [_place(entry_id, payload.name) for payload in payloads]
    sealed = vault.seal_many(
        [(p.subject, p.content, place) for p, place in zip(payloads, places, strict=True)]
    )
    return [
        SealedPayload(
            p.name,
            p.subject,
            p.media_type,
            len(p.content),
            commitment(vault.salt(p.subject, place), p.content),
            text,
        )
        for p, place, text in zip(payloads, places, sealed, strict=True)
    ]


def open_payload(
    vault: SubjectVault, entry_id: str, name: str, subject: str, sealed: bytes, committed: bytes
) -> bytes:
    """Return the plain bytes after checking them against the entry's commitment.

    Raises `KeyDestroyed`, `audit.vault.SealBroken`, `PayloadAltered`.
    """
    return disclose(vault, entry_id, name, subject, sealed, committed)[1]


def disclose(
    vault: SubjectVault, entry_id: str, name: str, subject: str, sealed: bytes, committed: bytes
) -> tuple[bytes, bytes]:
    """Return the salt and the plain bytes, with which anybody can open the commitment.

    Raises as `open_payload` does.
    """
    place = _place(entry_id, name)
    content = vault.open(subject, sealed, place)
    salt = vault.salt(subject, place)
    if not opens(committed, salt, content):
        raise PayloadAltered(f"payload {name} of {entry_id} is not what was committed to")
    return salt, content


def _place(entry_id: str, name: str) -> bytes:
    return f"{entry_id}\x00{name}".encode()
