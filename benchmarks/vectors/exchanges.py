"""What a witness was asked and answered: requests of `add-checkpoint` with their status."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from audit.notes import NoteVerifier
from audit.witness import Refused, Witness, found_witness
from benchmarks.vectors.folder import Folder, Tallies, Tally

EXCHANGES = "见证人问答"
FAMILIES = (EXCHANGES,)

_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')


def read(folder: Folder, tallies: Tallies) -> None:
    """Feed every log's requests, in order, to a witness founded for it."""
    for file in folder.files:
        content = file.content
        if not isinstance(content, dict) or not isinstance(content.get("logs"), dict):
            continue
        for name, log in content["logs"].items():
            if isinstance(log, dict) and "cases" in log:
                folder.claim(file)
                with tallies[EXCHANGES].understood(f"{file.name} {name}"):
                    _log(f"{file.name} {name}", log, tallies[EXCHANGES])


def _log(place: str, log: Mapping[str, Any], tally: Tally) -> None:
    cases = log["cases"]
    origin = cases[0]["body"].partition("\n\n")[2].partition("\n")[0]
    if "vkey" in log:
        key = NoteVerifier.parse(log["vkey"])
    else:
        key = NoteVerifier(origin, bytes.fromhex(log["log_ed25519_key_hex"]))
    with tempfile.TemporaryDirectory() as name:
        found_witness(Path(name) / "witness", "example.com/witness")
        witness = Witness(Path(name) / "witness")
        witness.watch(key, origin)
        for number, case in enumerate(cases, 1):
            status, said = _answer(witness, case["body"].encode())
            asserts = " ".join(case.get("asserts", ()))
            expected = case["status"]
            if expected == 403 and "unknown log" in asserts:
                expected = 404  # so says C2SP tlog-witness since; litewitness answered 403
                tally.remark("未知日志：今天的规范答 404，公布的答 403")
            wanted = [text.replace("\\n", "\n") for text in _QUOTED.findall(asserts)]
            if expected in (200, 409):  # the line, and the size, are part of the format
                found = (status, all(text in said for text in wanted))
            else:
                found = (status, True)  # the words of a refusal are each witness's own
            tally.check(f"{place} 第 {number} 问", (expected, True), found)


def _answer(witness: Witness, body: bytes) -> tuple[int, str]:
    try:
        return 200, witness.cosign(body)
    except Refused as refused:
        said = refused.reason if refused.size is None else f"{refused.size}\n"
        return refused.status, said
