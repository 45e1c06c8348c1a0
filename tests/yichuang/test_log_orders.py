"""`yichuang audit key|shard|anchor`, typed as an operator types them, at the signer's real door."""

import json
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from audit.logstore import LogReader
from cases.database import open_engine, reading
from tests.audit.authority import authority
from tests.yichuang.signed_city import order, signed_city
from yichuang.sequencer import sequencer
from yichuang.settings import Settings
from yichuang.sharding import first_origin


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A city whose log is drained and sealed by a thread, with an authority for its tokens."""
    folder = tmp_path_factory.mktemp("city")
    with authority(folder / "tsa") as tsa:
        (folder / "tsa.pem").write_text(tsa.certificates)
        settings = signed_city(folder / "var", tsa_url=tsa.url, tsa_certificates=folder / "tsa.pem")
        stop = threading.Event()
        thread = threading.Thread(target=sequencer(settings).run, args=(stop,), daemon=True)
        thread.start()
        _until_sealed(settings)
        yield settings
        stop.set()
        thread.join()


def _until_sealed(settings: Settings) -> None:
    log = open_engine(settings.store_url("log"))
    until = time.monotonic() + 30
    while True:
        with reading(log) as connection:
            reader = LogReader(connection)
            head, size = reader.last_checkpoint(), reader.state().size
        if head is not None and head.size == size:
            log.dispose()
            return
        assert time.monotonic() < until
        time.sleep(0.1)


def _said(
    city: Settings, capsys: pytest.CaptureFixture[str], *words: str
) -> tuple[int, dict[str, Any]]:
    code = order(city, *words, "--json")
    out = capsys.readouterr().out
    return code, json.loads(out) if out else {}


def test_a_new_city_begins_with_the_shard_of_its_half_year(
    city: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = _said(city, capsys, "shard", "list")
    (shard,) = said["shards"]
    assert (code, shard["archive"]) == (0, "")
    assert shard["origin"] == first_origin(city, datetime.now(UTC))


def test_a_key_is_rotated_and_the_log_verifies(
    city: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    _, before = _said(city, capsys, "key", "list")
    assert len(before["keys"]) == 1
    code, said = _said(city, capsys, "key", "rotate", "--overlap", "3")
    assert (code, said["finished"]) == (0, False)
    _, after = _said(city, capsys, "key", "list")
    assert [key["vkey"] for key in after["keys"]] == [before["keys"][0]["vkey"], said["vkey"]]
    _until_sealed(city)
    assert order(city, "verify") in (0, 2)
    out = capsys.readouterr().out
    assert "已被改动" not in out
    assert order(city, "key", "revoke", after["keys"][0]["vkey"]) == 2  # nothing was cosigned
    assert "--without-witness" in capsys.readouterr().err


def test_a_token_is_taken_now_and_by_hand(
    city: Settings, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    code, said = _said(city, capsys, "anchor")
    assert code == 0 and "not independent" in said["authority"]
    code, asked = _said(city, capsys, "anchor", "--query", str(tmp_path / "head.tsq"))
    assert code == 0 and (tmp_path / "head.tsq").stat().st_size > 40
    assert order(city, "anchor", "--response", str(tmp_path / "head.tsq")) == 1
    assert "时间戳不成立" in capsys.readouterr().err
    assert order(city, "status") == 0
    assert "最近时间戳" in capsys.readouterr().out
    assert asked["size"] >= said["size"]


def test_there_is_no_later_shard_within_the_half_year(
    city: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert order(city, "shard", "close") == 2
    assert "没有可开启的下一个分片" in capsys.readouterr().err
    assert order(city, "shard", "open") == 0


def test_a_shard_is_exported_by_its_half_year(
    city: Settings, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    half = first_origin(city, datetime.now(UTC)).rpartition("/")[2]
    code, said = _said(city, capsys, "export", str(tmp_path / "out"), "--shard", half)
    assert code == 0 and said["origin"].endswith(half)
    assert order(city, "export", str(tmp_path / "other"), "--shard", "1999H1") == 3
