"""Signing with SM2: by the OpenSSL command, or by a program of the site's own before a device.

The OpenSSL command is for development. A key in a file, and a library that computes with it in the
memory of an ordinary machine, pass no assessment of commercial cryptography (密评, GB/T 39786) by
themselves: a city in earnest has a certified 签名验签服务器 or 密码机 behind `sm2-program`. Its
SM2 mechanisms are the vendor's own, in PKCS#11 too, so the site brings the few lines that call it:

    <program> <identity>      text on stdin → the signature on stdout, DER (GM/T 0009 §7.3)

and the device's public key as a PEM file. No program of a vendor was at hand to try.
"""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs

from audit.notes import SM2, NoteVerifier
from audit.signing_pkcs11 import TokenUnusable
from audit.sm2 import DISTINGUISHED_ID, POINT_BYTES, NotSM2, SM2PublicKey, point_of_pem

TIMEOUT_SECONDS = 8.0
"""Below the patience of whoever asks the signer (`audit.signer_door`); OpenSSL takes 7 ms."""

_OPENSSL = "openssl"
_DISTID = f"distid:{DISTINGUISHED_ID.decode()}"


@dataclass(frozen=True, slots=True)
class OpenSslKey:
    """A key file; OpenSSL computes. The passphrase goes through a pipe, never through arguments."""

    verifier: NoteVerifier
    _path: Path
    _passphrase: bytes | None

    def sign(self, text: bytes) -> bytes:
        """Return the DER signature under the standard identity. Raises `TokenUnusable`."""
        words = ["pkeyutl", "-sign", "-rawin", "-digest", "sm3", "-pkeyopt", _DISTID]
        return _openssl([*words, "-inkey", str(self._path)], "-passin", self._passphrase, text)


@dataclass(frozen=True, slots=True)
class ProgramKey:
    """A key of a device or a signature server, reached by a program of the site's own."""

    verifier: NoteVerifier
    _program: Path

    def sign(self, text: bytes) -> bytes:
        """Return what the program answers. Raises `TokenUnusable`."""
        return _run([str(self._program), DISTINGUISHED_ID.decode()], text)


def open_openssl_key(rest: str, name: str, folder: Path, secret: bytes | None) -> OpenSslKey:
    """Return the key of a file, relative to the signer's folder. Raises `TokenUnusable`."""
    path = folder / rest
    if not path.is_file():
        raise TokenUnusable(f"{path} is not there")
    if path.stat().st_mode & 0o077:
        raise TokenUnusable(f"{path} can be read by others: chmod 600")
    spelled = ["pkey", "-in", str(path), "-pubout", "-outform", "DER"]
    point = _openssl(spelled, "-passin", secret)[-POINT_BYTES:]
    return OpenSslKey(_verifier(name, point, path), path, secret)


def open_program_key(rest: str, name: str, folder: Path, _secret: bytes | None) -> ProgramKey:
    """Return the key behind `<program>?public=<pem>`. Raises `TokenUnusable`."""
    program, _, query = rest.partition("?")
    wanted = {key: values[0] for key, values in parse_qs(query).items()}
    if set(wanted) != {"public"}:
        raise TokenUnusable(f"sm2-program:{rest}: needs public=, the key's PEM file")
    public = folder / wanted["public"]
    try:
        point = point_of_pem(public.read_text("ascii"))
    except (OSError, ValueError) as error:
        raise TokenUnusable(f"{public}: {error}") from error
    if not os.access(folder / program, os.X_OK):
        raise TokenUnusable(f"{folder / program} is no program that may be run")
    return ProgramKey(_verifier(name, point, public), folder / program)


def new_openssl_key(passphrase: bytes | None) -> bytes:
    """Return a fresh key in PEM (PKCS#8), under SM4 if there is a passphrase.

    Raises `TokenUnusable` where the command is missing or knows no SM2.
    """
    words = ["genpkey", "-algorithm", "SM2"]
    return _openssl([*words, *(["-sm4-cbc"] if passphrase else [])], "-pass", passphrase)


def _verifier(name: str, point: bytes, source: Path) -> NoteVerifier:
    try:
        SM2PublicKey.from_point(point)
    except NotSM2 as error:
        raise TokenUnusable(f"{source} holds no SM2 key: {error}") from error
    return NoteVerifier(name, point, SM2)


def _openssl(
    words: Sequence[str], option: str, passphrase: bytes | None, fed: bytes = b""
) -> bytes:
    if b"\n" in (passphrase or b""):
        raise TokenUnusable("a passphrase is one line")
    reading, writing = os.pipe()
    try:
        # Always given, so that OpenSSL never asks at a terminal; unread where the key is open.
        os.write(writing, (passphrase or b"") + b"\n")
        os.close(writing)
        secret = [option, f"fd:{reading}"] if option == "-passin" or passphrase else []
        return _run([_OPENSSL, *words, *secret], fed, reading)
    finally:
        os.close(reading)


def _run(words: Sequence[str], fed: bytes, *kept_open: int) -> bytes:
    try:
        done = subprocess.run(  # noqa: S603 -- the words are ours and the operator's
            words,
            input=fed,
            capture_output=True,
            check=False,
            pass_fds=kept_open,
            timeout=TIMEOUT_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TokenUnusable(f"{words[0]}: {error}") from error
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise TokenUnusable(f"{words[0]} ended with {done.returncode}: {' '.join(said[:3])}")
    return done.stdout
