"""A blind index: by an exact value that is stored nowhere in the clear, its rows are found.

The stand-in of a value is a keyed digest of it, so that only who has the key can look up a guess.
Equal values of a field have equal stand-ins under one key, of two fields or keys unequal ones.
"""

from __future__ import annotations

import hmac
from typing import Final, Literal

from audit.sm3 import hmac_sm3

Algorithm = Literal["hmac-sha256", "hmac-sm3"]

TOKEN_BYTES: Final = 16
"""How much of the digest is kept: at a thousand million values two meet with a chance of 1 : 10^21,
and a list may answer from the index alone (docs/decisions, 盲索引)."""


def token(algorithm: Algorithm, key: bytes, field: str, value: str) -> str:
    """Return the stand-in of a value in its normal form, in hex; `key` is the field's own."""
    message = b"yichuang/index/v1\x00" + field.encode() + b"\x00" + value.encode()
    if algorithm == "hmac-sm3":
        return hmac_sm3(key, message)[:TOKEN_BYTES].hex()
    return hmac.digest(key, message, "sha256")[:TOKEN_BYTES].hex()
