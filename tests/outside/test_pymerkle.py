"""pymerkle builds the tree anew from the exported entries."""

from pymerkle import InmemoryTree, verify_consistency, verify_inclusion
from pymerkle.hasher import MerkleHasher

from tests.outside.published import OLDER, Published


def _tree(bodies: list[bytes]) -> InmemoryTree:
    tree = InmemoryTree(algorithm="sha256")
    for body in bodies:
        tree.append_entry(body)
    return tree


def test_the_entries_give_the_signed_root_and_the_proofs(published: Published) -> None:
    tree = _tree(list(published.bodies()))
    assert (tree.get_size(), tree.get_root()) == (published.size, published.root)
    for proof in published.proofs:
        theirs = tree.prove_inclusion(proof.index + 1, published.size)
        assert theirs.path[1:] == proof.path
        base = MerkleHasher("sha256").hash_buff(proof.body)
        verify_inclusion(base, published.root, theirs)
    consistency = tree.prove_consistency(OLDER, published.size)
    verify_consistency(tree.get_root(OLDER), published.root, consistency)


def test_one_entry_changed_gives_another_root(published: Published) -> None:
    bodies = list(published.bodies())
    bodies[321] = bodies[321].replace(b"case.decide", b"case.refuse")
    assert _tree(bodies).get_root() != published.root
