"""The openssl command line: the log's signature, the witness's cosignature, the time stamp."""

import shutil
from pathlib import Path

import pytest

from audit.notes import NoteVerifier
from tests.outside.published import Published, another_root, public_pem, run, signature_by

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl program here")


def _holds(folder: Path, key: NoteVerifier, text: bytes, signature: bytes) -> bool:
    (folder / "key.pem").write_bytes(public_pem(key))
    (folder / "text").write_bytes(text)
    (folder / "signature").write_bytes(signature)
    code, said = run(
        *"openssl pkeyutl -verify -rawin -pubin -inkey key.pem -in text".split(),
        *("-sigfile", "signature"),
        cwd=folder,
    )
    assert ("Signature Verified Successfully" in said) == (code == 0), said
    return code == 0


def _text(note: str) -> bytes:
    return note.partition("\n\n")[0].encode() + b"\n"


def test_the_logs_signature_holds_over_its_own_head_only(
    published: Published, tmp_path: Path
) -> None:
    signature = signature_by(published.note, published.log)
    assert _holds(tmp_path, published.log, _text(published.note), signature)
    assert not _holds(tmp_path, published.log, _text(another_root(published.note)), signature)


def test_the_witnesses_cosignature_holds_with_its_own_time_only(
    published: Published, tmp_path: Path
) -> None:
    cosignature = signature_by(published.note, published.witness)
    seconds, signature = int.from_bytes(cosignature[:8], "big"), cosignature[8:]
    for time, holds in ((seconds, True), (seconds - 1, False)):
        text = f"cosignature/v1\ntime {time}\n".encode() + _text(published.note)
        assert _holds(tmp_path, published.witness, text, signature) is holds


def test_the_time_stamp_is_over_the_exported_head_only(
    published: Published, tmp_path: Path
) -> None:
    (token,) = (published.folder / "anchor" / "1200").glob("*.tsr")
    (tmp_path / "roots.pem").write_text(published.certificates, "utf-8")
    head = (published.folder / "anchor" / "1200" / "head").read_bytes()
    assert head == _text(published.note)
    for name, content, holds in (
        ("head", head, True),
        ("forged", _text(another_root(published.note)), False),
    ):
        (tmp_path / name).write_bytes(content)
        code, said = run(
            *("openssl", "ts", "-verify", "-data", name, "-in", str(token)),
            *("-CAfile", "roots.pem"),
            cwd=tmp_path,
        )
        assert (code == 0, "Verification: OK" in said) == (holds, holds), said
