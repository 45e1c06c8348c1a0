"""The program's own log (not the signed one): lines without secrets, one line for one event.

A line goes to standard error, which the supervisor or the container keeps for operators. Whatever
looks like a secret or like a person's number is blotted out there, in tracebacks too.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable

from pydantic import SecretStr

from yichuang.settings import Settings

BLOT = "■■■"

SHORTEST_SECRET = 6
"""Characters below which a configured value is too common a word to be blotted out everywhere."""

PATTERNS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, flags), put)
    for pattern, flags, put in (
        (r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S, BLOT),
        (r"\bS[UAOCNX][A-Z2-7]{56}\b", 0, BLOT),  # seed of an nkey (NATS)
        (r"otpauth://\S+", re.I, BLOT),
        (r"(://[^\s/:@]*:)[^\s/@]+(@)", 0, rf"\1{BLOT}\2"),  # password within an address
        (r"\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}", re.I, rf"\1 {BLOT}"),
        (r"(__(?:Host|Secure)-[\w-]+=)[^\s;,'\"]+", 0, rf"\1{BLOT}"),
        (
            r"(?:(?<![\w-])|(?<=\\n))((?:password|passwd|passphrase|secret|token|csrf|totp|otp|"
            r"seed|authorization|cookie|口令|验证码)[\"']?\s*[=:]\s*[\"']?)[^\s&;,'\"}\)]+",
            re.I,
            rf"\1{BLOT}",
        ),
        # 居民身份证号码 (GB 11643-1999): region, birthday, serial, check digit.
        (
            r"(?<!\d)[1-9]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx]"
            r"(?![\dA-Za-z])",
            0,
            BLOT,
        ),
        (r"(?<![\d.\-:])1[3-9]\d{9}(?!\d)", 0, BLOT),  # number of a mobile phone
    )
)
"""What is blotted out, and what stands in its place."""

_BREAKS = {ord("\n"): "\\n", ord("\r"): "\\r", 0x85: "\\x85", 0x2028: "\\u2028", 0x2029: "\\u2029"}
_CONTROLS = {n: f"\\x{n:02x}" for n in (*range(32), 0x7F) if n not in (9, 10, 13)}


class Line(logging.Formatter):
    """Formats an event as one line (its traceback indented below it), secrets blotted out."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s %(message)s")
        # The longest first: one secret may begin with another.
        known = sorted({one for one in secrets if len(one) >= SHORTEST_SECRET}, key=len)
        self.known = tuple(reversed(known))

    def formatMessage(self, record: logging.LogRecord) -> str:
        # What somebody typed must not begin a line that looks like ours (ASVS V16.4.1).
        record.message = record.message.translate({**_BREAKS, **_CONTROLS})
        return super().formatMessage(record)

    def formatException(self, ei: object) -> str:
        told = super().formatException(ei)  # type: ignore[arg-type]
        return "\n".join(f"  | {line}" for line in told.translate(_CONTROLS).splitlines())

    def format(self, record: logging.LogRecord) -> str:
        return blotted(super().format(record), self.known)


def blotted(text: str, known: Iterable[str] = ()) -> str:
    """Return a text with every known secret, and whatever looks like one, blotted out."""
    for one in known:
        text = text.replace(one, BLOT)
    for pattern, put in PATTERNS:
        text = pattern.sub(put, text)
    return text


def secrets_of(settings: Settings) -> tuple[str, ...]:
    """Return the secret values that the operator has set."""
    values = (getattr(settings, name) for name in type(settings).model_fields)
    return tuple(v.get_secret_value() for v in values if isinstance(v, SecretStr) and str(v))


def set_up_lines(level: str, secrets: Iterable[str] = ()) -> None:
    """Send every log line of this process to standard error by `Line`."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Line(secrets))
    logging.basicConfig(level=level, handlers=[handler], force=True)
