"""A whole city under the national profile: a case, both trees signed, a proof, a forgery found."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from audit.logstore import LogReader
from audit.notes import SM2
from audit.proofs import verify_proof
from audit.reading import reading
from audit.tables import audit_payload
from audit.vault import SM4_GCM
from tests.chaos.city import City
from tests.yichuang.censused import town
from yichuang.trusting import city_policy

pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(300),
    pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl command here"),
]

WITHIN = 60.0
SPKI = bytes.fromhex("3059301306072a8648ce3d020106082a811ccf5501822d034200")


async def accepted(city: City) -> str:
    """File a case and accept it; return its id."""
    async with town(city.settings, working=False) as there:
        case = await there.filed()
        await there.accept(case)
        return case


def verified(city: City) -> dict[str, Any]:
    said: dict[str, Any] = json.loads(city.command("audit", "verify", "--json").stdout)
    return said


def test_a_case_is_proved_under_the_sm2_head_and_a_forgery_of_its_tree_is_named(
    tmp_path: Path,
) -> None:
    with City(tmp_path / "city", {"log_profile": "national"}) as city:
        city.start()
        assert "通不过密评" in city.words(lines=1_000)
        case = asyncio.run(accepted(city))
        city.until(lambda: verified(city)["exit_code"] == 0, WITHIN, "signed")
        log = verified(city)["log"]
        assert log["second"]["sealed"] == log["second"]["entries"] > 0
        with reading(city.store("log")) as connection:
            entries = LogReader(connection).stream(f"case:{case}")
        assert len(entries) >= 2
        with reading(city.store("cases")) as connection:
            sealed = [bytes(one) for one in connection.scalars(select(audit_payload.c.sealed))]
        assert sealed and all(one.startswith(SM4_GCM) for one in sealed)

        out = tmp_path / "step"
        proved = city.command(
            "audit", "prove", entries[-1].entry_id, "--tree", "sm3", "--out", str(out)
        )
        assert proved.returncode == 0, proved.stderr
        keys = [one.verifier for one in city_policy(city.settings).logs]
        (key,) = [one for one in keys if one.kind == SM2]
        text, body = out.with_name("step.tlog-proof"), out.with_name("step.body")
        _, head = verify_proof(text.read_text("utf-8"), body.read_bytes(), key)
        openssl_agrees(tmp_path, text.read_text("utf-8"), key.public)
        assert head.size > entries[-1].index

        city.stop()
        forged = city.copy(tmp_path / "forged")
        with closing(sqlite3.connect(forged.folder / "log.sqlite")) as rows, rows:
            (hashes,) = rows.execute("SELECT hashes FROM audit_sm3_tile WHERE level = 0").fetchone()
            rows.execute("UPDATE audit_sm3_tile SET hashes = ?", (hashes[::-1],))
        assert verified(city)["exit_code"] == 0
        told = forged.command("audit", "verify")
        assert told.returncode == 1
        assert "sm3 tile" in told.stdout


def openssl_agrees(folder: Path, proof: str, point: bytes) -> None:
    """Let the OpenSSL command check the head of a proof as docs/national-crypto.md says."""
    head, _, lines = proof.partition("\n\n")[2].rpartition("\n\n")
    (folder / "head").write_text(head + "\n", "utf-8")
    signature = base64.b64decode(lines.split()[2])[4:]
    (folder / "signature").write_bytes(signature)
    pem = base64.b64encode(SPKI + point).decode()
    (folder / "key").write_text(
        f"-----BEGIN PUBLIC KEY-----\n{pem[:64]}\n{pem[64:]}\n-----END PUBLIC KEY-----\n", "ascii"
    )
    words = ["openssl", "pkeyutl", "-verify", "-rawin", "-digest", "sm3", "-pubin"]
    words += ["-inkey", "key", "-in", "head", "-sigfile", "signature"]
    standard = ["-pkeyopt", "distid:1234567812345678"]
    assert subprocess.run([*words, *standard], cwd=folder, capture_output=True).returncode == 0
    assert subprocess.run(words, cwd=folder, capture_output=True).returncode != 0
