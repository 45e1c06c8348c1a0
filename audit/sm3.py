"""SM3 (GB/T 32905-2016), and the Merkle tree over it.

From `cryptography`, which brings its own OpenSSL: Python's `hashlib` has SM3 only where the
OpenSSL it was built with does.
"""

from cryptography.hazmat.primitives.hashes import SM3 as _SM3
from cryptography.hazmat.primitives.hashes import Hash
from cryptography.hazmat.primitives.hmac import HMAC

from audit.merkle import TreeHash


def sm3(content: bytes) -> bytes:
    """Return the 32-byte digest."""
    running = Hash(_FUNCTION)
    running.update(content)
    return running.finalize()


def _leaf(entry: bytes) -> bytes:
    return sm3(b"\x00" + entry)


def _node(left: bytes, right: bytes) -> bytes:
    return sm3(b"\x01" + left + right)


_FUNCTION = _SM3()

SM3 = TreeHash("sm3", _leaf, _node, sm3(b""))
"""The tree of RFC 9162 §2.1 with SM3 in the place of SHA-256: the same 0x00 and 0x01 before."""


def hmac_sm3(key: bytes, message: bytes) -> bytes:
    """Return the 32-byte HMAC (RFC 2104 with SM3; GB/T 15852.2-2012, algorithm 2)."""
    running = HMAC(key, _FUNCTION)
    running.update(message)
    return running.finalize()
