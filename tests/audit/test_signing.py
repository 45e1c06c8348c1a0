"""A key may lie in a file or in a device; what it answers is checked before it is used."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit.notes import NoteKey, NoteVerifier, open_note, sign_note
from audit.signer import Signer, SignerRefused, init_signer
from audit.signing import Checked, KeyAnsweredWrong, KeyUnusable, make_file_key, open_key

NAME = "city.example/audit/2026H2"
SOFTHSM = Path("/usr/lib/softhsm/libsofthsm2.so")


def test_a_file_key_signs_what_its_public_half_accepts(tmp_path: Path) -> None:
    make_file_key(tmp_path / "log.key", b"long enough")
    key = open_key("file:log.key", NAME, tmp_path, b"long enough")
    note = sign_note("three\nlines\nhere\n", [key])
    assert open_note(note, [key.verifier]).signed_by == (key.verifier,)
    assert key.verifier.name == NAME
    with pytest.raises(KeyUnusable):
        open_key("file:log.key", NAME, tmp_path, b"another")
    with pytest.raises(FileExistsError):
        make_file_key(tmp_path / "log.key")


@pytest.mark.parametrize("spec", ["", "file", "file:", "sgx:enclave", "log.key"])
def test_a_line_that_names_no_backend_is_refused(spec: str, tmp_path: Path) -> None:
    with pytest.raises(KeyUnusable, match="file"):
        open_key(spec, NAME, tmp_path)


def test_a_device_that_answers_wrongly_is_found_out(tmp_path: Path) -> None:
    class Wrong:
        def __init__(self, key: NoteKey) -> None:
            self.verifier = key.verifier
            self._key = key

        def sign(self, text: bytes) -> bytes:
            return self._key.sign(text + b"!")

    make_file_key(tmp_path / "log.key")
    honest = open_key("file:log.key", NAME, tmp_path)
    assert isinstance(honest, Checked) and isinstance(honest.key, NoteKey)
    with pytest.raises(KeyAnsweredWrong):
        Checked(Wrong(honest.key)).sign(b"text\n")


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The line of an Ed25519 key in a fresh SoftHSM token."""
    pkcs11 = pytest.importorskip("pkcs11", reason="python-pkcs11 is not installed")
    tool = shutil.which("softhsm2-util")
    if tool is None or not SOFTHSM.is_file():
        pytest.skip("SoftHSM is not installed (Debian: softhsm2)")
    (tmp_path / "tokens").mkdir()
    configuration = tmp_path / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {tmp_path / 'tokens'}\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(configuration))
    made = [tool, "--init-token", "--free", "--label", "log", "--pin", "4711", "--so-pin", "471147"]
    subprocess.run(made, check=True, capture_output=True, env={**os.environ})
    library = pkcs11.lib(str(SOFTHSM))
    library.reinitialize()
    with library.get_token(token_label="log").open(user_pin="4711", rw=True) as session:
        parameters = session.create_domain_parameters(
            pkcs11.KeyType.EC_EDWARDS,
            {pkcs11.Attribute.EC_PARAMS: bytes.fromhex("06032b6570")},  # OID 1.3.101.112
            local=True,
        )
        parameters.generate_keypair(
            mechanism=pkcs11.Mechanism.EC_EDWARDS_KEY_PAIR_GEN, store=True, label="log-1"
        )
    (tmp_path / "pin").write_text("4711\n")
    yield f"pkcs11:{SOFTHSM}?token=log&object=log-1&pin=pin"


def test_a_key_in_a_device_founds_and_signs_a_log(token: str, tmp_path: Path) -> None:
    files = tmp_path / "log.key", tmp_path / "signed.json"
    (tmp_path / "wrong").write_text("4712\n")
    with pytest.raises(KeyUnusable, match="Pin"):
        open_key(token.replace("pin=pin", "pin=wrong"), NAME, tmp_path)
    verifier = init_signer(*files, NAME, key=token)
    assert not files[0].exists()
    signer = Signer(*files)
    note = signer.sign(NAME, 3, bytes(32), [])
    assert open_note(note, [NoteVerifier.parse(verifier.vkey)]).signed_by == (verifier,)
    signer.close()
    reopened = Signer(*files, new_key=token)
    with pytest.raises(SignerRefused, match="shall follow"):
        reopened.next_key()
    reopened.close()
