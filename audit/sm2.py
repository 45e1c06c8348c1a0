"""SM2 signatures with SM3 (GB/T 32918.2-2016, curve of GB/T 32918.5-2017): verifying them.

Verifying only. Nothing here is secret, so that time and memory may tell what they like; keys and
signatures are made elsewhere, by OpenSSL or a device (`audit.sm2_signing`). `cryptography` knows
no SM2 (pyca/cryptography#6857), the OpenSSL command takes 7 ms for a head, and a verifier at a
stranger's may have no OpenSSL: hence these lines, which tests hold against OpenSSL, gmalg and
the published examples.
"""

import base64
from dataclasses import dataclass, field
from functools import cache

from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

from audit.sm3 import sm3

DISTINGUISHED_ID = b"1234567812345678"
"""The signer's identity where none is agreed on; GM/T 0009-2012 §10. OpenSSL without `distid`
signs for an empty one, and nobody who follows the standard accepts that."""

POINT_BYTES = 65
"""A public key: 04 ‖ x ‖ y, uncompressed; GB/T 32918.1 §4.2.9."""

_SPKI = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200")
"""id-ecPublicKey (RFC 5480) on the curve 1.2.156.10197.1.301, a bit string of 65 bytes."""

# GB/T 32918.5-2017 §2: the curve y² = x³ + ax + b over Fp, its base point of order n.
_P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
_A = _P - 3
_B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
_N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
_GX = 0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7
_GY = 0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0

_Affine = tuple[int, int]
_Jacobian = tuple[int, int, int]
"""x/z², y/z³; z = 0 is the point at infinity."""

_INFINITY: _Jacobian = (1, 1, 0)
_Table = list[list[_Affine]]
"""[i][d − 1] is d · 16^i times a point: any multiple of it is then 64 additions or fewer."""


class NotSM2(ValueError):
    """These bytes are no public key on the curve."""


def point_of_pem(text: str) -> bytes:
    """Return the point of a PEM public key: the end of a SubjectPublicKeyInfo on SM2's curve.

    Raises `NotSM2`.
    """
    lines = text.strip().splitlines()
    if len(lines) < 3 or lines[0] != "-----BEGIN PUBLIC KEY-----":
        raise NotSM2("not a PEM public key")
    try:
        der = base64.b64decode("".join(lines[1:-1]), validate=True)
    except ValueError as error:
        raise NotSM2("not base64") from error
    if not der.startswith(_SPKI) or len(der) != len(_SPKI) + POINT_BYTES:
        raise NotSM2("no SubjectPublicKeyInfo of an SM2 key")
    return der[len(_SPKI) :]


@dataclass(frozen=True, slots=True)
class SM2PublicKey:
    """A public key, with what makes each further verification cheap (about 1 ms)."""

    point: bytes
    _x: int = field(repr=False)
    _y: int = field(repr=False)
    _multiples: _Table = field(repr=False, compare=False)

    @classmethod
    def from_point(cls, point: bytes) -> "SM2PublicKey":
        """Read 04 ‖ x ‖ y. Raises `NotSM2`."""
        if len(point) != POINT_BYTES or point[0] != 4:
            raise NotSM2(f"an SM2 key is 04 and two coordinates, {POINT_BYTES} bytes")
        x, y = int.from_bytes(point[1:33]), int.from_bytes(point[33:])
        if x >= _P or y >= _P or (y * y - (x * x * x + _A * x + _B)) % _P:
            raise NotSM2("the point is not on the curve")
        return cls(point, x, y, _table(x, y))

    def accepts(self, message: bytes, signature: bytes, identity: bytes = DISTINGUISHED_ID) -> bool:
        """Return whether this key signed the message: DER of r and s, GM/T 0009-2012 §7.3."""
        return self.accepts_digest(sm3(self._z(identity) + message), signature)

    def accepts_digest(self, digest: bytes, signature: bytes) -> bool:
        """Return whether this key signed what was hashed to `digest`; GB/T 32918.2 §7.1."""
        try:
            r, s = decode_dss_signature(signature)
        except ValueError:
            return False
        if not (0 < r < _N and 0 < s < _N) or encode_dss_signature(r, s) != signature:
            return False
        t = (r + s) % _N
        if t == 0:
            return False
        summed = _add_multiple(_add_multiple(_INFINITY, s, _base()), t, self._multiples)
        x, _, z = summed
        if z == 0:
            return False
        return (int.from_bytes(digest) + x * pow(z, -2, _P) % _P) % _N == r

    def _z(self, identity: bytes) -> bytes:
        """The hash of identity, curve and key; GB/T 32918.2 §5.5."""
        numbers = (_A, _B, _GX, _GY, self._x, self._y)
        bits = (8 * len(identity)).to_bytes(2)
        return sm3(bits + identity + b"".join(number.to_bytes(32) for number in numbers))


def _table(x: int, y: int) -> _Table:
    rows: _Table = []
    base: _Affine = (x, y)
    for _ in range(64):
        row = [base]
        running: _Jacobian = (*base, 1)
        for _ in range(14):
            running = _plus(running, base)
            row.append(_affine(running))
        rows.append(row)
        base = _affine(_plus(running, base))
    return rows


def _add_multiple(start: _Jacobian, factor: int, table: _Table) -> _Jacobian:
    for row in table:
        digit = factor & 15
        if digit:
            start = _plus(start, row[digit - 1])
        factor >>= 4
    return start


def _plus(left: _Jacobian, right: _Affine) -> _Jacobian:
    """Return the sum; madd-2007-bl of the Explicit-Formulas Database, without its savings."""
    x1, y1, z1 = left
    x2, y2 = right
    if z1 == 0:
        return x2, y2, 1
    zz = z1 * z1 % _P
    h = (x2 * zz - x1) % _P
    r = (y2 * z1 * zz - y1) % _P
    if h == 0:
        return _twice(left) if r == 0 else _INFINITY
    hh = h * h % _P
    hhh = h * hh % _P
    v = x1 * hh % _P
    x3 = (r * r - hhh - 2 * v) % _P
    return x3, (r * (v - x3) - y1 * hhh) % _P, z1 * h % _P


def _twice(point: _Jacobian) -> _Jacobian:
    """Return the double; dbl-2001-b of the Explicit-Formulas Database (a = −3)."""
    x, y, z = point
    delta, gamma = z * z % _P, y * y % _P
    beta = x * gamma % _P
    alpha = 3 * (x - delta) * (x + delta) % _P
    x3 = (alpha * alpha - 8 * beta) % _P
    z3 = 2 * y * z % _P
    return x3, (alpha * (4 * beta - x3) - 8 * gamma * gamma) % _P, z3


def _affine(point: _Jacobian) -> _Affine:
    x, y, z = point
    inverse = pow(z, -1, _P)
    square = inverse * inverse % _P
    return x * square % _P, y * square * inverse % _P


@cache
def _base() -> _Table:
    return _table(_GX, _GY)
