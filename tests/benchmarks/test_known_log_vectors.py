"""Published vectors of the log: all that apply are met, and one altered answer is told."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from benchmarks.known import Known, KnownUnreadable, log_vectors, names
from yichuang.commands import known as command
from yichuang.settings import Settings

SHARED = Path(__file__).parents[3] / "shared/data/audit_vectors"
needs_data = pytest.mark.skipif(not SHARED.is_dir(), reason="no ../shared/data here")

FULL = {
    "merkle 包含证明": 98,
    "merkle 一致性证明": 98,
    "tlog-tiles 签名": 17,
    "tlog-tiles 树根": 16,
    "tlog-tiles 两两一致": 120,
    "sigstore 包含证明": 14,
    "sigstore 树头签名": 14,
    "见证人问答": 10,
    "JCS（RFC 8785 全文）": 6,
    "C2SP 示例": 3,
    "Ed25519": 151,
    "HMAC-SM3": 174,
    "SM3": 6,
    "SM4-GCM": 94,
    "SM2（摘要）": 3,
    "SM2（全文）": 1,
    "RFC 3161 时间戳": 10,
}


def family(known: Known, name: str) -> dict[str, Any]:
    families = known.report["families"]
    assert isinstance(families, dict)
    found = families[name]
    assert isinstance(found, dict)
    return dict(found)


@needs_data
def test_every_published_answer_is_ours() -> None:
    known = log_vectors.run(SHARED)
    assert known.differences == []
    assert {name: family(known, name)["equal"] for name in FULL} == FULL
    assert known.report["absent"] == []


@needs_data
def test_what_the_profile_refuses_by_design_is_named_with_its_reason() -> None:
    known = log_vectors.run(SHARED / "cyberphone_json-canonicalization")
    profile = family(known, "JCS（本系统的窄口径）")
    assert profile["equal"] == profile["cases"] == 1
    said = " ".join(profile["remarks"])
    for reason in ("float", "normal form C", "printable ASCII"):
        assert reason in said


@needs_data
def test_a_folder_under_any_name_is_told_by_its_content(tmp_path: Path) -> None:
    shutil.copytree(SHARED / "transparency-dev_merkle/testdata/inclusion", tmp_path / "x/y")
    shutil.copy(SHARED / "gbt32918/sm2_sign.json", tmp_path / "x/z.json")
    (tmp_path / "x/notes.bin").write_bytes(b"\xff\x00")
    known = log_vectors.run(tmp_path)
    assert (known.cases, known.equal) == (99, 99)
    assert known.report["unknown_files"] == ["x/notes.bin"]
    absent = known.report["absent"]
    assert isinstance(absent, list)
    assert "Ed25519" in absent
    assert "merkle 包含证明" not in absent


@needs_data
@pytest.mark.parametrize(
    ("source", "key", "value"),
    [
        ("gbt32918/sm2_sign.json", "message", "message digesT"),
        ("transparency-dev_merkle/testdata/inclusion/3/leafIdx-plus-@1.json", "wantErr", False),
        ("c2sp/spec_examples.json", "checkpoint_text", "a\n01\nAAAA\n"),
        ("transparency-dev_merkle/testdata/inclusion/3/leafIdx-plus-@1.json", "leafIdx", "three"),
    ],
)
def test_one_altered_answer_is_a_difference_and_the_command_ends_with_1(
    tmp_path: Path, source: str, key: str, value: object, capsys: pytest.CaptureFixture[str]
) -> None:
    content = json.loads((SHARED / source).read_text("utf-8"))
    file = tmp_path / "altered.json"
    file.write_text(json.dumps(content), "utf-8")
    assert _command(file) == 0
    file.write_text(json.dumps({**content, key: value}), "utf-8")
    assert _command(file) == 1
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said["different"] == 1
    assert "altered.json" in said["differences"][0]


@needs_data
def test_a_tile_log_with_a_moved_hash_is_a_difference(tmp_path: Path) -> None:
    log = shutil.copytree(SHARED / "transparency-dev_tessera/testdata/log", tmp_path / "log")
    assert log_vectors.run(tmp_path).different == 0
    tile = log / "tile/0/000.p/15"
    tile.chmod(0o600)
    raw = bytearray(tile.read_bytes())
    raw[40] ^= 1
    tile.write_bytes(raw)
    known = log_vectors.run(tmp_path)
    assert family(known, "tlog-tiles 树根")["equal"] < 16
    assert any("log 15：" in line for line in known.differences)
    assert any("tile/0/000.p/14" in line for line in known.differences)


def test_a_path_without_vectors_is_said_to_be_one(tmp_path: Path) -> None:
    assert "log-vectors" in names()
    assert _command(tmp_path / "absent") == 2
    (tmp_path / "a.txt").write_text("nothing", "utf-8")
    assert _command(tmp_path) == 2
    with pytest.raises(KnownUnreadable, match="没有认得的向量"):
        log_vectors.run(tmp_path)


def _command(path: Path) -> int:
    words = argparse.Namespace(name="log-vectors", path=path, json=True)
    return command.run(words, Settings())
