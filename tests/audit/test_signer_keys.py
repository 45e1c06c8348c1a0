"""A signer's keys: the next one only after the log has said so, and the next shard likewise."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audit.entry import KEY_ROTATED, SHARD_OPENED, What, body_bytes, facts_of
from audit.merkle import Frontier, consistency_proof, inclusion_proof, leaf_hash, root_at
from audit.notes import NoteInvalid, NoteVerifier, open_checkpoint
from audit.signer import Signer, SignerRefused, init_signer
from tests.audit.conftest import make_draft

ORIGIN = "city.example/audit/2026H2"
NEXT = "city.example/audit/2027H1"


class Grown:
    """A tree in memory, and a signer that signs it."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.files = folder / "log.key", folder / "signed.json"
        if not self.files[1].exists():
            init_signer(*self.files, ORIGIN)
        self.signer = Signer(*self.files, **options)
        self.leaves: list[bytes] = []

    def node(self, height: int, index: int) -> bytes:
        frontier = Frontier()
        frontier.extend(self.leaves[index << height : (index + 1) << height])
        return frontier.root()

    def grow(self, body: bytes = b"x") -> str:
        self.leaves.append(leaf_hash(body))
        last, size = self.signer.last(), len(self.leaves)
        proof = consistency_proof(last.size, size, self.node)
        return self.signer.sign(last.origin, size, root_at(size, self.node), proof)

    def announce(self) -> tuple[bytes, int]:
        body = entry(KEY_ROTATED, What("key", self.signer.next_key()))
        self.grow(body)
        return body, len(self.leaves) - 1

    def rotate(self, overlap: int = 2) -> None:
        body, index = self.announce()
        proof = inclusion_proof(index, len(self.leaves), self.node)
        self.signer.activate(body, index, proof, overlap)


def entry(act: str, obj: What, **changes: Any) -> bytes:
    draft = make_draft(act=act, obj=obj, stream="sys:log", **changes)
    return body_bytes(facts_of(draft, []), "sys:log", 1, bytes(32))


def signers_of(note: str, *vkeys: str) -> list[bool]:
    said = []
    for vkey in vkeys:
        try:
            open_checkpoint(note, NoteVerifier.parse(vkey))
            said.append(True)
        except NoteInvalid:
            said.append(False)
    return said


def test_both_keys_sign_for_the_overlap_and_then_the_new_one_alone(tmp_path: Path) -> None:
    grown = Grown(tmp_path)
    old = grown.signer.verifier.vkey
    assert signers_of(grown.grow(), old) == [True]
    new = grown.signer.next_key()
    grown.rotate(overlap=2)  # size 2
    assert grown.signer.verifier.vkey == new
    assert [signers_of(grown.grow(), old, new) for _ in range(4)] == [
        [True, True],
        [True, True],
        [False, True],
        [False, True],
    ]
    grown.signer.close()
    (tmp_path / "log.key").unlink()  # the old key may be destroyed once it has stopped
    reopened = Signer(*grown.files)
    assert [(key.first, key.last) for key in reopened.keys()] == [(0, 4), (3, None)]


def test_a_key_the_log_has_not_announced_does_not_follow(tmp_path: Path) -> None:
    grown = Grown(tmp_path)
    grown.grow()
    pending = grown.signer.next_key()
    assert grown.signer.next_key() == pending
    other = entry(KEY_ROTATED, What("key", "city.example/audit/2026H2+00000000+AAAA"))
    wrong_act = entry("case.decide", What("key", pending))
    right = entry(KEY_ROTATED, What("key", pending))
    for body, said in ((other, "name"), (wrong_act, "case.decide"), (right, "under")):
        with pytest.raises(SignerRefused, match=said):
            grown.signer.activate(body, 0, [], 5)
    with pytest.raises(SignerRefused, match="overlap"):
        grown.signer.activate(right, 0, [], 0)
    assert len(grown.signer.keys()) == 1


def test_a_revoked_key_signs_nothing_more(tmp_path: Path) -> None:
    grown = Grown(tmp_path)
    old = grown.signer.verifier.vkey
    for _ in range(3):
        grown.grow()
    with pytest.raises(SignerRefused, match="no other key"):
        grown.signer.revoke(old, 2)
    new = grown.signer.next_key()
    with pytest.raises(SignerRefused, match="up to 3"):
        grown.signer.revoke(old, 4)
    grown.signer.revoke(old, 2)
    grown.signer.revoke(old, 2)
    assert signers_of(grown.grow(), old, new) == [False, True]
    assert [(k.first, k.last, k.revoked) for k in grown.signer.keys()] == [
        (0, 3, 2),
        (4, None, None),
    ]


def opened(grown: Grown, origin: str = NEXT, **changes: Any) -> bytes:
    last = grown.signer.last()
    fields: dict[str, Any] = {"step": f"{last.size} {last.origin}", "before": last.root.hex()}
    fields |= changes
    obj = What("shard", origin, fields["step"])
    return entry(SHARD_OPENED, obj, before=fields["before"])


def test_the_next_shard_is_begun_with_the_last_head_and_once(tmp_path: Path) -> None:
    grown = Grown(tmp_path)
    for _ in range(3):
        grown.grow()
    body = opened(grown)
    grown.signer.found(body)
    grown.signer.found(body)
    assert (grown.signer.last().origin, grown.signer.last().size) == (NEXT, 1)
    with pytest.raises(SignerRefused):
        grown.signer.found(opened(grown, NEXT))  # a second founding of the same
    with pytest.raises(SignerRefused, match="serves"):
        grown.signer.sign(ORIGIN, 4, bytes(32), [])
    grown.leaves = [leaf_hash(body)]
    note = grown.grow()
    assert open_checkpoint(note, grown.signer.verifier).origin == NEXT
    grown.signer.close()
    assert Signer(*grown.files).last().size == 2


@pytest.mark.parametrize(
    ("what", "origin", "changes"),
    [
        ("another root", NEXT, {"before": "00" * 32}),
        ("another size", NEXT, {"step": f"2 {ORIGIN}"}),
        ("another log's head", NEXT, {"step": "3 town.example/audit/2026H2"}),
        ("an earlier half-year", "city.example/audit/2026H1", {}),
        ("the same half-year", ORIGIN, {}),
        ("another log", "town.example/audit/2027H1", {}),
        ("no half-year", "city.example/audit", {}),
    ],
)
def test_a_shard_that_does_not_follow_is_not_begun(
    tmp_path: Path, what: str, origin: str, changes: dict[str, str]
) -> None:
    grown = Grown(tmp_path)
    for _ in range(3):
        grown.grow()
    with pytest.raises(SignerRefused):
        grown.signer.found(opened(grown, origin, **changes))
    assert grown.signer.last().origin == ORIGIN, what


def test_the_newest_key_goes_on_in_the_next_shard(tmp_path: Path) -> None:
    grown = Grown(tmp_path)
    grown.grow()
    grown.rotate(overlap=50)
    grown.signer.found(opened(grown))
    (held,) = grown.signer.keys()
    assert (held.first, held.last) == (0, None)
    assert NoteVerifier.parse(held.vkey).name == NEXT


class Crash(Exception):
    pass


@pytest.mark.parametrize("step", ["key made", "remembering", "remembered"])
@pytest.mark.parametrize("change", ["next_key", "activate", "revoke", "found"])
def test_a_crash_at_any_write_is_mended_by_asking_again(
    tmp_path: Path, step: str, change: str
) -> None:
    grown = Grown(tmp_path)
    old = grown.signer.verifier.vkey
    grown.grow()
    if change != "next_key":
        body, index = grown.announce()
    head = grown.signer.last()
    asked: dict[str, Callable[[Signer], object]] = {
        "next_key": lambda signer: signer.next_key(),
        "activate": lambda signer: signer.activate(
            body, index, inclusion_proof(index, len(grown.leaves), grown.node), 3
        ),
        "revoke": lambda signer: signer.revoke(old, 1),
        "found": lambda signer: signer.found(opening),
    }
    opening = opened(grown)
    grown.signer.close()
    crashed = []

    def crash(reached: str) -> None:
        if reached == step:
            crashed.append(reached)
            raise Crash

    dying = Signer(*grown.files, observe=crash)
    if step == "key made" and change != "next_key":
        asked[change](dying)
    else:
        with pytest.raises(Crash):
            asked[change](dying)
        assert crashed
    dying.close()
    grown.signer = Signer(*grown.files)
    asked[change](grown.signer)
    if change == "found":
        assert grown.signer.last().origin == NEXT
        return
    assert grown.signer.last() == head
    assert len(grown.signer.keys()) == (1 if change == "next_key" else 2)
    assert signers_of(grown.grow(), grown.signer.verifier.vkey) == [True]
