"""Wrapping under a key that never leaves its PKCS#11 device: AES key wrap (RFC 3394) inside it.

`<module>?token=<label>&object=<label>&pin=<file>` names an AES key that may wrap and unwrap. What
is wrapped comes out as it went in and is then held in memory: the device guards the key at rest,
and says who may start a process that needs it. Tried against SoftHSM 2.6.1, not a real device.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import parse_qs

from audit.signing_pkcs11 import TokenUnusable, library, pin_of, session_of

_line = Lock()
"""One order at a time to a device, in this process."""


@dataclass(frozen=True)
class TokenWrapper:
    """A wrapping key of a device. Its methods raise `TokenUnusable`."""

    module: str
    token: str
    label: str
    pin_file: str
    folder: Path
    """Where a relative path of the PIN's file begins."""

    @classmethod
    def parse(cls, spec: str, folder: Path) -> TokenWrapper:
        """Read `pkcs11:…`. Raises `TokenUnusable`."""
        kind, _, rest = spec.partition(":")
        module, _, query = rest.partition("?")
        wanted = {key: values[0] for key, values in parse_qs(query).items()}
        if kind != "pkcs11" or set(wanted) != {"token", "object", "pin"}:
            raise TokenUnusable(f"{spec}: needs pkcs11:<module>?token=&object=&pin=<file>")
        return cls(module, wanted["token"], wanted["object"], wanted["pin"], folder)

    def wrap(self, key: bytes) -> bytes:
        """Return the key wrapped: eight bytes longer."""

        def order(pkcs11: Any, session: Any, wrapping: Any) -> bytes:
            kinds, names = pkcs11.ObjectClass, pkcs11.Attribute
            held = session.create_object(
                {
                    names.CLASS: kinds.SECRET_KEY,
                    names.KEY_TYPE: pkcs11.KeyType.AES,
                    names.VALUE: key,
                    names.TOKEN: False,
                    names.EXTRACTABLE: True,
                }
            )
            try:
                return bytes(wrapping.wrap_key(held, mechanism=pkcs11.Mechanism.AES_KEY_WRAP))
            finally:
                held.destroy()

        return self._ordered(order)

    def unwrap(self, wrapped: bytes) -> bytes:
        """Return what was wrapped; RFC 3394 finds what was altered."""

        def order(pkcs11: Any, _session: Any, wrapping: Any) -> bytes:
            names = pkcs11.Attribute
            held = wrapping.unwrap_key(
                pkcs11.ObjectClass.SECRET_KEY,
                pkcs11.KeyType.AES,
                wrapped,
                mechanism=pkcs11.Mechanism.AES_KEY_WRAP,
                template={names.TOKEN: False, names.EXTRACTABLE: True, names.SENSITIVE: False},
            )
            try:
                return bytes(held[names.VALUE])
            finally:
                held.destroy()

        return self._ordered(order)

    def _ordered(self, order: Callable[[Any, Any, Any], bytes]) -> bytes:
        with _line, self._opened() as (pkcs11, session, wrapping):
            return order(pkcs11, session, wrapping)

    @contextmanager
    def _opened(self) -> Iterator[tuple[Any, Any, Any]]:
        pkcs11 = library()
        try:
            pin = pin_of(self.folder, {"pin": self.pin_file})
            device = pkcs11.lib(self.module).get_token(token_label=self.token)
            with session_of(pkcs11, device, pin) as session:
                wrapping = session.get_key(
                    object_class=pkcs11.ObjectClass.SECRET_KEY, label=self.label
                )
                yield pkcs11, session, wrapping
        except (pkcs11.PKCS11Error, RuntimeError, OSError) as error:
            raise TokenUnusable(f"{self.token}/{self.label}: {error!r}") from error
