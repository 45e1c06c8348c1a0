"""CloudEvents: what the specification refuses is refused, by the attribute's name."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cloudevents.core.formats.json import JSONFormat
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import known
from yichuang.events import MAX_BYTES, Event, EventInvalid, from_document, parse_time, read

MINIMAL: dict[str, Any] = {
    "specversion": "1.0",
    "id": "1",
    "source": "/portal",
    "type": "cn.demo.case.file.v1",
}
PUBLISHED = Path(__file__).parents[3] / "shared" / "data" / "cloudevents"

words = st.text(st.characters(min_codepoint=33, exclude_categories=["Cs"]), min_size=1)
events = st.builds(
    Event,
    id=words,
    source=words,
    type=words,
    subject=st.one_of(st.just(""), words),
    time=st.one_of(st.none(), st.datetimes(timezones=st.just(UTC))),
    data=st.one_of(st.none(), st.binary(min_size=1), st.dictionaries(words, st.integers(0, 99))),
    extensions=st.dictionaries(
        st.from_regex(r"ext[a-z0-9]+", fullmatch=True),
        st.one_of(words, st.booleans(), st.integers(-(2**31), 2**31 - 1)),
    ),
)


@given(events)
def test_what_is_written_is_read_again(event: Event) -> None:
    assert read(event.to_json()) == event


@given(events)
def test_the_published_reader_reads_what_we_write(event: Event) -> None:
    theirs = JSONFormat().read(None, event.to_json())
    assert (theirs.get_id(), theirs.get_source(), theirs.get_type()) == (
        event.id,
        event.source,
        event.type,
    )
    assert theirs.get_data() == event.data


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"id": ""}, "id"),
        ({"id": 25}, "id"),
        ({"source": None}, "source"),
        ({"specversion": "0.3"}, "specversion"),
        ({"time": "2018-04-05T18:31Z"}, "time"),
        ({"time": "2018-02-30T18:31:00Z"}, "time"),
        ({"datacontenttype": "xyz"}, "datacontenttype"),
        ({"My-Extension": "x"}, "My-Extension"),
        ({"extfloat": 1.5}, "extfloat"),
        ({"extbig": 2**31}, "extbig"),
        ({"data": 1, "data_base64": "QQ=="}, "data_base64"),
        ({"data_base64": "not base64"}, "data_base64"),
    ],
)
def test_a_fault_is_told_by_the_name_of_its_attribute(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(EventInvalid) as refused:
        from_document({**MINIMAL, **changed})
    assert refused.value.field == field


@pytest.mark.parametrize("body", [b"", b"[]", b"7", b"{", b"\xff\xfe", b'{"a":1}'])
def test_hostile_bytes_are_refused(body: bytes) -> None:
    with pytest.raises(EventInvalid):
        read(body)


def test_a_message_over_the_limit_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(EventInvalid, match="超过"):
        read(b"x" * (MAX_BYTES + 1))


def test_binary_mode_reads_headers_whatever_their_case() -> None:
    headers = {
        "ce-SpecVersion": "1.0",
        "CE-id": "7",
        "ce-source": "/portal",
        "ce-type": "t",
        "Content-Type": "application/json",
    }
    assert read(b'{"a": 1}', headers).data == {"a": 1}


def test_binary_mode_refuses_data_that_is_not_what_it_says() -> None:
    headers = {"ce-specversion": "1.0", "ce-id": "7", "ce-source": "/p", "ce-type": "t"}
    with pytest.raises(EventInvalid) as refused:
        read(b"{", {**headers, "content-type": "application/json"})
    assert refused.value.field == "data"


def test_a_batch_is_refused_with_what_to_do() -> None:
    with pytest.raises(EventInvalid, match="逐个"):
        read(b"[]", {"content-type": "application/cloudevents-batch+json"})


def test_three_spellings_of_one_instant_are_equal() -> None:
    instant = datetime(2018, 4, 5, 17, 31, tzinfo=UTC)
    for text in (
        "2018-04-05T17:31:00Z",
        "2018-04-05T18:31:00+01:00",
        "2018-04-05T17:31:00.000000000Z",
    ):
        assert parse_time(text) == instant


@pytest.mark.skipif(not PUBLISHED.is_dir(), reason=f"no published events at {PUBLISHED.name}")
def test_every_published_verdict_is_ours_too() -> None:
    result = known.run("cloudevents", PUBLISHED)
    assert (result.cases, result.equal, list(result.differences)) == (35, 35, [])


def test_a_folder_without_the_data_set_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other-events.json").write_text(json.dumps({"a": 1}))
    with pytest.raises(known.KnownUnreadable):
        known.run("cloudevents", tmp_path)
