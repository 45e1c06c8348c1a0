import base64
import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from audit.merkle import (
    EMPTY_ROOT,
    Frontier,
    ProofRefused,
    complete_root,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_at,
    verify_consistency,
    verify_extension,
    verify_inclusion,
)


def _leaves(count: int) -> list[bytes]:
    return [leaf_hash(number.to_bytes(4)) for number in range(count)]


def _nodes(leaves: list[bytes]) -> Callable[[int, int], bytes]:
    def node(height: int, index: int) -> bytes:
        return complete_root(leaves[index << height : (index + 1) << height])

    return node


def _frontier(leaves: list[bytes]) -> Frontier:
    frontier = Frontier()
    frontier.extend(leaves)
    return frontier


def test_the_reference_tree_of_eight_leaves_has_its_published_root() -> None:
    # google/certificate-transparency, merkle_tree_test.cc
    inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657"]
    inputs.append("606162636465666768696a6b6c6d6e6f")
    leaves = [leaf_hash(bytes.fromhex(text)) for text in inputs]
    published = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
    assert _frontier(leaves).root().hex() == published


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert Frontier().root() == EMPTY_ROOT == sha256(b"").digest() == root_at(0, _nodes([]))


@given(st.integers(1, 600))
@settings(max_examples=60, deadline=None)
def test_a_frontier_packed_and_unpacked_grows_to_the_same_root(size: int) -> None:
    leaves = _leaves(size + 5)
    half = _frontier(leaves[:size])
    grown = Frontier.unpack(size, half.packed())
    grown.extend(leaves[size:])
    assert grown.root() == _frontier(leaves).root() == root_at(size + 5, _nodes(leaves))


def test_peaks_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match="peaks"):
        Frontier.unpack(3, bytes(32))


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_inclusion_is_proved_for_every_leaf_and_for_no_other(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 700))
    index = data.draw(st.integers(0, size - 1))
    leaves = _leaves(size)
    root = _frontier(leaves).root()
    proof = inclusion_proof(index, size, _nodes(leaves))
    verify_inclusion(leaves[index], index, size, proof, root)
    for forged in _forged(proof):
        with pytest.raises(ProofRefused):
            verify_inclusion(leaves[index], index, size, forged, root)
    other = data.draw(st.integers(-1, size))
    if other != index:
        with pytest.raises(ProofRefused):
            verify_inclusion(leaves[index], other, size, proof, root)
    with pytest.raises(ProofRefused):
        verify_inclusion(leaf_hash(b"another"), index, size, proof, root)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_consistency_is_proved_between_any_two_sizes(data: st.DataObject) -> None:
    new = data.draw(st.integers(1, 700))
    old = data.draw(st.integers(1, new))
    leaves = _leaves(new)
    old_root, new_root = _frontier(leaves[:old]).root(), _frontier(leaves).root()
    proof = consistency_proof(old, new, _nodes(leaves))
    verify_consistency(old, new, proof, old_root, new_root)
    verify_extension(old, new, proof, old_root, new_root)
    for forged in _forged(proof):
        with pytest.raises(ProofRefused):
            verify_consistency(old, new, forged, old_root, new_root)
    with pytest.raises(ProofRefused):
        verify_consistency(old, new, proof, leaf_hash(b"fork"), new_root)
    with pytest.raises(ProofRefused):
        verify_consistency(old, new, proof, old_root, leaf_hash(b"fork"))


def _forged(proof: list[bytes]) -> list[list[bytes]]:
    forged = [[*proof, bytes(32)], [bytes(32), *proof]]
    if proof:
        flipped = bytes([proof[0][0] ^ 1]) + proof[0][1:]
        forged += [proof[:-1], proof[1:], [flipped, *proof[1:]], [proof[0][:31], *proof[1:]]]
        forged += [[b"", *proof[1:]], [b"", *proof]]
    if len(proof) > 1 and proof[0] != proof[1]:
        forged.append([proof[1], proof[0], *proof[2:]])
    return forged


def test_size_zero_is_refused_by_the_verifier_and_taken_by_the_signer() -> None:
    root = _frontier(_leaves(3)).root()
    with pytest.raises(ProofRefused):
        verify_consistency(0, 3, [], EMPTY_ROOT, root)
    verify_extension(0, 3, [], EMPTY_ROOT, root)
    for proof, start in (([bytes(32)], EMPTY_ROOT), ([], bytes(32))):
        with pytest.raises(ProofRefused):
            verify_extension(0, 3, proof, start, root)


def test_an_interior_node_is_not_taken_for_a_leaf() -> None:
    leaves = _leaves(4)
    pair = node_hash(leaves[0], leaves[1])
    root = _frontier(leaves).root()
    with pytest.raises(ProofRefused):
        verify_inclusion(pair, 0, 4, [node_hash(leaves[2], leaves[3])], root)


def test_a_wrong_size_may_pass_so_it_must_come_from_the_signed_head() -> None:
    # RFC 9162 by design: the path of leaf 321 of 1,200 is also one of 1,199.
    leaves = _leaves(1_200)
    proof = inclusion_proof(321, 1_200, _nodes(leaves))
    verify_inclusion(leaves[321], 321, 1_199, proof, _frontier(leaves).root())


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 255, 256, 257, 1_000])
def test_an_independent_builder_finds_the_same_roots_and_paths(size: int) -> None:
    entries = [number.to_bytes(4) for number in range(size)]
    leaves = [leaf_hash(entry) for entry in entries]
    other = InmemoryTree.init_from_entries(entries)
    assert other.get_root() == _frontier(leaves).root()
    for index in {0, size // 2, size - 1}:
        theirs = other.prove_inclusion(index + 1).path
        ours = inclusion_proof(index, size, _nodes(leaves))
        assert sorted(theirs) == sorted([leaves[index], *ours])


def test_all_published_inclusion_vectors_are_judged_as_published(vectors: Path) -> None:
    folder = vectors / "transparency-dev_merkle" / "testdata" / "inclusion"
    judged = 0
    for path in folder.rglob("*.json"):
        case = json.loads(path.read_text())
        leaf, root = (base64.b64decode(case[name] or "") for name in ("leafHash", "root"))
        proof = [base64.b64decode(value) for value in case["proof"] or ()]
        refused = False
        try:
            verify_inclusion(leaf, case["leafIdx"], case["treeSize"], proof, root)
        except ProofRefused:
            refused = True
        assert refused is case["wantErr"], path
        judged += 1
    assert judged == 98


def test_all_published_consistency_vectors_are_judged_as_published(vectors: Path) -> None:
    folder = vectors / "transparency-dev_merkle" / "testdata" / "consistency"
    judged = 0
    for path in folder.rglob("*.json"):
        case = json.loads(path.read_text())
        old, new = (base64.b64decode(case[name] or "") for name in ("root1", "root2"))
        proof = [base64.b64decode(value) for value in case["proof"] or ()]
        refused = False
        try:
            verify_consistency(case["size1"], case["size2"], proof, old, new)
        except ProofRefused:
            refused = True
        assert refused is case["wantErr"], path
        judged += 1
    assert judged == 98
