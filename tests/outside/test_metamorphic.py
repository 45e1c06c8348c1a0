"""metamorphic-log, a verifier in Rust. It knows no cosignatures: it is given the log's key only."""

import metamorphic_log as outside
import pytest

from tests.outside.published import Published, another_root, leaf_of


def test_checkpoint_inclusion_and_consistency_are_accepted(published: Published) -> None:
    keys = [published.log.vkey]
    head = outside.checkpoint_verify(published.note, keys)
    assert (head.origin, head.size, head.root) == (published.log.name, 1_200, published.root)
    for proof in published.proofs:
        leaf = leaf_of(proof.body)
        outside.checkpoint_verify_inclusion(proof.note, keys, proof.index, leaf, proof.path)
    outside.checkpoint_verify_consistency(
        published.older, published.note, keys, published.consistency
    )


def test_another_root_is_refused(published: Published) -> None:
    with pytest.raises(outside.VerifyError):
        outside.checkpoint_verify(another_root(published.note), [published.log.vkey])


def test_another_body_or_place_is_refused(published: Published) -> None:
    proof, keys = published.proofs[3], [published.log.vkey]
    for leaf, index in ((leaf_of(b"{}"), proof.index), (leaf_of(proof.body), 322)):
        with pytest.raises(outside.VerifyError):
            outside.checkpoint_verify_inclusion(proof.note, keys, index, leaf, proof.path)


def test_another_history_is_refused(published: Published) -> None:
    turned = [bytes([published.consistency[0][0] ^ 1]) + published.consistency[0][1:]]
    with pytest.raises(outside.VerifyError):
        outside.checkpoint_verify_consistency(
            published.older,
            published.note,
            [published.log.vkey],
            turned + published.consistency[1:],
        )
