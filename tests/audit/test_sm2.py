"""SM2 verification, held against OpenSSL, against gmalg and against the standard's own example."""

import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)
from gmalg import SM2 as PureSM2

from audit.sm2 import DISTINGUISHED_ID, NotSM2, SM2PublicKey
from audit.sm3 import sm3

ORDER = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123

# GB/T 32918.5-2017, Annex A.2
EXAMPLE_POINT = bytes.fromhex(
    "04"
    "09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020"
    "CCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13"
)
EXAMPLE_R = 0xF5A03B0648D2C4630EEAC513E1BB81A15944DA3827D5B74143AC7EACEEE720B3
EXAMPLE_S = 0xB1B6AA29DF212FD8763182BC0D421CA1BB9038FD1F7F42D4840B69C485BBC1AA


def _example() -> SM2PublicKey:
    return SM2PublicKey.from_point(EXAMPLE_POINT)


def test_the_standards_own_example_verifies() -> None:
    signature = encode_dss_signature(EXAMPLE_R, EXAMPLE_S)
    assert _example().accepts(b"message digest", signature)
    assert not _example().accepts(b"message digesT", signature)


def test_a_signature_under_another_identity_does_not_verify() -> None:
    signature = encode_dss_signature(EXAMPLE_R, EXAMPLE_S)
    assert not _example().accepts(b"message digest", signature, b"")
    assert not _example().accepts(b"message digest", signature, DISTINGUISHED_ID + b"9")


@pytest.mark.parametrize(
    ("r", "s"),
    [
        (0, EXAMPLE_S),
        (EXAMPLE_R, 0),
        (ORDER, EXAMPLE_S),
        (EXAMPLE_R, ORDER),
        (EXAMPLE_R + ORDER, EXAMPLE_S),
        (EXAMPLE_R, EXAMPLE_S + ORDER),
        (EXAMPLE_R, ORDER - EXAMPLE_R),  # t = 0
        (EXAMPLE_S, EXAMPLE_R),
        (EXAMPLE_R, ORDER - EXAMPLE_S),
    ],
)
def test_numbers_out_of_range_or_place_are_refused(r: int, s: int) -> None:
    assert not _example().accepts(b"message digest", encode_dss_signature(r, s))


def test_another_spelling_of_a_good_signature_is_refused() -> None:
    good = encode_dss_signature(EXAMPLE_R, EXAMPLE_S)
    long_form = b"\x30\x81" + good[1:]
    for spelled in (good + b"\x00", good[:-1], long_form, b"", bytes(64)):
        assert not _example().accepts(b"message digest", spelled)


def test_a_point_off_the_curve_or_of_another_form_is_no_key() -> None:
    moved = bytearray(EXAMPLE_POINT)
    moved[-1] ^= 1
    compressed = b"\x03" + EXAMPLE_POINT[1:33]
    for point in (bytes(moved), compressed, EXAMPLE_POINT[:-1], b"\x04" + b"\xff" * 64, b""):
        with pytest.raises(NotSM2):
            SM2PublicKey.from_point(point)


@pytest.mark.parametrize("number", range(4))
def test_what_an_implementation_of_others_signs_verifies_here(number: int) -> None:
    pure = PureSM2(uid=DISTINGUISHED_ID)
    secret, point = pure.generate_keypair()
    message = f"树头 {number}\n".encode() * number
    r, s = PureSM2(secret, DISTINGUISHED_ID, point).sign(message)
    key = SM2PublicKey.from_point(point)
    signature = encode_dss_signature(int.from_bytes(r), int.from_bytes(s))
    assert key.accepts(message, signature)
    assert not key.accepts(message + b"\n", signature)
    assert not _example().accepts(message, signature)


def test_the_base_point_itself_may_be_the_key() -> None:
    gx = 0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7
    gy = 0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0
    base = SM2PublicKey.from_point(b"\x04" + gx.to_bytes(32) + gy.to_bytes(32))
    secret, once = 1, 5
    five = PureSM2(uid=DISTINGUISHED_ID).generate_pk(once.to_bytes(32))
    digest = sm3(b"any")
    r = (int.from_bytes(digest) + int.from_bytes(five[1:33])) % ORDER
    s = pow(1 + secret, -1, ORDER) * (once - r * secret) % ORDER
    assert base.accepts_digest(digest, encode_dss_signature(r, s))
    assert not base.accepts_digest(sm3(b"other"), encode_dss_signature(r, s))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl command here")
def test_what_openssl_signs_with_the_standard_identity_verifies_and_with_none_does_not(
    tmp_path: Path,
) -> None:
    key = tmp_path / "key.pem"
    _openssl("genpkey", "-algorithm", "SM2", "-out", str(key))
    public = _openssl("pkey", "-in", str(key), "-pubout", "-outform", "DER")
    verifier = SM2PublicKey.from_point(public[-65:])
    message = "一窗\n12\n".encode()
    sign = ("pkeyutl", "-sign", "-rawin", "-digest", "sm3", "-inkey", str(key))
    good = _openssl(*sign, "-pkeyopt", "distid:1234567812345678", fed=message)
    assert verifier.accepts(message, good)
    assert decode_dss_signature(good)[0] < ORDER
    assert not verifier.accepts(message, _openssl(*sign, fed=message))


def _openssl(*words: str, fed: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *words], input=fed, capture_output=True, check=True).stdout
