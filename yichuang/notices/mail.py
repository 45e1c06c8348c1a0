"""E-mail over SMTP (RFC 5321), encrypted beyond this machine.

A server that has taken a message gives it back as `sent`: whether it was read nobody says. Tried
again after a crash, the message bears the same Message-ID (RFC 5322 3.6.4).
"""

from __future__ import annotations

import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Literal

from yichuang.notices.channels import PATIENCE_SECONDS, Outgoing, Went


@dataclass(frozen=True)
class Mail:
    """`yichuang.notices.channels.Channel` by a mail server."""

    host: str
    port: int
    security: Literal["tls", "starttls", "plain"]
    sender: str
    domain: str
    """What stands after the @ of a Message-ID."""
    user: str = ""
    password: str = ""
    ca: Path | None = None

    def carry(self, message: Outgoing) -> Went:
        try:
            with self._server() as server:
                if self.user:
                    server.login(self.user, self.password)
                server.send_message(self._mail(message))
        except smtplib.SMTPRecipientsRefused as refused:
            codes = [code for code, _ in refused.recipients.values()]
            return _refused(codes[0] if codes else 550, "收件地址被拒")
        except smtplib.SMTPResponseException as refused:
            return _refused(refused.smtp_code, "邮件服务器拒收")
        except (OSError, smtplib.SMTPException) as away:
            return Went("queued", f"邮件服务器不可达（{type(away).__name__}）")
        return Went("sent")

    def _server(self) -> smtplib.SMTP:
        if self.security == "plain":
            return smtplib.SMTP(self.host, self.port, timeout=PATIENCE_SECONDS)
        context = ssl.create_default_context(cafile=self.ca and str(self.ca))
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.security == "tls":
            return smtplib.SMTP_SSL(self.host, self.port, timeout=PATIENCE_SECONDS, context=context)
        server = smtplib.SMTP(self.host, self.port, timeout=PATIENCE_SECONDS)
        try:
            server.starttls(context=context)  # raises when the server does not offer it
        except BaseException:
            server.close()
            raise
        return server

    def _mail(self, message: Outgoing) -> EmailMessage:
        mail = EmailMessage()
        mail["From"] = self.sender
        mail["To"] = message.address
        mail["Subject"] = message.subject or message.text[:120]
        mail["Date"] = format_datetime(message.told_at)
        mail["Message-ID"] = f"<{message.key}@{self.domain}>"
        if message.urgent:
            mail["Importance"] = "high"  # RFC 2156 5.3.4
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers this
        mail.set_content(f"{message.text}\n\n{message.link}\n\n本邮件由一窗发出，请勿回复。\n")
        return mail


def _refused(code: int, what: str) -> Went:
    # RFC 5321 4.2.1: 4yz may be tried again, 5yz may not.
    return Went("queued" if code < 500 else "failed", f"{what}（{code}）")
