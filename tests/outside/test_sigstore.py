"""sigstore-python's own checkpoint and tree (both private to it, hence the pinned version)."""

import base64
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sigstore._internal.merkle import verify_merkle_inclusion
from sigstore._internal.rekor.checkpoint import SignedCheckpoint, verify_checkpoint
from sigstore._internal.trust import Keyring, RekorKeyring
from sigstore.errors import VerificationError
from sigstore_models.common import v1 as common_v1

from tests.outside.published import Proof, Published, another_root, public_pem


def _entry(published: Published, proof: Proof, **changed: Any) -> Any:
    """Return a proof in the shape of sigstore's log entries."""
    note = str(changed.get("note", proof.note))
    head = SignedCheckpoint.from_text(note).checkpoint
    inclusion = SimpleNamespace(
        log_index=changed.get("index", proof.index),
        tree_size=head.log_size,
        hashes=proof.path,
        root_hash=bytes.fromhex(head.log_hash),
        checkpoint=SimpleNamespace(envelope=note),
    )
    inner = SimpleNamespace(
        inclusion_proof=inclusion,
        canonicalized_body=changed.get("body", proof.body),
        log_id=SimpleNamespace(key_id=published.log.key_id),
    )
    return SimpleNamespace(_inner=inner)


def _keyring(published: Published) -> RekorKeyring:
    der = base64.b64decode(b"".join(public_pem(published.log).splitlines()[1:-1]))
    details = common_v1.PublicKeyDetails.PKIX_ED25519
    key = common_v1.PublicKey(raw_bytes=base64.b64encode(der), key_details=details)
    keyring = Keyring([key])
    assert len(keyring._keyring) == 1
    return cast(RekorKeyring, keyring)


def test_checkpoint_and_inclusion_are_accepted(published: Published) -> None:
    keyring = _keyring(published)
    for proof in published.proofs:
        entry = _entry(published, proof)
        verify_checkpoint(keyring, entry)
        verify_merkle_inclusion(entry)


def test_another_root_is_refused(published: Published) -> None:
    forged = _entry(published, published.proofs[3], note=another_root(published.note))
    with pytest.raises(VerificationError, match="signature"):
        verify_checkpoint(_keyring(published), forged)


@pytest.mark.parametrize("changed", [{"body": b"{}"}, {"index": 322}])
def test_another_body_or_place_is_refused(published: Published, changed: dict[str, Any]) -> None:
    with pytest.raises(VerificationError):
        verify_merkle_inclusion(_entry(published, published.proofs[3], **changed))
