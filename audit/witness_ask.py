"""Asking a witness elsewhere, as a log does: its answer is believed only under its own key."""

import http.client
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from audit.notes import NoteInvalid, NoteVerifier, open_note
from audit.witness import origin_hash
from audit.witness_wire import ADD_CHECKPOINT, spell_question

TIMEOUT_SECONDS: Final = 10.0
MAX_ANSWER: Final = 65_536
"""Bytes of an answer; more are not read."""

Prover = Callable[[int], Sequence[bytes]]
"""Returns the proof from an old size to the head that is asked about."""


class WitnessAway(Exception):
    """The witness does not answer, or not sensibly. Ask again later."""


class WitnessRefuses(Exception):
    """The witness answered no; `status` is HTTP's. 404 and 403: it does not know this log or key.
    422, or 409 with a larger size than the head's: it remembers another history. An alarm."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A witness's line, without LF, that holds over the note, and its time."""

    line: str
    at: datetime


def read_lines(note: str, answer: str, witness: NoteVerifier) -> Cosigned:
    """Return the newest line of this witness in an answer. Raises `NoteInvalid`."""
    kept: Cosigned | None = None
    for line in answer.removesuffix("\n").split("\n"):
        try:
            opened = open_note(f"{note}{line}\n", [witness])
        except NoteInvalid:
            continue  # of another key, as the specification allows; a bad one of ours is no line
        at = opened.times[witness]
        if kept is None or at > kept.at:
            kept = Cosigned(line, at)
    if kept is None:
        raise NoteInvalid(f"no line of {witness.name} that holds over this head")
    return kept


def ask_witness(
    url: str,
    witness: NoteVerifier,
    *,
    size: int,
    note: str,
    prove: Prover,
    old: int,
    timeout: float = TIMEOUT_SECONDS,
    ca: Path | None = None,
) -> Cosigned:
    """Ask for a cosignature on the head of `size`, believed to follow one of `old` entries.

    `ca` has the certificates under which an address of https is met, besides the system's own.
    A witness that stands elsewhere is asked once more from where it says it stands. Raises
    `WitnessAway`, `WitnessRefuses`.
    """
    status, answer = _post(url, spell_question(old, prove(old) if old else (), note), timeout, ca)
    if status == 409:
        stands = _size(answer)
        if stands > size:
            raise WitnessRefuses(409, f"it has cosigned {stands} entries, the head has {size}")
        question = spell_question(stands, prove(stands) if stands else (), note)
        status, answer = _post(url, question, timeout, ca)
    if status != 200:
        if status in (400, 403, 404, 409, 422):
            raise WitnessRefuses(status, answer.strip()[:200])
        raise WitnessAway(f"{url}: {status} {answer.strip()[:200]}")
    try:
        return read_lines(note, answer, witness)
    except NoteInvalid as error:
        raise WitnessAway(f"{url}: {error}") from error


def remembered(
    url: str, origin: str, *, timeout: float = TIMEOUT_SECONDS, ca: Path | None = None
) -> str | None:
    """Return the note of the head a witness last cosigned of a log; None when it has none.

    It is not checked here. Raises `WitnessAway`.
    """
    status, answer = _request(url, "GET", f"/{origin_hash(origin)}/checkpoint", None, timeout, ca)
    if status == 404:
        return None
    if status != 200:
        raise WitnessAway(f"{url}: {status} {answer.strip()[:200]}")
    return answer


def _size(answer: str) -> int:
    text = answer.removesuffix("\n")
    if not text.isascii() or not text.isdecimal() or len(text) > 19:
        raise WitnessAway(f"{text[:40]!r} is no size")
    return int(text)


def _post(url: str, question: bytes, timeout: float, ca: Path | None) -> tuple[int, str]:
    return _request(url, "POST", ADD_CHECKPOINT, question, timeout, ca)


def _request(
    url: str, method: str, path: str, body: bytes | None, timeout: float, ca: Path | None
) -> tuple[int, str]:
    try:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("not an address of http or https")
        door = _connection(parts.scheme, parts.hostname, parts.port, timeout, ca)
    except ValueError as error:
        raise WitnessAway(f"{url}: {error}") from error
    try:
        door.request(method, parts.path.rstrip("/") + path, body)
        answer = door.getresponse()
        content = answer.read(MAX_ANSWER)
    except (OSError, http.client.HTTPException) as error:
        raise WitnessAway(f"{url}: {error or type(error).__name__}") from error
    finally:
        door.close()
    return answer.status, content.decode(errors="replace")


def _connection(
    scheme: str, host: str, port: int | None, timeout: float, ca: Path | None
) -> http.client.HTTPConnection:
    if scheme == "https":
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if ca is not None:
            context.load_verify_locations(ca)
        return http.client.HTTPSConnection(host, port, timeout=timeout, context=context)
    return http.client.HTTPConnection(host, port, timeout=timeout)
