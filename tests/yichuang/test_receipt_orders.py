"""`audit receipt` and `audit verify-bundle`: on an installation with a case, and in other hands."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select

from audit import yichuang_verify
from audit.tables import audit_entry
from cases.database import open_engine
from policies.warrants import WarrantSigner
from tests.activities.conftest import PRIVATE, Town
from tests.yichuang.signed_city import order, signed_city
from yichuang.sequencer import sequencer
from yichuang.settings import Settings
from yichuang.trusting import policy_path


@dataclass(frozen=True)
class Filed:
    """The installation and its one case, which was withdrawn."""

    city: Settings
    case_id: str
    case_no: str


@pytest.fixture(scope="module")
def filed(tmp_path_factory: pytest.TempPathFactory) -> Filed:
    folder = tmp_path_factory.mktemp("city")
    (folder / "secrets").mkdir(mode=0o700)
    master = Settings(_env_file=None, data=folder).master_key_path
    master.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    master.write_bytes(b"m" * 32)  # the town of the tests seals under it
    master.chmod(0o600)
    city = signed_city(folder)
    town = Town(
        open_engine(city.store_url("cases")),
        open_engine(city.store_url("keys")),
        WarrantSigner("web", Ed25519PrivateKey.from_private_bytes(PRIVATE)),
    )
    state = town.filed()
    state, _ = town.settle(state, town.order("withdraw", {}, by="u:d"))
    assert state.stage == "ended"
    return Filed(city, state.case_id, state.case_no)


@pytest.fixture
def sealed(filed: Filed, capsys: pytest.CaptureFixture[str]) -> Filed:
    assert order(filed.city, "seal") == 0
    capsys.readouterr()
    return filed


def test_a_case_is_receipted_recorded_and_checked_by_a_stranger(
    sealed: Filed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert order(sealed.city, "receipt", sealed.case_no, "--out", str(tmp_path), "--json") == 0
    said = json.loads(capsys.readouterr().out)
    file = tmp_path / f"case-{sealed.case_id}.yichuang-proof.json"
    assert said["file"] == str(file) and said["entries"] == 2
    policy = tmp_path / "log.policy"
    policy.write_text(policy_path(sealed.city).read_text("utf-8"), "utf-8")
    stranger = Settings(_env_file=None, data=tmp_path / "no city here")
    words = ("verify-bundle", str(file), "--policy", str(policy))
    assert order(stranger, *words) == 0
    told = capsys.readouterr().out
    assert "结论：真实：内容与签名一致" in told and "归档时写明共 2 条" in told
    program = str(Path(yichuang_verify.__file__))
    alone = subprocess.run([sys.executable, program, str(file), "--policy", str(policy)],
                           capture_output=True, text=True)  # fmt: skip
    assert alone.returncode == 0, alone.stdout
    # The issue is an entry of the log, with the file's digest.
    sequencer(sealed.city).drain()
    with open_engine(sealed.city.store_url("log"), read_only=True).connect() as connection:
        found = connection.scalars(
            select(audit_entry.c.body).where(audit_entry.c.stream == "sys:log")
        )
        issued = [body for body in map(json.loads, found) if body["act"] == "receipt.issued"]
    assert [one["obj"] for one in issued] == [
        {"type": "case", "id": sealed.case_id, "doc": said["sha256"]}
    ]


def test_an_altered_receipt_is_refused_with_1_and_no_receipt_with_3(
    sealed: Filed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, policy = tmp_path / "r.json", str(policy_path(sealed.city))
    assert order(sealed.city, "receipt", sealed.case_no, "--out", str(file)) == 0
    receipt = json.loads(file.read_text("utf-8"))
    receipt["case"] = "another"
    file.write_text(json.dumps(receipt), "utf-8")
    assert order(sealed.city, "verify-bundle", str(file), "--policy", policy) == 1
    assert "stream" in capsys.readouterr().out
    file.write_text("[]", "utf-8")
    assert order(sealed.city, "verify-bundle", str(file), "--policy", policy) == 3
    assert order(sealed.city, "verify-bundle", str(tmp_path / "none"), "--policy", policy) == 3


def test_an_entry_of_the_log_itself_has_a_receipt_too(
    sealed: Filed, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_engine(sealed.city.store_url("log"), read_only=True).connect() as connection:
        entry = connection.scalar(select(audit_entry.c.entry_id).where(audit_entry.c.seq == 0))
    assert order(sealed.city, "receipt", str(entry), "--out", str(tmp_path)) == 0
    file = tmp_path / f"entry-{entry}.yichuang-proof.json"
    assert order(sealed.city, "verify-bundle", str(file), "--policy",
                 str(policy_path(sealed.city))) == 0  # fmt: skip


@pytest.mark.parametrize(
    "of", ["ZJJ2099010100001", "0" * 36, "00000000-0000-0000-0000-000000000000"]
)
def test_what_is_not_there_has_none(sealed: Filed, tmp_path: Path, of: str) -> None:
    assert order(sealed.city, "receipt", of, "--out", str(tmp_path)) == 2
    assert list(tmp_path.iterdir()) == []
