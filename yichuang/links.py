"""Links between machines: encrypted and checked beyond loopback, or the part does not start.

What never leaves the machine (loopback, a unix socket) needs nothing. Every other link names its
CA: PostgreSQL by `sslmode=verify-full` in its address, NATS by `tls://`, Temporal by
YICHUANG_TLS_CA, the pages by a certificate of their own or a proxy that the operator has named.
There is no exception by name.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import urlsplit

from sqlalchemy import make_url
from temporalio.service import TLSConfig

from yichuang.settings import SettingMissing, Settings, Store

NATS_SCHEMES = ("tls", "wss")
PROTECTED = "verify-full"
"""libpq's only mode that checks both the CA and the name (PostgreSQL 16, 34.19)."""

Link = Literal["postgresql", "temporal", "nats", "web", "smtp"]


def is_loopback(host: str) -> bool:
    """Whether a host is this very machine by its name or address."""
    if host in ("", "localhost"):
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def refuse_plain(settings: Settings) -> None:
    """Raise `SettingMissing` where a link leaves the machine in the clear, naming each."""
    faults = list(_plain(settings))
    if faults:
        raise SettingMissing("；".join(faults) + "（见 docs/operating.md「加密的链路」）")


def _plain(settings: Settings) -> Iterator[str]:
    """Yield what to set, for each link in the clear."""
    yield from _stores(settings)
    host = settings.temporal_address.rpartition(":")[0]
    if not is_loopback(host) and not (settings.temporal_tls or settings.tls_ca):
        yield f"到 Temporal（{host}）的链路没有加密：请设 YICHUANG_TLS_CA"
    nats = urlsplit(settings.nats_url)
    if not is_loopback(nats.hostname or "") and nats.scheme not in NATS_SCHEMES:
        yield f"到 NATS（{nats.hostname}）的链路没有加密：YICHUANG_NATS_URL 须以 tls:// 开头"
    if not is_loopback(settings.smtp_host) and settings.smtp_security == "plain":
        yield (
            f"到邮件服务器（{settings.smtp_host}）的链路没有加密："
            "YICHUANG_SMTP_SECURITY 须为 tls 或 starttls"
        )
    if not is_loopback(settings.host) and not _web_is_covered(settings):
        yield (
            f"网页在 {settings.host} 上没有加密：请设 YICHUANG_TLS_CERTIFICATE "
            "和 YICHUANG_TLS_KEY，或由 YICHUANG_TRUSTED_PROXY 写明前面哪个代理已经加密"
        )


def _stores(settings: Settings) -> Iterator[str]:
    for store in (*get_args(Store), "backup"):
        given = getattr(settings, f"{store}_url").get_secret_value()
        url = make_url(given) if given else None
        if url is None or url.get_backend_name() == "sqlite":
            continue
        host = url.host or str(url.query.get("host", ""))
        if host.startswith("/") or is_loopback(host):
            continue
        if url.query.get("sslmode") != PROTECTED:
            yield (
                f"到数据库（{host}，{store}）的链路没有核对证书："
                f"YICHUANG_{store.upper()}_URL 须带 sslmode={PROTECTED} 和 sslrootcert"
            )


def _web_is_covered(settings: Settings) -> bool:
    own = settings.tls_certificate is not None and settings.tls_key is not None
    return own or bool(settings.trusted_proxy)


# --- what each library wants ---


def nats_tls(settings: Settings) -> ssl.SSLContext | None:
    """Return how a client meets NATS; None on loopback without TLS. Raises `OSError`."""
    if urlsplit(settings.nats).scheme not in NATS_SCHEMES:
        return None
    context = ssl.create_default_context(cafile=settings.tls_ca and str(settings.tls_ca))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.tls_certificate is not None and settings.tls_key is not None:
        context.load_cert_chain(settings.tls_certificate, settings.tls_key)
    return context


def witness_tls(settings: Settings) -> ssl.SSLContext | None:
    """Return how the witness's door greets; None without a certificate. Raises `OSError`."""
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(settings.tls_certificate, settings.tls_key)
    return context


def temporal_tls(settings: Settings) -> TLSConfig | bool:
    """Return how a client meets Temporal. Raises `OSError` where a file is not there."""
    near = is_loopback(settings.temporal.rpartition(":")[0])
    if settings.tls_ca is None or (near and not settings.temporal_tls):
        return settings.temporal_tls
    return TLSConfig(
        server_root_ca_cert=settings.tls_ca.read_bytes(),
        client_cert=_read(settings.tls_certificate),
        client_private_key=_read(settings.tls_key),
    )


def _read(path: Path | None) -> bytes | None:
    return None if path is None else path.read_bytes()
