"""The city's identity provider, by OpenID Connect: whom it vouches for, and by what names.

Authorization code with PKCE (RFC 7636, S256); the ID token's signature, issuer, audience, nonce and
end are checked, and no algorithm with a shared secret is let in. Authlib speaks OAuth, joserfc
judges tokens; ours is only which claims are wanted and what is refused.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import httpx2
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from cases.reception import NotNow

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384")
"""Signatures alone: with a shared secret a provider's clients could make tokens of one another."""
SCOPE: Final = "openid profile phone"
WITHIN_SECONDS: Final = 10.0
KEPT_SECONDS: Final = 3600.0
"""How long a provider's description is believed; its keys are read anew for an unknown one."""
LEEWAY_SECONDS: Final = 60
"""How far the provider's clock and ours may be apart."""
LONGEST_CLAIM: Final = 200
LOGOUT_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
LOGOUT_SECONDS: Final = 600
"""How old a logout token may be: with it, and its id kept as long, none counts twice."""
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class IdentityRefused(Exception):
    """The provider vouched for nobody, or what it sent does not hold; the text says which."""


@dataclass(frozen=True)
class Vouched:
    """Somebody as the provider knows them. Empty: it does not say."""

    issuer: str
    sub: str
    name: str
    id_number: str
    phone: str
    sid: str = ""
    """Its name for the session; empty: it gives none."""


@dataclass(frozen=True)
class Ended:
    """A session, or all of somebody's, that the provider says is over."""

    issuer: str
    sub: str
    """Empty: only the session is named."""
    sid: str
    """Empty: every session of theirs."""
    token_id: str


@dataclass
class IdentityProvider:
    """One provider. Safe in any number of tasks."""

    issuer: str
    client_id: str
    client_secret: str
    redirect: str
    """Our address that it sends people back to."""
    claims: Mapping[str, str]
    """What we ask for (`name`, `id_number`, `phone`) → the provider's claim."""
    verify: Any = True
    """TLS context; True: the machine's own trusted certificates."""
    _described: Mapping[str, Any] = field(default_factory=dict)
    _described_at: float = float("-inf")
    _keys: KeySet | None = None

    def __post_init__(self) -> None:
        _safe(self.issuer)

    async def address(self, state: str, nonce: str, verifier: str) -> str:
        """Return where to send somebody who is to sign in. Raises `NotNow`."""
        described = await self._description()
        async with self._client() as client:
            url, _ = client.create_authorization_url(
                described["authorization_endpoint"], state=state, nonce=nonce,
                code_verifier=verifier,
            )  # fmt: skip
        return str(url)

    async def leaving(self) -> str:
        """Return where the provider ends its own session and sends people back from; empty: it
        names no such address (OpenID Connect RP-Initiated Logout 1.0). Raises `NotNow`.

        Without a token as hint, which would have to be kept, the provider asks before it ends it.
        """
        there = str((await self._description()).get("end_session_endpoint") or "")
        if not there:
            return ""
        try:
            _safe(there)
        except ValueError as wrong:
            raise NotNow("统一身份认证的退出地址不安全，请只关闭浏览器") from wrong
        back = self.redirect.rsplit("/", 1)[0] + "/signed-out"
        asked = {"client_id": self.client_id, "post_logout_redirect_uri": back}
        return f"{there}{'&' if '?' in there else '?'}{urlencode(asked)}"

    async def vouched(self, code: str, nonce: str, verifier: str) -> Vouched:
        """Return whom a code stands for; a code is good once.

        Raises `IdentityRefused`, and `NotNow` where the provider is away.
        """
        described = await self._description()
        try:
            async with self._client() as client:
                token = await client.fetch_token(
                    described["token_endpoint"], code=code, code_verifier=verifier
                )
        except OAuthError as no:
            raise IdentityRefused(f"身份认证没有认可这次登录：{no.error}") from no
        except httpx2.HTTPError as away:
            raise NotNow("统一身份认证暂时没有答复") from away
        claims = await self._judged(str(token.get("id_token") or ""), nonce)
        said = {name: _text(claims.get(claim)) for name, claim in self.claims.items()}
        return Vouched(
            self.issuer, str(claims["sub"]), said.get("name", ""), said.get("id_number", ""),
            said.get("phone", ""), _text(claims.get("sid")),
        )  # fmt: skip

    async def ended(self, token: str) -> Ended:
        """Return what a logout token says is over (OpenID Connect Back-Channel Logout 1.0, 2.6).

        Raises `IdentityRefused`, and `NotNow` where the provider's keys cannot be read.
        """
        said = await self._decoded(
            token,
            jwt.JWTClaimsRegistry(
                leeway=LEEWAY_SECONDS,
                iss={"essential": True, "value": self.issuer},
                aud={"essential": True, "value": self.client_id},
                iat={"essential": True},
                jti={"essential": True},
                events={"essential": True},
            ),
        )
        sub, sid, token_id = (_text(said.get(one)) for one in ("sub", "sid", "jti"))
        events = said["events"]
        if not isinstance(events, Mapping) or not isinstance(events.get(LOGOUT_EVENT), Mapping):
            raise IdentityRefused("不是退出通知")
        if "nonce" in said:
            # An ID token has one: it may never be handed in as a logout token.
            raise IdentityRefused("退出通知不得带 nonce")
        if not token_id or not (sub or sid):
            raise IdentityRefused("退出通知没有写明退出谁")
        if time.time() - float(said["iat"]) > LOGOUT_SECONDS:
            raise IdentityRefused("退出通知过期了")
        return Ended(self.issuer, sub, sid, token_id)

    async def _judged(self, token: str, nonce: str) -> Mapping[str, Any]:
        return await self._decoded(
            token,
            jwt.JWTClaimsRegistry(
                leeway=LEEWAY_SECONDS,
                iss={"essential": True, "value": self.issuer},
                aud={"essential": True, "value": self.client_id},
                sub={"essential": True},
                exp={"essential": True},
                iat={"essential": True},
                nonce={"essential": True, "value": nonce},
            ),
        )

    async def _decoded(self, token: str, wanted: jwt.JWTClaimsRegistry) -> Mapping[str, Any]:
        """Return the claims of a token that this provider signed for us. Raises as `ended` does."""
        for fresh in (False, True):
            try:
                found = jwt.decode(token, await self._key_set(fresh), algorithms=list(ALGORITHMS))
                wanted.validate(found.claims)
            except (JoseError, ValueError) as wrong:
                # Keys change: one that is not known yet is looked for once.
                if fresh:
                    raise IdentityRefused(f"身份凭据核对不上：{type(wrong).__name__}") from wrong
                continue
            several = isinstance(found.claims["aud"], list) and len(found.claims["aud"]) > 1
            if several and found.claims.get("azp") != self.client_id:
                raise IdentityRefused("身份凭据是发给别的系统的")
            return found.claims
        raise AssertionError("unreachable")

    async def _description(self) -> Mapping[str, Any]:
        if time.monotonic() - self._described_at < KEPT_SECONDS:
            return self._described
        said = await self._get(self.issuer.rstrip("/") + "/.well-known/openid-configuration")
        if said.get("issuer") != self.issuer:
            raise NotNow("统一身份认证自称的地址与设置不符，请核对 YICHUANG_OIDC_ISSUER")
        self._described, self._described_at = said, time.monotonic()
        return said

    async def _key_set(self, fresh: bool) -> KeySet:
        if self._keys is None or fresh:
            described = await self._description()
            try:
                self._keys = KeySet.import_key_set(dict(await self._get(described["jwks_uri"])))  # type: ignore[arg-type]
            except (JoseError, KeyError, TypeError, ValueError) as wrong:
                raise NotNow("统一身份认证的公钥读不出来") from wrong
        return self._keys

    async def _get(self, url: str) -> Mapping[str, Any]:
        try:
            async with httpx2.AsyncClient(timeout=WITHIN_SECONDS, verify=self.verify) as client:
                answer = await client.get(url)
                answer.raise_for_status()
                said = answer.json()
        except (httpx2.HTTPError, ValueError) as away:
            raise NotNow("统一身份认证暂时没有答复") from away
        if not isinstance(said, Mapping):
            raise NotNow("统一身份认证的答复不合格式")
        return said

    def _client(self) -> Any:
        return AsyncOAuth2Client(
            self.client_id, self.client_secret or None, scope=SCOPE, redirect_uri=self.redirect,
            code_challenge_method="S256", timeout=WITHIN_SECONDS, verify=self.verify,
        )  # fmt: skip


def _safe(address: str) -> None:
    """Raise `ValueError` for an address that anybody on the way could answer for."""
    there = urlsplit(address)
    if there.scheme != "https" and there.hostname not in LOOPBACK:
        raise ValueError(f"身份认证的地址须是 https：{address}")


def _text(value: Any) -> str:
    return str(value)[:LONGEST_CLAIM] if isinstance(value, str | int) else ""
