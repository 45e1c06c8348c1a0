"""What somebody searched for, as it may stand in an address: only their own session can read it.

A name or a number of a person is not for the history of a browser or the log of a proxy
(个人信息保护法第五十一条). Fernet: AES-128-CBC with HMAC-SHA256, under a key of the session's own.
"""

from __future__ import annotations

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken


def keep(words: str, key: str) -> str:
    """Return the words as a text for an address; another each time."""
    return _box(key).encrypt(words.encode()).decode()


def kept(text: str, key: str) -> str:
    """Return the words again; empty for another session's, or for what was altered."""
    try:
        return _box(key).decrypt(text.encode()).decode()
    except InvalidToken:
        return ""


def _box(key: str) -> Fernet:
    derived = hashlib.sha256(b"yichuang/kept-words/v1\n" + key.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(derived))
