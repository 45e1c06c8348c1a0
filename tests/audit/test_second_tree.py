"""The second tree: the same entries under SM3, its heads signed with SM2, both trees verified."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, delete, select, text, update

from audit.check import verify_stores
from audit.keyperiods import ALSO, with_keys
from audit.logstore import LogReader, LogState, found_log
from audit.merkle import (
    Frontier,
    ProofRefused,
    complete_root,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_at,
    verify_consistency,
    verify_inclusion,
)
from audit.notes import SM2, Checkpoint, NoteInvalid, NoteVerifier, open_checkpoint, sign_note
from audit.outbox import record
from audit.proofs import prove, verify_proof
from audit.report import CLEAN, INCOMPLETE, TAMPERED, VerifyReport
from audit.secondtree import SecondTree, catch_up, extend_second
from audit.sequencer import LogBehindSigner, Sequencer, Step
from audit.signer import Signer, SignerRefused, init_signer
from audit.signing import KeyAnsweredWrong, KeyUnusable, make_sm2_key, open_key
from audit.sm3 import SM3
from audit.tables import (
    audit_checkpoint,
    audit_entry,
    audit_sm3_checkpoint,
    audit_sm3_state,
    audit_sm3_tile,
    audit_state,
    log_metadata,
    outbox_metadata,
)
from audit.trust import TrustedLog, TrustPolicy
from tests.audit.conftest import ORIGIN, make_draft, sqlite_engine

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl command here")

PASSPHRASE = "口令 of a test".encode()


@dataclass
class National:
    """A log with two trees, and the signers of both in this process."""

    cases: Engine
    log: Engine
    first: Signer
    second: Signer
    sequencer: Sequencer

    @property
    def policy(self) -> TrustPolicy:
        return TrustPolicy((TrustedLog(self.first.verifier), TrustedLog(self.second.verifier)))

    def take(self, first: int, count: int) -> None:
        """Record and append that many entries."""
        with self.cases.begin() as connection:
            for number in range(first, first + count):
                record(connection, make_draft(number))
        self.sequencer.drain()

    def verify(self, *pins: str) -> VerifyReport:
        return verify_stores(self.log, self.policy, producers={"cases": self.cases}, pins=pins)

    def second_head(self) -> str:
        with self.log.connect() as connection:
            head = SecondTree(connection).last_checkpoint()
        assert head is not None
        return head.note

    def change(self, *statements: Any) -> None:
        with self.log.begin() as connection:
            for statement in statements:
                connection.execute(statement)


@pytest.fixture
def national(tmp_path: Path, open_store: Callable[[str], Engine]) -> Iterator[National]:
    cases, log = open_store("cases"), open_store("log")
    outbox_metadata.create_all(cases)
    log_metadata.create_all(log)
    found_log(log, ORIGIN)
    init_signer(tmp_path / "log.key", tmp_path / "signed.json", ORIGIN)
    first = Signer(tmp_path / "log.key", tmp_path / "signed.json")
    second = sm2_signer(tmp_path)
    sequencer = Sequencer(log, {"cases": cases}, first, trusted=first.verifier, second=second)
    yield National(cases, log, first, second, sequencer)
    first.close()
    second.close()


def sm2_signer(folder: Path) -> Signer:
    """Found and open a signer of the second tree."""
    make_sm2_key(folder / "sm2.key", PASSPHRASE)
    key, state = folder / "sm2.key", folder / "signed-sm3.json"
    init = {"key": "sm2:sm2.key", "tree": SM3, "passphrase": PASSPHRASE}
    init_signer(folder / "unused.key", state, f"{ORIGIN}/sm3", **init)  # type: ignore[arg-type]
    return Signer(key, state, tree=SM3, passphrase=PASSPHRASE)


# ── growing ──


def test_both_trees_grow_together_and_both_heads_are_signed(national: National) -> None:
    national.take(0, 3)
    national.sequencer.seal()
    report = national.verify()
    assert report.exit_code == CLEAN
    assert report.second is not None
    assert (
        (report.entries, report.sealed) == (report.second.entries, report.second.sealed) == (3, 3)
    )
    with national.log.connect() as connection:
        bodies = [entry.body for entry in LogReader(connection).entries()]
    leaves = [SM3.leaf(body) for body in bodies]
    root = root_at(3, lambda h, i: complete_root(leaves[i << h : (i + 1) << h], SM3), SM3)
    head = open_checkpoint(national.second_head(), national.second.verifier)
    assert (head.origin, head.size, head.root) == (f"{ORIGIN}/sm3", 3, root)
    assert head.root.hex() == report.second.root != report.root


def test_a_second_tree_whose_key_is_not_trusted_is_not_called_whole(national: National) -> None:
    national.take(0, 5)
    national.sequencer.seal()
    report = verify_stores(national.log, national.first.verifier)
    assert report.exit_code == INCOMPLETE
    assert any("no key of it is trusted" in said for said in report.incomplete)


def test_an_append_that_rolls_back_leaves_neither_tree_longer(national: National) -> None:
    national.take(0, 2)
    seen: list[Step] = []

    def fail(step: Step) -> None:
        seen.append(step)
        if step == "appended":
            raise RuntimeError("before the commit")

    failing = Sequencer(
        national.log,
        {"cases": national.cases},
        national.first,
        second=national.second,
        observe=fail,
    )
    with national.cases.begin() as connection:
        record(connection, make_draft(2))
    with pytest.raises(RuntimeError, match="before the commit"):
        failing.drain()
    with national.log.connect() as connection:
        assert LogReader(connection).state().size == SecondTree(connection).state().size == 2
    national.sequencer.drain()
    national.sequencer.seal()
    assert national.verify().exit_code == CLEAN


@pytest.mark.parametrize("size", [255, 256, 257, 600])
def test_a_log_that_gets_its_second_tree_later_has_the_same_one(
    national: National, size: int, tmp_path: Path
) -> None:
    plain = Sequencer(national.log, {"cases": national.cases}, national.first)
    with national.cases.begin() as connection:
        for number in range(size):
            record(connection, make_draft(number))
    plain.drain()
    plain.seal()
    assert national.verify().incomplete == [f"{ORIGIN}/sm3: the tree over SM3 has not begun"]
    national.sequencer.catch_up()
    national.take(size, 2)
    national.sequencer.seal()
    report = national.verify()
    assert (report.exit_code, report.failures) == (CLEAN, [])
    assert report.second is not None
    assert report.second.entries == size + 2


def test_a_catching_up_that_is_killed_goes_on_where_it_was(national: National) -> None:
    plain = Sequencer(national.log, {"cases": national.cases}, national.first)
    with national.cases.begin() as connection:
        for number in range(40):
            record(connection, make_draft(number))
    plain.drain()
    pages: list[Step] = []

    def kill(step: Step) -> None:
        pages.append(step)
        if pages.count("caught up") == 2:
            raise KeyboardInterrupt

    killed = Sequencer(
        national.log,
        {"cases": national.cases},
        national.first,
        second=national.second,
        batch=15,
        observe=kill,
    )
    with pytest.raises(KeyboardInterrupt):
        killed.drain()
    with national.log.connect() as connection:
        assert SecondTree(connection).state().size == 30
    assert national.verify().exit_code == INCOMPLETE
    national.sequencer.drain()
    national.sequencer.seal()
    assert national.verify().exit_code == CLEAN


def test_the_profile_turned_off_and_on_again_loses_no_leaf(national: National) -> None:
    national.take(0, 5)
    national.sequencer.seal()
    plain = Sequencer(national.log, {"cases": national.cases}, national.first)
    with national.cases.begin() as connection:
        record(connection, make_draft(5))
    plain.drain()
    plain.seal()
    assert f"{ORIGIN}/sm3: 1 entries are not in the tree over SM3" in national.verify().incomplete
    national.take(6, 1)
    national.sequencer.seal()
    assert national.verify().exit_code == CLEAN


def test_tiles_are_right_across_65536_leaves(tmp_path: Path) -> None:
    log = sqlite_engine(tmp_path / "wide.db")
    log_metadata.create_all(log)
    leaves: list[bytes] = []
    size = 0
    for count in (255, 1, 1, 300, 64_979, 1, 257):  # … 65,536, 65,537, 65,794
        bodies = [number.to_bytes(4) for number in range(size, size + count)]
        with log.begin() as connection:
            state = extend_second(connection, ORIGIN, size, bodies)
        leaves += [SM3.leaf(body) for body in bodies]
        size += count
        assert state.size == size
        if size in (256, 257, 65_536, 65_537):
            _check_against(log, leaves, state)
    _check_against(log, leaves, state)
    with log.connect() as connection:
        tree = SecondTree(connection)
        assert tree.tile_levels() == [0, 1, 2]
        for old, new in ((255, 65_536), (65_536, 65_794), (300, 65_537)):
            proof = consistency_proof(old, new, tree.node, SM3)
            roots = [root_at(n, tree.node, SM3) for n in (old, new)]
            verify_consistency(old, new, proof, roots[0], roots[1], SM3)
    log.dispose()


def _check_against(log: Engine, leaves: list[bytes], state: LogState) -> None:
    with log.connect() as connection:
        tree = SecondTree(connection)
        root = state.frontier(SM3).root()
        assert tree.state() == state
        assert root_at(state.size, tree.node, SM3) == root
        for index in {0, state.size // 2, state.size - 1}:
            path = inclusion_proof(index, state.size, tree.node, SM3)
            verify_inclusion(leaves[index], index, state.size, path, root, SM3)


def test_a_second_tree_that_stands_elsewhere_is_not_extended(national: National) -> None:
    national.take(0, 2)
    with national.log.begin() as connection, pytest.raises(Exception, match="not at 1"):
        extend_second(connection, ORIGIN, 1, [b"x"])


# ── proofs ──


def test_a_proof_under_the_sm3_head_is_verified_with_the_sm2_key(national: National) -> None:
    national.take(0, 7)
    national.sequencer.seal()
    with national.log.connect() as connection:
        wanted = next(LogReader(connection).entries(3, 4))
        proof = prove(connection, wanted.entry_id, SM3)
    trusted = national.second.verifier
    place, head = verify_proof(proof.text, wanted.body, trusted)
    assert (place, head.size, head.origin) == (3, 7, f"{ORIGIN}/sm3")
    assert not proof.text.startswith("c2sp.org/tlog-proof@v1")  # it is no C2SP proof: another hash
    with pytest.raises(ProofRefused):
        verify_proof(proof.text, wanted.body + b" ", trusted)
    with pytest.raises(NoteInvalid):
        verify_proof(proof.text, wanted.body, national.first.verifier)
    claimed = proof.text.replace(proof.text.partition("\n")[0], "c2sp.org/tlog-proof@v1", 1)
    with pytest.raises(NoteInvalid):
        verify_proof(claimed, wanted.body, trusted)


# ── attacks ──


def test_a_forgery_of_the_second_tree_alone_is_named_as_its_own(national: National) -> None:
    national.take(0, 4)
    national.sequencer.seal()
    with national.log.connect() as connection:
        forged = bytearray(connection.execute(select(audit_sm3_tile.c.hashes)).scalar_one())
    forged[32] ^= 1
    national.change(update(audit_sm3_tile).values(hashes=bytes(forged)))
    report = national.verify()
    assert report.exit_code == TAMPERED
    assert set(report.counts) == {"sm3 tile"}
    assert report.first_wrong is not None
    assert report.first_wrong.index == 1


def test_a_rewritten_first_tree_under_the_real_key_is_named_by_the_second(
    national: National, tmp_path: Path
) -> None:
    # The insider has the Ed25519 key and the database, not the SM2 key.
    national.take(0, 3)
    national.sequencer.seal()
    with national.log.connect() as connection:
        entries = list(LogReader(connection).entries())
    body = entries[2].body.replace(b"case.decide", b"case.reopen")
    frontier = Frontier()
    frontier.extend([entries[0].leaf, entries[1].leaf, leaf_hash(body)])
    key = open_key("file:log.key", ORIGIN, tmp_path)
    note = sign_note(Checkpoint(ORIGIN, 3, frontier.root()).text(), [key])
    national.change(
        text("DROP TRIGGER audit_entry_no_update"),
        update(audit_entry).where(audit_entry.c.seq == 2).values(body=body, leaf=leaf_hash(body)),
        update(audit_state).values(peaks=frontier.packed()),
        update(audit_checkpoint).values(root=frontier.root(), note=note),
    )
    alone = verify_stores(national.log, national.first.verifier)
    assert set(alone.counts) == {"sm3 tile", "sm3 frontier"}  # the first tree is perfect
    both = verify_stores(national.log, national.policy)
    assert both.exit_code == TAMPERED
    assert set(both.counts) == {"sm3 tile", "sm3 frontier", "sm3 checkpoint"}


def test_a_head_of_the_second_tree_under_another_sm2_key_is_refused(
    national: National, tmp_path: Path
) -> None:
    national.take(0, 2)
    national.sequencer.seal()
    make_sm2_key(tmp_path / "other.key")
    other = open_key("sm2:other.key", f"{ORIGIN}/sm3", tmp_path)
    said = national.second_head().partition("\n\n")[0] + "\n"
    national.change(update(audit_sm3_checkpoint).values(note=sign_note(said, [other])))
    report = national.verify()
    assert set(report.counts) == {"sm3 signature"}
    assert "2 entries are not under a signed head" in report.incomplete[0]


def test_a_second_tree_of_too_many_or_too_few_entries_is_named(national: National) -> None:
    national.take(0, 4)
    national.sequencer.seal()
    national.change(
        update(audit_sm3_state).values(size=5),
    )
    assert national.verify().counts["sm3 size"] == 1
    national.change(update(audit_sm3_state).values(size=4, origin="elsewhere/sm3"))
    assert national.verify().counts["sm3 origin"] == 1


def test_a_second_tree_cut_to_an_older_head_is_found_by_its_pin(national: National) -> None:
    national.take(0, 4)
    national.sequencer.seal()
    pin = national.second_head()
    assert national.verify(pin).exit_code == CLEAN
    national.change(delete(audit_sm3_state), delete(audit_sm3_tile), delete(audit_sm3_checkpoint))
    assert national.verify().exit_code == INCOMPLETE
    report = national.verify(pin)
    assert (report.exit_code, set(report.counts)) == (TAMPERED, {"sm3 pin"})


def test_the_signer_of_the_second_tree_refuses_a_fork(national: National) -> None:
    national.take(0, 3)
    national.sequencer.seal()
    head = national.second.last()
    with pytest.raises(SignerRefused):
        national.second.sign(head.origin, 3, SM3.leaf(b"other"), [])
    with pytest.raises(SignerRefused):
        national.second.sign(ORIGIN, 4, SM3.leaf(b"other"), [])
    national.change(delete(audit_sm3_state), delete(audit_sm3_tile), delete(audit_sm3_checkpoint))
    with national.log.begin() as connection:
        catch_up(connection, LogReader(connection).state(), most=2)
    with pytest.raises(LogBehindSigner):
        national.sequencer.seal()


# ── keys ──


def test_the_key_file_is_for_its_owner_alone_and_locked(national: National, tmp_path: Path) -> None:
    path = tmp_path / "sm2.key"
    assert path.stat().st_mode & 0o777 == 0o600
    assert b"ENCRYPTED" in path.read_bytes()
    for wrong in (None, b"another"):
        with pytest.raises(KeyUnusable):
            open_key("sm2:sm2.key", f"{ORIGIN}/sm3", tmp_path, wrong)
    path.chmod(0o644)
    with pytest.raises(KeyUnusable, match="chmod 600"):
        open_key("sm2:sm2.key", f"{ORIGIN}/sm3", tmp_path, PASSPHRASE)
    with pytest.raises(FileExistsError):
        make_sm2_key(path, PASSPHRASE)


def test_a_vkey_of_an_sm2_key_is_read_as_it_is_written(national: National) -> None:
    verifier = national.second.verifier
    assert verifier.kind == SM2
    assert NoteVerifier.parse(verifier.vkey) == verifier
    off = NoteVerifier(verifier.name, b"\x04" + b"\x01" * 64, SM2)
    assert not NoteVerifier.parse(off.vkey).accepts("text\n", b"0")


def test_a_program_of_the_site_signs_in_the_place_of_the_key_file(tmp_path: Path) -> None:
    make_sm2_key(tmp_path / "device.key")
    program = tmp_path / "device"
    program.write_text(
        "#!/bin/sh\nexec openssl pkeyutl -sign -rawin -digest sm3 "
        f'-pkeyopt "distid:$1" -inkey {tmp_path}/device.key\n'
    )
    program.chmod(0o700)
    words = ["openssl", "pkey", "-in", str(tmp_path / "device.key"), "-pubout"]
    (tmp_path / "device.pub").write_bytes(subprocess.run(words, capture_output=True).stdout)
    key = open_key("sm2-program:device?public=device.pub", "city/sm3", tmp_path)
    assert key.verifier.accepts("一\n", key.sign("一\n".encode()))
    program.write_text("#!/bin/sh\necho no; exit 0\n")
    with pytest.raises(KeyAnsweredWrong):
        key.sign(b"text\n")
    for rest in ("device", "device?public=none.pub", "none?public=device.pub"):
        with pytest.raises(KeyUnusable):
            open_key(f"sm2-program:{rest}", "city/sm3", tmp_path)


def test_a_policy_that_is_rewritten_at_a_key_change_keeps_the_sm2_key_a_comment(
    national: National,
) -> None:
    first, second = national.first.verifier.vkey, national.second.verifier.vkey
    text = f"log {first}\n{ALSO} {second}\nquorum none\n"
    fresh = with_keys(text, national.first.keys())
    assert fresh.splitlines() == [f"log {first}", f"{ALSO} {second}", "quorum none"]
    assert [one.verifier for one in TrustPolicy.parse(fresh).logs] == [
        national.first.verifier,
        national.second.verifier,
    ]
