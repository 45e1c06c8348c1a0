"""The national profile from the roof: founded at first or later, verified, proved, attacked."""

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from audit.logstore import LogReader
from audit.notes import SM2
from audit.proofs import verify_proof
from audit.report import CLEAN, INCOMPLETE, TAMPERED, UNREADABLE
from audit.secondtree import SecondTree
from audit.sequencer import Sequencer
from cases.database import open_engine, reading
from tests.yichuang.signed_city import order, signed_city
from yichuang.initialise import initialise
from yichuang.national import KEY_FILE, STATE_FILE
from yichuang.sequencer import SOURCES
from yichuang.settings import Settings
from yichuang.signer import signer
from yichuang.trusting import city_policy

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl command here")


def said(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def first_entry(settings: Settings) -> str:
    with reading(open_engine(settings.store_url("log"), read_only=True)) as connection:
        return next(LogReader(connection).entries(2, 3)).entry_id


def test_a_national_city_signs_verifies_and_proves_under_both_trees(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    city = signed_city(tmp_path, log_profile="national")
    assert (city.signer_path / KEY_FILE).stat().st_mode & 0o777 == 0o600
    assert order(city, "seal", "--json") == 0
    capsys.readouterr()
    assert order(city, "verify", "--json") == CLEAN
    log = said(capsys)["log"]
    assert log["second"]["origin"] == f"{log['origin']}/sm3"
    assert (
        log["second"]["sealed"] == log["second"]["entries"] == log["sealed"] == log["entries"] > 2
    )
    assert order(city, "status", "--json") == 0
    status = said(capsys)
    assert status["second"]["sealed"] == log["entries"]
    assert status["sm2_key_in_a_file"] is True
    out = tmp_path / "step"
    assert order(city, "prove", first_entry(city), "--tree", "sm3", "--out", str(out)) == 0
    keys = [log.verifier for log in city_policy(city).logs if log.verifier.kind == SM2]
    proof = out.with_name("step.tlog-proof").read_text("utf-8")
    place, head = verify_proof(proof, out.with_name("step.body").read_bytes(), keys[0])
    assert (place, head.size) == (2, log["entries"])

    capsys.readouterr()
    policy = str(city.secrets_folder / "log.policy")
    words = ("verify-proof", f"{out}.tlog-proof", "--body", f"{out}.body", "--policy", policy)
    assert order(city, *words, "--json") == 0
    told = said(capsys)
    assert (told["holds"], told["tree"], told["index"]) == (True, "sm3", 2)
    body = out.with_name("step.body")
    body.write_bytes(body.read_bytes() + b" ")
    assert order(city, *words, "--json") == TAMPERED
    assert said(capsys)["holds"] is False
    assert order(city, *words[:-1], str(out)) == UNREADABLE
    assert order(city, "prove", first_entry(city), "--out", str(out)) == 0
    capsys.readouterr()
    assert order(city, *words, "--json") == 0
    assert said(capsys)["tree"] == "sha256"


def test_a_forgery_of_the_sm3_tree_alone_is_named_and_ends_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    city = signed_city(tmp_path, log_profile="national")
    assert order(city, "seal") == 0
    with sqlite3.connect(tmp_path / "log.sqlite") as log:
        (hashes,) = log.execute("SELECT hashes FROM audit_sm3_tile WHERE level = 0").fetchone()
        log.execute("UPDATE audit_sm3_tile SET hashes = ?", (hashes[:-1] + b"\x00",))
    capsys.readouterr()
    assert order(city, "verify", "--json") == TAMPERED
    assert set(said(capsys)["log"]["failed"]) == {"sm3 tile"}
    assert order(city, "verify") == TAMPERED
    assert "sm3 tile" in capsys.readouterr().out


def test_a_city_that_turns_national_later_has_its_earlier_entries_in_both_trees(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = Settings(_env_file=None, data=tmp_path)
    initialise(before)
    log = open_engine(before.store_url("log"))
    first = signer(before)
    sources = {str(name): open_engine(before.store_url(name)) for name in SOURCES}
    Sequencer(log, sources, first).drain()
    first.close()
    with reading(log) as connection:
        earlier = LogReader(connection).state().size
        assert earlier > 2
        assert SecondTree(connection).begun() is None
    city = signed_city(tmp_path, log_profile="national")
    assert not [line for line in initialise(city) if "国密" in line]  # once
    assert order(city, "verify") == INCOMPLETE
    assert order(city, "seal") == 0
    capsys.readouterr()
    assert order(city, "verify", "--json") == CLEAN
    assert said(capsys)["log"]["second"]["entries"] >= earlier


def test_a_founding_that_was_cut_between_key_and_memory_is_done_again(tmp_path: Path) -> None:
    city = Settings(_env_file=None, data=tmp_path, log_profile="national")
    initialise(city)
    (city.signer_path / STATE_FILE).unlink()
    policy = city.secrets_folder / "log.policy"
    policy.write_text(policy.read_text("utf-8").partition("#yichuang")[0], "utf-8")
    lines = initialise(city)
    assert [line for line in lines if "国密公钥" in line]
    assert order(city, "status") == 0


def test_a_standard_city_has_no_second_tree_and_no_sm2_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    city = signed_city(tmp_path)
    assert order(city, "seal") == 0
    capsys.readouterr()
    assert order(city, "verify", "--json") == CLEAN
    assert said(capsys)["log"]["second"] is None
    assert not (city.signer_path / KEY_FILE).exists()
    assert order(city, "prove", first_entry(city), "--tree", "sm3") == INCOMPLETE
