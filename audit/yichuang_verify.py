#!/usr/bin/env python3
"""yichuang-verify：核验一窗回执。只需要这一个文件、Python 3.9 以上和 `cryptography`。

    python3 yichuang_verify.py --policy log.policy case-….yichuang-proof.json
    python3 yichuang_verify.py --policy log.policy ENTRY.tlog-proof --body ENTRY.body

Checks a receipt off line. Whom to trust (logs, witnesses, quorum) comes from the policy file alone,
never from the receipt. Exit codes: 0 genuine, 1 tampered or not vouched for, 2 genuine but
incomplete, 3 cannot be read: nothing was proved. docs/receipt.md is the specification.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import hashlib
import json
import os
import re
import sys
import unicodedata
import zlib
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, Callable

try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    sys.stderr.write("缺少 cryptography：pip install cryptography\n")
    sys.exit(3)

GENUINE, TAMPERED, INCOMPLETE, UNREADABLE = 0, 1, 2, 3
FORMAT = "yichuang-receipt/1"
PROOF_FORMAT = "c2sp.org/tlog-proof@v1"
MOST_BYTES = 16 * 1024 * 1024
MOST_DEPTH = 16
MOST_INTEGER = 2**53 - 1
MOST_BODY_BYTES = 65_535
MOST_SIGNATURES = 100
CLOCK_SLACK = timedelta(seconds=60)
ED25519, COSIGNATURE = 0x01, 0x04
LAST_TIME = 253_402_300_799
"""The last second of the year 9999."""

Said = tuple[str, str]
"""A sentence in Chinese and in English."""


class Unreadable(Exception):
    """The file is no receipt, or the policy no policy: nothing was proved either way."""


class Wrong(Exception):
    """A check failed; `code` names it."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


# --- JSON, one reading only ------------------------------------------------------------------


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} stands twice")
        found[key] = value
    return found


def _integer(text: str) -> int:
    if len(text) > 17 or abs(int(text)) > MOST_INTEGER:
        raise ValueError("an integer is beyond ±(2^53−1)")
    return int(text)


def _no_number(text: str) -> Any:
    raise ValueError(f"{text:.20} is no integer")


def read_json(stored: bytes) -> Any:
    """Return the value of UTF-8 JSON without duplicate keys, floats or large integers.

    Raises `ValueError`.
    """
    text = stored.decode("utf-8")
    try:
        value = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_int=_integer,
            parse_float=_no_number,
            parse_constant=_no_number,
        )
        _fits(value, MOST_DEPTH)
    except RecursionError:
        raise ValueError("nested too deep") from None
    return value


def _fits(value: Any, depth: int) -> None:
    if isinstance(value, (dict, list)):
        if depth == 0:
            raise ValueError(f"nested deeper than {MOST_DEPTH}")
        members = value.values() if isinstance(value, dict) else value
        for member in members:
            _fits(member, depth - 1)
    if isinstance(value, dict):
        for key in value:
            if not re.fullmatch("[\x20-\x7e]+", key):
                raise ValueError("a key is not printable ASCII")


def _hidden(text: str) -> bool:
    """Whether a text has control, format or separator characters (bidi marks among them)."""
    return any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") for c in text)


def _plain(value: Any) -> None:
    if isinstance(value, str):
        if _hidden(value) or unicodedata.normalize("NFC", value) != value:
            raise ValueError("a text is not NFC without control or format characters")
    elif isinstance(value, dict):
        for member in value.values():
            _plain(member)
    elif isinstance(value, list):
        for member in value:
            _plain(member)


def decode(encoded: Any) -> bytes:
    """Return what canonical base64 says. Raises `ValueError`."""
    if not isinstance(encoded, str):
        raise ValueError("base64 is a text")
    try:
        found = base64.b64decode(encoded.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError("not base64") from error
    if base64.b64encode(found).decode() != encoded:
        raise ValueError("not the canonical base64 of its bytes")
    return found


# --- the tree ----------------------------------------------------------------------------------


def leaf_hash(body: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + body).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


Node = Callable[[int, int], bytes]


def _split(count: int) -> int:
    return 1 << ((count - 1).bit_length() - 1)


def _range_root(low: int, high: int, node: Node) -> bytes:
    count = high - low
    if count & (count - 1) == 0:
        height = count.bit_length() - 1
        return node(height, low >> height)
    middle = low + _split(count)
    return node_hash(_range_root(low, middle, node), _range_root(middle, high, node))


def root_from(leaf: bytes, index: int, low: int, high: int, node: Node) -> bytes:
    """Return the root of leaves low…high−1 to which the leaf at `index` leads (RFC 9162 §2.1.3)."""
    if high - low == 1:
        return leaf
    middle = low + _split(high - low)
    if index < middle:
        return node_hash(root_from(leaf, index, low, middle, node), _range_root(middle, high, node))
    return node_hash(_range_root(low, middle, node), root_from(leaf, index, middle, high, node))


# --- notes and policy ----------------------------------------------------------------------------


class Key:
    """A public key of the policy under its name."""

    def __init__(self, vkey: str) -> None:
        name, _, rest = vkey.partition("+")
        key_id, _, encoded = rest.partition("+")
        key = decode(encoded)
        if not name or len(key) < 2:
            raise ValueError("not a verifier key")
        self.name, self.kind, self.public = name, key[0], key[1:]
        self.vkey = vkey
        digest = hashlib.sha256(name.encode() + b"\n" + key).digest()
        self.id = digest[:4]
        if self.id.hex() != key_id:
            raise ValueError(f"the key of {name} has another id")
        if self.kind in (ED25519, COSIGNATURE) and len(self.public) != 32:
            raise ValueError(f"the key of {name} has not 32 bytes")

    def accepts(self, text: str, signature: bytes) -> datetime:
        """Return when it was signed (the epoch for a log's own). Raises `Wrong`."""
        said, signed, at = text.encode(), signature, 0
        if self.kind == COSIGNATURE:
            if len(signature) != 72:
                raise Wrong("signature", f"{self.name} 的联署长度不对")
            at = int.from_bytes(signature[:8], "big")
            said = b"cosignature/v1\ntime %d\n" % at + said
            signed = signature[8:]
            if not 0 < at <= LAST_TIME:
                raise Wrong("signature", f"{self.name} 的联署没有时间")
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signed, said)
            return datetime.fromtimestamp(at, timezone.utc)
        except (InvalidSignature, ValueError) as error:
            raise Wrong("signature", f"{self.name} 的签名与树头不符") from error


ALSO = ["#yichuang", "log"]
"""Begins a line with a log of ours under a key that stands in the file already (a closed shard)."""


PERIOD = ["#yichuang", "key"]
"""Begins a line with the sizes at which a log's key is trusted; other readers see a comment."""


class Period:
    """`VKEY from SIZE [until SIZE] [revoked SIZE]`, both ends included."""

    def __init__(self, words: list[str]) -> None:
        said = dict(zip(words[1::2], words[2::2]))
        if len(words) != 1 + 2 * len(said) or not {"from"} <= set(said) <= {
            "from",
            "until",
            "revoked",
        }:
            raise ValueError("a key, from, and perhaps until and revoked with a size each")
        if not all(re.fullmatch("0|[1-9][0-9]{0,18}", size) for size in said.values()):
            raise ValueError("a size is a number without leading zeros")
        self.vkey, self.first = words[0], int(said["from"])
        self.last = int(said["until"]) if "until" in said else None
        self.revoked = int(said["revoked"]) if "revoked" in said else None

    def covers(self, size: int) -> bool:
        """Whether the key signed heads of this size."""
        return self.first <= size and (self.last is None or size <= self.last)

    def trusts(self, size: int, witnessed: bool) -> bool:
        """Whether a head of this size is believed: of a revoked key only where witnessed."""
        if not self.covers(size):
            return False
        return self.revoked is None or (size <= self.revoked and witnessed)


class Policy:
    """C2SP tlog-policy: lines `log`, `witness`, `group`, `quorum`; and `ALSO`, `PERIOD`."""

    def __init__(self, text: str) -> None:
        self.logs: list[Key] = []
        self.witnesses: dict[str, Key] = {}
        self.groups: dict[str, tuple[int, list[str]]] = {}
        self.quorum: str | None = None
        self.periods: dict[str, Period] = {}
        if not text.endswith("\n") or re.search("[\x00-\x08\x0b-\x1f\x7f]", text):
            raise Unreadable("信任文件末行没有换行，或含有控制字符")
        for number, line in enumerate(text[:-1].split("\n"), 1):
            words = re.findall("[^ \t]+", line)
            try:
                if words[:2] == ALSO:
                    self._log(words[2:], True)
                elif words[:2] == PERIOD:
                    self._period(Period(words[2:]))
                elif words and not words[0].startswith("#"):
                    self._take(words)
            except ValueError as error:
                raise Unreadable(f"信任文件第 {number} 行：{error}") from error
        if self.quorum is None:
            raise Unreadable("信任文件里没有 quorum 行")

    def _take(self, words: list[str]) -> None:
        kind = words[0]
        if kind == "log":
            self._log(words[1:], False)
        elif kind == "witness" and len(words) in (3, 4):
            key = Key(words[2])
            if key.kind != COSIGNATURE:
                raise ValueError("a witness has a key for cosignatures")
            self._new(key)
            self._name(words[1])
            self.witnesses[words[1]] = key
        elif kind == "group" and len(words) >= 4:
            self._group(words[1], words[2], words[3:])
        elif kind == "quorum" and len(words) == 2 and self.quorum is None:
            if words[1] != "none" and words[1] not in self._names():
                raise ValueError("the quorum names nobody")
            self.quorum = words[1]
        else:
            raise ValueError("not a line of a policy")

    def _log(self, words: list[str], again: bool) -> None:
        if len(words) not in (1, 2):
            raise ValueError("a key, and perhaps an address, is expected")
        key = Key(words[0])
        if key.kind == COSIGNATURE:
            raise ValueError("a witness's key does not sign a log")
        if again and any((k.name, k.public) == (key.name, key.public) for k in self.logs):
            raise ValueError("this log stands here already")
        if not again:
            self._new(key)
        self.logs.append(key)

    def _period(self, period: Period) -> None:
        if period.vkey in self.periods or period.vkey not in [key.vkey for key in self.logs]:
            raise ValueError("a second period, or one of no log above")
        self.periods[period.vkey] = period

    def _group(self, name: str, count: str, members: list[str]) -> None:
        taken = [one for _, group in self.groups.values() for one in group]
        for member in members:
            if member not in self._names() or member in taken or members.count(member) > 1:
                raise ValueError("a group has unknown or doubled members")
        number = count if re.fullmatch("[1-9][0-9]{0,3}", count) else "0"
        need = {"any": 1, "all": len(members)}.get(count, int(number))
        if not 1 <= need <= len(members):
            raise ValueError("a group cannot need so many")
        self._name(name)
        self.groups[name] = (need, members)

    def _names(self) -> list[str]:
        return [*self.witnesses, *self.groups]

    def _name(self, name: str) -> None:
        if name == "none" or name in self._names():
            raise ValueError(f"the name {name} is taken")

    def _new(self, key: Key) -> None:
        if any(key.public == known.public for known in [*self.logs, *self.witnesses.values()]):
            raise ValueError(f"the key of {key.name} stands here already")

    def met(self, cosigned: Sequence[str]) -> bool:
        """Whether these witnesses (names of the policy) are enough."""
        return self.quorum == "none" or self._is_met(str(self.quorum), cosigned)

    def _is_met(self, name: str, cosigned: Sequence[str]) -> bool:
        if name not in self.groups:
            return name in cosigned
        need, members = self.groups[name]
        return sum(self._is_met(one, cosigned) for one in members) >= need


class Head:
    """A tree head that a trusted log signed, with the witnesses that cosigned it."""

    def __init__(self, note: str, origin: str | None, policy: Policy) -> None:
        text, lines = _note_parts(note)
        head = text[:-1].split("\n")
        if len(head) < 3 or not all(head) or not re.fullmatch("0|[1-9][0-9]{0,18}", head[1]):
            raise Wrong("note", "树头不是「名称、大小、根」的规定写法")
        self.origin, self.size = head[0], int(head[1])
        if self.size > MOST_INTEGER:
            raise Wrong("note", "树头的大小超出 2^53−1")
        try:
            self.root = decode(head[2])
        except ValueError as error:
            raise Wrong("note", "树头的根不是规范的 base64") from error
        if len(self.root) != 32:
            raise Wrong("note", "树头的根不是 32 字节")
        if origin is not None and origin != self.origin:
            raise Wrong("origin", f"树头属于 {self.origin}，回执说是 {origin}")
        keys = [key for key in policy.logs if key.name == self.origin]
        if not keys:
            raise Wrong("origin", f"信任文件里没有日志 {self.origin}")
        signers = [k for k in keys if _signed(k, text, lines) is not None]
        if not signers:
            raise Wrong("signature", f"没有日志 {self.origin} 的可信签名")
        cosigned = {n: _signed(k, text, lines) for n, k in policy.witnesses.items()}
        self.cosigned = {name: at for name, at in cosigned.items() if at is not None}
        self.quorum_met = policy.met(list(self.cosigned))
        places = {key.id: n for n, (_, line) in enumerate(lines) for key in keys
                  if line[:4] == key.id}  # fmt: skip
        signers.sort(key=lambda key: places[key.id])
        self.signed_by = [self._of_its_time(signers, policy)]
        known = {(key.name, key.id) for key in [*keys, *policy.witnesses.values()]
                 if key.kind in (ED25519, COSIGNATURE)}  # fmt: skip
        self.others = sum((name, line[:4]) not in known for name, line in lines)

    def _of_its_time(self, signers: list[Key], policy: Policy) -> Key:
        witnessed = self.quorum_met and policy.quorum != "none"
        for key in signers:
            period = policy.periods.get(key.vkey)
            if period is None or period.trusts(self.size, witnessed):
                return key
            if period.revoked is not None and period.covers(self.size):
                break  # whoever has the key may have signed it
        raise Wrong("signature", f"签名的密钥在大小 {self.size} 时不可信（已轮换或已吊销）")


def _note_parts(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    text, separator, signatures = note.rpartition("\n\n")
    text += "\n"
    if not separator or not signatures.endswith("\n"):
        raise Wrong("note", "树头没有签名部分")
    if any(c < " " and c != "\n" for c in note):
        raise Wrong("note", "树头含有控制字符")
    lines = signatures[:-1].split("\n")
    if len(lines) > MOST_SIGNATURES:
        raise Wrong("note", "树头的签名行过多")
    return text, [_signature_line(line) for line in lines]


def _signature_line(line: str) -> tuple[str, bytes]:
    name, space, encoded = line[2:].partition(" ")
    if not line.startswith("— ") or not space or not re.fullmatch(r"[^\s+]+", name):
        raise Wrong("note", "签名行的写法不对")
    try:
        signature = decode(encoded)
    except ValueError as error:
        raise Wrong("note", "签名行不是规范的 base64") from error
    if len(signature) < 5:
        raise Wrong("note", "签名太短")
    return name, signature


def _signed(key: Key, text: str, lines: list[tuple[str, bytes]]) -> datetime | None:
    """Return when the key signed, by its newest line; every line of it must hold."""
    if key.kind not in (ED25519, COSIGNATURE):
        return None  # SM2 and others: not checked here, so they vouch for nothing
    own = [line for name, line in lines if (name, line[:4]) == (key.name, key.id)]
    return max((key.accepts(text, line[4:]) for line in own), default=None)


# --- time-stamp tokens: RFC 3161 in a CMS SignedData (RFC 5652), DER ------------------------------

_SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
_TST_INFO = bytes.fromhex("2a864886f70d0109100104")
_MESSAGE_DIGEST = bytes.fromhex("2a864886f70d010904")
_HASHES = {
    bytes.fromhex("608648016503040201"): hashes.SHA256(),
    bytes.fromhex("608648016503040202"): hashes.SHA384(),
    bytes.fromhex("608648016503040203"): hashes.SHA512(),
}


def _der(data: bytes, at: int = 0) -> tuple[int, int, int, int]:
    """Return tag, start of the content, its end and the start of the whole. Raises `ValueError`."""
    if at + 2 > len(data):
        raise ValueError("DER ends early")
    length, start = data[at + 1], at + 2
    if length & 0x80:
        count = length & 0x7F
        if not 1 <= count <= 4:
            raise ValueError("a length of no DER")
        length = int.from_bytes(data[start : start + count], "big")
        start += count
    if start + length > len(data):
        raise ValueError("DER ends early")
    return data[at], start, start + length, at


def _children(data: bytes, start: int, end: int) -> list[tuple[int, bytes, bytes]]:
    """Return tag, content and whole of each part between these places."""
    found = []
    while start < end:
        tag, first, last, _ = _der(data, start)
        if last > end:
            raise ValueError("a part is longer than its whole")
        found.append((tag, data[first:last], data[start:last]))
        start = last
    return found


def _parts(content: bytes) -> list[tuple[int, bytes, bytes]]:
    return _children(content, 0, len(content))


class Token:
    """A response of a time-stamp authority, taken apart. Raises `ValueError` for what is none."""

    def __init__(self, response: bytes) -> None:
        whole = _parts(_parts(response)[0][1])
        if _parts(whole[0][1])[0][1] not in (b"\x00", b"\x01"):
            raise ValueError("the authority granted no token")
        kind, wrapped = _parts(whole[1][1])[:2]
        if kind[1] != _SIGNED_DATA:
            raise ValueError("no signed data")
        parts = _parts(_parts(wrapped[1])[0][1])
        encapsulated = _parts(parts[2][1])
        if encapsulated[0][1] != _TST_INFO:
            raise ValueError("no time-stamp information")
        self.info = _parts(encapsulated[1][1])[0][1]
        self.certificates = [
            x509.load_der_x509_certificate(one[2])
            for tag, content, _ in parts[3:]
            if tag == 0xA0
            for one in _parts(content)
            if one[0] == 0x30
        ]
        self.signer = _parts(_parts(parts[-1][1])[0][1])
        said = _parts(_parts(self.info)[0][1])
        algorithm, imprint = _parts(said[2][1])[:2]
        if _parts(algorithm[1])[0][1] != bytes.fromhex("608648016503040201"):
            raise ValueError("the imprint is not over SHA-256")
        self.imprint = imprint[1]
        time = next(content for tag, content, _ in said[3:] if tag == 0x18).decode("ascii")
        self.at = datetime.strptime(time[:14], "%Y%m%d%H%M%S").replace(tzinfo=timezone.utc)

    def signed_by(self) -> Any:
        """Return the certificate in the token that signed it. Raises `ValueError`."""
        # version, sid, digest algorithm, [0] signed attributes, signature algorithm, signature
        digest, attributes, signature = self.signer[2], self.signer[3], self.signer[5]
        algorithm = _HASHES[_parts(digest[1])[0][1]]
        if attributes[0] != 0xA0 or signature[0] != 0x04:
            raise ValueError("the attributes are not signed")
        told = {}
        for _, content, _ in _parts(attributes[1]):
            name, values = _parts(content)[:2]
            told[name[1]] = _parts(values[1])[0][1]
        own = hashes.Hash(algorithm)
        own.update(self.info)
        if told.get(_MESSAGE_DIGEST) != own.finalize():
            raise ValueError("the token was altered")
        signed = b"\x31" + attributes[2][1:]
        for certificate in self.certificates:
            if _made(certificate.public_key(), signature[1], signed, algorithm):
                return certificate
        raise ValueError("no certificate in the token signed it")


def _made(key: Any, signature: bytes, signed: bytes, algorithm: Any) -> bool:
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, signed, padding.PKCS1v15(), algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, signed, ec.ECDSA(algorithm))
        else:
            return False
    except InvalidSignature:
        return False
    return True


def _vouched(signer: Any, token: Token, trusted: Sequence[Any]) -> bool:
    """Whether a trusted certificate issued the signer's, by way of others in the token.

    For time-stamping, and valid when the token was made. Whether one was revoked is not asked.
    """
    try:
        usage = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        if x509.oid.ExtendedKeyUsageOID.TIME_STAMPING not in usage:
            return False
    except x509.ExtensionNotFound:
        return False
    chain = signer
    for _ in range(4):
        if not _at(chain, token.at):
            return False
        if any(chain == one or _issued(one, chain) for one in trusted):
            return True
        chain = next((one for one in token.certificates if _issued(one, chain)), None)
        if chain is None:
            return False
    return False


def _issued(issuer: Any, certificate: Any) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return bool(issuer != certificate)


def _at(certificate: Any, at: datetime) -> bool:
    if hasattr(certificate, "not_valid_before_utc"):
        return bool(certificate.not_valid_before_utc <= at <= certificate.not_valid_after_utc)
    plain = at.replace(tzinfo=None)  # cryptography before 42
    return bool(certificate.not_valid_before <= plain <= certificate.not_valid_after)


# --- one entry -----------------------------------------------------------------------------------

_TEXTS = {
    "who": ("id", "kind", "org", "role", "auth", "on_behalf"),
    "from": ("ip", "host", "svc", "ver", "cert"),
    "obj": ("type", "id", "step", "doc"),
    "pol": ("dec", "eff", "rule"),
    "rule": ("id", "ver", "hash"),
    "wf": ("ns", "id", "run", "act"),
    "s": ("id", "prev"),
}
_NUMBERS = {"wf": ("evt", "att"), "s": ("seq", "count")}
_NEEDED = {
    "who": ("id", "kind"),
    "obj": ("type", "id"),
    "pol": ("dec", "eff"),
    "rule": ("id", "ver", "hash"),
    "wf": ("ns", "id"),
    "s": ("id", "seq", "prev"),
}
_TOP_TEXTS = ("id", "t", "occ", "act", "res", "why", "before", "after")
_TOP_NEEDED = ("v", "id", "t", "who", "act", "obj", "res", "s")


def read_entry(stored: bytes) -> dict[str, Any]:
    """Return an entry v1 if these bytes are its one spelling. Raises `Wrong`."""
    try:
        if len(stored) > MOST_BODY_BYTES:
            raise ValueError(f"longer than {MOST_BODY_BYTES} bytes")
        body = read_json(stored)
        if not isinstance(body, dict):
            raise ValueError("not an object")
        _plain(body)
        spelled = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        if spelled.encode() != stored:
            raise ValueError("not the canonical spelling of what it says")
        _shape(body)
    except ValueError as error:
        raise Wrong("spelling", f"记录不是规范写法（{error}）") from error
    return body


def _shape(body: dict[str, Any]) -> None:
    fields: dict[str, type] = {**dict.fromkeys(_TOP_TEXTS, str), **dict.fromkeys(_TEXTS, dict)}
    _fields(body, {**fields, "v": int, "pay": list}, _TOP_NEEDED)
    for name, texts in _TEXTS.items():
        if name in body:
            parts = {**dict.fromkeys(texts, str), **dict.fromkeys(_NUMBERS.get(name, ()), int)}
            _fields(body[name], parts, _NEEDED.get(name, ()))
    for payload in body.get("pay", ()):
        names = {"n": str, "c": str, "len": int, "mt": str}
        _fields(payload, names, tuple(names))
    s = body["s"]
    if body["v"] != 1 or s["seq"] < 1 or body["res"] not in ("ok", "deny", "error"):
        raise ValueError("v, s.seq or res is out of range")
    if s.get("count", s["seq"]) != s["seq"]:
        raise ValueError("s.count is not the entry's own place")
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", body["t"], re.ASCII):
        raise ValueError("t is no instant")
    if not re.fullmatch("[0-9a-f]{64}", s["prev"]):
        raise ValueError("s.prev is no digest")
    _moment(body["t"])


def _fields(value: Any, fields: dict[str, type], needed: Sequence[str]) -> None:
    if type(value) is not dict:
        raise ValueError("a part is no object")
    for name, member in value.items():
        if name not in fields or type(member) is not fields[name]:
            raise ValueError(f"{name} is no such field of an entry")
    if not set(needed) <= set(value):
        raise ValueError("a field is missing")


def _moment(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)


# --- the receipt ---------------------------------------------------------------------------------


class Report:
    """What was found: faults, marks (incomplete), and what is said to the reader."""

    def __init__(self) -> None:
        self.unreadable = ""
        self.faults: list[dict[str, Any]] = []
        self.marks: list[str] = []
        self.checked: list[Said] = []
        self.unchecked: list[Said] = []
        self.vouchers: list[Said] = []
        self.steps: list[dict[str, Any]] = []
        self.disclosed: list[dict[str, Any]] = []

    def fault(self, code: str, where: str, text: str) -> None:
        self.faults.append({"code": code, "where": where, "text": text})

    @property
    def exit_code(self) -> int:
        if self.unreadable:
            return UNREADABLE
        if self.faults:
            return TAMPERED
        return INCOMPLETE if self.marks else GENUINE

    def as_json(self) -> dict[str, Any]:
        def both(said: list[Said]) -> list[dict[str, str]]:
            return [{"zh": zh, "en": en} for zh, en in said]

        return {
            "exit_code": self.exit_code,
            "verdict": ("genuine", "tampered", "incomplete", "unreadable")[self.exit_code],
            "unreadable": self.unreadable,
            "faults": self.faults,
            "marks": self.marks,
            "checked": both(self.checked),
            "unchecked": both(self.unchecked),
            "vouchers": both(self.vouchers),
            "steps": self.steps,
            "disclosed": self.disclosed,
        }


def verify(stored: bytes, policy_text: str, authorities: Sequence[Any] = ()) -> Report:
    """Verify a receipt against a policy. Never raises for what the receipt says.

    `authorities`: certificates of time-stamp authorities that the reader trusts.
    """
    report = Report()
    try:
        policy = Policy(policy_text)
        receipt = read_receipt(stored)
    except Unreadable as error:
        report.unreadable = str(error)
        return report
    _Check(receipt, policy, report, authorities).run()
    return report


def out_of_paper(stored: bytes) -> bytes:
    """Return the one file inside a 回执 PDF; any other file as it is. Raises `Unreadable`."""
    if not stored.startswith(b"%PDF-"):
        return stored
    if stored.count(b"/Type /EmbeddedFile") != 1:
        raise Unreadable("这个 PDF 里没有（或不止一个）附件")
    part = stored[stored.index(b"/Type /EmbeddedFile") :]
    found = re.match(rb".{0,600}?/Length ([0-9]{1,9})\s*>>\s*stream\r?\n", part, re.DOTALL)
    if found is None or b"/FlateDecode" not in found.group(0):
        raise Unreadable("这个 PDF 的附件读不了")
    packed = part[found.end() : found.end() + int(found.group(1))]
    try:
        opened = zlib.decompressobj()
        content = opened.decompress(packed, MOST_BYTES + 1)
    except zlib.error as error:
        raise Unreadable("这个 PDF 的附件读不了") from error
    if not opened.eof:
        raise Unreadable("文件超过 16 MiB，不是回执")
    return content


def read_receipt(stored: bytes) -> dict[str, Any]:
    """Return a receipt of the right shape. Raises `Unreadable`."""
    stored = out_of_paper(stored)
    if len(stored) > MOST_BYTES:
        raise Unreadable("文件超过 16 MiB，不是回执")
    try:
        value = read_json(stored)
        _receipt_shape(value)
    except (ValueError, UnicodeDecodeError) as error:
        raise Unreadable(f"不是回执文件：{error}") from error
    found: dict[str, Any] = value
    return found


_ANY = object
_RECEIPT: dict[str, Any] = {
    "format": str, "scope": str, "case": str, "issued": dict, "logs": list, "entries": list,
    "payloads": list, "withheld": list, "clock": (dict, type(None)),
}  # fmt: skip
_SECOND: dict[str, Any] = {"origin": str, "checkpoint": str, "nodes": dict}
_PARTS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "logs": (
        {"origin": str, "checkpoint": str, "nodes": dict, "token": str, "sm3": dict},
        ("origin", "checkpoint", "nodes"),
    ),
    "entries": (
        {"log": (int, type(None)), "index": (int, type(None)), "body": str},
        ("log", "index", "body"),
    ),
    "payloads": (
        {"entry": int, "name": str, "salt": str, "content": str},
        ("entry", "name", "salt", "content"),
    ),
    "withheld": ({"entry": int, "name": str, "why": str}, ("entry", "name", "why")),
}


def _receipt_shape(value: Any) -> None:
    _part(value, _RECEIPT, tuple(_RECEIPT))
    if value["format"] != FORMAT or value["scope"] not in ("case", "entry"):
        raise ValueError(f"the format is not {FORMAT}")
    for name, (fields, needed) in _PARTS.items():
        for part in value[name]:
            _part(part, fields, needed)
    _nodes_shape(value["logs"])
    _entries_shape(value)
    for part in value["payloads"] + value["withheld"]:
        if not 0 <= part["entry"] < len(value["entries"]):
            raise ValueError("a payload names no entry of this receipt")
    for text in _texts_of(value):
        if _hidden(text):
            raise ValueError("a text has control or format characters")


def _nodes_shape(logs: list[dict[str, Any]]) -> None:
    trees = [*logs, *(log["sm3"] for log in logs if "sm3" in log)]
    for tree in trees[len(logs) :]:
        _part(tree, _SECOND, tuple(_SECOND))
    for log in trees:
        for key, node in log["nodes"].items():
            if not re.fullmatch(r"(0|[1-9][0-9]?)\.(0|[1-9][0-9]{0,15})", key):
                raise ValueError("a node has no such name")
            if not isinstance(node, str):
                raise ValueError("a node is a text")


def _entries_shape(value: dict[str, Any]) -> None:
    for entry in value["entries"]:
        log, index = entry["log"], entry["index"]
        if (log is None) != (index is None):
            raise ValueError("an entry has a log and an index, or neither")
        if log is not None and not (0 <= log < len(value["logs"]) and index >= 0):
            raise ValueError("an entry names no log of this receipt")
    if not value["entries"] or (value["scope"] == "entry" and len(value["entries"]) != 1):
        raise ValueError("the number of entries does not fit")


def _texts_of(value: Any) -> list[str]:
    """Return every text but the checkpoints, which have line ends and a spelling of their own."""
    found: list[str] = []
    waiting: list[Any] = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            found.append(one)
        elif isinstance(one, dict):
            waiting += [member for name, member in one.items() if name != "checkpoint"]
        elif isinstance(one, list):
            waiting += one
    return found


def _part(value: Any, fields: dict[str, Any], needed: Sequence[str]) -> None:
    if not isinstance(value, dict) or not set(needed) <= set(value) or set(value) - set(fields):
        raise ValueError("a part has not the fields that it must have")
    for name, member in value.items():
        if not isinstance(member, fields[name]) or isinstance(member, bool):
            raise ValueError(f"{name} has another type")


class _Check:
    def __init__(
        self,
        receipt: dict[str, Any],
        policy: Policy,
        report: Report,
        authorities: Sequence[Any] = (),
    ) -> None:
        self.receipt, self.policy, self.report = receipt, policy, report
        self.authorities = authorities
        self.tokens: list[tuple[Token, Any, bool]] = []
        self.heads: list[Head | None] = []
        self.bodies: list[dict[str, Any] | None] = []
        self.stored: list[bytes] = []
        self.payloads_held = 0

    def run(self) -> None:
        for log in self.receipt["logs"]:
            self.heads.append(self._head(log))
        for place, entry in enumerate(self.receipt["entries"]):
            self._entry(place, entry)
        if self.receipt["scope"] == "case":
            self._stream()
        elif self.bodies[0] is not None and self.receipt["case"]:
            self._own_stream(0, self.bodies[0])
        held = {(p["entry"], p["name"]) for p in self.receipt["payloads"]}
        if len(held) != len(self.receipt["payloads"]):
            self.report.fault("payload", "", "同一内容披露了两次")
        for payload in self.receipt["payloads"]:
            self._payload(payload)
        if self.report.faults:
            self.report.disclosed.clear()  # nothing of a bad receipt is shown as if it were good
        else:
            self._tell(held)

    def _head(self, log: dict[str, Any]) -> Head | None:
        try:
            head = Head(log["checkpoint"], log["origin"], self.policy)
        except Wrong as wrong:
            self.report.fault(wrong.code, log["origin"], str(wrong))
            return None
        if not head.quorum_met and "quorum" not in self.report.marks:
            self.report.marks.append("quorum")
        if "token" in log:
            self._token(log)
        return head

    def _token(self, log: dict[str, Any]) -> None:
        text = log["checkpoint"].rpartition("\n\n")[0] + "\n"
        try:
            token = Token(decode(log["token"]))
            if token.imprint != hashlib.sha256(text.encode()).digest():
                raise ValueError("it is over another head")
            signer = token.signed_by()
        except (ValueError, LookupError, StopIteration, TypeError) as error:
            self.report.fault("token", log["origin"], f"时间戳不是这个树头的（{error}）")
            return
        is_vouched = bool(self.authorities) and _vouched(signer, token, self.authorities)
        if self.authorities and not is_vouched:
            self.report.fault("token", log["origin"], "时间戳不是所信任的机构签发的")
        self.tokens.append((token, signer, is_vouched))

    def _entry(self, place: int, entry: dict[str, Any]) -> None:
        where = f"第 {place + 1} 条"
        body: dict[str, Any] | None = None
        stored = b""
        try:
            try:
                stored = decode(entry["body"])
            except ValueError as error:
                raise Wrong("spelling", "记录不是规范的 base64") from error
            body = read_entry(stored)
        except Wrong as wrong:
            self.report.fault(wrong.code, where, str(wrong))
        self.bodies.append(body)
        self.stored.append(stored)
        if entry["log"] is None:
            if "unsealed" not in self.report.marks:
                self.report.marks.append("unsealed")
            return
        head = self.heads[entry["log"]]
        if head is not None:
            try:
                self._included(stored, entry, head, self.receipt["logs"][entry["log"]]["nodes"])
            except Wrong as wrong:
                self.report.fault(wrong.code, where, str(wrong))

    def _included(
        self, stored: bytes, entry: dict[str, Any], head: Head, nodes: dict[str, str]
    ) -> None:
        index = entry["index"]
        if index >= head.size:
            raise Wrong("proof", f"序号 {index} 不在大小为 {head.size} 的树内")

        def node(height: int, at: int) -> bytes:
            try:
                found = decode(nodes[f"{height}.{at}"])
            except (KeyError, ValueError) as error:
                raise Wrong("proof", f"证明缺少或写错节点 {height}.{at}") from error
            if len(found) != 32:
                raise Wrong("proof", "节点不是 32 字节")
            return found

        if root_from(leaf_hash(stored), index, 0, head.size, node) != head.root:
            raise Wrong("proof", "这条记录不在签名的树头之内")

    def _stream(self) -> None:
        before: dict[str, Any] | None = None
        previous = bytes(32)
        seen: dict[str, int] = {}
        last_place = (-1, -1)
        latest: datetime | None = None
        unsealed = False
        for place, body in enumerate(self.bodies):
            if body is None:
                return  # named above; what follows cannot be linked
            where = f"第 {place + 1} 条"
            self._own_stream(place, body)
            if body["s"]["seq"] != place + 1:
                said = f"应为第 {place + 1} 步，写的是第 {body['s']['seq']} 步"
                self.report.fault("sequence", where, said)
            if body["s"]["prev"] != previous.hex():
                self.report.fault("chain", where, "与前一条不相扣")
            if body["id"] in seen:
                self.report.fault("identity", where, "记录编号出现了两次")
            at = _moment(body["t"])
            if latest is not None and at < latest - CLOCK_SLACK:
                self.report.fault("time", where, "时间早于前一条")
            entry = self.receipt["entries"][place]
            if entry["log"] is None:
                unsealed = True
            elif unsealed or (entry["log"], entry["index"]) <= last_place:
                self.report.fault("sequence", where, "在日志中的先后与本件的先后不一致")
            else:
                last_place = (entry["log"], entry["index"])
            seen[body["id"]] = place
            previous = leaf_hash(self.stored[place])
            latest = at if latest is None or at > latest else latest
            before = body
        if before is not None and not any(b and "count" in b["s"] for b in self.bodies):
            self.report.marks.append("not_closed")

    def _own_stream(self, place: int, body: dict[str, Any]) -> None:
        if body["s"]["id"] != "case:" + self.receipt["case"]:
            where = f"第 {place + 1} 条"
            self.report.fault("stream", where, "属于 {}，不是本件".format(body["s"]["id"]))

    def _payload(self, payload: dict[str, Any]) -> None:
        body = self.bodies[payload["entry"]]
        where = f"第 {payload['entry'] + 1} 条"
        if body is None:
            return
        said = [one for one in body.get("pay", ()) if one["n"] == payload["name"]]
        try:
            salt, content = decode(payload["salt"]), decode(payload["content"])
        except ValueError:
            self.report.fault("payload", where, "披露的内容不是规范的 base64")
            return
        found = hashlib.sha256(b"yichuang/commit/v1\x00" + salt + content).hexdigest()
        if (
            len(salt) != 32
            or len(said) != 1
            or said[0]["c"] != found
            or (said[0]["len"] != len(content))
        ):
            self.report.fault("payload", where, "披露的内容不是记录所承诺的")
            return
        self.payloads_held += 1
        text = content.decode("utf-8", "replace")
        self.report.disclosed.append(
            {"entry": payload["entry"], "name": payload["name"], "text": text}
        )

    # --- what is said ---

    def _tell(self, held: Any) -> None:
        for place, body in enumerate(self.bodies):
            assert body is not None
            entry = self.receipt["entries"][place]
            self.report.steps.append({
                "seq": body["s"]["seq"], "t": body["t"], "act": body["act"], "res": body["res"],
                "id": body["id"], "index": entry["index"],
            })  # fmt: skip
        self._tell_checked()
        self._tell_vouchers()
        self._tell_unchecked(held)

    def _tell_checked(self) -> None:
        say, bodies = self.report.checked.append, self.bodies
        sealed = [e for e in self.receipt["entries"] if e["log"] is not None]
        if sealed:
            say((f"{len(sealed)} 条记录的原文在日志签名的树头之内，一字未改",
                 f"{len(sealed)} entries lie under the signed heads, unchanged"))  # fmt: skip
        if self.receipt["scope"] == "case":
            say((f"本件第 1 至第 {len(bodies)} 条连续，前后相扣，没有抽换、增删",
                 f"entries 1 to {len(bodies)} are contiguous and linked"))  # fmt: skip
            counts = [b["s"]["count"] for b in bodies if b and "count" in b["s"]]
            if counts:
                after = len(bodies) - counts[-1]
                zh = f"归档时写明共 {counts[-1]} 条，一条不少"
                en = f"the closing entry counts {counts[-1]}: none is missing"
                if after:
                    zh, en = f"{zh}；归档后另有 {after} 条", f"{en}; {after} more since"
                say((zh, en))
        if self.payloads_held:
            n = self.payloads_held
            say((f"披露的 {n} 份内容正是记录当时所承诺的",
                 f"{n} disclosed payloads are what was committed to"))  # fmt: skip

    def _tell_vouchers(self) -> None:
        say = self.report.vouchers.append
        for head in self.heads:
            if head is None:
                continue
            ids = "、".join(key.id.hex() for key in head.signed_by)
            say((f"日志 {head.origin} 签名，树头大小 {head.size}，密钥 {ids}",
                 f"log {head.origin}, size {head.size}, key {ids}"))  # fmt: skip
            for name, at in head.cosigned.items():
                say((f"见证方 {name} 于 {_told(at)} 联署",
                     f"witness {name} at {_told(at)}"))  # fmt: skip

    def _tell_unchecked(self, held: Any) -> None:
        say, marks = self.report.unchecked.append, self.report.marks
        if "unsealed" in marks:
            n = sum(e["log"] is None for e in self.receipt["entries"])
            say((f"最后 {n} 条还没有签名的树头，只核对了前后相扣",
                 f"the last {n} entries are under no signed head yet"))  # fmt: skip
        if "not_closed" in marks:
            say(("本件没有以计数归档：以后是否还有环节，这份回执不能说明",
                 "not closed with a count: what came later is not known"))  # fmt: skip
        if "quorum" in marks:
            say(("见证方的联署没有达到信任文件要求的数目（未经见证）",
                 "unwitnessed: the policy's quorum of cosignatures is not met"))  # fmt: skip
        elif self.heads and self.policy.quorum == "none":
            say(("信任文件不要求见证方：只有办事机关自己的签名作保",
                 "no witness is asked for: the office's own signature alone vouches"))  # fmt: skip
        if any(log.get("sm3") or (head and head.others) for log, head in
               zip(self.receipt["logs"], self.heads)):  # fmt: skip
            say(("其余签名行（如国密 SM2）没有核对", "other signature lines (SM2) not checked"))
        self._tell_tokens()
        self._tell_withheld(held)
        if self.receipt["clock"]:
            say(("时限台账是出具机关的陈述，日志不证明它",
                 "the clock ledger is the office's statement, not proved"))  # fmt: skip

    def _tell_tokens(self) -> None:
        if not self.tokens:
            self.report.unchecked.append(("没有附时间戳", "there is no time-stamp token"))
        for token, signer, is_vouched in self.tokens:
            name, at = signer.subject.rfc4514_string(), _told(token.at)
            if is_vouched:
                zh = f"时间戳机构 {name} 证明这个树头在 {at} 已经存在（没有查证书是否吊销）"
                en = f"time-stamp authority {name}: the head existed at {at}; revocation not asked"
                self.report.vouchers.append((zh, en))
            else:
                zh = (
                    f"附有这个树头的时间戳（{at}，{name}），其机构没有核对（--tsa-ca 给出可信证书）"
                )
                en = f"a time-stamp token over this head ({at}, {name}); its authority not checked"
                self.report.unchecked.append((zh, en))

    def _tell_withheld(self, held: Any) -> None:
        why = {(w["entry"], w["name"]): w["why"] for w in self.receipt["withheld"]}
        kinds: dict[str, int] = {}
        for place, body in enumerate(self.bodies):
            for one in (body or {}).get("pay", ()):
                if (place, one["n"]) not in held:
                    reason = why.get((place, one["n"]), "")
                    kinds[reason] = kinds.get(reason, 0) + 1
        erased = kinds.pop("erased", 0)
        if erased:
            self.report.unchecked.append(
                (f"{erased} 份内容据称已依法删除，只剩承诺，无从核对",
                 f"{erased} payloads are said to be erased by law; only commitments remain")
            )  # fmt: skip
        if kinds:
            n = sum(kinds.values())
            self.report.unchecked.append((f"{n} 份内容没有披露", f"{n} payloads are not disclosed"))


def _told(at: datetime | None) -> str:
    assert at is not None
    return at.astimezone(timezone(timedelta(hours=8))).strftime("%Y-%m-%d %H:%M（北京时间）")


# --- a single proof ------------------------------------------------------------------------------


def verify_proof(text: str, body: bytes, policy_text: str) -> Report:
    """Verify a C2SP .tlog-proof of these bytes (https://c2sp.org/tlog-proof)."""
    report = Report()
    try:
        policy = Policy(policy_text)
    except Unreadable as error:
        report.unreadable = str(error)
        return report
    try:
        _check_proof(text, body, policy, report)
    except Wrong as wrong:
        report.fault(wrong.code, "", str(wrong))
    return report


def _check_proof(text: str, body: bytes, policy: Policy, report: Report) -> None:
    proof, _, note = text.partition("\n\n")
    lines = proof.split("\n")
    if lines[0] != PROOF_FORMAT:
        raise Wrong("proof", f"不是 {PROOF_FORMAT} 文件")
    if len(lines) > 1 and lines[1].startswith("extra "):
        del lines[1]  # not authenticated, so not used
    found = re.fullmatch("index (0|[1-9][0-9]{0,15})", lines[1]) if len(lines) > 1 else None
    if found is None:
        raise Wrong("proof", "证明没有序号")
    try:
        path = [decode(line) for line in lines[2:]]
    except ValueError as error:
        raise Wrong("proof", "路径不是规范的 base64") from error
    head = Head(note, None, policy)
    _check_path(leaf_hash(body), int(found.group(1)), head, path)
    entry = read_entry(body)
    if not head.quorum_met:
        report.marks.append("quorum")
    report.steps.append({
        "seq": entry["s"]["seq"], "t": entry["t"], "act": entry["act"], "res": entry["res"],
        "id": entry["id"], "index": int(found.group(1)),
    })  # fmt: skip
    check = _Check({"scope": "entry", "entries": [{"log": 0, "index": 0}], "logs": [{}],
                    "withheld": [], "clock": None}, policy, report)  # fmt: skip
    check.heads, check.bodies = [head], [entry]
    check._tell_checked()
    check._tell_vouchers()
    check._tell_unchecked(set())


def _check_path(leaf: bytes, index: int, head: Head, path: list[bytes]) -> None:
    if index >= head.size:
        raise Wrong("proof", f"序号 {index} 不在大小为 {head.size} 的树内")
    fn, sn, running = index, head.size - 1, leaf
    for sibling in path:
        if sn == 0 or len(sibling) != 32:
            raise Wrong("proof", "路径太长，或节点不是 32 字节")
        if fn & 1 or fn == sn:
            running = node_hash(sibling, running)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            running = node_hash(running, sibling)
        fn, sn = fn >> 1, sn >> 1
    if sn or running != head.root:
        raise Wrong("proof", "这条记录不在签名的树头之内")


# --- the command line ----------------------------------------------------------------------------


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> Any:
        self.print_usage(sys.stderr)
        sys.stderr.write(f"{message}\n")
        sys.exit(UNREADABLE)  # 2 would say "incomplete"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = _Parser(description="核验一窗回执 (verify a receipt, off line)")
    parser.add_argument("file", help="回执文件、回执 PDF 或 .tlog-proof")
    parser.add_argument("--policy", required=True, help="信任文件：信哪些日志、哪些见证方")
    parser.add_argument("--body", help=".tlog-proof 的记录原文；默认同名 .body")
    parser.add_argument("--tsa-ca", help="信任的时间戳机构证书（PEM）")
    parser.add_argument("--json", action="store_true", help="以 JSON 输出")
    parser.add_argument("--en", action="store_true", help="in English")
    args = parser.parse_args(arguments)
    report = Report()
    policy = b""
    try:
        policy = _read(args.policy)
        stored = _read(args.file)
        if stored.startswith(PROOF_FORMAT.encode()):
            body = _read(args.body or re.sub(r"\.tlog-proof$", "", args.file) + ".body")
            report = verify_proof(stored.decode("utf-8"), body, policy.decode("utf-8"))
        else:
            report = verify(stored, policy.decode("utf-8"), _authorities(args.tsa_ca))
    except (OSError, UnicodeDecodeError, Unreadable) as error:
        report.unreadable = str(error)
    if args.json:
        sys.stdout.write(json.dumps(report.as_json(), ensure_ascii=False) + "\n")
    else:
        sys.stdout.write(told(report, hashlib.sha256(policy).hexdigest(), args.en))
    return report.exit_code


def _authorities(path: str | None) -> list[Any]:
    if path is None:
        return []
    if not hasattr(x509.Certificate, "verify_directly_issued_by"):
        raise Unreadable("--tsa-ca 需要 cryptography 40 或更新的版本")
    blocks = re.findall(
        b"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", _read(path), re.DOTALL
    )
    try:
        found = [x509.load_pem_x509_certificate(block) for block in blocks]
    except ValueError as error:
        raise Unreadable(f"{path} 不是 PEM 证书") from error
    if not found:
        raise Unreadable(f"{path} 里没有证书")
    return found


def _read(path: str) -> bytes:
    if os.path.isfile(path) and os.path.getsize(path) > MOST_BYTES:
        raise Unreadable(f"{path} 超过 16 MiB")
    with open(path, "rb") as file:
        return file.read(MOST_BYTES + 1)


VERDICTS: Sequence[Said] = (
    ("真实：内容与签名一致", "Genuine."),
    ("不可信：已被改动，或没有可信的签名", "Not to be trusted: altered, or no trusted signature."),
    ("真实，但不完整：见「没有核对」", "Genuine, but incomplete: see below."),
    ("读不了：什么也没有证明", "Cannot be read: nothing was proved."),
)


def told(report: Report, policy: str, english: bool = False) -> str:
    """Return the report as text."""
    pick = 1 if english else 0
    lines = [("结论：", "Verdict: ")[pick] + VERDICTS[report.exit_code][pick]]
    if report.unreadable:
        lines.append("  " + report.unreadable)
    for fault in report.faults[:20]:
        lines.append("  {} {}（{}）".format(fault["where"], fault["text"], fault["code"]))
    parts = (
        (("核对了", "Checked"), report.checked),
        (("没有核对", "Not checked"), report.unchecked),
        (("谁作保", "Who vouches"), report.vouchers),
    )
    for title, said in parts:
        if said:
            lines.append(title[pick] + ("：", ":")[pick])
            lines += ["  " + one[pick] for one in said]
    lines.append(("信任文件 SHA-256：", "Policy SHA-256: ")[pick] + policy)
    return "".join(
        "".join(c if c == "\n" or not _hidden(c) else f"\\u{ord(c):04x}" for c in line) + "\n"
        for line in lines
    )


if __name__ == "__main__":
    sys.exit(main())
