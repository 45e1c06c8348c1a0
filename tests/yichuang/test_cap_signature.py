"""Only what the registered certificate's holder has signed is read of a message."""

from __future__ import annotations

import pytest
from lxml import etree
from signxml.algorithms import SignatureConstructionMethod as Ways
from signxml.algorithms import SignatureMethod
from signxml.signer import XMLSigner

from cases.incidents.cap import CapRefused, read_alert, write_alert
from tests.forms.cap_signing import holder, signed
from tests.forms.test_cap_door import alert
from yichuang.cap_signature import signed_part

BODY = write_alert(alert("signed"))


def test_what_was_signed_is_the_whole_alert() -> None:
    sender = holder("qxt")
    found = signed_part(signed(BODY, sender), sender[1])
    assert read_alert(found) == read_alert(BODY)


def test_a_message_without_a_signature_is_refused() -> None:
    with pytest.raises(CapRefused):
        signed_part(BODY, holder("qxt")[1])


@pytest.mark.parametrize("changed", [(b"Extreme", b"Minor"), ("红色".encode(), "蓝色".encode())])
def test_a_message_changed_after_it_was_signed_is_refused(changed: tuple[bytes, bytes]) -> None:
    sender = holder("qxt")
    body = signed(BODY, sender)
    body = etree.tostring(etree.fromstring(body), encoding="UTF-8")
    assert changed[0] in body
    with pytest.raises(CapRefused):
        signed_part(body.replace(*changed), sender[1])


def test_a_message_signed_by_somebody_else_is_refused_though_its_own_certificate_is_in_it() -> None:
    with pytest.raises(CapRefused):
        signed_part(signed(BODY, holder("mallory")), holder("qxt")[1])


def test_a_message_sealed_with_the_public_certificate_as_a_shared_secret_is_refused() -> None:
    certificate = holder("qxt")[1]
    signer = XMLSigner(method=Ways.enveloped, signature_algorithm=SignatureMethod.HMAC_SHA256)
    body = etree.tostring(signer.sign(etree.fromstring(BODY), key=certificate.encode()))
    with pytest.raises(CapRefused):
        signed_part(body, certificate)


def test_what_stands_around_a_signed_alert_is_never_read() -> None:
    sender = holder("qxt")
    inner = etree.fromstring(signed(BODY, sender))
    outer = etree.fromstring(write_alert(alert("outer", scope="Private", restriction="x")))
    signature = inner.find("{http://www.w3.org/2000/09/xmldsig#}Signature")
    inner.remove(signature)
    outer.append(inner)
    outer.append(signature)
    with pytest.raises(CapRefused):
        signed_part(etree.tostring(outer), sender[1])


@pytest.mark.parametrize("certificate", ["", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END "])
def test_with_a_certificate_that_cannot_be_read_nothing_is_taken(certificate: str) -> None:
    with pytest.raises(CapRefused):
        signed_part(signed(BODY, holder("qxt")), certificate or "nothing")


def test_after_the_certificate_has_expired_nothing_is_taken() -> None:
    old = holder("qxt", -1)
    with pytest.raises(CapRefused):
        signed_part(signed(BODY, old), old[1])
