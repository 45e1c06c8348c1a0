"""Variations of a true proof, and attacks on the protocol between log, witness and reader.

Eight variations must be refused. The ninth must not: an inclusion proof does not authenticate the
tree's size, by design of RFC 9162, so size and root may come from a signed head alone.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from audit.attack_ground import Ground
from audit.logstore import LogReader
from audit.merkle import ProofRefused, inclusion_proof, leaf_hash, verify_inclusion
from audit.notes import Checkpoint, NoteInvalid, sign_note
from audit.proofs import spell_proof, verify_proof
from audit.reading import reading
from audit.trust import MAX_AGE, HeadStale
from audit.witness import Refused, origin_hash
from audit.witness_wire import spell_question


@dataclass(frozen=True, slots=True)
class Shown:
    """One thing shown to a verifier, whether it must be refused, and whether it was."""

    number: str
    title: str
    expected: bool
    refused: bool
    said: str

    @property
    def as_expected(self) -> bool:
        return self.refused == self.expected


@dataclass(frozen=True, slots=True)
class _True:
    """A true proof: the entry's bytes, its place, the path, the signed head."""

    body: bytes
    index: int
    size: int
    path: Sequence[bytes]
    root: bytes
    node: bytes
    note: str


def show_proofs(ground: Ground) -> Iterator[Shown]:
    """Show the nine variations, and what the true proof is worth. Raises `ProofRefused` if that is
    not accepted to begin with."""
    true = _proof(ground)
    trusted = ground.key.verifier
    verify_proof(spell_proof(true.index, list(true.path), true.note), true.body, trusted)
    leaf, path, index = leaf_hash(true.body), list(true.path), true.index
    flipped = [bytes([path[0][0] ^ 1]) + path[0][1:], *path[1:]]
    shown: list[tuple[str, bytes, int, list[bytes]]] = [
        ("另一个序号", leaf, index + 1, path),
        ("翻转一位", leaf, index, flipped),
        ("截短", leaf, index, path[:-1]),
        ("加长", leaf, index, [*path, path[-1]]),
        ("哈希换序", leaf, index, [path[1], path[0], *path[2:]]),
        ("内部节点冒充叶", true.node, index >> 1, path[1:]),
        ("31 字节的哈希", leaf, index, [path[0][:31], *path[1:]]),
        ("负的序号", leaf, -1, path),
    ]
    for number, (title, value, place, hashes) in enumerate(shown, 1):
        said = _said(partial(_shown, true, value, place, hashes))
        yield Shown(f"p{number}", title, True, bool(said), said)
    said = _said(lambda: _under_another_size(true, leaf))
    yield Shown("p9", "另一个树的大小（RFC 9162 本不认证大小）", False, bool(said), said)


def attack_protocol(ground: Ground) -> Iterator[Shown]:
    """Show the witness another history, and a reader an old head as if it were the newest."""
    yield Shown("w1", "向见证人出示另一段历史（分裂视图）", True, *_split_view(ground))
    yield Shown("w2", "重放旧检查点", True, *_replayed(ground))


def _proof(ground: Ground) -> _True:
    with reading(ground.log) as connection:
        reader = LogReader(connection)
        head = reader.last_checkpoint()
        assert head is not None
        index = ground.before_pin
        path = inclusion_proof(index, head.size, reader.node)
        (entry,) = reader.entries(index, index + 1)
        node = reader.node(1, index >> 1)
        note = reader.cosigned_note(head.size)
    return _True(entry.body, index, head.size, path, head.root, node, note)


def _shown(true: _True, leaf: bytes, index: int, path: Sequence[bytes]) -> None:
    verify_inclusion(leaf, index, true.size, path, true.root)


def _under_another_size(true: _True, leaf: bytes) -> None:
    """Verify the same path under every size near by; return if one of them is accepted."""
    refusal = ProofRefused("no other size")
    for size in range(max(true.index + 1, true.size // 2), 2 * true.size):
        if size == true.size:
            continue
        try:
            return verify_inclusion(leaf, true.index, size, true.path, true.root)
        except ProofRefused as error:
            refusal = error
    raise refusal


def _said(show: Callable[[], None]) -> str:
    try:
        show()
    except (ProofRefused, NoteInvalid) as error:
        return str(error)
    return ""


def _split_view(ground: Ground) -> tuple[bool, str]:
    """Ask the witness, with the log's true key, for a head that contradicts its memory; then for
    the one it remembers, which it must go on cosigning."""
    (known,) = ground.witness.logs()
    root = bytes([known.root[0] ^ 1]) + known.root[1:]
    forged = sign_note(Checkpoint(ground.origin, known.size, root).text(), [ground.key])
    try:
        ground.witness.cosign(spell_question(known.size, (), forged))
    except Refused as error:
        ground.witness.cosign(spell_question(known.size, (), known.note))
        return True, error.reason
    return False, ""


def _replayed(ground: Ground) -> tuple[bool, str]:
    """Read the newest cosigned head now, when it is fresh, and when it is too old to say so; and an
    older one for an entry that it cannot contain."""
    policy = ground.policy(quorum=True)
    head = policy.open(ground.witness.checkpoint(origin_hash(ground.origin)))
    now = datetime.now(UTC)
    head.require_fresh(now)
    refusals = []
    stale: tuple[Callable[[], None], ...] = (
        lambda: head.require_fresh(now + MAX_AGE + timedelta(minutes=1)),
        lambda: policy.open(ground.pin).require_leaf(ground.sizes[1]),
    )
    for refuse in stale:
        try:
            refuse()
        except HeadStale as error:
            refusals.append(str(error))
    return len(refusals) == 2, "; ".join(refusals)
