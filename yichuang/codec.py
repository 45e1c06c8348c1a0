"""What Temporal keeps is ciphertext: AES-256-GCM or SM4-GCM over each payload, with the
key's id bound in.

Not covered, so never personal: workflow ids, type and queue names, search attributes, timer
summaries seen by nobody but Temporal are payloads too and are covered. Failures are covered by the
converter's `encode_common_attributes` (yichuang/temporal.py).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Literal

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

from audit.masters import MasterKeys, fixed
from audit.sm3 import hmac_sm3
from audit.sm4 import KEY_BYTES as SM4_KEY_BYTES
from audit.sm4 import Sm4Gcm

Algorithm = Literal["aes-256-gcm", "sm4-gcm"]

ENCODING = b"binary/yichuang-aes-256-gcm"
SM4_ENCODING = b"binary/yichuang-sm4-gcm"
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


def derived_national(master_key: bytes) -> bytes:
    """Return the SM4 key for payloads that belong to a master key (HMAC-SM3, cut to 16 bytes)."""
    return hmac_sm3(master_key, b"yichuang/temporal-payload/sm4/v1")[:SM4_KEY_BYTES]


class _Boxes:
    """What one master key seals and opens payloads with."""

    def __init__(self, master_key: bytes) -> None:
        name, key = derived_key(master_key)
        self.name = name.encode()
        self.by_encoding: dict[bytes, AESGCM | Sm4Gcm] = {
            ENCODING: AESGCM(key),
            SM4_ENCODING: Sm4Gcm(derived_national(master_key)),
        }


class SealingCodec(PayloadCodec):
    """Seals with the current master key; opens with it and with every other that is kept."""

    def __init__(self, masters: MasterKeys, algorithm: Algorithm = "aes-256-gcm") -> None:
        self._masters = masters
        self._encoding = SM4_ENCODING if algorithm == "sm4-gcm" else ENCODING
        self._boxes: dict[bytes, _Boxes] = {}

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        boxes = self._of(*self._masters.current())
        return [self._sealed(boxes, payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Return the plain payloads; what was never sealed stays as it is.

        Raises `PayloadUnreadable`.
        """
        return [self._opened(payload) for payload in payloads]

    def _of(self, id: bytes, master_key: bytes) -> _Boxes:
        boxes = self._boxes.get(id)
        if boxes is None:
            boxes = self._boxes[id] = _Boxes(master_key)
        return boxes

    def _named(self, name: bytes) -> _Boxes | None:
        for attempt in range(2):
            for id, master_key in self._masters:
                boxes = self._of(id, master_key)
                if boxes.name == name:
                    return boxes
            if attempt == 0:  # sealed by a process that knew of a newer key first
                self._masters.look()
        return None

    def _sealed(self, boxes: _Boxes, payload: Payload) -> Payload:
        nonce = os.urandom(NONCE_BYTES)
        sealed = boxes.by_encoding[self._encoding].encrypt(
            nonce, payload.SerializeToString(), _bound(self._encoding, boxes.name)
        )
        return Payload(
            metadata={"encoding": self._encoding, KEY_ID: boxes.name}, data=nonce + sealed
        )

    def _opened(self, payload: Payload) -> Payload:
        encoding = payload.metadata.get("encoding", b"")
        if encoding not in (ENCODING, SM4_ENCODING):
            return payload
        name = payload.metadata.get(KEY_ID, b"")
        boxes = self._named(name)
        if boxes is None:
            raise PayloadUnreadable(f"no key {name!r} for this payload")
        nonce, sealed = payload.data[:NONCE_BYTES], payload.data[NONCE_BYTES:]
        try:
            plain = boxes.by_encoding[encoding].decrypt(nonce, sealed, _bound(encoding, name))
        except (InvalidTag, ValueError) as altered:
            raise PayloadUnreadable(f"payload under key {name!r} was altered") from altered
        return Payload.FromString(plain)


def _bound(encoding: bytes, key_id: bytes) -> bytes:
    return encoding + b"\n" + key_id


def codec_of(
    master_keys: MasterKeys | Iterable[bytes], algorithm: Algorithm = "aes-256-gcm"
) -> SealingCodec:
    """Return the codec of master keys, the current one first. Raises `ValueError` without any."""
    masters = master_keys if isinstance(master_keys, MasterKeys) else fixed(*master_keys)
    return SealingCodec(masters, algorithm)
