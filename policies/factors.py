"""The second factor: one-time codes of an app (TOTP), passkeys (WebAuthn), recovery codes.

`FactorArts` is what `cases.factors` is handed for it; nothing here reads or writes a store.
"""

from __future__ import annotations

import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from urllib.parse import urlsplit

import pyotp
import segno
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    options_to_json,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from cases.factors import NoProof

TOTP_SECONDS = 30
"""RFC 6238 §5.2: the recommended step."""
TOTP_DIGITS = 6
TOTP_WINDOW = 1
"""Steps that a phone's clock may be off, either way (RFC 6238 §5.2: at most one)."""
TOTP_SECRET_CHARACTERS = 32
"""Of base 32: 160 bits, as RFC 4226 §4 R6 recommends."""

RECOVERY_CODES = 10
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32, as a one-time enrolment code has."""
_GROUPS, _GROUP = 4, 4  # 16 characters: 80 random bits each

LONGEST_CREDENTIAL = 16 * 1024
"""Characters of what a browser says of a passkey; real ones have some hundreds to two thousand."""


@dataclass(frozen=True)
class FactorArts:
    """Makes and checks second factors. Safe to share between threads."""

    city: str
    """What the app and the browser show as the place that a factor is for."""
    origin: str
    """Public address without trailing slash: a passkey is bound to it."""

    @property
    def rp_id(self) -> str:
        """The host that passkeys are bound to; empty where there can be none: an address without a
        name, for which no browser makes a passkey (WebAuthn §5.1.3: a valid domain)."""
        host = urlsplit(self.origin).hostname or ""
        try:
            ip_address(host)
        except ValueError:
            return host
        return ""

    # --- one-time codes of an app -------------------------------------------------------

    def new_totp(self) -> bytes:
        """Return a new shared secret, 160 random bits in base 32."""
        return pyotp.random_base32(TOTP_SECRET_CHARACTERS).encode()

    def totp_uri(self, secret: bytes, login: str) -> str:
        """Return what the app reads from the picture."""
        return pyotp.TOTP(secret.decode()).provisioning_uri(name=login, issuer_name=self.city)

    def picture(self, uri: str) -> str:
        """Return the uri as SVG to stand inside a page: no file, no address that a cache keeps.

        Without a size of its own, so that the page's makes it smaller and cuts nothing off.
        """
        drawn: str = segno.make(uri, error="m").svg_inline(scale=4, border=4, omitsize=True)
        return drawn

    def totp_step(self, secret: bytes, code: str, at: datetime, after: int) -> int | None:
        """Return the step whose code was typed, if it is later than `after`; None: it proves
        nothing. Blanks do not count; each step's code is good once, and so is each earlier one."""
        typed = "".join(code.split())
        if len(typed) != TOTP_DIGITS or not typed.isascii() or not typed.isdecimal():
            return None
        now = int(at.timestamp()) // TOTP_SECONDS
        found = None
        for step in range(now - TOTP_WINDOW, now + TOTP_WINDOW + 1):  # all, whichever it is
            if hmac.compare_digest(self.totp_code(secret, step), typed) and step > after:
                found = step
        return found

    def totp_code(self, secret: bytes, step: int) -> str:
        """Return what an app shows in a step of 30 seconds, counted from 1970."""
        return pyotp.TOTP(secret.decode()).generate_otp(step)

    # --- passkeys -----------------------------------------------------------------------

    def making(self, user: str, login: str, name: str, known: tuple[str, ...]) -> tuple[str, bytes]:
        """Return what a browser needs to make a passkey (JSON), and the challenge in it."""
        options = generate_registration_options(
            rp_id=self.rp_id,
            rp_name=self.city,
            user_id=user.encode(),
            user_name=login,
            user_display_name=name,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.PREFERRED,
                user_verification=UserVerificationRequirement.REQUIRED,
            ),
            exclude_credentials=_descriptors(known),
        )
        return options_to_json(options), options.challenge

    def made(self, credential: str, challenge: bytes) -> tuple[str, bytes, int]:
        """Return name, public key and counter of a passkey just made. Raises `NoProof`."""
        try:
            found = verify_registration_response(
                credential=_read(credential),
                expected_challenge=challenge,
                expected_rp_id=self.rp_id,
                expected_origin=self.origin,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, TypeError, KeyError) as wrong:
            raise NoProof("wrong_second") from wrong
        return (
            bytes_to_base64url(found.credential_id),
            found.credential_public_key,
            found.sign_count,
        )

    def asking(self, known: tuple[str, ...]) -> tuple[str, bytes]:
        """Return what a browser needs to use one of these passkeys (JSON), and the challenge."""
        options = generate_authentication_options(
            rp_id=self.rp_id,
            allow_credentials=_descriptors(known),
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return options_to_json(options), options.challenge

    def named(self, credential: str) -> str:
        """Return which passkey a browser says it used; empty when it says nothing readable."""
        try:
            return str(_read(credential)["id"])
        except (NoProof, KeyError):
            return ""

    def used(self, credential: str, challenge: bytes, public_key: bytes, counter: int) -> int:
        """Return the passkey's new counter. Raises `NoProof`: also when the counter did not
        move on, as that of a copied key does not (WebAuthn §7.2 step 22)."""
        try:
            found = verify_authentication_response(
                credential=_read(credential),
                expected_challenge=challenge,
                expected_rp_id=self.rp_id,
                expected_origin=self.origin,
                credential_public_key=public_key,
                credential_current_sign_count=counter,
                require_user_verification=True,
            )
        except (WebAuthnException, ValueError, TypeError, KeyError) as wrong:
            cloned = "sign count" in str(wrong)
            raise NoProof("cloned_passkey" if cloned else "wrong_second") from wrong
        return found.new_sign_count

    # --- recovery codes -----------------------------------------------------------------

    def new_codes(self) -> tuple[str, ...]:
        """Return ten codes of 80 random bits each, in groups of four."""
        return tuple(_new_code() for _ in range(RECOVERY_CODES))


def _new_code() -> str:
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP)) for _ in range(_GROUPS))
    return "-".join(groups)


def _read(credential: str) -> dict[str, object]:
    if len(credential) > LONGEST_CREDENTIAL:
        raise NoProof("wrong_second")
    try:
        found = json.loads(credential)
    except ValueError as wrong:
        raise NoProof("wrong_second") from wrong
    if not isinstance(found, dict):
        raise NoProof("wrong_second")
    return found


def _descriptors(known: tuple[str, ...]) -> list[PublicKeyCredentialDescriptor]:
    return [PublicKeyCredentialDescriptor(id=base64url_to_bytes(one)) for one in known]
