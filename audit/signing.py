"""Where a log's private key lies and what computes with it: the signer's backends.

A backend is named by one line of configuration, `<kind>:<rest>`:

file:<path>      an Ed25519 key in PEM (PKCS#8), under a passphrase or not; relative paths are
                 meant from the signer's folder
pkcs11:<module>?token=<label>&object=<label>&pin=<file>
                 an Ed25519 key that never leaves a device (`audit.signing_pkcs11`)
sm2:<path>       an SM2 key in PEM (PKCS#8), computed with by the OpenSSL command
sm2-program:<program>?public=<pem>
                 an SM2 key of a device, reached by a program of the site (`audit.sm2_signing`)

Another kind is one more opener in `BACKENDS`. What comes from a backend is checked with the public
half before it leaves the signer: a device that answers wrongly is found here, not by a citizen.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from audit import signing_pkcs11, sm2_signing
from audit.notes import NoteKey, NoteVerifier, SigningKey


class KeyUnusable(Exception):
    """The line of configuration names no key, or the key is not of its kind. Mend the line."""


class KeyAnsweredWrong(Exception):
    """A backend gave a signature that its own public key does not accept. An alarm."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A signing key whose every answer is verified before it is used."""

    key: SigningKey

    @property
    def verifier(self) -> NoteVerifier:
        """The public half."""
        return self.key.verifier

    def sign(self, text: bytes) -> bytes:
        """Return a signature that holds. Raises `KeyAnsweredWrong`."""
        signature = self.key.sign(text)
        if not self.key.verifier.accepts(text.decode(), signature):
            raise KeyAnsweredWrong(f"the key of {self.verifier.name} gave a signature that fails")
        return signature


Opener = Callable[[str, str, Path, bytes | None], SigningKey]
"""Takes the rest of the line, the key's name, the signer's folder and a passphrase or PIN."""


def open_key(spec: str, name: str, folder: Path, secret: bytes | None = None) -> SigningKey:
    """Return the key that the line names, under the name of its log.

    Raises `KeyUnusable`; `OSError` when a file cannot be read.
    """
    kind, _, rest = spec.partition(":")
    opener = BACKENDS.get(kind)
    if opener is None or not rest:
        raise KeyUnusable(f"{spec!r}: a key is {' or '.join(f'{one}:…' for one in BACKENDS)}")
    return Checked(opener(rest, name, folder, secret))


def make_file_key(path: Path, passphrase: bytes | None = None) -> None:
    """Make an Ed25519 key, durable before this returns. Raises `FileExistsError`."""
    locked: KeySerializationEncryption = (
        BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    )
    key = Ed25519PrivateKey.generate()
    content = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked)
    write_once(path, content)


def make_sm2_key(path: Path, passphrase: bytes | None = None) -> None:
    """Make an SM2 key with the OpenSSL command, durable before this returns.

    Raises `FileExistsError`, `KeyUnusable` where the command is missing or knows no SM2.
    """
    try:
        content = sm2_signing.new_openssl_key(passphrase)
    except signing_pkcs11.TokenUnusable as error:
        raise KeyUnusable(str(error)) from error
    write_once(path, content)


def write_once(path: Path, content: bytes) -> None:
    """Write a new file for its owner alone, and its name, to the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _file(rest: str, name: str, folder: Path, secret: bytes | None) -> SigningKey:
    path = folder / rest
    try:
        private = load_pem_private_key(path.read_bytes(), secret)
    except (ValueError, TypeError) as error:
        raise KeyUnusable(f"{path}: {error}") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise KeyUnusable(f"{path} holds no Ed25519 key")
    return NoteKey(name, private)


def _pkcs11(rest: str, name: str, folder: Path, secret: bytes | None) -> SigningKey:
    try:
        return signing_pkcs11.open_token_key(rest, name, folder, secret)
    except signing_pkcs11.TokenUnusable as error:
        raise KeyUnusable(str(error)) from error


def _sm2(rest: str, name: str, folder: Path, secret: bytes | None) -> SigningKey:
    try:
        return sm2_signing.open_openssl_key(rest, name, folder, secret)
    except signing_pkcs11.TokenUnusable as error:
        raise KeyUnusable(str(error)) from error


def _sm2_program(rest: str, name: str, folder: Path, secret: bytes | None) -> SigningKey:
    try:
        return sm2_signing.open_program_key(rest, name, folder, secret)
    except signing_pkcs11.TokenUnusable as error:
        raise KeyUnusable(str(error)) from error


BACKENDS: dict[str, Opener] = {
    "file": _file,
    "pkcs11": _pkcs11,
    "sm2": _sm2,
    "sm2-program": _sm2_program,
}
