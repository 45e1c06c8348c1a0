"""What `yichuang audit` promises of every order: a sentence, `--json`, and exit code 3 unread."""

import argparse
import importlib
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from audit.entry import What
from cases.database import open_engine
from tests.yichuang.signed_city import order, signed_city
from yichuang.audit_orders import tail
from yichuang.commands import audit
from yichuang.initialise import initialise
from yichuang.keyring import log_vkey_path
from yichuang.log_entries import record_of_the_log
from yichuang.settings import Settings


@pytest.mark.parametrize("name", audit.names())
def test_every_order_has_a_sentence_and_takes_json(name: str) -> None:
    order = importlib.import_module(f"yichuang.audit_orders.{name.replace('-', '_')}")
    parser = argparse.ArgumentParser()
    order.add(parser)
    assert order.HELP and order.run.__doc__
    assert "--json" in parser.format_help()


@pytest.mark.parametrize("words", [["verify"], ["status"], ["prove", "0" * 36]])
def test_without_a_log_there_is_nothing_to_read(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    audit.add(parser)
    assert audit.run(parser.parse_args(words), Settings(data=tmp_path)) == 3
    assert "bin/yichuang init" in capsys.readouterr().err


@pytest.mark.parametrize("kept", [b"root:x:0:0\n", b"\xff\xfe", b""])
def test_a_file_that_is_no_checkpoint_does_not_accuse_the_log(
    kept: bytes, city: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pin = tmp_path / "pin"
    pin.write_bytes(kept)
    assert order(city, "verify", "--pin", str(pin)) == 3
    assert "不是检查点" in capsys.readouterr().err


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return signed_city(tmp_path_factory.mktemp("city"))


def _answer(
    city: Settings, capsys: pytest.CaptureFixture[str], *words: str
) -> tuple[int, dict[str, Any]]:
    code = order(city, *words, "--json")
    said = capsys.readouterr()
    assert said.out.count("\n") <= 1  # one line, for a program that reads it
    return code, json.loads(said.out) if said.out else {}


def test_sealed_on_demand_the_log_is_whole_and_its_export_is_checked_by_the_key_alone(
    city: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert order(city, "export", str(tmp_path / "out")) == 2  # nothing is signed yet
    assert order(city, "verify") == 2
    capsys.readouterr()
    code, head = _answer(city, capsys, "seal")
    assert code == 0 and head["size"] > 10
    assert _answer(city, capsys, "verify")[1]["exit_code"] == 0
    code, said = _answer(city, capsys, "export", str(tmp_path / "out"))
    assert (code, said["size"], said["root"]) == (0, head["size"], head["root"])
    vkey = log_vkey_path(city).read_text("utf-8").strip()
    elsewhere = Settings(_env_file=None, data=tmp_path / "a stranger has no city")
    code, report = _answer(elsewhere, capsys, "fsck", str(tmp_path / "out"), "--vkey", vkey)
    assert (code, report["entries"], report["root"]) == (0, head["size"], head["root"])
    assert order(elsewhere, "fsck", str(tmp_path / "out")) == 3  # no key, nothing to say


def test_fsck_names_the_first_bad_entry_and_every_failed_check(
    city: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    order(city, "seal")
    order(city, "export", str(tmp_path))
    capsys.readouterr()
    bundle = next((tmp_path / "tile" / "entries").rglob("*.p/*"))
    content = bytearray(bundle.read_bytes())
    content[30] ^= 1
    bundle.write_bytes(content)
    assert order(city, "fsck", str(tmp_path)) == 1
    told = capsys.readouterr().out
    assert "第一处不符：第 0 片叶" in told and "未通过的核对 leaf：1 处" in told
    assert "结论：已被改动" in told
    assert order(city, "export", str(tmp_path)) == 1  # nor is it written over


def test_the_tail_shows_the_newest_and_whether_they_are_signed(
    city: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    order(city, "seal")
    capsys.readouterr()
    code, said = _answer(city, capsys, "tail", "-n", "3")
    assert (code, [entry["index"] for entry in said["entries"]]) == (
        0,
        list(range(said["size"] - 3, said["size"])),
    )
    assert all(entry["sealed"] for entry in said["entries"])
    stream = said["entries"][-1]["stream"]
    _, of_one = _answer(city, capsys, "tail", "--stream", stream)
    assert {entry["stream"] for entry in of_one["entries"]} == {stream}
    assert order(city, "tail", "-n", "2") == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_without_the_signer_nothing_is_sealed_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(_env_file=None, data=tmp_path)
    initialise(settings)
    assert order(settings, "seal") == 2
    assert "签名进程不在" in capsys.readouterr().err


def test_the_attacks_on_a_copy_of_the_citys_log_are_noticed_as_they_must_be(
    city: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    order(city, "seal")
    before = Path(city.data / "log.sqlite").read_bytes()
    capsys.readouterr()
    code = order(city, "attack-test", "--json")
    told = capsys.readouterr()
    said = json.loads(told.out)
    assert "没有满的瓦片" in told.err  # a small log is told, and attacked all the same
    assert (code, said["deviations"], len(said["attacks"])) == (0, 0, 33)
    assert list(said["missed"].values()) == [7, 2, 0]
    assert (len(said["proofs"]), len(said["protocol"])) == (9, 2)
    assert Path(city.data / "log.sqlite").read_bytes() == before
    assert order(city, "attack-test", "--limit", "15") == 2
    assert "日志太小" in capsys.readouterr().err


def test_a_log_that_is_not_whole_is_not_attacked(
    city: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    order(city, "seal")
    shutil.copytree(city.data, tmp_path / "var", ignore=shutil.ignore_patterns("*.sock"))
    damaged = Settings(_env_file=None, data=tmp_path / "var")
    with open_engine(damaged.store_url("log")).begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER audit_entry_no_update")
        connection.exec_driver_sql("UPDATE audit_entry SET body = '{}' WHERE seq = 3")
    capsys.readouterr()
    assert order(damaged, "attack-test") == 1
    assert "日志本身已被改动" in capsys.readouterr().err


def test_the_tail_goes_on_with_what_is_appended(city: Settings) -> None:
    order(city, "seal")
    _, size = tail.newest(city, 1, None)
    coming = tail.coming(city, size, None)
    assert next(coming) == []
    lived = What("log", "demo")
    record_of_the_log(city, act="audit.verified", obj=lived, command_id="tail")
    order(city, "seal")
    (entry,) = next(coming)
    assert (entry["index"], entry["body"]["act"], entry["sealed"]) == (size, "audit.verified", True)
