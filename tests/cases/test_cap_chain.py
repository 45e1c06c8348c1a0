"""Alerts that follow one another, and what they become: signals, at their place, of their level."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from cases.incidents.cap import Alert, Area, CapRefused, Circle, Info, Reference
from cases.incidents.cap_chain import Link, Step, check, step
from cases.incidents.cap_signal import chosen, follow, level_of, place_of
from cases.incidents.signal import Signal
from catalogue.cap_sources import load_cap_sources
from catalogue.load import load_catalogue

CATALOGUE = load_catalogue()
SOURCES = load_cap_sources().by_sender
WEATHER, WATER = SOURCES["cap@qxt.yunchuan.example"], SOURCES["cap@slj.yunchuan.example"]
METEO = SOURCES["cap@meteoalarm.example"]
NOON = datetime(2026, 11, 27, 4, tzinfo=UTC)
WEST, SOUTH, EAST, NORTH = CATALOGUE.grid.bounds


def info(**said: object) -> Info:
    first = Info("zh-CN", ("Met",), "暴雨", "Expected", "Severe", "Likely", headline="暴雨橙色预警",
                 areas=(Area("全市"),))  # fmt: skip
    return replace(first, **said)  # type: ignore[arg-type]


def alert(name: str, kind: str = "Alert", *named: Alert, minute: int = 0, **said: object) -> Alert:
    made = Alert(
        name, WEATHER.sender, NOON + timedelta(minutes=minute), "Actual", kind, "Public",
        references=tuple(one.reference for one in named), infos=(info(),),
    )  # fmt: skip
    return replace(made, **said)  # type: ignore[arg-type]


class Desk:
    """Takes messages one after the other, as the store does."""

    def __init__(self) -> None:
        self.links: dict[str, Link] = {}
        self.said: list[Signal] = []

    def take(self, one: Alert, now: datetime = NOON) -> Step:
        check(one)
        taken, signals = follow(
            one, step(one, self.links, now), WEATHER, CATALOGUE.incident_types, CATALOGUE.grid
        )
        self.links |= {link.key: link for link in taken.links}
        self.said += signals
        return taken

    def changes(self) -> list[str]:
        return [one.change for one in self.said]


A = alert("a")
U = alert("u", "Update", A, minute=1)
V = alert("v", "Update", A, U, minute=2)
C = alert("c", "Cancel", A, U, V, minute=3)


def test_update_and_cancel_follow_their_references() -> None:
    desk = Desk()
    assert [desk.take(one).what for one in (A, U, V, C)] == ["new", "update", "update", "cancel"]
    assert len({one.reference for one in desk.said}) == 1
    assert len({one.id for one in desk.said}) == 4
    assert [one.level for one in desk.said] == ["orange", "orange", "orange", ""]


def _standing(said: Sequence[Signal]) -> set[str]:
    """Return the references that stand when a cancel closes a reference for ever."""
    gone = {one.reference for one in said if one.change == "cancel"}
    return {one.reference for one in said} - gone


@pytest.mark.parametrize("order", list(permutations((A, U, V, C))))
def test_in_any_order_nothing_stands_in_the_end(order: tuple[Alert, ...]) -> None:
    desk = Desk()
    for one in order:
        desk.take(one)
    assert _standing(desk.said) == set()


@pytest.mark.parametrize("order", list(permutations((A, U, V))))
def test_in_any_order_one_chain_stands_without_a_cancel(order: tuple[Alert, ...]) -> None:
    desk = Desk()
    for one in order:
        desk.take(one)
    assert len(_standing(desk.said)) == 1


def test_a_cancel_that_comes_first_keeps_the_alert_from_becoming_a_signal() -> None:
    desk = Desk()
    assert desk.take(alert("c", "Cancel", A, minute=1)).why == "nothing_to_cancel"
    assert desk.take(A).why == "overtaken"
    assert desk.said == []


def test_a_cancel_of_what_was_replaced_leaves_what_replaced_it() -> None:
    desk = Desk()
    for one in (A, U):
        desk.take(one)
    assert desk.take(alert("c", "Cancel", A, minute=4)).why == "nothing_to_cancel"
    assert desk.changes() == ["new", "update"]


def test_an_update_of_two_chains_withdraws_the_second() -> None:
    desk = Desk()
    for one in (A, alert("b")):
        desk.take(one)
    desk.take(alert("ab", "Update", A, alert("b"), minute=1))
    assert desk.changes() == ["new", "new", "update", "cancel"]
    assert desk.said[3].reference == desk.said[1].reference


def test_what_updates_a_withdrawn_chain_begins_another() -> None:
    desk = Desk()
    for one in (A, alert("c", "Cancel", A, minute=1)):
        desk.take(one)
    assert desk.take(alert("z", "Update", A, minute=2)).what == "new"
    assert desk.said[2].reference != desk.said[0].reference


def test_of_two_that_update_one_alert_both_stand_until_both_are_cancelled() -> None:
    desk, other = Desk(), alert("w", "Update", A, minute=1)
    for one in (A, U, other, alert("c1", "Cancel", U, minute=5)):
        desk.take(one)
    assert "cancel" not in desk.changes()
    assert desk.take(alert("c2", "Cancel", other, minute=6)).what == "cancel"


@pytest.mark.parametrize(
    "said", [{"urgency": "Past"}, {"responses": ("AllClear",)}, {"expires": NOON}]
)
def test_an_update_that_says_it_is_over_withdraws(said: dict[str, object]) -> None:
    desk = Desk()
    desk.take(A)
    assert desk.take(alert("u", "Update", A, minute=1, infos=(info(**said),))).what == "cancel"


def test_an_alert_a_second_before_it_runs_out_is_taken() -> None:
    soon = alert("s", infos=(info(expires=NOON + timedelta(seconds=1)),))
    assert Desk().take(soon).what == "new"
    late = alert("s", infos=(info(expires=NOON),))
    assert Desk().take(late).why == "expired"


@pytest.mark.parametrize("status", ["Exercise", "System", "Test", "Draft"])
def test_an_exercise_cancels_nothing(status: str) -> None:
    desk = Desk()
    desk.take(A)
    assert desk.take(alert("c", "Cancel", A, minute=1, status=status)).why == "exercise"
    assert desk.links[str(A.reference)].stands


@pytest.mark.parametrize("kind", ["Ack", "Error"])
def test_an_acknowledgement_is_kept_and_changes_nothing(kind: str) -> None:
    desk = Desk()
    desk.take(A)
    assert desk.take(alert("k", kind, A, minute=1)).why == "acknowledgement"
    assert desk.links[str(A.reference)].stands


def test_nobody_cancels_another_senders_alert() -> None:
    other = Reference("cap@elsewhere.example", "a", NOON)
    with pytest.raises(CapRefused, match="别的发布者"):
        check(replace(alert("c", "Cancel", A, minute=1), references=(other,)))


def test_two_that_name_each_other_are_refused_and_none_names_itself() -> None:
    first = replace(alert("x", "Update"), references=(Reference(WEATHER.sender, "y", NOON),))
    second = replace(alert("y", "Update"), references=(first.reference,))
    desk = Desk()
    for one in (first, second):
        desk.take(one)  # of one second: a cycle that no instant forbids ends all the same
    assert len(_standing(desk.said)) <= 1
    with pytest.raises(CapRefused, match="自己"):
        check(replace(A, references=(A.reference,)))


# --- level ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("severity", "level"),
    [("Extreme", "red"), ("Severe", "orange"), ("Moderate", "yellow"), ("Minor", "blue"),
     ("Unknown", "")],
)  # fmt: skip
def test_the_weather_stations_colour_is_its_severity(severity: str, level: str) -> None:
    said = info(severity=severity, urgency="Immediate", certainty="Observed")
    assert level_of(said, WEATHER) == level


def test_a_colour_that_is_a_parameter_is_not_taken_from_the_severity() -> None:
    said = info(severity="Minor", parameters=(("预警级别", "红色"),))
    assert level_of(said, WATER) == "red"
    assert level_of(info(severity="Extreme"), WATER) == ""
    aware = info(severity="Extreme", parameters=(("awareness_level", "2; yellow; Moderate"),))
    assert level_of(aware, METEO) == "yellow"


def test_the_chinese_block_is_read_and_the_worst_of_several() -> None:
    english = info(language="en", severity="Extreme")
    mild, worse = info(severity="Minor"), info(severity="Moderate")
    assert chosen((english, mild, worse), WEATHER) is worse
    assert chosen((english,), WEATHER) is english
    assert chosen((), WEATHER) is None


# --- place ------------------------------------------------------------------------------------


def box(west: float, south: float, east: float, north: float) -> Area:
    ring = ((west, south), (east, south), (east, north), (west, north), (west, south))
    return Area("一片", (ring,))


def test_a_polygon_over_the_whole_city_has_no_point() -> None:
    found = place_of((box(WEST - 1, SOUTH - 1, EAST + 1, NORTH + 1),), CATALOGUE.grid, WEATHER)
    assert found is not None
    assert (found.point, found.district, found.address) == (None, "", "一片")


def test_a_polygon_elsewhere_is_nowhere_here() -> None:
    assert place_of((box(EAST + 1, SOUTH, EAST + 2, NORTH),), CATALOGUE.grid, WEATHER) is None


def test_a_small_circle_is_in_its_cell_and_district() -> None:
    cell = CATALOGUE.grid.cells[7]
    spot = Area("路口", circles=(Circle((cell.centre[0] + 0.0005, cell.centre[1]), 0.01),))
    found = place_of((spot,), CATALOGUE.grid, WEATHER)
    assert found is not None
    assert found.point == pytest.approx(cell.centre, abs=1e-5)
    assert found.district == cell.district


def test_a_geocode_of_the_sender_is_a_district_and_an_unknown_one_elsewhere() -> None:
    here = Area("云溪区", geocodes=(("YCQX", "990101"),))
    found = place_of((here,), CATALOGUE.grid, WEATHER)
    assert found is not None
    assert (found.district, found.point) == ("yunxi", None)
    assert place_of((Area("x", geocodes=(("YCQX", "110101"),)),), CATALOGUE.grid, WEATHER) is None
    assert place_of((Area("x", geocodes=(("SAME", "110101"),)),), CATALOGUE.grid, WEATHER)


def test_a_warning_that_moves_away_is_withdrawn_and_one_of_elsewhere_is_none() -> None:
    away = (info(areas=(box(EAST + 1, SOUTH, EAST + 2, NORTH),)),)
    desk = Desk()
    desk.take(A)
    moved = desk.take(alert("u", "Update", A, minute=1, infos=away))
    assert (moved.what, moved.why) == ("cancel", "elsewhere")
    never = desk.take(alert("n", infos=away))
    assert (never.what, never.why) == ("nothing", "elsewhere")
    assert desk.changes() == ["new", "cancel"]


def test_a_signal_says_kind_words_and_the_instant_of_the_alert() -> None:
    desk = Desk()
    desk.take(alert("a", infos=(info(description="一小时 60 毫米", instruction="避险"),)))
    (said,) = desk.said
    assert (said.type, said.level, said.title) == ("waterlogging", "orange", "暴雨橙色预警")
    assert said.text == "一小时 60 毫米\n避险"
    assert (said.occurred_at, said.source) == (NOON, "cap/weather")


def test_an_event_of_no_known_kind_is_a_signal_all_the_same() -> None:
    desk = Desk()
    desk.take(alert("a", infos=(info(event="沙尘暴"),)))
    assert desk.said[0].type == "other"
