"""One spelling for every entry: a strict profile of RFC 8785 (JSON Canonicalization Scheme).

The profile is narrower than the standard so that no two readers can disagree about a byte: ASCII
keys, strings in NFC without control, format or line-separator characters, integers within
±(2^53−1), no floats, at most 65,535 bytes. Within it, sorted compact JSON *is* RFC 8785.
"""

import unicodedata
from typing import Any

import orjson

MAX_BYTES = 65_535
"""Longest entry, in bytes: the length prefix of a C2SP tlog-tiles entry bundle has 16 bits."""

MAX_INTEGER = 2**53 - 1
"""Largest magnitude an IEEE 754 double holds exactly; RFC 8785 §3.2.2.3, RFC 7493 §2.2."""

MAX_DEPTH = 16
"""Nesting allowed; entries have three levels. A bound keeps a hostile body from the stack."""

_REFUSED_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


class NotCanonical(ValueError):
    """The value or the bytes lie outside the profile; the message says where and why."""


def canonical_bytes(value: object) -> bytes:
    """Return the one UTF-8 spelling of a JSON value inside the profile.

    Raises `NotCanonical` for anything outside it, with the path of the culprit.
    """
    check(value)
    return spell(value)


def check(value: object) -> None:
    """Raise `NotCanonical` if the value lies outside the profile (its length apart)."""
    if not (_texts_fit(value) and _plainly_fits(value, MAX_DEPTH)):
        _check(value, "$", MAX_DEPTH)


def spell(checked: object) -> bytes:
    """Return the canonical bytes of a value that `check` has passed; half the cost is there."""
    spelled = orjson.dumps(checked, option=orjson.OPT_SORT_KEYS)
    if len(spelled) > MAX_BYTES:
        raise NotCanonical(f"{len(spelled)} bytes; at most {MAX_BYTES} are allowed")
    return spelled


def parse_strict(stored: bytes) -> dict[str, Any]:
    """Return the object these bytes spell, if they are its one canonical spelling.

    Raises `NotCanonical` for a duplicate key, white space, another escape, another number form, a
    string outside NFC: whatever does not come back byte for byte.
    """
    if len(stored) > MAX_BYTES:
        raise NotCanonical(f"{len(stored)} bytes; at most {MAX_BYTES} are allowed")
    try:
        value = orjson.loads(stored)
    except orjson.JSONDecodeError as error:
        raise NotCanonical(f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise NotCanonical(f"an entry is an object, not {type(value).__name__}")
    if not (_reads_plainly(stored) and _plainly_fits(value, MAX_DEPTH)):
        _check(value, "$", MAX_DEPTH)
    if spell(value) != stored:
        raise NotCanonical("the bytes are not the canonical spelling of what they say")
    return value


def _texts_fit(value: object) -> bool:
    """Return true if all strings of a value are inside the profile; false if that takes a look."""
    try:
        return _reads_plainly(orjson.dumps(value))
    except orjson.JSONEncodeError:
        return False


def _reads_plainly(spelled: bytes) -> bool:
    # Without escapes the strings stand in the bytes as they are, and every part of a printable
    # NFC text is printable and NFC.
    if b"\\" in spelled:
        return False
    text = spelled.decode()
    return text.isprintable() and (text.isascii() or unicodedata.is_normalized("NFC", text))


def _plainly_fits(value: Any, depth: int) -> bool:
    """Return true for nearly everything inside the profile, the texts apart, without a path.

    `_check` has the last word on what is left.
    """
    kind = type(value)
    if kind is str:
        return True
    if kind is dict:
        for key, member in value.items():
            if key not in _seen_keys and not _key_fits(key):
                return False
            if type(member) is not str and not _plainly_fits(member, depth - 1):
                return False
        return depth > 0
    if kind is list:
        return depth > 0 and all(_plainly_fits(m, depth - 1) for m in value)
    if kind is int:
        return bool(-MAX_INTEGER <= value <= MAX_INTEGER)
    return kind is bool or value is None


_seen_keys: set[str] = set()
"""Keys that fit, as far as there is room: entries have a few dozen."""
_KEYS_MOST = 1_000


def _key_fits(key: object) -> bool:
    fits = type(key) is str and key.isascii() and key != "" and key.isprintable()
    if fits and len(_seen_keys) < _KEYS_MOST:
        _seen_keys.add(str(key))
    return fits


def _check(value: object, path: str, depth: int) -> None:
    kind = type(value)
    if kind is str or isinstance(value, str):
        _check_text(str(value), path)
    elif kind is int:
        if not -MAX_INTEGER <= value <= MAX_INTEGER:  # type: ignore[operator]  # exact int
            raise NotCanonical(f"{path}: {value} is beyond ±(2^53−1)")
    elif kind is dict or kind is list:
        if depth == 0:
            raise NotCanonical(f"{path}: nested deeper than {MAX_DEPTH}")
        _check_members(value, path, depth - 1)
    elif value is not None and kind is not bool:
        raise NotCanonical(f"{path}: {kind.__name__} has no place in an entry")


def _check_members(value: Any, path: str, depth: int) -> None:
    if type(value) is list:
        for place, member in enumerate(value):
            _check(member, f"{path}[{place}]", depth)
        return
    for key, member in value.items():
        if type(key) is not str or not key.isascii() or not key.isprintable() or not key:
            raise NotCanonical(f"{path}: key {key!r} is not printable ASCII")
        _check(member, f"{path}.{key}", depth)


def _check_text(text: str, path: str) -> None:
    if text.isascii():
        if text.isprintable():
            return
    elif text.isprintable() and unicodedata.is_normalized("NFC", text):
        return
    # `isprintable` also refuses the ideographic space and rare ideographs newer than this Python.
    for character in text:
        if unicodedata.category(character) in _REFUSED_CATEGORIES:
            raise NotCanonical(f"{path}: U+{ord(character):04X} is a control or format character")
    if not unicodedata.is_normalized("NFC", text):
        raise NotCanonical(f"{path}: not in Unicode normal form C")
