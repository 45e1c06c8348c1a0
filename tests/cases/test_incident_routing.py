"""Who is sent: the narrowest line, what rulings taught, the principle, and why."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cases.incidents.place import Place
from cases.incidents.routing import CENTRE, Learned, Routed, route
from catalogue.grid import Cell
from catalogue.incident_types import IncidentType
from catalogue.load import load_catalogue
from catalogue.responsibility import NO_LINES

CATALOGUE = load_catalogue()
TYPES, GRID, TABLE = CATALOGUE.incident_types, CATALOGUE.grid, CATALOGUE.responsibility
DEPARTMENTS = {one.code for one in CATALOGUE.city.departments}
AT = datetime(2026, 3, 1, tzinfo=UTC)


def in_street(department: str) -> Place:
    cell = next(one for one in GRID.cells if one.department == department)
    lon, lat = cell.centre
    return Place(lon=lon, lat=lat)


def sent(
    kind: str, place: Place, learned: Sequence[Learned] = (), *, owner: str = "",
    refused: Collection[str] = (),
) -> list[str]:  # fmt: skip
    routed = route(TYPES.by_code[kind], place, TABLE, GRID, learned, owner=owner, refused=refused)
    assert [one.lead for one in routed] == [True] + [False] * (len(routed) - 1)
    return [one.department for one in routed]


def lead(kind: str, place: Place, learned: Sequence[Learned] = ()) -> Routed:
    return route(TYPES.by_code[kind], place, TABLE, GRID, learned)[0]


def ruled(kind: str, street: str, department: str, day: int = 0) -> Learned:
    at = AT + timedelta(days=day)
    return Learned(kind, street, department, f"i{day}", f"云突〔2026〕{day:06d}号", at)


def test_a_part_goes_to_its_owner_and_not_to_the_street() -> None:
    assert sent("street_light", in_street("jd2")) == ["cgj"]
    assert "部件先属主后属地" in lead("street_light", in_street("jd2")).why


def test_an_event_goes_to_its_street_and_not_to_whose_business_it_is() -> None:
    assert sent("waste_dump", in_street("jd4")) == ["jd4"]
    assert (
        lead("waste_dump", in_street("jd4")).why
        == "事件先属地后属主：北门街道第1网格的属地（北门街道）"
    )


def test_an_event_without_a_place_goes_to_whose_business_it_is() -> None:
    assert sent("waste_dump", Place(address="说不清")) == ["cgj"]


def test_what_is_nobodys_and_nowhere_is_the_command_centres() -> None:
    assert sent("other", Place()) == [CENTRE]


def test_the_mark_on_a_cover_names_its_owner() -> None:
    assert sent("manhole", in_street("jd1")) == ["sw"]
    assert sent("manhole", in_street("jd1"), owner="rq") == ["rq"]


def test_a_line_of_the_table_comes_before_the_principle_and_names_who_assists() -> None:
    assert sent("gas_leak", in_street("jd5")) == ["rq", "xfjy", "jd5"]
    assert lead("gas_leak", in_street("jd5")).line == "ZR-2002"
    assert lead("gas_leak", in_street("jd5")).basis == "RQGL-42"


def test_without_a_cell_nobody_assists_for_the_territory() -> None:
    assert sent("gas_leak", Place()) == ["rq", "xfjy"]


def test_the_narrower_line_speaks() -> None:
    assert sent("waterlogging", in_street("jd1"))[0] == "cgj"
    assert sent("waterlogging", in_street("jd6"))[0] == "sw"
    assert "限滨江区" in lead("waterlogging", in_street("jd6")).why


def test_a_district_without_a_point_finds_the_districts_line() -> None:
    found = lead("waterlogging", Place(district="binjiang"))
    assert (found.department, found.line) == ("sw", "ZR-1001-BJ")
    assert "限滨江区" in found.why
    assert lead("waterlogging", Place(district="yunxi")).line == "ZR-1001"


def test_a_ruling_comes_before_the_table_in_its_own_street_only() -> None:
    learned = [ruled("waterlogging", "jd6", "jd6", 7)]
    found = lead("waterlogging", in_street("jd6"), learned)
    assert (found.department, found.basis) == ("jd6", "YCYX-15")
    assert found.why == "云突〔2026〕000007号的派单仲裁裁定同类事件归其处置"
    assert found.line == "ruling:i7"
    assert lead("waterlogging", in_street("jd5"), learned).department == "sw"
    assert lead("gale", in_street("jd6"), learned).department == "yjj"


def test_the_newest_ruling_of_a_street_speaks() -> None:
    learned = [ruled("manhole", "jd1", "rq", 1), ruled("manhole", "jd1", "cgj", 2)]
    assert lead("manhole", in_street("jd1"), learned).department == "cgj"
    assert lead("manhole", in_street("jd1"), learned[::-1]).department == "cgj"


def test_a_streets_ruling_comes_before_a_newer_one_of_nowhere() -> None:
    learned = [ruled("manhole", "jd1", "rq", 1), ruled("manhole", "", "cgj", 2)]
    assert lead("manhole", in_street("jd1"), learned).department == "rq"
    assert lead("manhole", in_street("jd2"), learned).department == "cgj"


def test_who_refused_is_passed_over_for_the_next_in_the_order() -> None:
    assert sent("manhole", in_street("jd3"), refused={"sw"}) == ["jd3"]
    assert sent("waste_dump", in_street("jd3"), refused={"jd3"}) == ["cgj"]
    assert sent("waste_dump", in_street("jd3"), refused={"jd3", "cgj"}) == [CENTRE]
    assert sent("gas_leak", in_street("jd3"), refused={"rq", "xfjy"}) == ["jd3"]


def test_a_ruling_keeps_who_assists() -> None:
    learned = [ruled("gas_leak", "jd5", "xfjy", 1)]
    assert sent("gas_leak", in_street("jd5"), learned) == ["xfjy", "jd5"]


@given(
    kind=st.sampled_from(TYPES.types),
    cell=st.none() | st.sampled_from(GRID.cells),
    refused=st.sets(st.sampled_from(sorted(DEPARTMENTS - {CENTRE}))),
    empty=st.booleans(),
)
def test_every_kind_everywhere_has_one_lead_who_did_not_refuse(
    kind: IncidentType, cell: Cell | None, refused: set[str], empty: bool
) -> None:
    place = Place() if cell is None else Place(cell=cell.id)
    table = NO_LINES if empty else TABLE
    routed = route(kind, place, table, GRID, refused=refused)
    named = [one.department for one in routed]
    assert len(set(named)) == len(named)
    assert set(named) <= DEPARTMENTS - refused
    assert sum(one.lead for one in routed) == 1
    assert all(one.why and one.basis in CATALOGUE.law for one in routed)


@pytest.mark.parametrize("kind", [one.code for one in TYPES.types if one.auto_dispatch])
def test_what_is_dispatched_at_once_has_a_line_of_the_table(kind: str) -> None:
    assert lead(kind, Place()).line.startswith("ZR-")
