"""Salted commitments: the log holds these in place of personal data."""

import hmac
from hashlib import sha256

SALT_BYTES = 32
_DOMAIN = b"yichuang/commit/v1\x00"


def commitment(salt: bytes, content: bytes) -> bytes:
    """Return SHA-256("yichuang/commit/v1" ‖ 0 ‖ salt ‖ content), 32 bytes.

    The salt has 32 bytes and stays secret until disclosure: an unsalted hash of an 18-digit
    identity number is found by trying. Raises `ValueError` for a salt of another length, which
    would let bytes move between salt and content.
    """
    if len(salt) != SALT_BYTES:
        raise ValueError(f"a salt has {SALT_BYTES} bytes, not {len(salt)}")
    return sha256(_DOMAIN + salt + content).digest()


def opens(committed: bytes, salt: bytes, content: bytes) -> bool:
    """Return whether this salt and content are what was committed to."""
    return len(salt) == SALT_BYTES and hmac.compare_digest(committed, commitment(salt, content))
