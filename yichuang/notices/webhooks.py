"""Signed webhooks to the departments' own systems: Standard Webhooks 1.0.0, asymmetric (v1a).

What is signed is `id.timestamp.body` with Ed25519; the receiver refuses an old timestamp and an id
it has had. Only addresses that the operator has set are called; no redirect is followed, no proxy
is asked, and the address of an incident's reporter never decides whom we call.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from yichuang.links import is_loopback
from yichuang.notices.channels import PATIENCE_SECONDS, Outgoing, Went

OLDEST_SECONDS = 300
"""How old a timestamp a receiver should take: five minutes, as the libraries of Standard Webhooks
do (github.com/standard-webhooks, 2024)."""
GONE = 410
"""RFC 9110 15.5.11: the receiver says that it will not come back."""


class BadAddress(ValueError):
    """An address that may not be called: no https beyond loopback, or a name and password in it."""


@dataclass(frozen=True)
class Webhooks:
    """`yichuang.notices.channels.Channel` by HTTPS. The address of a message is a department."""

    addresses: Mapping[str, str]
    key: Ed25519PrivateKey
    now: Callable[[], datetime]
    ca: Path | None = None

    def carry(self, message: Outgoing) -> Went:
        url = self.addresses.get(message.address)
        if url is None:
            return Went("failed", "该部门没有设推送地址")
        body = json.dumps(
            {
                "type": f"yichuang.notice.{message.kind}",
                "timestamp": message.told_at.isoformat(),
                "data": {
                    "notice": message.notice_id,
                    "incident": message.incident_id,
                    "text": message.text,
                    "link": message.link,
                    "urgent": message.urgent,
                },
            },
            ensure_ascii=False,
        ).encode()
        headers = signed(self.key, message.key, int(self.now().timestamp()), body)
        try:
            status = self._post(urlsplit(url), body, headers)
        except (OSError, http.client.HTTPException) as away:
            return Went("queued", f"推送地址不可达（{type(away).__name__}）")
        if 200 <= status < 300:
            return Went("delivered")
        if status == GONE:
            return Went("failed", "对方已停用该地址（410）")
        return Went("queued", f"对方未收（{status}）")

    def _post(self, url: SplitResult, body: bytes, headers: Mapping[str, str]) -> int:
        connection = connection_to(url, self.ca)
        try:
            target = (url.path or "/") + (f"?{url.query}" if url.query else "")
            connection.request("POST", target, body, dict(headers))
            return connection.getresponse().status  # what else it says is not read
        finally:
            connection.close()


def connection_to(url: SplitResult, ca: Path | None = None) -> http.client.HTTPConnection:
    """Return a connection to an address, not opened yet: TLS 1.2 or later, or plain HTTP."""
    host, port = url.hostname or "", url.port
    if url.scheme != "https":
        return http.client.HTTPConnection(host, port, timeout=PATIENCE_SECONDS)
    context = ssl.create_default_context(cafile=ca and str(ca))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return http.client.HTTPSConnection(host, port, timeout=PATIENCE_SECONDS, context=context)


def signed(
    key: Ed25519PrivateKey, message_id: str, timestamp: int, body: bytes
) -> Mapping[str, str]:
    """Return the headers of a message: its id, when it was sent, the signature over both and it."""
    signature = key.sign(f"{message_id}.{timestamp}.".encode() + body)
    return {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1a,{base64.b64encode(signature).decode()}",
    }


def public_text(key: Ed25519PublicKey) -> str:
    """Return the public key as receivers set it: `whpk_` and base64 (Standard Webhooks)."""
    return f"whpk_{base64.b64encode(key.public_bytes_raw()).decode()}"


def checked_address(url: str) -> str:
    """Return the address. Raises `BadAddress` for one that may not be called."""
    parts = urlsplit(url)
    if parts.username or parts.password or not parts.hostname or parts.fragment:
        raise BadAddress(f"{parts.hostname or url}：地址须有主机，不带用户名、口令、片段")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        raise BadAddress(f"{parts.hostname}：本机以外须用 https")
    return url
