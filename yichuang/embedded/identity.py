"""The demo's identity provider: a real OpenID provider that asks nobody for a password.

`up --demo` starts it where the city names none, so that applying on line can be tried. It is made
for tests (package oidc-provider-mock) and stands for no provider of a real city.
"""

from __future__ import annotations

import importlib.util
import json
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from yichuang.embedded import ground
from yichuang.settings import Settings, as_environment, environment
from yichuang.terminal import say

PACKAGE: Final = "oidc_provider_mock"
PEOPLE: Final = (
    {"sub": "wangshimin", "name": "王世敏", "id_number": "110105199003071234",
     "phone_number": "13900000001"},
    {"sub": "lishimin", "name": "李诗民", "id_number": "110105198811052345",
     "phone_number": "13900000002"},
)  # fmt: skip
"""Invented people; the numbers are nobody's."""


@contextmanager
def beside(settings: Settings) -> Iterator[Settings]:
    """Run the demo's provider meanwhile; yield the settings that name it.

    Where the city has a provider of its own, or the package is not there, nothing is started.
    """
    if settings.oidc_issuer or importlib.util.find_spec(PACKAGE) is None:
        yield settings
        return
    port = _free_port()
    secret = settings.run_folder / "identity.secret"
    secret.parent.mkdir(parents=True, exist_ok=True)
    secret.write_text(secrets.token_urlsafe(16), encoding="utf-8")
    people = [part for one in PEOPLE for part in ("--user-claims", json.dumps(one))]
    provider = subprocess.Popen(  # noqa: S603 -- our own interpreter and words
        [sys.executable, "-m", PACKAGE, "--port", str(port), "--host", "127.0.0.1", *people],
        env={
            **environment(), **as_environment(settings),
            ground.MARK: ground.mark(settings, "identity"),
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    names = "、".join(str(one["sub"]) for one in PEOPLE)
    say(
        f"演示的统一身份认证（只供演示，不问口令）：市民在 /guides 选事项在线申请，登录填 {names}。"
    )
    try:
        named = {"oidc_issuer": f"http://localhost:{port}", "oidc_client_secret": secret}
        yield settings.model_copy(update=named)
    finally:
        provider.terminate()
        try:
            provider.wait(5)
        except subprocess.TimeoutExpired:
            provider.kill()
            provider.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
