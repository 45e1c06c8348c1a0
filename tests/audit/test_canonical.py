import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from audit.canonical import (
    MAX_BYTES,
    MAX_INTEGER,
    NotCanonical,
    canonical_bytes,
    parse_strict,
)

_texts = st.text(st.characters(exclude_categories=("Cc", "Cf", "Cs", "Zl", "Zp")), max_size=30).map(
    lambda text: unicodedata.normalize("NFC", text)
)
_keys = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=12)
_scalars = st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | _texts
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_keys, inner, max_size=4),
    max_leaves=20,
)
_objects = st.dictionaries(_keys, _values, max_size=6)


@given(_objects)
def test_inside_the_profile_the_bytes_are_those_of_rfc_8785(value: dict[str, Any]) -> None:
    assert canonical_bytes(value) == rfc8785.dumps(value)


@given(_objects)
def test_what_was_spelled_is_read_back(value: dict[str, Any]) -> None:
    assert parse_strict(canonical_bytes(value)) == value


def test_published_jcs_vectors_are_spelled_exactly_or_refused(vectors: Path) -> None:
    folder = vectors / "cyberphone_json-canonicalization" / "testdata"
    equal, refused = set(), set()
    for source in sorted((folder / "input").iterdir()):
        value = json.loads(source.read_bytes())
        published = (folder / "output" / source.name).read_bytes()
        assert rfc8785.dumps(value) == published
        try:
            assert canonical_bytes(value) == published
            equal.add(source.stem)
        except NotCanonical:
            refused.add(source.stem)
    # Floats, control characters and keys beyond ASCII are what the profile leaves out.
    assert equal | refused == {"arrays", "french", "structures", "unicode", "values", "weird"}
    assert refused >= {"values", "weird", "unicode"}


@pytest.mark.parametrize(
    "value",
    [
        {"a": 1.0},
        {"a": float("nan")},
        {"a": MAX_INTEGER + 1},
        {"a": -MAX_INTEGER - 1},
        {"a": "e\u0301"},
        {"a": "\u202e"},
        {"a": "\u200b"},
        {"a": "line\nbreak"},
        {"a": "\u2028"},
        {"a": "\ud800"},
        {"名": "x"},
        {"": "x"},
        {1: "x"},
        {"a": b"bytes"},
        {"a": ("tuple",)},
        {"a": "x" * MAX_BYTES},
    ],
)
def test_values_outside_the_profile_are_refused(value: object) -> None:
    with pytest.raises(NotCanonical):
        canonical_bytes(value)


def test_integers_at_the_limits_and_rare_ideographs_are_spelled() -> None:
    value = {"high": MAX_INTEGER, "low": -MAX_INTEGER, "name": "㐀𠀀𱍐\u3000·"}
    assert parse_strict(canonical_bytes(value)) == value


def test_the_longest_entry_has_65535_bytes() -> None:
    frame = len(canonical_bytes({"a": ""}))
    assert len(canonical_bytes({"a": "x" * (MAX_BYTES - frame)})) == MAX_BYTES
    with pytest.raises(NotCanonical):
        canonical_bytes({"a": "x" * (MAX_BYTES - frame + 1)})


@pytest.mark.parametrize(
    "stored",
    [
        b'{"a":1,"a":1}',
        b'{"a": 1}',
        b'{"a":1.0}',
        b'{"a":1e0}',
        b'{"a":-0}',
        b'{"a":9007199254740992}',
        b'{"a":123456789012345678901234567890}',
        b'{"b":1,"a":1}',
        b'{"a":"\\u0063"}',
        b'{"a":"\\/"}',
        b'{"a":"e\xcc\x81"}',
        b'{"a":"\xff"}',
        b'{"a":NaN}',
        b'{"a":1}\n',
        b'\xef\xbb\xbf{"a":1}',
        b"[1]",
        b"",
        b'{"a":' * 40 + b"1" + b"}" * 40,
    ],
)
def test_other_spellings_are_not_read(stored: bytes) -> None:
    with pytest.raises(NotCanonical):
        parse_strict(stored)
