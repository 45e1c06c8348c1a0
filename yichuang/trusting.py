"""The city's policy of trust: whose heads of the log, and whose cosignatures, are believed here."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

from audit.notes import NoteVerifier
from audit.trust import NONE, PolicyInvalid, TrustPolicy
from yichuang.settings import Settings

POLICY_FILE = "log.policy"
OURS = "witnesses"
"""The group of all witnesses, as `witness trust` writes it."""


def policy_path(settings: Settings) -> Path:
    """Return the file of the policy; https://c2sp.org/tlog-policy, beside the log's public key."""
    return settings.log_policy or settings.secrets_folder / POLICY_FILE


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


def with_witness(text: str, name: str, verifier: NoteVerifier, url: str, quorum: str) -> str:
    """Return the policy's text with a witness added, or its address changed, and the quorum made
    `any`, `all`, a number or `none` of all witnesses.

    A policy with groups of somebody's own is refused: its quorum is edited by hand. Raises
    `audit.trust.PolicyInvalid`.
    """
    policy = TrustPolicy.parse(text)
    if any(group.name != OURS for group in policy.groups):
        raise PolicyInvalid("the policy has groups of its own; edit the file by hand")
    others = [line for line in text.splitlines() if not _is_ours(line, verifier)]
    line = " ".join(word for word in ("witness", name, verifier.vkey, url) if word)
    names = [one.name for one in policy.witnesses if one.verifier != verifier] + [name]
    end = [f"quorum {NONE}"]
    if quorum != NONE:
        end = [f"group {OURS} {quorum} {' '.join(names)}", f"quorum {OURS}"]
    fresh = "".join(f"{one}\n" for one in (*others, line, *end))
    TrustPolicy.parse(fresh)
    return fresh


def with_address(text: str, verifier: NoteVerifier, url: str) -> str:
    """Return the policy's text with another address of a witness."""
    return "".join(
        f"{' '.join([*line.split()[:3], url])}\n" if _is_witness(line, verifier) else f"{line}\n"
        for line in text.splitlines()
    )


def without_witness(text: str, verifier: NoteVerifier) -> str:
    """Return the policy's text without a witness that stood there alone; else as it is."""
    policy = TrustPolicy.parse(text)
    if [one.verifier for one in policy.witnesses] != [verifier]:
        return text
    others = [line for line in text.splitlines() if not _is_ours(line, verifier)]
    return "".join(f"{line}\n" for line in (*others, f"quorum {NONE}"))


def _is_witness(line: str, verifier: NoteVerifier) -> bool:
    words = line.split()
    return words[:1] == ["witness"] and words[2:3] == [verifier.vkey]


def _is_ours(line: str, verifier: NoteVerifier) -> bool:
    return line.split()[:1] in (["group"], ["quorum"]) or _is_witness(line, verifier)
