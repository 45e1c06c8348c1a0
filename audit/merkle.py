"""The Merkle tree of RFC 6962 §2.1 / RFC 9162 §2.1: append, prove, verify.

Over SHA-256 unless another `TreeHash` of 32 bytes is given (`audit.sm3.SM3`). Pure arithmetic on
bytes. A *node* is named by its height (0 for leaves) and its index among the nodes of that height;
only complete subtrees are nodes. Proofs are built from a function that answers for nodes, so that
the same code proves over a database, over tiles and over a list.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

HASH_BYTES = 32
TILE_WIDTH = 256
"""Hashes in a full tile; C2SP tlog-tiles fixes the height at 8."""

EMPTY_ROOT = sha256(b"").digest()
"""Root of the tree of size 0; RFC 9162 §2.1.1."""

Node = Callable[[int, int], bytes]
"""Answers (height, index) with the hash of that complete subtree."""


class ProofRefused(ValueError):
    """A proof does not show what it is offered for."""


def leaf_hash(entry: bytes) -> bytes:
    """Return SHA-256(0x00 ‖ entry); RFC 9162 §2.1.1."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return SHA-256(0x01 ‖ left ‖ right); RFC 9162 §2.1.1."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True)
class TreeHash:
    """The hash a tree is built over: how it hashes a leaf's entry, and two neighbouring nodes.

    Functions rather than a name: the tree over SHA-256 calls the very same ones as when it was the
    only one, and appends no slower.
    """

    name: str
    leaf: Callable[[bytes], bytes]
    node: Callable[[bytes, bytes], bytes]
    empty_root: bytes


SHA256 = TreeHash("sha256", leaf_hash, node_hash, EMPTY_ROOT)


def complete_root(hashes: Sequence[bytes], tree: TreeHash = SHA256) -> bytes:
    """Return the root over a power of two of neighbouring nodes."""
    combine = tree.node
    count = len(hashes)
    if count == 0 or count & (count - 1):
        raise ValueError(f"{count} nodes do not make a complete subtree")
    level = list(hashes)
    while len(level) > 1:
        level = [combine(level[i], level[i + 1]) for i in range(0, len(level), 2)]
    return level[0]


@dataclass(slots=True)
class Frontier:
    """The right edge of a tree: its size, and the roots of its complete subtrees, widest first."""

    size: int = 0
    peaks: list[bytes] = field(default_factory=list)
    tree: TreeHash = SHA256

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash."""
        peaks, combine = self.peaks, self.tree.node
        carry = self.size
        while carry & 1:
            leaf = combine(peaks.pop(), leaf)
            carry >>= 1
        peaks.append(leaf)
        self.size += 1

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add leaf hashes in order."""
        for leaf in leaves:
            self.append(leaf)

    def root(self) -> bytes:
        """Return the root of the tree as it stands."""
        if not self.peaks:
            return self.tree.empty_root
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = self.tree.node(peak, root)
        return root

    def packed(self) -> bytes:
        """Return the peaks as one byte string; `unpack` reverses it."""
        return b"".join(self.peaks)

    @classmethod
    def unpack(cls, size: int, packed: bytes, tree: TreeHash = SHA256) -> "Frontier":
        """Return the frontier of a tree of `size`. Raises `ValueError` if the peaks do not fit."""
        expected = size.bit_count() * HASH_BYTES
        if size < 0 or len(packed) != expected:
            raise ValueError(f"a tree of {size} has {expected} bytes of peaks, not {len(packed)}")
        peaks = [packed[i : i + HASH_BYTES] for i in range(0, expected, HASH_BYTES)]
        return cls(size, peaks, tree)


def root_at(size: int, node: Node, tree: TreeHash = SHA256) -> bytes:
    """Return the root of the first `size` leaves."""
    return tree.empty_root if size == 0 else _range_root(0, size, node, tree)


def inclusion_proof(index: int, size: int, node: Node, tree: TreeHash = SHA256) -> list[bytes]:
    """Return the audit path of leaf `index` in the tree of `size`; RFC 9162 §2.1.3.1."""
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} has no leaf {index}")
    path: list[bytes] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(_range_root(middle, high, node, tree))
            high = middle
        else:
            path.append(_range_root(low, middle, node, tree))
            low = middle
    path.reverse()
    return path


def consistency_proof(
    old_size: int, new_size: int, node: Node, tree: TreeHash = SHA256
) -> list[bytes]:
    """Return the proof that the tree of `old_size` is a prefix; RFC 9162 §2.1.4.1.

    Empty when the sizes are equal, and when `old_size` is 0 (only `verify_extension` takes that).
    """
    if not 0 <= old_size <= new_size:
        raise ValueError(f"a tree of {new_size} does not extend one of {old_size}")
    if old_size in (0, new_size):
        return []
    path: list[bytes] = []
    low, high = 0, new_size
    while high != old_size:
        middle = low + _split(high - low)
        if old_size <= middle:
            path.append(_range_root(middle, high, node, tree))
            high = middle
        else:
            path.append(_range_root(low, middle, node, tree))
            low = middle
    if low:
        path.append(_range_root(low, high, node, tree))
    path.reverse()
    return path


def verify_inclusion(
    leaf: bytes,
    index: int,
    size: int,
    proof: Sequence[bytes],
    root: bytes,
    tree: TreeHash = SHA256,
) -> None:
    """Check that `leaf` stands at `index` of the tree with this size and root; RFC 9162 §2.1.3.2.

    Size and root must come from a signed checkpoint, never from the proof's own file: the proof
    does not authenticate the size. Raises `ProofRefused`.
    """
    _require_hashes(leaf, root, *proof)
    if not 0 <= index < size:
        raise ProofRefused(f"a tree of {size} has no leaf {index}")
    combine = tree.node
    fn, sn, running = index, size - 1, leaf
    for sibling in proof:
        if sn == 0:
            raise ProofRefused("the path is longer than the tree is high")
        if fn & 1 or fn == sn:
            running = combine(sibling, running)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            running = combine(running, sibling)
        fn >>= 1
        sn >>= 1
    if sn:
        raise ProofRefused("the path is shorter than the tree is high")
    if running != root:
        raise ProofRefused(f"the path leads to {running.hex()}, not to {root.hex()}")


def verify_consistency(
    old_size: int,
    new_size: int,
    proof: Sequence[bytes],
    old_root: bytes,
    new_root: bytes,
    tree: TreeHash = SHA256,
) -> None:
    """Check that the new tree begins with the whole old one; RFC 9162 §2.1.4.2.

    The general verifier: refuses size 0, about which nothing can be proved. Raises `ProofRefused`.
    """
    if not 0 < old_size <= new_size:
        raise ProofRefused(f"nothing to prove from size {old_size} to {new_size}")
    if old_size == new_size:  # nothing is hashed; a published vector compares 12-byte roots
        if proof or old_root != new_root:
            raise ProofRefused("equal sizes need an empty proof and equal roots")
        return
    _require_hashes(old_root, new_root, *proof)
    path = list(proof) if old_size & (old_size - 1) else [old_root, *proof]
    if not path:
        raise ProofRefused("the proof is empty")
    old, new = _consistency_roots(old_size, new_size, path, tree)
    if old != old_root:
        raise ProofRefused(f"the proof starts from {old.hex()}, not from {old_root.hex()}")
    if new != new_root:
        raise ProofRefused(f"the proof leads to {new.hex()}, not to {new_root.hex()}")


def verify_extension(
    old_size: int,
    new_size: int,
    proof: Sequence[bytes],
    old_root: bytes,
    new_root: bytes,
    tree: TreeHash = SHA256,
) -> None:
    """Check, as a signer or witness does, that a new head extends the last one it vouched for.

    Like `verify_consistency`, and from size 0 with an empty proof (C2SP tlog-witness).
    """
    if old_size:
        verify_consistency(old_size, new_size, proof, old_root, new_root, tree)
        return
    _require_hashes(old_root, new_root)
    nothing = tree.empty_root
    if proof or old_root != nothing or (new_size == 0 and new_root != nothing):
        raise ProofRefused("from size 0 the proof is empty and the old root is that of nothing")
    if new_size < 0:
        raise ProofRefused(f"no tree has size {new_size}")


def _consistency_roots(
    old_size: int, new_size: int, path: Sequence[bytes], tree: TreeHash
) -> tuple[bytes, bytes]:
    fn, sn = old_size - 1, new_size - 1
    while fn & 1:
        fn >>= 1
        sn >>= 1
    old = new = path[0]
    for sibling in path[1:]:
        if sn == 0:
            raise ProofRefused("the proof is longer than the tree is high")
        if fn & 1 or fn == sn:
            old = tree.node(sibling, old)
            new = tree.node(sibling, new)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            new = tree.node(new, sibling)
        fn >>= 1
        sn >>= 1
    if sn:
        raise ProofRefused("the proof is shorter than the tree is high")
    return old, new


def _split(count: int) -> int:
    """Return the largest power of two below `count` (which is 2 or more)."""
    return 1 << ((count - 1).bit_length() - 1)


def _range_root(low: int, high: int, node: Node, tree: TreeHash) -> bytes:
    """Return the root of leaves low…high−1, where `low` is a multiple of the widest subtree."""
    count = high - low
    if not count & (count - 1):
        height = count.bit_length() - 1
        return node(height, low >> height)
    middle = low + _split(count)
    left = _range_root(low, middle, node, tree)
    return tree.node(left, _range_root(middle, high, node, tree))


def _require_hashes(*hashes: bytes) -> None:
    # An early version took 0-byte hashes; three transparency-dev vectors caught it.
    for value in hashes:
        if len(value) != HASH_BYTES:
            raise ProofRefused(f"a hash has {HASH_BYTES} bytes, not {len(value)}")
