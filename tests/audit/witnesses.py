"""Logs in memory for the witness's tests: two histories of one city, and the questions they ask."""

from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.merkle import SHA256, Frontier, TreeHash, complete_root, consistency_proof
from audit.notes import Checkpoint, NoteKey, SigningKey, sign_note
from audit.witness import Witness, found_witness
from audit.witness_wire import spell_question

ORIGIN = "city.example/audit/2026H2"
NAME = "audit-office.example/w1"


def key(number: int = 1, name: str = ORIGIN) -> NoteKey:
    return NoteKey(name, Ed25519PrivateKey.from_private_bytes(number.to_bytes(32)))


class Tree:
    """A log of leaves numbered from 0; a branch is told apart by its word."""

    def __init__(
        self,
        size: int,
        *,
        shared: int | None = None,
        word: str = "other",
        tree: TreeHash = SHA256,
    ) -> None:
        """`shared`: from this leaf on the history is another one."""
        self.tree = tree
        self.leaves = [
            tree.leaf(f"{n}".encode() if shared is None or n < shared else f"{word} {n}".encode())
            for n in range(size)
        ]

    def node(self, height: int, index: int) -> bytes:
        return complete_root(self.leaves[index << height : (index + 1) << height], self.tree)

    def head(self, size: int, origin: str = ORIGIN) -> Checkpoint:
        frontier = Frontier(tree=self.tree)
        frontier.extend(self.leaves[:size])
        return Checkpoint(origin, size, frontier.root())

    def note(self, size: int, signer: SigningKey | None = None) -> str:
        signer = signer or key()
        return sign_note(self.head(size, signer.verifier.name).text(), [signer])

    def proof(self, old: int, size: int) -> Sequence[bytes]:
        return consistency_proof(old, size, self.node, self.tree) if 0 < old < size else []

    def question(self, old: int, size: int, signer: SigningKey | None = None) -> bytes:
        return spell_question(old, self.proof(old, size), self.note(size, signer))


def fresh_witness(folder: Path) -> Witness:
    """Found a witness that watches the city's log."""
    found_witness(folder, NAME)
    witness = Witness(folder)
    witness.watch(key().verifier)
    return witness
