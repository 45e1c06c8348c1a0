"""CAP alerts: the schema's verdicts, hostile documents, and what is written is read the same."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from benchmarks.known import cap as known_cap
from cases.incidents.cap import (
    Alert,
    Area,
    CapRefused,
    Circle,
    Info,
    Reference,
    instant_words,
    prose_faults,
    read_alert,
    write_alert,
)
from cases.incidents.cap_shape import shape_faults
from cases.incidents.xml_in import MAX_BYTES, XmlRefused, read_xml

PUBLISHED = Path(__file__).parents[3] / "shared/data/cap12"
needs_published = pytest.mark.skipif(
    not PUBLISHED.is_dir(), reason="../shared/data/cap12 is not here"
)

BEIJING = timezone(timedelta(hours=8))
SENT = datetime(2026, 11, 27, 10, 15, tzinfo=BEIJING)
RING = ((112.40, 33.10), (112.45, 33.10), (112.45, 33.15), (112.40, 33.10))
INFO = Info(
    "zh-CN", ("Infra",), "暴雨内涝", "Immediate", "Severe", "Observed", responses=("Avoid",),
    codes=(("YCYX", "waterlogging"),), onset=SENT, expires=SENT + timedelta(hours=6),
    headline="橙色预警 <内涝> & 积水", parameters=(("level", "orange"),),
    areas=(Area("云溪区", (RING,), (Circle((112.42, 33.12), 1.5),), (("GB/T 2260", "990101"),)),),
)  # fmt: skip
ALERT = Alert("YC-1", "cap@yunchuan.example", SENT, "Actual", "Alert", "Public", infos=(INFO,))


def text(alert: Alert = ALERT) -> str:
    return write_alert(alert).decode()


def test_what_is_written_is_read_the_same() -> None:
    assert read_alert(write_alert(ALERT)) == ALERT


LEGIBLE = st.text(
    st.characters(
        codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="\ufffe\uffff"
    ),
    max_size=30,
).map(str.strip)


@settings(max_examples=60)
@given(headline=LEGIBLE, description=LEGIBLE, offset=st.integers(-14 * 60, 14 * 60))
def test_any_words_and_any_offset_come_back(headline: str, description: str, offset: int) -> None:
    at = SENT.astimezone(timezone(timedelta(minutes=offset)))
    info = Info("en", ("Met",), "x", "Past", "Minor", "Likely", effective=at,
                headline=headline, description=description)  # fmt: skip
    alert = Alert("a", "b", at, "Test", "Alert", "Public", infos=(info,))
    assert read_alert(write_alert(alert)) == alert


def test_utc_is_written_with_a_minus() -> None:
    assert instant_words(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == "2026-01-02T03:04:05-00:00"


def test_characters_that_xml_cannot_hold_are_left_out() -> None:
    alert = Alert("a", "b", SENT, "Test", "Alert", "Public", note="一\x00二\x0b三\ufffe")
    assert read_alert(write_alert(alert)).note == "一二三"


@pytest.mark.parametrize(
    ("head", "why"),
    [
        ('<!DOCTYPE alert [<!ENTITY x SYSTEM "file:///etc/passwd">]>', "DOCTYPE"),
        ('<!DOCTYPE alert SYSTEM "http://127.0.0.1:9/x.dtd">', "DOCTYPE"),
        ('<!DOCTYPE a [<!ENTITY a "aa"><!ENTITY b "&a;&a;&a;">]>', "DOCTYPE"),
        ('<!DOCTYPE alert [<!ENTITY % p SYSTEM "http://127.0.0.1:9/">%p;]>', "DOCTYPE"),
    ],
)
def test_a_document_type_is_refused(head: str, why: str) -> None:
    hostile = text().replace("?>\n", f"?>\n{head}\n", 1)
    with pytest.raises(XmlRefused, match=why):
        read_xml(hostile.encode())


@pytest.mark.parametrize("encoding", ["utf-16", "gb18030", "gbk"])
def test_other_encodings_are_read(encoding: str) -> None:
    assert read_alert(text().replace("UTF-8", encoding).encode(encoding)) == ALERT


@pytest.mark.parametrize(
    "body",
    [
        b"", b"<a>", b"<a>&nbsp;</a>", b"no", b"<a b='1' b='2'/>", b"\xff\xfe<", b"<x:a/>",
        b'<?xml version="1.0" encoding="gbk"?><a>\xff\xff</a>',
        b'<?xml version="1.0" encoding="no-such"?><a/>',
        b'<?xml version="1.0" encoding="utf-7"?><a/>',
        b"<a>" * 33 + b"</a>" * 33,
        b"<a>" + b"<b/>" * 20_000 + b"</a>",
        b"<a>" + b" " * MAX_BYTES + b"</a>",
    ],
)  # fmt: skip
def test_what_is_no_xml_or_too_much_is_refused(body: bytes) -> None:
    with pytest.raises(XmlRefused):
        read_xml(body)


def test_the_deepest_and_longest_allowed_are_read() -> None:
    read_xml(b"<a>" * 32 + b"</a>" * 32)
    read_xml(b"<a>" + b"<b/>" * 19_999 + b"</a>")
    read_xml(b"<a>" + b" " * (MAX_BYTES - 7) + b"</a>")


CHANGES = [
    ("<scope>Public</scope>", ""), ("<scope>Public</scope>", "<scope>public</scope>"),
    ("<status>Actual</status>", "<status> Actual</status>"),
    ("<status>Actual</status>", "<status>Actual</status><status>Actual</status>"),
    ("10:15:00+08:00", "10:15:00Z"), ("10:15:00+08:00", "10:15:00.5+08:00"),
    ("10:15:00+08:00", "10:15:00,08:00"), ("2026-11-27T10", "2026-02-29T10"),
    ("2026-11-27T10:15:00", "2026-11-27T24:00:00"), ("10:15:00+08:00", "10:15:00+14:01"),
    ("<urgency>Immediate</urgency>", ""), ("<event>", "<event id='1'>"),
    ("<category>Infra</category>", ""), ("<areaDesc>云溪区</areaDesc>", ""),
    ("<alert ", "<alert version='1' "), ("</info>", "</info>text"), ("</info>", "</info><x/>"),
    ("<value>orange</value>", ""), ("<language>zh-CN</language>", "<language>zh_CN</language>"),
    ("cap:1.2", "cap:1.3"), ("<event>", "<event><b/>"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new"), CHANGES)
def test_each_break_of_the_schema_is_refused(old: str, new: str) -> None:
    assert old in text()
    with pytest.raises(CapRefused):
        read_alert(text().replace(old, new, 1).encode())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<language>zh-CN</language>", "<language/>"), ("<event>暴雨内涝</event>", "<event/>"),
        ("<sent>", "<sent> "), ("<alert ", '<alert xmlns:q="urn:q" '),
        ("</info>", '</info><Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><q/></Signature>'),
    ],
)  # fmt: skip
def test_what_the_schema_allows_is_read(old: str, new: str) -> None:
    assert old in text()
    read_alert(text().replace(old, new, 1).encode())


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"kind": "Update"}, "references"), ({"kind": "Cancel"}, "references"),
        ({"scope": "Restricted"}, "restriction"), ({"scope": "Private"}, "addresses"),
        ({"identifier": "a b"}, "identifier"), ({"sender": "a,b"}, "sender"),
        ({"references": (Reference("a", "b", SENT + timedelta(seconds=1)),)}, "更晚"),
        ({"references": (ALERT.reference,)}, "自己"),
        ({"infos": (Info("zh", ("Met",), "x", "Past", "Minor", "Likely",
                         areas=(Area("x", (RING[:3],)),)),)}, "polygon"),
    ],
)  # fmt: skip
def test_what_the_prose_forbids_is_told(change: dict[str, object], word: str) -> None:
    assert prose_faults(ALERT) == ()
    (fault,) = prose_faults(Alert(**{**_values(ALERT), **change}))  # type: ignore[arg-type]
    assert word in fault


def _values(alert: Alert) -> dict[str, object]:
    return {name: getattr(alert, name) for name in Alert.__dataclass_fields__}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("33.120000,112.420000 1.5", "33.12,112.42"), ("33.120000,112.420000 1.5", "x,y 1"),
        ("33.120000,112.420000 1.5", "33.12,112.42 -1"), ("33.100000,112.40", "93.1,112.40"),
        ("33.100000,112.40", "nan,112.40"),
        ("<scope>Public</scope>", "<scope>Public</scope><references>a,b</references>"),
    ],
)  # fmt: skip
def test_a_shape_or_reference_that_cannot_be_read_is_refused(old: str, new: str) -> None:
    assert old in text()
    with pytest.raises(CapRefused):
        read_alert(text().replace(old, new, 1).encode())


@needs_published
def test_the_published_verdicts_are_ours_and_the_hostile_are_refused() -> None:
    found = known_cap.run(PUBLISHED)
    assert (found.cases, found.different) == (14, 0)
    assert list(found.report["prose"]) == ["canada_errors.cap"]  # type: ignore[arg-type]


@needs_published
def test_a_known_verdict_that_is_turned_round_is_noticed(tmp_path: Path) -> None:
    verdicts = (PUBLISHED / known_cap.VERDICTS).read_text()
    turned = verdicts.replace("canada.cap,1.2,True", "canada.cap,1.2,False")
    for file in PUBLISHED.glob("*.cap"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    (tmp_path / known_cap.VERDICTS).write_text(turned)
    assert known_cap.run(tmp_path).differences == ["canada.cap: accepted"]


def _schemas() -> dict[str, etree.XMLSchema]:
    return {
        version: etree.XMLSchema(etree.parse(str(PUBLISHED / f"cap{version.replace('.', '')}.xsd")))
        for version in ("1.1", "1.2")
    }


def _mutants(body: str, chance: random.Random, count: int) -> Iterator[str]:
    """Yield documents with an element taken away, doubled, moved, renamed, emptied or respelt."""
    words = ["", " ", "Z", "Unknown", "2026-02-29T00:00:00+08:00", "2026-02-28T24:00:00-14:00",
             "0000-01-01T00:00:00+00:00", "-1", "1.", ".5", "+7", "en", "zh-Hans-CN", "http://a b/",
             "100000000-1", "Alert", "Draft", "x"]  # fmt: skip
    for _ in range(count):
        root = etree.fromstring(body.encode())
        elements = [one for one in root.iter() if isinstance(one.tag, str)]
        one, other = chance.choice(elements[1:]), chance.choice(elements)
        above = one.getparent()
        match chance.randrange(7):
            case 0:
                above.remove(one)
            case 1:
                above.insert(above.index(one), etree.fromstring(etree.tostring(one)))
            case 2:
                one.text = chance.choice(words)
            case 3:
                one.tag = other.tag
            case 4:
                one.set("a", "b")
            case 5:
                above.append(one)
            case _:
                one.tail = chance.choice(["", " ", "t"])
        yield etree.tostring(root, encoding="unicode")


@needs_published
def test_a_thousand_changed_alerts_have_the_schemas_own_verdict() -> None:
    schemas, chance = _schemas(), random.Random(7)
    bodies = [("1.2", text())] + [
        ("1.2" if ":cap:1.2" in body else "1.1", body)
        for file in sorted(PUBLISHED.glob("*.cap"))
        if "iso8859" not in file.name
        and (body := etree.tostring(etree.parse(str(file)), encoding="unicode"))
    ]
    differ, valid = [], 0
    for version, body in bodies:
        for mutant in _mutants(body, chance, 100):
            theirs = schemas[version].validate(etree.fromstring(mutant.encode()))
            valid += theirs
            if theirs != (shape_faults(read_xml(mutant.encode())) == ()):
                differ.append((theirs, schemas[version].error_log.last_error))
    assert differ == []
    assert 50 < valid < 1000  # both verdicts are met


@needs_published
def test_what_we_write_is_valid_by_the_schema_itself() -> None:
    assert _schemas()["1.2"].validate(etree.fromstring(write_alert(ALERT)))
