"""What Temporal keeps is ciphertext: AES-256-GCM over each payload, with the key's id bound in.

Not covered, so never personal: workflow ids, type and queue names, search attributes, timer
summaries seen by nobody but Temporal are payloads too and are covered. Failures are covered by the
converter's `encode_common_attributes` (yichuang/temporal.py).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

ENCODING = b"binary/yichuang-aes-256-gcm"
KEY_ID = "yichuang-key"
NONCE_BYTES = 12
"""NIST SP 800-38D: 96-bit nonces. Random ones are safe to 2^32 payloads under one key (§8.3)."""


class PayloadUnreadable(Exception):
    """A payload that no key opens: made by another installation, or altered."""


def derived_key(master_key: bytes) -> tuple[str, bytes]:
    """Return the id and the key for payloads that belong to a master key of 32 bytes.

    The id is a digest of the key, so that it need not be kept anywhere.
    """
    derived = HKDF(SHA256(), 40, None, b"yichuang/temporal-payload/v1").derive(master_key)
    return derived[32:].hex(), derived[:32]


class SealingCodec(PayloadCodec):
    """Seals with the current key; opens with it and with every older one."""

    def __init__(
        self, current: tuple[str, bytes], older: Mapping[str, bytes] | None = None
    ) -> None:
        key_id, key = current
        self._current = key_id
        self._boxes = {name: AESGCM(old) for name, old in (older or {}).items()}
        self._boxes[key_id] = AESGCM(key)

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [self._sealed(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Return the plain payloads; what was never sealed stays as it is.

        Raises `PayloadUnreadable`.
        """
        return [self._opened(payload) for payload in payloads]

    def _sealed(self, payload: Payload) -> Payload:
        nonce = os.urandom(NONCE_BYTES)
        name = self._current.encode()
        sealed = self._boxes[self._current].encrypt(
            nonce, payload.SerializeToString(), _bound(name)
        )
        return Payload(metadata={"encoding": ENCODING, KEY_ID: name}, data=nonce + sealed)

    def _opened(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            return payload
        name = payload.metadata.get(KEY_ID, b"")
        box = self._boxes.get(name.decode(errors="replace"))
        if box is None:
            raise PayloadUnreadable(f"no key {name!r} for this payload")
        nonce, sealed = payload.data[:NONCE_BYTES], payload.data[NONCE_BYTES:]
        try:
            plain = box.decrypt(nonce, sealed, _bound(name))
        except InvalidTag as altered:
            raise PayloadUnreadable(f"payload under key {name!r} was altered") from altered
        return Payload.FromString(plain)


def _bound(key_id: bytes) -> bytes:
    return ENCODING + b"\n" + key_id


def codec_of(master_keys: Iterable[bytes]) -> SealingCodec:
    """Return the codec of master keys, the current one first. Raises `ValueError` without any."""
    keys = [derived_key(master) for master in master_keys]
    if not keys:
        raise ValueError("no master key")
    return SealingCodec(keys[0], dict(keys[1:]))
