"""The verifier that every npm carries (@sigstore/verify): checkpoint and inclusion."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.outside.published import Published, another_root, public_pem, run

SCRIPT = """
const [modules, given] = process.argv.slice(2);
const { verifyCheckpoint } = require(modules + '/@sigstore/verify/dist/tlog/checkpoint.js');
const { verifyMerkleInclusion } = require(modules + '/@sigstore/verify/dist/tlog/merkle.js');
const crypto = require('crypto');
const said = JSON.parse(require('fs').readFileSync(given));
const log = {
  logID: Buffer.from(said.keyId, 'hex'),
  baseURL: said.origin,
  publicKey: crypto.createPublicKey(said.pem),
};
const entry = {
  canonicalizedBody: Buffer.from(said.body, 'hex'),
  inclusionProof: {
    logIndex: String(said.index),
    hashes: said.path.map((hash) => Buffer.from(hash, 'hex')),
    checkpoint: { envelope: said.note },
  },
};
try {
  verifyMerkleInclusion(entry, verifyCheckpoint(entry, [log]));
  console.log('accepted');
} catch (error) {
  if (error.code !== 'TLOG_INCLUSION_PROOF_ERROR') throw error;
  console.log('refused: ' + error.message);
}
"""


@pytest.fixture(scope="module")
def modules() -> Path:
    """Return where npm's own modules lie, or skip."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("no npm and node on this machine")
    near = [parent / "node_modules" for parent in Path(npm).resolve().parents]
    for place in (*near, Path("/usr/share/nodejs/npm/node_modules"), Path("/usr/share/nodejs")):
        if (place / "@sigstore" / "verify" / "dist" / "tlog" / "merkle.js").is_file():
            return place
    pytest.skip("this npm carries no @sigstore/verify of a known shape")


def _ask(published: Published, modules: Path, folder: Path, number: int, **changed: Any) -> str:
    proof = published.proofs[number]
    said = {
        "keyId": published.log.key_id.hex(),
        "origin": published.log.name,
        "pem": public_pem(published.log).decode(),
        "body": proof.body.hex(),
        "index": proof.index,
        "path": [value.hex() for value in proof.path],
        "note": proof.note,
        **changed,
    }
    (folder / "verify.cjs").write_text(SCRIPT, "utf-8")
    (folder / "given.json").write_text(json.dumps(said), "utf-8")
    code, told = run("node", "verify.cjs", str(modules), "given.json", cwd=folder)
    assert code == 0, told
    return told.strip()


def test_checkpoint_and_inclusion_are_accepted(
    published: Published, modules: Path, tmp_path: Path
) -> None:
    for number in range(len(published.proofs)):
        assert _ask(published, modules, tmp_path, number) == "accepted"


def test_forgeries_are_refused(published: Published, modules: Path, tmp_path: Path) -> None:
    forged: list[tuple[dict[str, Any], str]] = [
        ({"note": another_root(published.note)}, "signature"),
        ({"body": b"{}".hex()}, "root hash"),
        ({"index": 322}, "root hash"),
    ]
    for changed, why in forged:
        said = _ask(published, modules, tmp_path, 3, **changed)
        assert said.startswith("refused") and why in said, (changed, said)
