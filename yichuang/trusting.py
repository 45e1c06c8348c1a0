"""The city's policy of trust: whose heads of the log, and whose cosignatures, are believed here."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

from audit.notes import NoteVerifier
from audit.trust import TrustPolicy
from yichuang.settings import Settings

POLICY_FILE = "log.policy"


def policy_path(settings: Settings) -> Path:
    """Return the file of the policy; https://c2sp.org/tlog-policy, beside the log's public key."""
    return settings.secrets_folder / POLICY_FILE


def city_policy(settings: Settings) -> TrustPolicy:
    """Return the city's policy.

    Raises `FileNotFoundError` before the first `init`, `audit.trust.PolicyInvalid`.
    """
    return TrustPolicy.parse(policy_path(settings).read_bytes())


def first_policy(verifier: NoteVerifier) -> str:
    """Return the policy of a city that no witness watches yet."""
    return (
        "# 谁签的日志树头、谁的联署可信（https://c2sp.org/tlog-policy）。\n"
        "# 增加见证人：bin/yichuang witness trust VKEY --url URL\n"
        f"log {verifier.vkey}\n"
        "quorum none\n"
    )


def change_policy(settings: Settings, change: Callable[[str], str]) -> TrustPolicy:
    """Put `change(text)` in the place of the policy's text, and return the new policy.

    One change at a time, whole or not at all. Raises `audit.trust.PolicyInvalid` and changes
    nothing when the new text is none.
    """
    path = policy_path(settings)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with path.with_name(f".{path.name}.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        fresh = change(text)
        policy = TrustPolicy.parse(fresh)
        if fresh != text:
            _replace(path, fresh)
        return policy


def _replace(path: Path, text: str) -> None:
    fresh = path.with_name(f".{path.name}.new")
    with fresh.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
