"""The witness as a role: a key and a memory in a folder of their own, a door, and no store.

In the embedded city it stands beside what it watches, so that everything works and nothing is
proved by it: whoever owns the machine owns both. A real city trusts the audit office's.
"""

from __future__ import annotations

import threading

from audit.notes import NoteVerifier
from audit.trust import PolicyInvalid
from audit.witness import KEY_FILE, NAME_FILE, Witness, found_witness
from audit.witness_door import WitnessDoor
from yichuang import roles
from yichuang.links import witness_tls
from yichuang.settings import Settings
from yichuang.trusting import city_policy, policy_path

FOR_SHOW = "同机见证，只供演示"
SHOWN = "demo"
"""The policy's name for it."""


def witness_name(settings: Settings) -> str:
    """Return the key name of the witness that an installation founds for itself."""
    return f"{settings.city}.yichuang.invalid/witness"


def own_witness(settings: Settings) -> NoteVerifier | None:
    """Return the public key of the witness in this installation's folder; None without one."""
    path = settings.witness_path / NAME_FILE
    return NoteVerifier.parse(path.read_text(encoding="utf-8")) if path.is_file() else None


def founded(settings: Settings) -> NoteVerifier:
    """Return the public key of the witness in the folder; founds it there if there is none.

    A witness founded anew by mistake harms nobody: the policy does not know its key.
    """
    known = own_witness(settings)
    if known is not None:
        return known
    # A crash between the two files: the key has signed nothing yet, so it is made anew.
    (settings.witness_path / KEY_FILE).unlink(missing_ok=True)
    return found_witness(settings.witness_path, witness_name(settings))


def main(settings: Settings) -> int:
    """Serve cosignatures until the process is asked to stop."""
    founded(settings)
    witness = Witness(settings.witness_path)
    with WitnessDoor(settings.witness, witness, tls=witness_tls(settings)) as door:
        ended = threading.Event()

        def serve() -> None:
            try:
                door.serve_forever()
            finally:
                ended.set()

        threading.Thread(target=serve, name="witness", daemon=True).start()
        host, port = settings.witness
        said = f"{host}:{port}（{FOR_SHOW}）" if settings.form == "embedded" else f"{host}:{port}"
        seen = _watch_new(settings, witness, 0)
        roles.ready(settings, "witness", said)
        while not roles.wait(roles.BEAT_SECONDS):
            if ended.is_set():
                return 1
            seen = _watch_new(settings, witness, seen)
            roles.beat()
        door.shutdown()
    return 0


def _watch_new(settings: Settings, witness: Witness, seen: int) -> int:
    """Watch the logs of the city's policy, where it lies in reach: a new shard, a new key.

    Only the witness for show does so; another owner's is told by hand. Returns the policy's age.
    """
    try:
        changed = policy_path(settings).stat().st_mtime_ns
        if changed != seen:
            known = {key for log in witness.logs() for key in log.keys}
            for log in city_policy(settings).logs:
                if log.verifier not in known:
                    witness.watch(log.verifier)
        return changed
    except (OSError, PolicyInvalid):
        return seen
