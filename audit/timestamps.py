"""RFC 3161 tokens over tree heads: asking an authority, and checking what it answered.

What is stamped is SHA-256 of a note's text (origin, size, root: the lines that are signed), so that
the token stands whoever signs or cosigns that head. All reading of the tokens' ASN.1 is done by the
`openssl` program (3.0 or newer): it takes certificate sets in any order, where stricter readers
refuse what `openssl ts -reply` writes, and nothing needs to be installed for it.
"""

import base64
import re
import subprocess
import tempfile
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

TOOL = "openssl"
TOOL_SECONDS = 20.0
ANSWER_BYTES = 65_536
"""A response with its chain is about five kilobytes; more is not read."""

_TIME = re.compile(
    r"^Time stamp: ([A-Z][a-z]{2}) ([ \d]\d) (\d\d:\d\d:\d\d)(?:\.\d+)? (\d{4}) GMT$", re.M
)
_AUTHORITY = re.compile(r"^TSA: (.+)$", re.M)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class TokenInvalid(ValueError):
    """The token is not over this digest, or not from an authority that is trusted. Final."""


class TokenUnchecked(Exception):
    """The `openssl` program is missing or did not answer: nothing was said either way."""


class AuthorityAway(Exception):
    """The authority cannot be reached, or gave no token. Try again later."""


_IMPRINT = re.compile(r"^Message data:\n((?: +[0-9a-f]{4} - .*\n)+)", re.M)
_OCTETS = re.compile(r"^ +[0-9a-f]{4} - ((?:[0-9a-f]{2}[ -]){1,16})", re.M)


@dataclass(frozen=True, slots=True)
class TokenTime:
    """What a token says: the authority's time (UTC, to the second), and its name if it gives one.

    The head existed at `at`; how long before, it does not say.
    """

    at: datetime
    authority: str


def stamped_digest(note: str) -> bytes:
    """Return the SHA-256 that a token over a signed note must bear (signatures left out)."""
    text, separator, _ = note.partition("\n\n")
    return sha256(f"{text}\n".encode() if separator else note.encode()).digest()


def query(digest: bytes) -> bytes:
    """Return a request (.tsq) for a token over a SHA-256, with a nonce and the certificate asked.

    Raises `TokenUnchecked`.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "query.tsq"
        arguments = ["-query", "-digest", digest.hex(), "-sha256", "-cert", "-out", str(out)]
        code, said = _run(arguments)
        if code != 0:
            raise TokenUnchecked(said)
        return out.read_bytes()


def verify_token(
    tsr: bytes, digest: bytes, certificates: str | bytes, *, request: bytes | None = None
) -> TokenTime:
    """Check a response (.tsr) over this digest, and return its time.

    `certificates` is PEM (or one in DER), each trusted as it stands (a root, or the authority's
    own); they count at the time of the token, so that one expired since still vouches. With
    `request`, the response must also bear its nonce. Raises `TokenInvalid`, `TokenUnchecked`.
    """
    pem = certificates.encode() if isinstance(certificates, str) else _as_pem(certificates)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "token.tsr").write_bytes(tsr)
        (folder / "trusted.pem").write_bytes(pem)
        told = _told(folder / "token.tsr")
        trusted = str(folder / "trusted.pem")
        arguments = ["-verify", "-in", str(folder / "token.tsr"), "-CAfile", trusted]
        arguments += ["-untrusted", trusted, "-partial_chain"]
        arguments += ["-attime", str(int(told.at.timestamp()))]
        _require_holds([*arguments, "-digest", digest.hex()])
        if request is not None:
            (folder / "query.tsq").write_bytes(request)
            _require_holds([*arguments, "-queryfile", str(folder / "query.tsq")])
        return told


def imprint_of(tsr: bytes) -> bytes:
    """Return the digest that a response says it is over, unchecked: to find the head it belongs to.

    Raises `TokenInvalid`, `TokenUnchecked`.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "token.tsr"
        path.write_bytes(tsr)
        code, said = _run(["-reply", "-in", str(path), "-text"])
    found = _IMPRINT.search(said)
    if code != 0 or found is None:
        raise TokenInvalid(f"no granted token: {said.strip()[-200:]}")
    return bytes.fromhex(re.sub("[ -]", "", "".join(_OCTETS.findall(found[1]))))


def ask_authority(url: str, request: bytes, seconds: float = 30.0) -> bytes:
    """Return the response of an authority to a request, unchecked (RFC 3161 §3.4, over HTTP).

    Raises `AuthorityAway`, and `ValueError` for an address that is not http or https.
    """
    if urlsplit(url).scheme not in ("http", "https"):
        raise ValueError(f"{url}: an authority is asked over http or https")
    asked = urllib.request.Request(  # noqa: S310 # the scheme was looked at above
        url, request, {"Content-Type": "application/timestamp-query"}
    )
    try:
        with urllib.request.urlopen(asked, timeout=seconds) as answer:  # noqa: S310 # likewise
            response: bytes = answer.read(ANSWER_BYTES + 1)
    except (urllib.error.URLError, OSError, ValueError) as error:
        raise AuthorityAway(f"{url}: {error}") from error
    if not response or len(response) > ANSWER_BYTES:
        raise AuthorityAway(f"{url}: an answer of {len(response)} bytes")
    return response


def _as_pem(certificates: bytes) -> bytes:
    if not certificates.startswith(b"\x30"):
        return certificates
    body = base64.encodebytes(certificates).decode()
    return f"-----BEGIN CERTIFICATE-----\n{body}-----END CERTIFICATE-----\n".encode()


def _told(path: Path) -> TokenTime:
    code, said = _run(["-reply", "-in", str(path), "-text"])
    found = _TIME.search(said)
    if code != 0 or found is None:
        raise TokenInvalid(f"no granted token: {said.strip()[-200:]}")
    month, day, clock, year = found.groups()
    hour, minute, second = (int(part) for part in clock.split(":"))
    at = datetime(
        int(year), _MONTHS.index(month) + 1, int(day), hour, minute, min(second, 59), tzinfo=UTC
    )
    authority = _AUTHORITY.search(said)
    named = authority[1] if authority and authority[1] != "unspecified" else ""
    return TokenTime(at, named)


def _require_holds(arguments: Sequence[str]) -> None:
    code, said = _run(arguments)
    if code != 0 or "Verification: OK" not in said:
        reason = next((line for line in said.splitlines() if ":error:" in line), said.strip())
        raise TokenInvalid(reason[-300:])


def _run(arguments: Sequence[str]) -> tuple[int, str]:
    try:
        done = subprocess.run(  # noqa: S603 # our own arguments, and files we wrote
            [TOOL, "ts", *arguments],
            capture_output=True,
            timeout=TOOL_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TokenUnchecked(f"{TOOL} ts: {error}") from error
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")
