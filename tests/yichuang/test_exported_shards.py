"""Closed shards are exported, checked and attacked like the open one."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.yichuang.log_town import LogTown
from tests.yichuang.signed_city import order
from tests.yichuang.test_sharding import SUMMER, TURNED, turned


@pytest.fixture
def town(tmp_path: Path) -> Iterator[LogTown]:
    """A log with twenty entries in its first half-year and twenty in its second."""
    (tmp_path / "var").mkdir()
    made = LogTown(tmp_path / "var", origin=SUMMER)
    made.clock = TURNED.replace(day=29)
    for number in range(20):
        made.record(f"summer {number}")
    made.seal()
    turned(made)
    for number in range(20):
        made.record(f"autumn {number}")
    made.seal()
    yield made
    made.signer.close()
    made.log.dispose()


def _answer(
    town: LogTown, capsys: pytest.CaptureFixture[str], *words: str
) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    code = order(town.settings, *words, "--json")
    return code, json.loads(capsys.readouterr().out)


def test_every_shard_is_exported_and_they_are_checked_as_one_log(
    town: LogTown, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = _answer(town, capsys, "export", str(tmp_path / "out"), "--all")
    names = [Path(one["folder"]).name for one in said["shards"]]
    assert (code, names, [one["size"] for one in said["shards"]]) == (
        0, ["2026H1", "2026H2"], [21, 21],
    )  # fmt: skip
    older, newer = (str(tmp_path / "out" / name) for name in names)
    code, report = _answer(town, capsys, "fsck", older, newer)
    assert (code, report["entries"], report["shards"], report["notes"]) == (0, 42, 2, [])
    assert _answer(town, capsys, "fsck", str(tmp_path / "out")) == (code, report)
    code, alone = _answer(town, capsys, "fsck", newer)
    assert (code, alone["entries"]) == (0, 21)
    assert SUMMER in alone["notes"][0]  # what stands before is said to be unchecked


def test_a_shard_that_does_not_follow_the_one_before_is_named(
    town: LogTown, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _answer(town, capsys, "export", str(tmp_path / "out"), "--all")
    head = tmp_path / "out" / "2026H1" / "checkpoint"
    older, newer = str(tmp_path / "out" / "2026H1"), str(tmp_path / "out" / "2026H2")
    pins = ("--pin", str(head))
    assert _answer(town, capsys, "fsck", older, newer, *pins)[0] == 0  # goes to its own shard
    code, report = _answer(town, capsys, "fsck", newer, newer)
    assert (code, "shard" in report["failed"]) == (1, True)


def test_the_first_bad_entry_is_that_of_the_oldest_shard(
    town: LogTown, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _answer(town, capsys, "export", str(tmp_path / "out"), "--all")
    for name, at in (("2026H1", -40), ("2026H2", 200)):
        (bundle,) = (tmp_path / "out" / name / "tile" / "entries").rglob("*.p/*")
        content = bytearray(bundle.read_bytes())
        content[at] ^= 1
        bundle.write_bytes(content)
    older, newer = str(tmp_path / "out" / "2026H1"), str(tmp_path / "out" / "2026H2")
    code, report = _answer(town, capsys, "fsck", older, newer)
    first = report["first_wrong"]
    assert (code, first["check"], first["index"]) == (1, f"{SUMMER}: leaf", 20)
    assert _answer(town, capsys, "fsck", newer)[1]["first_wrong"]["index"] == 0


def test_one_shard_is_exported_by_its_half_year(
    town: LogTown, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = _answer(town, capsys, "export", str(tmp_path / "out"), "--shard", "2026H1")
    assert (code, said["origin"], said["size"]) == (0, SUMMER, 21)
    assert order(town.settings, "export", str(tmp_path / "out")) == 1  # another log lies there
    assert order(town.settings, "export", str(tmp_path / "no"), "--shard", "2019H1") == 3


@pytest.mark.parametrize("shard", ["2026H1", "2026H2"])
def test_each_shard_is_attacked_on_a_copy(
    town: LogTown, capsys: pytest.CaptureFixture[str], shard: str
) -> None:
    code, said = _answer(town, capsys, "attack-test", "--shard", shard)
    assert (code, said["deviations"]) == (0, 0), [
        one for one in said["attacks"] if not one["as_expected"]
    ]
    assert (said["origin"][-6:], said["copied"]) == (shard, 21)


def test_the_tail_goes_back_into_a_closed_shard(
    town: LogTown, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = _answer(town, capsys, "tail", "-n", "22")
    places = [(one["log"][-6:], one["index"]) for one in said["entries"]]
    assert (code, places[:2], places[-1]) == (0, [("2026H1", 20), ("2026H2", 0)], ("2026H2", 20))
    stream = said["entries"][-1]["stream"]
    entries = _answer(town, capsys, "tail", "-n", "99", "--stream", stream)[1]["entries"]
    assert [one["body"]["s"]["seq"] for one in entries] == list(range(1, 43))
