"""An ID token counts if this provider signed it, for us, for this sign-in, and not long ago."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey

from cases.reception import NotNow
from yichuang.oidc import (
    LEEWAY_SECONDS,
    LOGOUT_EVENT,
    LOGOUT_SECONDS,
    Ended,
    IdentityProvider,
    IdentityRefused,
)

ISSUER, US, NONCE = "https://id.example", "yichuang", "n-1"
KEY = RSAKey.generate_key(2048, {"kid": "a"})
OTHER = RSAKey.generate_key(2048, {"kid": "a"})
PUBLIC = KeySet([KEY]).as_dict(private=False)


class Provider(IdentityProvider):
    """One whose documents are at hand."""

    async def _get(self, url: str) -> Mapping[str, Any]:
        if url.endswith("openid-configuration"):
            return {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks"}
        return dict(PUBLIC)


def provider(issuer: str = ISSUER) -> Provider:
    return Provider(issuer, US, "", "https://town.test/mine/callback", {"name": "name"})


def claims(**changed: Any) -> dict[str, Any]:
    now = int(time.time())
    said = {"iss": ISSUER, "aud": US, "sub": "w", "nonce": NONCE, "iat": now, "exp": now + 300}
    return {name: value for name, value in (said | changed).items() if value is not None}


def signed(said: dict[str, Any], key: Any = KEY, alg: str = "RS256") -> str:
    return jwt.encode({"alg": alg, "kid": "a"}, said, key, algorithms=[alg])


async def test_a_token_of_this_provider_for_us_and_this_sign_in_counts() -> None:
    assert (await provider()._judged(signed(claims()), NONCE))["sub"] == "w"
    several = claims(aud=[US, "other"], azp=US)
    assert (await provider()._judged(signed(several), NONCE))["sub"] == "w"


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://evil.example"}, {"iss": None}, {"aud": "other"}, {"aud": None},
        {"sub": None}, {"nonce": "n-2"}, {"nonce": None}, {"exp": None}, {"iat": None},
        {"exp": 1_000_000_000}, {"aud": [US, "other"]}, {"aud": [US, "other"], "azp": "other"},
    ],
    ids=str,
)  # fmt: skip
async def test_one_that_is_for_somebody_else_or_over_does_not(changed: dict[str, Any]) -> None:
    with pytest.raises(IdentityRefused):
        await provider()._judged(signed(claims(**changed)), NONCE)


async def test_clocks_may_be_a_minute_apart_and_no_more() -> None:
    just = claims(exp=int(time.time()) - LEEWAY_SECONDS + 20)
    assert await provider()._judged(signed(just), NONCE)
    with pytest.raises(IdentityRefused):
        late = claims(exp=int(time.time()) - LEEWAY_SECONDS - 20)
        await provider()._judged(signed(late), NONCE)


async def test_another_key_a_shared_secret_or_none_signs_nothing() -> None:
    for token in (
        signed(claims(), OTHER),
        signed(claims(), OctKey.import_key(b"k" * 32), "HS256"),
        signed(claims(), OctKey.import_key(b"k" * 32), "none"),
        signed(claims())[:-4] + "AAAA",
        "",
        "a.b.c",
    ):
        with pytest.raises(IdentityRefused):
            await provider()._judged(token, NONCE)


async def test_a_new_key_of_the_provider_is_found_by_itself() -> None:
    one = provider()
    one._keys = KeySet([OTHER])
    assert (await one._judged(signed(claims()), NONCE))["sub"] == "w"


async def test_a_provider_that_calls_itself_otherwise_is_not_believed() -> None:
    with pytest.raises(NotNow, match="YICHUANG_OIDC_ISSUER"):
        await provider("https://id.example/")._description()


def test_off_this_machine_a_provider_speaks_tls() -> None:
    with pytest.raises(ValueError, match="https"):
        provider("http://id.example")
    assert provider("http://localhost:9400").issuer


# --- that a session is over there ----------------------------------------------------------------


def over(**changed: Any) -> dict[str, Any]:
    said = {
        "iss": ISSUER, "aud": US, "iat": int(time.time()), "jti": "t-1", "sub": "w", "sid": "s-1",
        "events": {LOGOUT_EVENT: {}},
    }  # fmt: skip
    return {name: value for name, value in (said | changed).items() if value is not None}


async def test_a_logout_token_names_whom_or_which_session() -> None:
    assert await provider().ended(signed(over())) == Ended(ISSUER, "w", "s-1", "t-1")
    assert (await provider().ended(signed(over(sid=None)))).sid == ""
    assert (await provider().ended(signed(over(sub=None)))).sub == ""
    assert await provider().ended(signed(over(exp=int(time.time()) + 60)))


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://evil.example"}, {"iss": None}, {"aud": "other"}, {"aud": None},
        {"aud": [US, "other"]}, {"iat": None}, {"iat": 4_000_000_000}, {"jti": None}, {"jti": ""},
        {"events": None}, {"events": {}}, {"events": {"https://x.example": {}}},
        {"events": LOGOUT_EVENT}, {"events": {LOGOUT_EVENT: "yes"}}, {"nonce": NONCE},
        {"sub": None, "sid": None}, {"exp": 1_000_000_000},
    ],
    ids=str,
)  # fmt: skip
async def test_a_logout_token_that_lacks_anything_ends_nothing(changed: dict[str, Any]) -> None:
    with pytest.raises(IdentityRefused):
        await provider().ended(signed(over(**changed)))


async def test_an_id_token_is_no_logout_token_and_the_reverse() -> None:
    with pytest.raises(IdentityRefused):
        await provider().ended(signed(claims(jti="t", sid="s")))
    with pytest.raises(IdentityRefused):
        await provider()._judged(signed(over(exp=int(time.time()) + 60)), NONCE)


async def test_a_logout_token_counts_for_ten_minutes() -> None:
    now = int(time.time())
    assert await provider().ended(signed(over(iat=now - LOGOUT_SECONDS + 30)))
    with pytest.raises(IdentityRefused, match="过期"):
        await provider().ended(signed(over(iat=now - LOGOUT_SECONDS - 30)))


async def test_a_logout_token_of_another_key_or_a_shared_secret_ends_nothing() -> None:
    secret = OctKey.import_key(b"k" * 32)
    for token in (signed(over(), OTHER), signed(over(), secret, "HS256"), signed(over())[:-4], ""):
        with pytest.raises(IdentityRefused):
            await provider().ended(token)
