"""`yichuang tls issue`: a private CA and the certificates of the servers of the large form."""

from __future__ import annotations

import argparse
import datetime as dt
import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
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
    issue.add_argument(
        "hosts",
        nargs="+",
        metavar="HOST[,ALIAS…][=UID]",
        help="主机名或地址，各一张证书；别名同在证书上；UID 为 --each 里私钥的属主",
    )
    issue.add_argument("--out", type=Path, required=True, help="放在哪个目录 (folder)")
    issue.add_argument(
        "--each",
        type=Path,
        help="另在此目录下按主机名各放一份 ca.pem、server.pem、server.key (each host's own folder)",
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Issue what is missing or runs out soon. What is good stays as it is."""
    issue(args.out, args.hosts, args.each)
    return 0


@dataclass(frozen=True)
class Wanted:
    """A certificate that is asked for: its host, other names of it, and who reads its key."""

    host: str
    names: tuple[str, ...]
    owner: int | None = None

    @classmethod
    def parse(cls, text: str) -> Wanted:
        """Raises `ValueError` for an owner that is no number."""
        hosts, _, owner = text.partition("=")
        names = tuple(dict.fromkeys(one for one in hosts.split(",") if one))
        return cls(names[0], names, int(owner) if owner else None)


def issue(folder: Path, hosts: Sequence[str], each: Path | None = None) -> None:
    """Make `ca.pem`, `ca.key`, and `<host>.pem`, `<host>.key` of each host, EC P-256.

    What is good stays: it lasts long enough and bears the names asked for. `each`: what a host
    needs lies in a folder of its own as well, so that none sees another's key, nor the CA's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    key, ca = _authority(folder)
    for wanted in map(Wanted.parse, hosts):
        path = folder / f"{wanted.host}.pem"
        if path.exists() and _is_good(path, wanted.names):
            say(f"{path.name} 仍有效，不换")
        else:
            _leaf(folder, wanted, key, ca)
            say(f"已签发 {path.name}（{LEAF_DAYS} 天）")
        if each is not None:
            _hand_out(folder, each / wanted.host, wanted)


def _hand_out(folder: Path, own: Path, wanted: Wanted) -> None:
    own.mkdir(parents=True, exist_ok=True, mode=0o755)
    files = {"ca.pem": "ca.pem", f"{wanted.host}.pem": "server.pem"}
    for source, name in files.items():
        _write(own / name, (folder / source).read_bytes(), 0o644)
    # Written last, and never open to others: PostgreSQL refuses a key that they may read.
    content = (folder / f"{wanted.host}.key").read_bytes()
    _write(own / "server.key", content, 0o600, wanted.owner)


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
    folder: Path, wanted: Wanted, signer: ec.EllipticCurvePrivateKey, ca: x509.Certificate
) -> None:
    key, host = ec.generate_private_key(ec.SECP256R1()), wanted.host
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:64])])
    usages = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
    made = (
        _begun(name, ca.subject, key.public_key(), LEAF_DAYS)
        .add_extension(x509.SubjectAlternativeName(list(map(_named, wanted.names))), critical=False)
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


def _is_good(path: Path, names: Sequence[str]) -> bool:
    found = x509.load_pem_x509_certificate(path.read_bytes())
    left = found.not_valid_after_utc - dt.datetime.now(dt.UTC)
    borne = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return left > dt.timedelta(days=RENEW_DAYS) and set(borne) == set(map(_named, names))


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _write(path: Path, content: bytes, mode: int, owner: int | None = None) -> None:
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    if owner is not None:
        os.chown(fresh, owner, -1)
    os.replace(fresh, path)
