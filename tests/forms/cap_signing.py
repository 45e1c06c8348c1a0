"""Certificates of senders of CAP messages, and messages signed by them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from lxml import etree
from signxml.algorithms import SignatureConstructionMethod as Ways
from signxml.signer import XMLSigner

Holder = tuple[rsa.RSAPrivateKey, str]


@cache
def holder(name: str, days: int = 30) -> Holder:
    """Return a key, and its certificate in PEM."""
    key = rsa.generate_private_key(65537, 2048)
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(who).issuer_name(who).public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=60)).not_valid_after(now + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    return key, made.public_bytes(serialization.Encoding.PEM).decode()


def signed(body: bytes, by: Holder) -> bytes:
    key, certificate = by
    signer = XMLSigner(method=Ways.enveloped)
    made: bytes = etree.tostring(signer.sign(etree.fromstring(body), key=key, cert=certificate))
    return made
