"""Signing inside a PKCS#11 device: the private key never leaves it.

Needs the optional package `python-pkcs11` and the device's own module. Ed25519 (CKM_EDDSA) only:
it is the log's signature type in C2SP. Tried against SoftHSM 2.6.1, not against a real device.
"""

import importlib
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import parse_qs

from audit.notes import NoteVerifier

_OCTET_STRING_32 = bytes.fromhex("0420")
"""CKA_EC_POINT is a DER OCTET STRING around the 32 bytes (PKCS#11 v3.0 §2.3.5)."""


class TokenUnusable(Exception):
    """No such module, token or key, or a wrong PIN; the text says which."""


@dataclass(slots=True)
class TokenKey:
    """An Ed25519 key of a token. A session that broke is opened anew at the next signature."""

    verifier: NoteVerifier
    _token: Any
    _label: str
    _pin: str
    _session: Any = None
    _line: Lock = field(default_factory=Lock)

    def sign(self, text: bytes) -> bytes:
        """Return the 64 bytes over the text. Raises `TokenUnusable`."""
        pkcs11 = library()
        with self._line:
            try:
                if self._session is None:
                    self._session = session_of(pkcs11, self._token, self._pin)
                private = self._session.get_key(
                    object_class=pkcs11.ObjectClass.PRIVATE_KEY, label=self._label
                )
                return bytes(private.sign(text, mechanism=pkcs11.Mechanism.EDDSA))
            except pkcs11.PKCS11Error as error:
                self._session = None
                raise TokenUnusable(f"{self._label}: {error!r}") from error


def open_token_key(rest: str, name: str, folder: Path, secret: bytes | None) -> TokenKey:
    """Return the key that `<module>?token=…&object=…&pin=<file>` names.

    The PIN is `secret`, or the first line of the file. Raises `TokenUnusable`.
    """
    module, _, query = rest.partition("?")
    wanted = {key: values[0] for key, values in parse_qs(query).items()}
    if set(wanted) - {"pin"} != {"token", "object"}:
        raise TokenUnusable(f"pkcs11:{rest}: needs token= and object=, and pin= for the PIN's file")
    pin = secret.decode() if secret else pin_of(folder, wanted)
    pkcs11 = library()
    try:
        token = pkcs11.lib(module).get_token(token_label=wanted["token"])
        with session_of(pkcs11, token, pin) as session:
            public = session.get_key(
                object_class=pkcs11.ObjectClass.PUBLIC_KEY, label=wanted["object"]
            )
            point = bytes(public[pkcs11.Attribute.EC_POINT])
    except (pkcs11.PKCS11Error, RuntimeError) as error:
        raise TokenUnusable(f"pkcs11:{rest}: {error!r}") from error
    if len(point) != 34 or point[:2] != _OCTET_STRING_32:
        raise TokenUnusable(f"pkcs11:{rest}: the key is not an Ed25519 key")
    return TokenKey(NoteVerifier(name, point[2:]), token, wanted["object"], pin)


def session_of(pkcs11: Any, token: Any, pin: str) -> Any:
    """Return an open session of a token."""
    try:
        return token.open(user_pin=pin)
    except pkcs11.UserAlreadyLoggedIn:
        return token.open()  # a process logs in once; its later sessions share that


def pin_of(folder: Path, wanted: dict[str, str]) -> str:
    """Return the first line of the PIN's file. Raises `TokenUnusable`, `OSError`."""
    if "pin" not in wanted:
        raise TokenUnusable("no PIN: name its file with pin=")
    return (folder / wanted["pin"]).read_text(encoding="utf-8").split("\n", 1)[0]


def library() -> Any:
    """Return the optional package. Raises `TokenUnusable`."""
    try:
        return importlib.import_module("pkcs11")
    except ImportError as missing:
        raise TokenUnusable("the package python-pkcs11 is not installed") from missing
