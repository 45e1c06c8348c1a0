"""What the law asks of a warning, field by field, and its CAP messages against the schema."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from lxml import etree
from pydantic import ValidationError

from cases.incidents.cap import prose_faults, read_alert, write_alert
from cases.incidents.cap_signal import holds, place_of
from cases.warning_areas import SCHEME, cells_of, unknown_cells, whole_streets
from cases.warning_report import report_of
from cases.warning_rows import KeptAct
from cases.warnings import (
    ADJUST,
    CATEGORIES,
    ISSUE,
    LIFT,
    MEASURES,
    Announced,
    Lifting,
    Standing,
    faults,
    late_faults,
    lifting_faults,
    order_faults,
    urgency_of,
)
from cases.warnings_cap import Said, alert_of
from catalogue.cap_sources import load_cap_sources
from catalogue.load import load_catalogue
from tests.cases.test_cap import PUBLISHED, needs_published

GRID = load_catalogue().grid
CELLS = [one.id for one in GRID.cells if one.department == "jd1"]
PLACED: dict[str, Any] = {
    "cells": CELLS, "circle": {"lon": 112.41, "lat": 33.105, "radius_m": 800},
    "expires_at": "2026-11-28T12:00:00+08:00",
}  # fmt: skip
AT = datetime(2026, 11, 27, 3, 0, 5, 250000, UTC)
BODY: dict[str, Any] = {
    "category": "geology", "level": "yellow", "event": "山体滑坡", "event_en": "Landslide",
    "starts_at": "2026-11-27T12:00:00+08:00", "area": "青石街道 <北坡>",
    "area_en": "Qingshi, north slope", "matters": "坡体位移加快", "matters_en": "Slope moving",
    "advice": "请勿进入北坡", "advice_en": "Keep away & stay off", "measures": ["66-1", "66-5"],
    "issuer": "云川市人民政府", "issuer_en": "Yunchuan Municipal People's Government",
}  # fmt: skip


def said(**changes: Any) -> Announced:
    return Announced.model_validate(BODY | changes)


def told(**changes: Any) -> list[tuple[str, str]]:
    return [(one.field, one.basis) for one in faults(said(**changes))]


def test_with_every_field_of_the_law_nothing_forbids_it() -> None:
    assert told() == []


@pytest.mark.parametrize(
    "field", ["category", "level", "event", "area", "matters", "advice", "issuer"]
)
def test_without_a_field_of_article_64_it_is_refused_with_that_article(field: str) -> None:
    for nothing in ("", "   "):
        assert told(**{field: nothing}) == [(field, "TFSJ-64")]


def test_without_a_start_or_measures_it_is_refused_with_article_64() -> None:
    assert told(starts_at=None) == [("starts_at", "TFSJ-64")]
    assert told(measures=[]) == [("measures", "TFSJ-64")]


@pytest.mark.parametrize("field", ["event", "area", "matters", "advice", "issuer"])
def test_without_english_it_is_not_announced(field: str) -> None:
    assert told(**{f"{field}_en": ""}) == [(f"{field}_en", "")]


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"category": "weather"}, [("category", "QXZH-30")]),
        ({"category": "security"}, [("category", "TFSJ-63")]),
        ({"category": "meteor"}, [("category", "TFSJ-64")]),
        ({"event": "暴雨"}, [("event", "QXZH-30")]),
        ({"event": "台风 红色预警信号"}, [("event", "QXZH-30")]),
        ({"event": "暴雨引发的滑坡"}, []),
        ({"level": "green"}, [("level", "TFSJ-63")]),
        ({"level": "blue"}, []),
        ({"measures": ["66-1", "67-6"]}, [("measures", "TFSJ-67")]),
        ({"level": "red"}, [("measures", "TFSJ-67")]),
        ({"level": "orange"}, [("measures", "TFSJ-67")]),
        ({"level": "red", "measures": ["66-1", "67-6"]}, []),
        ({"level": "orange", "measures": ["67-6"]}, [("measures", "TFSJ-66")]),
        ({"measures": ["66-9"]}, [("measures", "TFSJ-66")]),
    ],
)
def test_category_level_and_measures_are_the_laws_own(
    changes: dict[str, Any], found: list[tuple[str, str]]
) -> None:
    assert told(**changes) == found


def test_every_article_stands_in_the_register_of_law() -> None:
    known = load_catalogue().law.keys()
    named = {one.basis for one in MEASURES.values()} | {"TFSJ-63", "TFSJ-64", "TFSJ-70", "QXZH-30"}
    named |= {one.basis for one in CATEGORIES.values() if one.basis}
    assert named <= known


def test_what_was_lifted_is_neither_adjusted_nor_lifted_again() -> None:
    stands, over = Standing(1, ISSUE, said()), Standing(2, LIFT, said())
    for verb in (ADJUST, LIFT):
        assert not list(order_faults(verb, stands))
        assert [one.basis for one in order_faults(verb, over)] == ["TFSJ-70"]
        assert [one.basis for one in order_faults(verb, None)] == ["TFSJ-70"]
    assert not list(order_faults(ISSUE, None))


def test_a_lifting_says_why() -> None:
    assert not list(lifting_faults(Lifting(reason="已加固", reason_en="Slope secured")))
    found = [(one.field, one.basis) for one in lifting_faults(Lifting())]
    assert found == [("reason", "TFSJ-70"), ("reason_en", "")]


@pytest.mark.parametrize(
    ("ahead", "word"), [(0, "Immediate"), (1, "Expected"), (3600, "Expected"), (3601, "Future")]
)
def test_urgency_is_how_long_until_it_starts(ahead: int, word: str) -> None:
    assert urgency_of(AT + timedelta(seconds=ahead), AT) == word


@pytest.mark.parametrize(("verb", "kind"), [(ISSUE, "Alert"), (ADJUST, "Update"), (LIFT, "Cancel")])
def test_each_act_is_a_valid_cap_message_in_two_languages(verb: str, kind: str) -> None:
    lifting = Lifting(reason="已加固", reason_en="Secured") if verb == LIFT else None
    earlier = [] if verb == ISSUE else [AT - timedelta(hours=2), AT - timedelta(hours=1)]
    one = Said("w", len(earlier) + 1, verb, said(), lifting, AT)
    alert = alert_of("yunchuan", "https://city.test", one, earlier, GRID)
    read = read_alert(write_alert(alert))  # raises where the schema is not kept
    assert read == alert and not prose_faults(read)
    assert (read.kind, read.version, read.status, read.scope) == (kind, "1.2", "Actual", "Public")
    assert [info.language for info in read.infos] == ["zh-CN", "en"]
    assert [info.parameters for info in read.infos] == [
        (("预警级别", "黄色"),), (("warning level", "yellow"),),
    ]  # fmt: skip
    assert [ref.identifier[-2:] for ref in read.references] == [
        f".{place}" for place in range(1, len(earlier) + 1)
    ]
    assert {info.severity for info in read.infos} == {"Moderate"}
    assert {info.responses for info in read.infos} == {("AllClear",) if verb == LIFT else ()}


@needs_published
@pytest.mark.parametrize("verb", [ISSUE, ADJUST, LIFT])
@pytest.mark.parametrize("level", ["red", "orange", "yellow", "blue"])
def test_the_published_schema_takes_each_act_of_each_level(verb: str, level: str) -> None:
    schema = etree.XMLSchema(etree.parse(str(PUBLISHED / "cap12.xsd")))
    lifting = Lifting(reason="已加固", reason_en="Secured") if verb == LIFT else None
    earlier = [] if verb == ISSUE else [AT - timedelta(hours=1)]
    one = Said("w", len(earlier) + 1, verb, said(level=level, **PLACED), lifting, AT)
    written = write_alert(alert_of("yunchuan", "https://city.test", one, earlier, GRID))
    schema.assertValid(etree.fromstring(written))
    broken = written.replace(b"<certainty>Unknown</certainty>", b"<certainty>Sure</certainty>")
    assert not schema.validate(etree.fromstring(broken))


def test_cells_are_polygons_and_geocodes_in_both_languages_and_a_circle_stays_one() -> None:
    one = Said("w", 1, ISSUE, said(**PLACED), None, AT)
    read = read_alert(write_alert(alert_of("yunchuan", "https://city.test", one, [], GRID)))
    assert not prose_faults(read)
    source = load_cap_sources().by_sender["cap@qxt.yunchuan.example"]
    for info in read.infos:
        (area,) = info.areas
        assert [code for name, code in area.geocodes if name == SCHEME] == CELLS
        assert len(area.polygons) == len(CELLS)
        for ring, cell in zip(area.polygons, CELLS, strict=True):
            assert ring[0] == ring[-1]
            assert holds(ring, GRID.cell_by_id[cell].centre)
        assert [(one.centre, one.radius_km) for one in area.circles] == [((112.41, 33.105), 0.8)]
        assert info.expires == datetime(2026, 11, 28, 4, 0, tzinfo=UTC)
        place = place_of(info.areas, GRID, source)
        assert place is not None and place.district == "yunxi"  # what a receiver makes of it
    bare = read_alert(write_alert(alert_of("c", "https://c.test", replace_said(one), [], GRID)))
    assert not bare.infos[0].areas[0].polygons and bare.infos[0].expires is None


def replace_said(one: Said) -> Said:
    return replace(one, body=said())


def test_a_cancel_does_not_lapse() -> None:
    lifting = Lifting(reason="已加固", reason_en="Secured")
    one = Said("w", 2, LIFT, said(**PLACED), lifting, AT)
    alert = alert_of("c", "https://c.test", one, [AT - timedelta(hours=1)], GRID)
    assert {info.expires for info in alert.infos} == {None}


def test_it_lapses_at_its_instant_and_not_before_and_is_not_announced_after() -> None:
    ends = datetime(2026, 11, 28, 4, 0, tzinfo=UTC)
    before, second = said(**PLACED), timedelta(seconds=1)
    assert [before.has_lapsed(at) for at in (ends - second, ends)] == [False, True]
    assert not list(late_faults(before, ends - second))
    assert [one.field for one in late_faults(before, ends)] == ["expires_at"]
    assert not said().has_lapsed(ends + timedelta(days=900))  # without one it stands until lifted
    assert told(expires_at="2026-11-27T12:00:00+08:00") == [("expires_at", "")]
    assert told(expires_at="2026-11-27T12:00:01+08:00") == []


@pytest.mark.parametrize(
    "circle",
    [{"lon": 181, "lat": 33, "radius_m": 1}, {"lon": 112, "lat": -91, "radius_m": 1},
     {"lon": 112, "lat": 33, "radius_m": 0}, {"lon": 112, "lat": 33, "radius_m": 50_001},
     {"lon": float("nan"), "lat": 33, "radius_m": 1}, {"lon": 112, "lat": 33}],
)  # fmt: skip
def test_a_circle_of_no_place_or_size_is_none(circle: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        said(circle=circle)


def test_a_whole_street_is_its_cells_and_comes_back_as_a_street() -> None:
    one = CELLS[0]
    other = next(cell.id for cell in GRID.cells if cell.department == "jd3")
    chosen = cells_of(["jd1"], [one, other, "nowhere"], GRID)
    assert set(chosen) == {*CELLS, other, "nowhere"} and chosen[-1] == "nowhere"
    assert len(chosen) == len(set(chosen))
    assert list(whole_streets(chosen, GRID)) == ["jd1"]
    assert list(whole_streets(chosen[1:], GRID)) == []
    assert unknown_cells(chosen, GRID) == ["nowhere"]


def test_the_report_upward_says_what_was_announced_when_and_by_whom() -> None:
    def kept(seq: int, verb: str, lifting: Lifting | None = None) -> KeptAct:
        return KeptAct("w", seq, verb, "u:a", said(), lifting, "", AT, "e")

    zone = ZoneInfo("Asia/Shanghai")
    first = kept(1, ISSUE)
    words = report_of(first, first, zone)
    for one in ("发布山体滑坡黄色预警", "2026年11月27日11时00分", "2026年11月27日12时00分",
                "青石街道 <北坡>", "坡体位移加快", "启动应急预案", "云川市人民政府"):  # fmt: skip
        assert one in words, one
    over = report_of(kept(2, LIFT, Lifting(reason="已加固", reason_en="S")), first, zone)
    assert "解除山体滑坡黄色预警" in over and "已加固" in over
