"""A master key's file wrapped by a device: SoftHSM stands for one; another device opens nothing."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from audit.signing_pkcs11 import TokenUnusable
from audit.wrapping_pkcs11 import TokenWrapper
from yichuang import keyring
from yichuang.keyring import WRAPPED, WRAPPED_BYTES, KeyMissing
from yichuang.settings import Settings

SOFTHSM = Path("/usr/lib/softhsm/libsofthsm2.so")


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The line of an AES key in a fresh SoftHSM token, and of another one beside it."""
    pkcs11 = pytest.importorskip("pkcs11", reason="python-pkcs11 is not installed")
    tool = shutil.which("softhsm2-util")
    if tool is None or not SOFTHSM.is_file():
        pytest.skip("SoftHSM is not installed (Debian: softhsm2)")
    (tmp_path / "tokens").mkdir()
    configuration = tmp_path / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {tmp_path / 'tokens'}\n")
    monkeypatch.setenv("SOFTHSM2_CONF", str(configuration))
    made = [
        tool,
        "--init-token",
        "--free",
        "--label",
        "keys",
        "--pin",
        "4711",
        "--so-pin",
        "471147",
    ]
    subprocess.run(made, check=True, capture_output=True, env={**os.environ})
    library = pkcs11.lib(str(SOFTHSM))
    library.reinitialize()
    may = pkcs11.MechanismFlag.WRAP | pkcs11.MechanismFlag.UNWRAP
    with library.get_token(token_label="keys").open(user_pin="4711", rw=True) as session:
        for label in ("wrap-1", "wrap-2"):
            session.generate_key(pkcs11.KeyType.AES, 256, label=label, store=True, capabilities=may)
    (tmp_path / "pin").write_text("4711\n")
    return f"pkcs11:{SOFTHSM}?token=keys&object=wrap-1&pin={tmp_path / 'pin'}"


def test_what_a_device_wraps_only_its_own_key_unwraps(token: str, tmp_path: Path) -> None:
    wrapper = TokenWrapper.parse(token, tmp_path)
    wrapped = wrapper.wrap(b"m" * 32)
    assert len(wrapped) == 40 and wrapper.unwrap(wrapped) == b"m" * 32
    with pytest.raises(TokenUnusable):
        TokenWrapper.parse(token.replace("wrap-1", "wrap-2"), tmp_path).unwrap(wrapped)
    with pytest.raises(TokenUnusable):
        wrapper.unwrap(wrapped[:-1] + bytes([wrapped[-1] ^ 1]))
    with pytest.raises(TokenUnusable):
        TokenWrapper.parse(token.replace("wrap-1", "nobody"), tmp_path).wrap(b"m" * 32)


def test_keys_in_the_clear_are_wrapped_and_stay_the_same_keys(token: str, tmp_path: Path) -> None:
    plain = Settings(_env_file=None, data=tmp_path / "var")
    keyring.create_missing_keys(plain)
    keyring.rotate_master(plain, lambda _new: None)
    keys = keyring.master_keys(plain)
    used_until = keyring.older_paths(plain)[0].stat().st_mtime_ns
    settings = plain.model_copy(update={"master_key_wrap": token})
    assert keyring.master_keys(settings) == keys
    assert keyring.wrap_masters(settings) == 2 and keyring.wrap_masters(settings) == 0
    files = [settings.master_key_path, *keyring.older_paths(settings)]
    for path, key in zip(files, keys, strict=True):
        content = path.read_bytes()
        assert content.startswith(WRAPPED) and len(content) == WRAPPED_BYTES and key not in content
    assert files[1].stat().st_mtime_ns == used_until
    assert keyring.master_keys(settings) == keys
    with pytest.raises(KeyMissing, match="YICHUANG_MASTER_KEY_WRAP"):
        keyring.master_keys(plain)


def test_a_new_installation_and_a_rotation_keep_no_key_in_the_clear(
    token: str, tmp_path: Path
) -> None:
    settings = Settings(_env_file=None, data=tmp_path / "var", master_key_wrap=token)
    keyring.create_missing_keys(settings)
    (before,) = keyring.master_keys(settings)
    keyring.rotate_master(settings, lambda _new: None)
    assert keyring.master_keys(settings)[1] == before
    for path in settings.secrets_folder.glob("master.key*"):
        assert path.read_bytes().startswith(WRAPPED)
    (settings.secrets_folder / "pepper.key").read_bytes()
    assert len(keyring.pepper(settings)) == 32


@pytest.mark.parametrize("spec", ["", "file:x", "pkcs11:m?token=a&object=b", "pkcs11:m?pin=p"])
def test_a_line_that_names_no_key_of_a_device_is_refused(spec: str, tmp_path: Path) -> None:
    with pytest.raises(TokenUnusable, match="needs"):
        TokenWrapper.parse(spec, tmp_path)


def test_without_a_device_nothing_is_wrapped(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data=tmp_path / "var")
    keyring.create_missing_keys(settings)
    with pytest.raises(KeyMissing, match="YICHUANG_MASTER_KEY_WRAP"):
        keyring.wrap_masters(settings)
