"""The log's keys from the operator's side: listing them, the next one, one that was stolen.

Each step leaves a mark that the next run finds (the signer's pending key, the entry, the signer's
keys, the policy file), so that a run that was cut short is finished by running it again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

from sqlalchemy import Engine

from audit.entry import KEY_REVOKED, KEY_ROTATED, What, Who
from audit.keyperiods import KeyPeriod, with_keys
from audit.logstore import LogReader
from audit.merkle import SHA256, TreeHash, inclusion_proof
from audit.notes import NoteInvalid
from audit.secondtree import SUFFIX, SecondTree
from audit.signer_memory import HeldKey, SignedHead
from audit.trust import TrustPolicy
from cases.database import open_engine, reading
from yichuang.keyring import log_vkey_path
from yichuang.log_entries import SYSTEM, record_of_the_log
from yichuang.settings import Settings
from yichuang.trusting import change_policy, city_policy

OVERLAP = 1_000
"""Entries for which the old key goes on signing beside the new one, so that a verifier who has not
heard of the new key yet still reads new heads. A choice: a day of a middling city."""

WAIT = timedelta(seconds=60)
POLL_SECONDS = 0.2

_Step = Callable[[str], None]


class NotSealedYet(Exception):
    """The entry is under no signed head after the wait: run the order again; nothing is lost."""


class NoWitness(Exception):
    """No head was cosigned, so that nothing the stolen key signed can be told from a forgery."""


class KeySigner(Protocol):
    """What is asked of a signer; `audit.signer_door.SignerClient` is the real one."""

    def last(self) -> SignedHead:
        """Return the head last signed."""

    def keys(self) -> tuple[HeldKey, ...]:
        """Return the keys of this shard, oldest first."""

    def next_key(self) -> str:
        """Return the key that will follow."""

    def activate(self, body: bytes, index: int, proof: Sequence[bytes], overlap: int) -> None:
        """Let it sign."""

    def revoke(self, vkey: str, end: int) -> None:
        """Stop signing with one."""


@dataclass(frozen=True, slots=True)
class Changed:
    """What a run has done: the newest key, and whether it only finished an earlier run."""

    vkey: str
    finished: bool
    end: int | None = None


def rotate(
    settings: Settings,
    signer: KeySigner,
    *,
    overlap: int = OVERLAP,
    who: Who = SYSTEM,
    wait: timedelta = WAIT,
    tree: TreeHash = SHA256,
    observe: _Step = lambda _step: None,
) -> Changed:
    """Let the next key follow: announced under the old one, both for `overlap` sizes, then alone.

    `tree` is the one whose heads the signer signs.

    Raises `NotSealedYet` and what the signer raises; the next run goes on from there.
    """
    if publish_keys(settings, signer.keys()):
        return Changed(signer.keys()[-1].vkey, finished=True)
    vkey = signer.next_key()
    observe("made")
    told = record_of_the_log(
        settings, act=KEY_ROTATED, obj=What("key", vkey), command_id=f"key:{vkey}", who=who
    )
    observe("recorded")
    log = open_engine(settings.store_url("log"), read_only=True)
    try:
        body, index, proof = _under_a_head(log, signer, told.id, wait, tree)
    finally:
        log.dispose()
    observe("sealed")
    signer.activate(body, index, proof, overlap)
    observe("activated")
    publish_keys(settings, signer.keys())
    observe("published")
    return Changed(vkey, finished=False)


def revoke(
    settings: Settings,
    signer: KeySigner,
    *,
    vkey: str,
    why: str,
    without_witness: bool = False,
    who: Who = SYSTEM,
    observe: _Step = lambda _step: None,
) -> Changed:
    """End a key that others may have: its heads count up to the last cosigned one, and not after.

    The next key follows at once. Raises `NoWitness` where no head was cosigned, unless told so, and
    what the signer raises.
    """
    held = next((key for key in signer.keys() if key.vkey == vkey), None)
    end = held.revoked if held is not None else None
    if end is None:
        # Witnesses cosign the first tree alone.
        end = 0 if signer.last().origin.endswith(SUFFIX) else last_cosigned(settings)
        if end == 0 and not without_witness:
            raise NoWitness
        signer.next_key()
        observe("made")
        signer.revoke(vkey, end)
        observe("revoked")
    publish_keys(settings, signer.keys())
    observe("published")
    record_of_the_log(
        settings,
        act=KEY_REVOKED,
        obj=What("key", vkey, str(end)),
        command_id=f"key:{vkey}",
        why=why,
        who=who,
    )
    observe("recorded")
    return Changed(
        signer.keys()[-1].vkey, finished=held is not None and held.revoked is not None, end=end
    )


def last_cosigned(settings: Settings) -> int:
    """Return the size of the newest head of the open shard that the quorum has cosigned, or 0."""
    policy = city_policy(settings)
    log = open_engine(settings.store_url("log"), read_only=True)
    try:
        with reading(log) as connection:
            return _last_cosigned(LogReader(connection), policy)
    finally:
        log.dispose()


def _last_cosigned(reader: LogReader, policy: TrustPolicy) -> int:
    found = 0
    for size in sorted({line.size for line in reader.cosignatures()}, reverse=True):
        try:
            if policy.open(reader.cosigned_note(size)).witnessed:
                return size
        except NoteInvalid:
            continue
    return found


def _under_a_head(
    log: Engine, signer: KeySigner, entry_id: str, wait: timedelta, tree: TreeHash
) -> tuple[bytes, int, list[bytes]]:
    until = time.monotonic() + wait.total_seconds()
    while True:
        signed = signer.last()  # before the log: what is signed is committed there
        with reading(log) as connection:
            reader = LogReader(connection)
            entry = reader.entry(entry_id)
            if entry is not None and entry.index < signed.size:
                node = reader.node if tree is SHA256 else SecondTree(connection).node
                path = inclusion_proof(entry.index, signed.size, node, tree)
                return entry.body, entry.index, path
        if time.monotonic() >= until:
            raise NotSealedYet(entry_id)
        time.sleep(POLL_SECONDS)


def publish_keys(settings: Settings, keys: Sequence[HeldKey]) -> bool:
    """Put the signer's keys into the city's policy; return whether it said something else."""
    known = city_policy(settings)
    name = keys[0].vkey.partition("+")[0]
    periods = {one.vkey: one for one in known.periods}
    vkeys = [log.verifier.vkey for log in known.logs if log.verifier.name == name]
    said = {vkey: periods.get(vkey, KeyPeriod(vkey)) for vkey in vkeys}
    if said == {key.vkey: KeyPeriod.of(key) for key in keys}:
        return False
    change_policy(settings, lambda text: with_keys(text, keys))
    path = log_vkey_path(settings)
    if not name.endswith(SUFFIX) and path.is_file():  # the sequencer's container does not see it
        path.write_text(f"{keys[-1].vkey}\n", encoding="utf-8")
    return True
