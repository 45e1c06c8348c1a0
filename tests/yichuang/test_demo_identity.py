"""The demo's identity provider: one that answers while the city stands, and no other is touched."""

from __future__ import annotations

import time
from pathlib import Path

import httpx2
import pytest

from yichuang.embedded import ground, identity
from yichuang.settings import Settings


def described(issuer: str) -> httpx2.Response:
    deadline = time.monotonic() + 30
    while True:
        try:
            return httpx2.get(f"{issuer}/.well-known/openid-configuration")
        except httpx2.TransportError:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_it_answers_as_itself_and_is_gone_afterwards(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path)
    with identity.beside(settings) as beside:
        said = described(beside.oidc_issuer).json()
        assert said["issuer"] == beside.oidc_issuer
        assert ground.marked(settings, "identity")
    with pytest.raises(httpx2.TransportError):
        httpx2.get(beside.oidc_issuer)
    assert not ground.marked(settings, "identity")


def test_a_city_that_has_a_provider_keeps_it(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, oidc_issuer="https://id.example")
    with identity.beside(settings) as beside:
        assert beside is settings
        assert not ground.marked(settings, "identity")
