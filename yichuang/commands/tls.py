"""`yichuang tls issue`: a private CA and the certificates of the servers of the large form."""

import argparse
import datetime as dt
import ipaddress
import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from yichuang.settings import Settings
from yichuang.terminal import say

HELP = "签发城市内部各链路的证书 (issue certificates for the links between machines)"
CA_DAYS = 3650
LEAF_DAYS = 397
"""The CA/Browser Forum's limit of 2020 for a server's certificate (Baseline 6.3.2)."""
RENEW_DAYS = 60
"""A leaf with less left is issued anew."""


def add(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    issue = verbs.add_parser("issue", help="签发：CA 没有则新建，将到期的换新 (issue or renew)")
    issue.add_argument("hosts", nargs="+", metavar="HOST", help="主机名或地址，各一张证书")
    issue.add_argument("--out", type=Path, required=True, help="放在哪个目录 (folder)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Issue what is missing or runs out soon. What is good stays as it is."""
    issue(args.out, args.hosts)
    return 0


def issue(folder: Path, hosts: list[str]) -> None:
    """Make `ca.pem`, `ca.key`, and `<host>.pem`, `<host>.key` of each host, EC P-256."""
    folder.mkdir(parents=True, exist_ok=True)
    key, ca = _authority(folder)
    for host in hosts:
        path = folder / f"{host}.pem"
        if path.exists() and _left(path) > dt.timedelta(days=RENEW_DAYS):
            say(f"{path.name} 仍有效，不换")
            continue
        _leaf(folder, host, key, ca)
        say(f"已签发 {path.name}（{LEAF_DAYS} 天）")


def _authority(folder: Path) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    if (folder / "ca.key").exists():
        key = load_pem_private_key((folder / "ca.key").read_bytes(), password=None)
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        return key, x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Yichuang links CA")])
    made = (
        _begun(name, name, key.public_key(), CA_DAYS)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    _write(folder / "ca.key", _pem(key), 0o600)
    _write(folder / "ca.pem", made.public_bytes(Encoding.PEM), 0o644)
    say("已新建 CA：ca.key 只用于签发，请移到不联网的地方保管")
    return key, made


def _leaf(
    folder: Path, host: str, signer: ec.EllipticCurvePrivateKey, ca: x509.Certificate
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:64])])
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    made = (
        _begun(name, ca.subject, key.public_key(), LEAF_DAYS)
        .add_extension(x509.SubjectAlternativeName([_named(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(usages), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        .sign(signer, hashes.SHA256())
    )
    _write(folder / f"{host}.key", _pem(key), 0o600)
    _write(folder / f"{host}.pem", made.public_bytes(Encoding.PEM), 0o644)


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: int
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(days=days))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _named(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _left(path: Path) -> dt.timedelta:
    found = x509.load_pem_x509_certificate(path.read_bytes())
    return found.not_valid_after_utc - dt.datetime.now(dt.UTC)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(path: Path, content: bytes, mode: int) -> None:
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    os.replace(fresh, path)
