"""Tokens of time-stamp authorities: published ones, and those of an authority of our own."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256, sha384, sha512
from pathlib import Path

import pytest

from audit import timestamps
from audit.timestamps import (
    AuthorityAway,
    TokenInvalid,
    TokenUnchecked,
    ask_authority,
    imprint_of,
    query,
    stamped_digest,
    verify_token,
)
from tests.audit.authority import Authority, authority

NOTE = "city.example/audit/2026H2\n7\nAAAA\n\n— city.example/audit/2026H2 AAAA\n"
SAID = b"hello"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    """An authority that answers."""
    with authority(tmp_path_factory.mktemp("authority")) as running:
        yield running


HELLO = {256: sha256(SAID).digest(), 384: sha384(SAID).digest(), 512: sha512(SAID).digest()}
FIXTURES = "trailofbits_rfc3161-client/test/fixtures"


def _published(vectors: Path, name: str, chain: str) -> tuple[bytes, bytes]:
    return (vectors / FIXTURES / name).read_bytes(), (vectors / FIXTURES / chain).read_bytes()


@pytest.mark.parametrize(
    ("name", "bits", "at"),
    [
        ("test_tsa/response.tsr", 512, "2024-10-08T15:40:32"),
        ("sigstage/response-sha256.tsr", 256, "2025-05-09T11:58:55"),
        ("sigstage/response-sha384.tsr", 384, "2025-05-09T11:58:55"),
        ("sigstage/response-sha512.tsr", 512, "2025-05-09T11:58:56"),
        ("sigstage/response-no-embedded-cert.tsr", 256, "2025-06-18T08:13:02"),
        ("identrust/issue-104.tsr", 512, "2025-03-11T08:52:08"),
    ],
)
def test_a_published_token_holds_and_says_its_time(
    vectors: Path, name: str, bits: int, at: str
) -> None:
    tsr, chain = _published(vectors, name, f"{name.partition('/')[0]}/ts_chain.pem")
    assert imprint_of(tsr) == HELLO[bits]
    assert verify_token(tsr, HELLO[bits], chain).at == datetime.fromisoformat(f"{at}+00:00")
    with pytest.raises(TokenInvalid):
        verify_token(tsr, bytes(bits // 8), chain)
    other = "sigstage" if name.startswith("test_tsa") else "test_tsa"
    with pytest.raises(TokenInvalid):
        verify_token(tsr, HELLO[bits], _published(vectors, name, f"{other}/ts_chain.pem")[1])


def test_a_token_holds_when_its_certificate_has_expired_since(vectors: Path) -> None:
    tsr, chain = _published(
        vectors, "sigstore.mock/response-expired.tsr", "sigstore.mock/ts_chain.pem"
    )
    digest = sha256((vectors / FIXTURES / "sigstore.mock" / "payload").read_bytes()).digest()
    assert verify_token(tsr, digest, chain).at == datetime(2023, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "bits"),
    [
        ("sigstage/response-invalid-signature.tsr", 256),
        ("test_tsa/other_response.tsr", 512),  # another authority of the same name
    ],
)
def test_a_published_bad_token_is_refused(vectors: Path, name: str, bits: int) -> None:
    tsr, chain = _published(vectors, name, f"{name.partition('/')[0]}/ts_chain.pem")
    with pytest.raises(TokenInvalid):
        verify_token(tsr, HELLO[bits], chain)


def test_certificates_put_beside_a_token_change_neither_its_signer_nor_its_name(
    vectors: Path,
) -> None:
    """The set of certificates is not signed: in this one a `Spoofed TSA` was added."""
    name = "test_tsa/response-injected-certs.tsr"
    tsr, chain = _published(vectors, name, "test_tsa/ts_chain.pem")
    assert verify_token(tsr, HELLO[512], chain).authority.endswith("CN=Test TSA Timestamping")


def test_a_token_is_asked_for_and_holds_over_the_head_alone(here: Authority) -> None:
    digest = stamped_digest(NOTE)
    assert digest == sha256(NOTE.partition("\n\n")[0].encode() + b"\n").digest()
    request = query(digest)
    tsr = ask_authority(here.url, request)
    told = verify_token(tsr, digest, here.certificates, request=request)
    assert abs(datetime.now(UTC) - told.at) < timedelta(minutes=1)
    assert "not independent" in told.authority
    cosigned = NOTE + "— witness AAAA\n"
    assert verify_token(tsr, stamped_digest(cosigned), here.certificates) == told


def test_a_token_of_another_head_nonce_or_authority_is_refused(
    here: Authority, tmp_path: Path
) -> None:
    digest = stamped_digest(NOTE)
    request = query(digest)
    tsr = ask_authority(here.url, request)
    with pytest.raises(TokenInvalid):
        verify_token(tsr, stamped_digest(NOTE.replace("7", "8")), here.certificates)
    with pytest.raises(TokenInvalid, match="nonce"):
        verify_token(tsr, digest, here.certificates, request=query(digest))
    with authority(tmp_path / "other") as other, pytest.raises(TokenInvalid):
        verify_token(tsr, digest, other.certificates)
    for place in (40, len(tsr) // 2, len(tsr) - 5):
        flipped = tsr[:place] + bytes([tsr[place] ^ 1]) + tsr[place + 1 :]
        with pytest.raises(TokenInvalid):
            verify_token(flipped, digest, here.certificates)
    with pytest.raises(TokenInvalid):
        verify_token(b"", digest, here.certificates)


@pytest.mark.parametrize("fault", ["away", "silent"])
def test_an_authority_that_is_away_is_told_apart_from_a_bad_token(
    here: Authority, fault: str
) -> None:
    here.fault = fault
    try:
        with pytest.raises(AuthorityAway):
            ask_authority(here.url, b"anything")
    finally:
        here.fault = ""
    with pytest.raises(AuthorityAway):
        ask_authority("http://127.0.0.1:1/", b"anything", seconds=2)
    with pytest.raises(ValueError, match="http"):
        ask_authority("file:///etc/passwd", b"anything")


def test_without_the_program_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timestamps, "TOOL", "no-such-openssl")
    with pytest.raises(TokenUnchecked):
        verify_token(b"x", bytes(32), "")
