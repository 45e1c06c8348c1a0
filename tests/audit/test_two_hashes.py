"""One arithmetic for both hashes; SM3 is checked against implementations of others."""

import hashlib
from collections.abc import Callable
from itertools import pairwise

import pytest
from gmalg import SM3 as PureSM3
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.merkle import (
    SHA256,
    Frontier,
    ProofRefused,
    TreeHash,
    complete_root,
    consistency_proof,
    inclusion_proof,
    root_at,
    verify_consistency,
    verify_extension,
    verify_inclusion,
)
from audit.sm3 import SM3, sm3

BOTH = pytest.mark.parametrize("tree", [SHA256, SM3], ids=lambda tree: tree.name)
EDGES = (255, 256, 257, 65_535, 65_536, 65_537, 65_793)
"""Around a full tile of level 0 and of level 1, and odd sizes beyond each."""


def _pure(content: bytes) -> bytes:
    running = PureSM3()
    running.update(content)
    return bytes(running.value())


def _spelled_out(leaves: list[bytes], digest: Callable[[bytes], bytes]) -> bytes:
    """MTH of RFC 9162 §2.1.1, as it is written there."""
    if not leaves:
        return digest(b"")
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    left, right = _spelled_out(leaves[:k], digest), _spelled_out(leaves[k:], digest)
    return digest(b"\x01" + left + right)


def _leaves(count: int, tree: TreeHash) -> list[bytes]:
    return [tree.leaf(number.to_bytes(4)) for number in range(count)]


def _nodes(leaves: list[bytes], tree: TreeHash) -> Callable[[int, int], bytes]:
    kept: dict[tuple[int, int], bytes] = {}

    def node(height: int, index: int) -> bytes:
        found = kept.get((height, index))
        if found is None:
            part = leaves[index << height : (index + 1) << height]
            found = kept[height, index] = complete_root(part, tree)
        return found

    return node


@given(st.binary(max_size=300))
@settings(max_examples=60, deadline=None)
def test_sm3_agrees_with_an_implementation_of_others(content: bytes) -> None:
    assert sm3(content) == _pure(content)


@pytest.mark.skipif("sm3" not in hashlib.algorithms_available, reason="this Python has no SM3")
@given(st.binary(max_size=5_000))
@settings(max_examples=100, deadline=None)
def test_sm3_agrees_with_hashlib(content: bytes) -> None:
    assert sm3(content) == hashlib.new("sm3", content).digest()


def test_the_empty_tree_under_sm3_has_the_hash_of_nothing() -> None:
    # GB/T 32905 gives none for the empty text; cryptography_vectors does: Len = 0.
    published = "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b"
    assert SM3.empty_root.hex() == published
    assert Frontier(tree=SM3).root() == root_at(0, _nodes([], SM3), SM3) == SM3.empty_root


@pytest.mark.parametrize("size", [0, 1, 2, 3, 7, 8, 100, 257])
def test_the_tree_under_sm3_is_the_one_the_rfc_spells_out(size: int) -> None:
    leaves = [_pure(b"\x00" + bytes([number % 251])) for number in range(size)]
    frontier = Frontier(tree=SM3)
    frontier.extend(SM3.leaf(bytes([number % 251])) for number in range(size))
    assert frontier.root() == _spelled_out(leaves, _pure)


@BOTH
@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_inclusion_and_consistency_are_proved_under_either_hash(
    tree: TreeHash, data: st.DataObject
) -> None:
    size = data.draw(st.integers(1, 600))
    index = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(1, size))
    leaves = _leaves(size, tree)
    node = _nodes(leaves, tree)
    root, old_root = root_at(size, node, tree), root_at(old, node, tree)
    verify_inclusion(
        leaves[index], index, size, inclusion_proof(index, size, node, tree), root, tree
    )
    proof = consistency_proof(old, size, node, tree)
    verify_consistency(old, size, proof, old_root, root, tree)
    verify_extension(old, size, proof, old_root, root, tree)


@BOTH
def test_proofs_hold_at_and_across_full_tiles(tree: TreeHash) -> None:
    leaves = _leaves(max(EDGES), tree)
    node = _nodes(leaves, tree)
    frontier, roots = Frontier(tree=tree), {}
    for leaf in leaves:
        frontier.append(leaf)
        if frontier.size in EDGES:
            roots[frontier.size] = frontier.root()
            unpacked = Frontier.unpack(frontier.size, frontier.packed(), tree)
            assert unpacked.root() == roots[frontier.size] == root_at(frontier.size, node, tree)
    for old, new in pairwise(EDGES):
        proof = consistency_proof(old, new, node, tree)
        verify_consistency(old, new, proof, roots[old], roots[new], tree)
        path = inclusion_proof(old - 1, new, node, tree)
        verify_inclusion(leaves[old - 1], old - 1, new, path, roots[new], tree)


def test_a_proof_under_one_hash_proves_nothing_under_the_other() -> None:
    leaves = _leaves(9, SM3)
    node = _nodes(leaves, SM3)
    root = root_at(9, node, SM3)
    path = inclusion_proof(4, 9, node, SM3)
    verify_inclusion(leaves[4], 4, 9, path, root, SM3)
    with pytest.raises(ProofRefused):
        verify_inclusion(leaves[4], 4, 9, path, root, SHA256)
    with pytest.raises(ProofRefused):
        verify_extension(0, 9, [], SHA256.empty_root, root, SM3)
