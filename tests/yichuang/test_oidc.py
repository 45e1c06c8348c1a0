"""An ID token counts if this provider signed it, for us, for this sign-in, and not long ago."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey

from cases.reception import NotNow
from yichuang.oidc import LEEWAY_SECONDS, IdentityProvider, IdentityRefused

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
