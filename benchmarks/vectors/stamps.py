"""Time-stamp responses (RFC 3161) beside the certificates they are to be judged by."""

from __future__ import annotations

from hashlib import sha256, sha384, sha512

from audit.timestamps import TokenInvalid, TokenUnchecked, imprint_of, verify_token
from benchmarks.vectors.folder import Folder, Tallies, Tally, VectorFile

TOKENS = "RFC 3161 时间戳"
FAMILIES = (TOKENS,)

BAD = ("invalid", "other")
"""Words in the name of a response that is not to be believed under its folder's certificates, as
rfc3161-client names its fixtures: a broken signature, another authority."""

PAYLOAD = "payload"
_DIGESTS = {32: sha256, 48: sha384, 64: sha512}


def read(folder: Folder, tallies: Tallies) -> None:
    """Feed every `.tsr` that has certificates beside it."""
    for file in folder.files:
        if file.path.suffix != ".tsr":
            continue
        beside = [one for one in folder.files if one.path.parent == file.path.parent]
        chains = [one for one in beside if one.path.suffix in (".pem", ".crt", ".cer")]
        if not chains:
            tallies[TOKENS].remark("旁边没有证书")
            continue
        payload = next((one for one in beside if one.path.name == PAYLOAD), None)
        requests = [one for one in beside if one.path.suffix in (".der", ".tsq")]
        folder.claim(file, *chains, *requests, *([payload] if payload else []))
        with tallies[TOKENS].understood(file.name):
            _token(file, b"\n".join(one.raw for one in chains), payload, tallies[TOKENS])


def _token(file: VectorFile, chain: bytes, payload: VectorFile | None, tally: Tally) -> None:
    expected = "拒绝" if any(word in file.path.stem for word in BAD) else "成立"
    try:
        digest = imprint_of(file.raw)
        if payload is not None:
            digest = _DIGESTS[len(digest)](payload.raw).digest()
        found = _judged(file.raw, digest, chain)
        if found == "成立" and _judged(file.raw, bytes(len(digest)), chain) == "成立":
            found = "另一个摘要也成立"
    except TokenUnchecked as unchecked:
        tally.remark(f"没有核验：{unchecked}")
        return
    tally.check(file.name, expected, found)


def _judged(tsr: bytes, digest: bytes, chain: bytes) -> str:
    try:
        verify_token(tsr, digest, chain)
    except TokenInvalid:
        return "拒绝"
    return "成立"
