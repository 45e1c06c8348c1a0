"""Keys of the log change in the open: announced, overlapping, published; a stolen one ends."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from audit.entry import KEY_ROTATED
from audit.notes import Checkpoint, NoteInvalid, NoteKey, parse_checkpoint, sign_note
from audit.report import CLEAN, INCOMPLETE, TAMPERED
from audit.sequencer import Sequencer
from audit.signer import Signer, init_signer
from audit.signing import open_key
from audit.sm3 import SM3
from audit.tables import audit_checkpoint
from audit.trust import HeadVoid, PolicyInvalid, TrustPolicy
from tests.audit.test_trust import cosignature
from tests.yichuang.log_town import BASE, LogTown
from yichuang.log_keys import NotSealedYet, NoWitness, publish_keys, revoke, rotate
from yichuang.trusting import city_policy, policy_path

NO_WAIT = timedelta()


class Crash(Exception):
    pass


@pytest.fixture
def town(tmp_path: Path) -> Iterator[LogTown]:
    """A log with one witness and three entries under as many heads, the second cosigned."""
    made = LogTown(tmp_path, witnessed=True)
    for name in ("one", "two", "three"):
        made.grow(name)
    made.cosign(2)
    yield made
    made.signer.close()
    made.log.dispose()


def rotated(town: LogTown, overlap: int = 2, crash_at: str = "") -> str:
    def observe(step: str) -> None:
        if step == "recorded":
            town.seal()
        if step == crash_at:
            raise Crash

    return rotate(town.settings, town.signer, overlap=overlap, wait=NO_WAIT, observe=observe).vkey


def key_of(town: LogTown) -> NoteKey:
    """The thief's copy of the first key."""
    stolen = open_key("file:log.key", BASE, town.settings.data)
    found = getattr(stolen, "key", None)
    assert isinstance(found, NoteKey)
    return found


def test_a_rotation_is_announced_under_the_old_key_and_published(town: LogTown) -> None:
    old = town.signer.verifier.vkey
    new = rotated(town)  # announced at size 4
    assert town.bodies()[-1]["act"] == "audit.key.rotated"
    assert town.bodies()[-1]["obj"]["id"] == new
    for name in ("four", "five", "six"):
        town.grow(name)
    assert policy_path(town.settings).read_text("utf-8").splitlines()[:4] == [
        f"log {old}",
        f"log {new}",
        f"#yichuang key {old} from 0 until 6",
        f"#yichuang key {new} from 5",
    ]
    town.cosign(7)
    report = town.verify()
    assert report.exit_code == CLEAN, report.as_json()
    assert report.checkpoints == 7


def test_the_old_key_signs_no_head_after_its_end(town: LogTown) -> None:
    stolen = key_of(town)
    rotated(town)
    for name in ("four", "five", "six"):
        town.grow(name)
    note = town.notes()[7]
    forged = sign_note(parse_checkpoint(note.rpartition("\n\n")[0] + "\n").text(), [stolen])
    with pytest.raises(NoteInvalid, match="sizes from 0 to 6, not 7"):
        city_policy(town.settings).open(forged)
    with town.log.begin() as connection:
        change = update(audit_checkpoint).where(audit_checkpoint.c.size == 7)
        connection.execute(change.values(note=forged))
    report = town.verify()
    assert (report.exit_code, dict(report.counts)) == (TAMPERED, {"signature": 1})


def test_a_new_key_signs_no_head_from_before_its_beginning(town: LogTown) -> None:
    rotated(town)
    new = open_key(town.signer.keys()[-1].backend, BASE, town.settings.data)
    note = sign_note(Checkpoint(BASE, 3, bytes(32)).text(), [new])
    with pytest.raises(NoteInvalid, match="from 5, not 3"):
        city_policy(town.settings).open(note)


def test_a_revoked_keys_heads_count_up_to_the_last_cosigned_one(town: LogTown) -> None:
    old = town.signer.verifier.vkey
    done = revoke(town.settings, town.signer, vkey=old, why="compromised")
    assert (done.end, done.finished) == (2, False)
    before = town.verify()
    assert before.exit_code == INCOMPLETE and (before.sealed, before.void) == (2, 2)
    assert town.seal() == 4
    said = town.bodies()[-1]
    assert (said["act"], said["obj"]["id"], said["obj"]["step"]) == ("audit.key.revoked", old, "2")
    town.cosign(4)
    report = town.verify()
    assert report.exit_code == CLEAN, report.as_json()
    assert (report.sealed, report.void) == (4, 2)  # sizes 1 (not cosigned) and 3


def test_a_stolen_keys_fork_vouches_for_nothing(town: LogTown) -> None:
    stolen = key_of(town)
    revoke(town.settings, town.signer, vkey=town.signer.verifier.vkey, why="compromised")
    policy = city_policy(town.settings)
    for size in (1, 2, 3):  # within what the key has signed: void unless cosigned up to 2
        with pytest.raises(HeadVoid):
            policy.open(sign_note(Checkpoint(BASE, size, bytes(32)).text(), [stolen]))
    with pytest.raises(NoteInvalid, match="not 900"):
        policy.open(sign_note(Checkpoint(BASE, 900, bytes(32)).text(), [stolen]))
    for size, trusted in ((2, True), (3, False)):
        text = Checkpoint(BASE, size, bytes(32)).text()
        cosigned = sign_note(text, [stolen]) + cosignature(0, text) + "\n"
        if trusted:
            assert policy.open(cosigned).witnessed
        else:
            with pytest.raises(HeadVoid):
                policy.open(cosigned)


def test_a_fork_under_the_stolen_key_in_the_store_itself_is_found(town: LogTown) -> None:
    stolen = key_of(town)
    revoke(town.settings, town.signer, vkey=town.signer.verifier.vkey, why="compromised")
    town.seal()
    forged = sign_note(Checkpoint(BASE, 3, bytes(32)).text(), [stolen])
    with town.log.begin() as connection:
        change = update(audit_checkpoint).where(audit_checkpoint.c.size == 3)
        connection.execute(change.values(note=forged, root=bytes(32)))
    report = town.verify()
    assert (report.exit_code, dict(report.counts)) == (TAMPERED, {"checkpoint": 1})


def test_without_a_cosigned_head_a_revocation_must_be_meant(tmp_path: Path) -> None:
    town = LogTown(tmp_path)
    town.grow("one")
    old = town.signer.verifier.vkey
    with pytest.raises(NoWitness):
        revoke(town.settings, town.signer, vkey=old, why="compromised")
    assert len(town.signer.keys()) == 1
    done = revoke(town.settings, town.signer, vkey=old, why="lost", without_witness=True)
    assert done.end == 0
    town.seal()
    report = town.verify()
    assert (report.exit_code, report.sealed, report.void) == (CLEAN, 2, 1)


@pytest.mark.parametrize("step", ["made", "recorded", "sealed", "activated", "published"])
def test_a_rotation_that_was_cut_short_is_finished_by_the_next_run(
    town: LogTown, step: str
) -> None:
    with pytest.raises(Crash):
        rotated(town, crash_at=step)
    town.restart_signer()
    town.grow("meanwhile")
    if step != "published":
        rotated(town)
    assert len(town.signer.keys()) == 2
    assert [one["act"] for one in town.bodies()].count(KEY_ROTATED) == 1
    for name in ("four", "five", "six"):
        town.grow(name)
    size = town.sequencer.size()
    town.cosign(size)
    report = town.verify()
    assert report.exit_code == CLEAN, report.as_json()


@pytest.mark.parametrize("step", ["made", "revoked", "published", "recorded"])
def test_a_revocation_that_was_cut_short_is_finished_by_the_next_run(
    town: LogTown, step: str
) -> None:
    old = town.signer.verifier.vkey

    def observe(reached: str) -> None:
        if reached == step:
            raise Crash

    with pytest.raises(Crash):
        revoke(town.settings, town.signer, vkey=old, why="stolen", observe=observe)
    town.restart_signer()
    done = revoke(town.settings, town.signer, vkey=old, why="stolen")
    assert done.end == 2 and len(town.signer.keys()) == 2
    assert town.seal() == 4
    town.cosign(4)
    assert town.verify().exit_code == CLEAN


def test_a_key_does_not_follow_before_its_entry_is_signed(town: LogTown) -> None:
    with pytest.raises(NotSealedYet):
        rotate(town.settings, town.signer, wait=NO_WAIT)
    assert len(town.signer.keys()) == 1


def test_the_second_trees_key_rotates_too(town: LogTown) -> None:
    files = town.settings.data / "second.key", town.settings.data / "signed-sm3.json"
    init_signer(*files, f"{BASE}/sm3", tree=SM3)
    second = Signer(*files, tree=SM3)
    publish_keys(town.settings, second.keys())
    town.sequencer = Sequencer(town.log, town.sources, town.signer, second=second)
    town.grow("four")

    def observe(step: str) -> None:
        if step == "recorded":
            town.seal()

    done = rotate(town.settings, second, wait=NO_WAIT, tree=SM3, observe=observe)
    assert second.verifier.vkey == done.vkey and len(second.keys()) == 2
    assert len(town.signer.keys()) == 1
    town.grow("five")
    town.cosign(town.sequencer.size())
    report = town.verify()
    assert report.exit_code == CLEAN, report.as_json()
    second.close()


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("#yichuang key {vkey} from 0 until x\n", "size"),
        ("#yichuang key {vkey} from 007\n", "size"),
        ("#yichuang key {vkey}\n", "from"),
        ("#yichuang key {vkey} until 7\n", "from"),
        ("#yichuang key {vkey} from 1 from 2\n", "from"),
        ("#yichuang key {vkey} from 1 for 2\n", "from"),
        ("#yichuang key other+00000000+AAAA from 1\n", "no log above"),
        ("#yichuang key {vkey} from 1\n#yichuang key {vkey} from 2\n", "second"),
    ],
)
def test_a_period_that_is_not_as_we_spell_it_is_refused(
    town: LogTown, lines: str, said: str
) -> None:
    vkey = town.signer.verifier.vkey
    with pytest.raises(PolicyInvalid, match=said):
        TrustPolicy.parse(f"log {vkey}\n{lines.format(vkey=vkey)}quorum none\n")
