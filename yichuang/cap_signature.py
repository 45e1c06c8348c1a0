"""The signature of a CAP message (XML, enveloped), where its sender's certificate is known.

Only what was signed is read: the verifier hands back the signed bytes, and the alert is read from
those, so that nothing that was put around or beside them counts. What cannot be verified is
refused; a sender without a certificate is known by its token or its feed's TLS name alone.

signxml does the verifying, on lxml. It is given a message only after our own reader took it
(cases/incidents/xml_in.py): no document type, no entities, no fetching, bounded size.
"""

from __future__ import annotations

from typing import Final

from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.exceptions import SignXMLException
from signxml.verifier import SignatureConfiguration, XMLVerifier

from cases.incidents.cap import CapRefused

CONFIGURATION: Final = SignatureConfiguration(
    location="./",
    expect_references=1,
    signature_methods=frozenset(
        {
            SignatureMethod.RSA_SHA256, SignatureMethod.RSA_SHA384, SignatureMethod.RSA_SHA512,
            SignatureMethod.SHA256_RSA_MGF1, SignatureMethod.SHA384_RSA_MGF1,
            SignatureMethod.SHA512_RSA_MGF1, SignatureMethod.ECDSA_SHA256,
            SignatureMethod.ECDSA_SHA384, SignatureMethod.ECDSA_SHA512,
        }
    ),
    digest_algorithms=frozenset(
        {DigestAlgorithm.SHA256, DigestAlgorithm.SHA384, DigestAlgorithm.SHA512}
    ),
)  # fmt: skip
"""A key pair and SHA-2: with a shared secret (HMAC) the public certificate itself would sign, and
SHA-1 no longer binds."""


def signed_part(body: bytes, certificate: str) -> bytes:
    """Return what of a message the holder of the certificate (PEM) has signed.

    Raises `CapRefused` for a message that they have not signed, or whose signature does not hold.
    """
    try:
        found = XMLVerifier().verify(body, x509_cert=certificate, expect_config=CONFIGURATION)
    except (SignXMLException, etree.LxmlError, ValueError) as no:
        raise CapRefused("签名验证不通过：没有签名、内容改过，或者不是所登记的证书签的") from no
    if isinstance(found, list) or not found.signed_data:
        raise CapRefused("签名没有盖住报文")
    return bytes(found.signed_data)
