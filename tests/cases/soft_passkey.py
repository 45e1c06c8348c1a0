"""A passkey in software: what an authenticator does (WebAuthn §6), P-256, no attestation."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from webauthn.helpers import bytes_to_base64url

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


@dataclass
class SoftPasskey:
    """One key for one place. `counter` is what the next use says, less one."""

    origin: str = "https://town.test"
    rp_id: str = "town.test"
    counter: int = 0
    verifies: bool = True
    """Whether it asks its user for a fingerprint or a PIN."""
    id: bytes = field(default_factory=lambda: os.urandom(32))
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def make(self, options: str) -> str:
        """Answer `navigator.credentials.create`."""
        numbers = self.key.public_key().public_numbers()
        cose = cbor2.dumps(
            {
                1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"),
                -3: numbers.y.to_bytes(32, "big"),
            }
        )  # fmt: skip
        attested = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + cose
        shown = self._shown(ATTESTED) + attested
        said = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": shown})
        client = self._client("webauthn.create", json.loads(options)["challenge"])
        return self._credential(
            clientDataJSON=bytes_to_base64url(client), attestationObject=bytes_to_base64url(said)
        )

    def use(self, options: str) -> str:
        """Answer `navigator.credentials.get`."""
        self.counter += 1
        client = self._client("webauthn.get", json.loads(options)["challenge"])
        shown = self._shown(0)
        signature = self.key.sign(shown + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        return self._credential(
            clientDataJSON=bytes_to_base64url(client),
            authenticatorData=bytes_to_base64url(shown),
            signature=bytes_to_base64url(signature),
        )

    def _shown(self, more: int) -> bytes:
        flags = PRESENT | (VERIFIED if self.verifies else 0) | more
        place = hashlib.sha256(self.rp_id.encode()).digest()
        return place + bytes([flags]) + self.counter.to_bytes(4, "big")

    def _client(self, kind: str, challenge: str) -> bytes:
        said = {"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}
        return json.dumps(said).encode()

    def _credential(self, **response: str) -> str:
        name = bytes_to_base64url(self.id)
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": response})
