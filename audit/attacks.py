"""The attacks that the log is held against, and who must notice each: no more and no less.

Three verifiers look at every attacked copy: one who has the database and the log's key alone; one
who kept a signed head and asks for a quorum of witnesses; one who asks the witness as well. What a
verifier cannot notice must not be claimed either, so a catch that is not expected is a fault too.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import func, insert, select, update

from audit.attack_ground import (
    SUBJECTS,
    Ground,
    another_result,
    cut,
    edit,
    falsify,
    live_on,
    put_note,
    recosign,
    resign,
    rewrite,
    rows_of,
    seal,
    stolen_cosignature,
    text_of,
)
from audit.canonical import canonical_bytes
from audit.logstore import LogReader
from audit.merkle import leaf_hash
from audit.notes import Checkpoint, NoteKey, sign_note, signature_line
from audit.reading import reading
from audit.report import CLEAN, UNREADABLE, VerifyReport
from audit.tables import audit_cosignature, audit_entry, audit_payload

Pattern = tuple[bool, bool, bool]
"""Noticed with: database and key alone; + pin and quorum; + the witness's memory."""

ALL: Pattern = (True, True, True)
KEPT: Pattern = (False, True, True)
WITNESS_ONLY: Pattern = (False, False, True)


class GroundUnsound(Exception):
    """A verifier finds fault with the copy before it was attacked; nothing was tried."""


@dataclass(frozen=True, slots=True)
class Attack:
    """One way to falsify a log; `make` does it to a copy."""

    number: str
    title: str
    expected: Pattern
    make: Callable[[Ground], None]


@dataclass(frozen=True, slots=True)
class Tried:
    """What the three verifiers found of one attack, each with the checks that failed."""

    attack: Attack
    checks: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]

    @property
    def found(self) -> Pattern:
        alone, kept, witness = (bool(one) for one in self.checks)
        return alone, kept, witness

    @property
    def as_expected(self) -> bool:
        return self.found == self.attack.expected


def try_attacks(
    ground: Ground, folder: Path, attacks: Sequence[Attack] | None = None
) -> Iterator[Tried]:
    """Make each attack on a copy of its own, and yield what was found. Raises `GroundUnsound`."""
    for report in ground.judge():
        if report.exit_code != CLEAN:
            raise GroundUnsound(json.dumps(report.as_json(), ensure_ascii=False, default=str))
    for attack in ATTACKS if attacks is None else attacks:
        copy = ground.copy(folder / attack.number)
        attack.make(copy)
        alone, kept, witness = copy.judge()
        copy.close()
        yield Tried(attack, (_noticed(alone), _noticed(kept), _noticed(witness)))


def _noticed(report: VerifyReport) -> tuple[str, ...]:
    """Return the checks that failed. What cannot be read was not looked at: no catch, but a fault.

    Raises `GroundUnsound`.
    """
    if report.exit_code == UNREADABLE:
        raise GroundUnsound(report.unreadable or "")
    return (*sorted(report.counts), *(f"incomplete: {one}" for one in report.incomplete))


# --- the attacks ----------------------------------------------------------------------------------


def _body(ground: Ground) -> None:
    row = rows_of(ground)[ground.before_pin]
    edit(ground, ground.before_pin, body=another_result(row[4]))


def _body_and_leaf(ground: Ground) -> None:
    body = another_result(rows_of(ground)[ground.before_pin][4])
    edit(ground, ground.before_pin, body=body, leaf=leaf_hash(body))


def _everything_without_a_key(ground: Ground) -> None:
    falsify(ground, ground.before_pin)


def _row_deleted(ground: Ground) -> None:
    with ground.log.begin() as connection:
        connection.execute(audit_entry.delete().where(audit_entry.c.seq == ground.before_pin))


def _row_deleted_and_renumbered(ground: Ground) -> None:
    rows = rows_of(ground)
    del rows[ground.before_pin]
    rewrite(ground, rows)


def _row_inserted(ground: Ground) -> None:
    rows = rows_of(ground)
    body = json.loads(rows[ground.before_pin][4])
    body["id"] = str(uuid4())
    body["s"]["prev"] = bytes(32).hex()
    added = [body["id"], "sys:added", 1, b"", canonical_bytes(body)]
    rewrite(ground, [*rows[: ground.before_pin], added, *rows[ground.before_pin :]])


def _rows_swapped(ground: Ground) -> None:
    rows, at = rows_of(ground), ground.before_pin
    rows[at], rows[at + 1] = rows[at + 1], rows[at]
    rewrite(ground, rows)


def _cut_inside_a_batch(ground: Ground) -> None:
    rows = rows_of(ground)
    middle = (ground.sizes[2] + ground.sizes[3]) // 2
    cut(ground, ground.sizes[2])
    rewrite(ground, rows[:middle], chains=False)


def _cut_at_an_older_head(ground: Ground) -> None:
    cut(ground, ground.sizes[2])


def _cut_below_the_pin(ground: Ground) -> None:
    cut(ground, ground.sizes[0])


def _fork(ground: Ground) -> None:
    cut(ground, ground.sizes[2])
    live_on(ground, SUBJECTS, number=100)
    seal(ground, ground.sizes[2] + len(SUBJECTS), cosigned=False)


def _history_signed_anew(ground: Ground) -> None:
    falsify(ground, ground.before_pin)
    resign(ground)


def _history_signed_and_cosigned_anew(ground: Ground) -> None:
    falsify(ground, ground.before_pin)
    resign(ground)
    recosign(ground)


def _history_after_the_pin_signed_and_cosigned_anew(ground: Ground) -> None:
    falsify(ground, ground.after_pin)
    resign(ground, above=ground.sizes[1])
    recosign(ground, above=ground.sizes[1])


def _own_key(ground: Ground) -> None:
    resign(ground, NoteKey(ground.origin, Ed25519PrivateKey.generate()))


def _clock_set_back(ground: Ground) -> None:
    rows = rows_of(ground)
    # At the latest the ground's own second entry follows another one in its stream.
    victim = next(n for n in range(ground.before_pin, len(rows)) if rows[n][2] > 1)
    body = json.loads(rows[victim][4])
    body["t"] = "2001-01-01T00:00:00.000000Z"
    rows[victim][4] = canonical_bytes(body)
    rewrite(ground, rows)
    resign(ground)


def _same_event_twice(ground: Ground) -> None:
    with ground.log.begin() as connection:  # a table without the constraints that would refuse it
        connection.exec_driver_sql("ALTER TABLE audit_entry RENAME TO strict_entry")
        connection.exec_driver_sql("CREATE TABLE audit_entry AS SELECT * FROM strict_entry")
    rows = rows_of(ground)
    again = list(rows[ground.before_pin])
    body = json.loads(again[4])
    body["s"]["prev"] = bytes(32).hex()
    again[1:] = ["sys:twice", 1, b"", canonical_bytes(body)]
    rewrite(ground, [*rows, again])
    resign(ground)
    seal(ground, len(rows) + 1, cosigned=False)


def _payloads_swapped(ground: Ground) -> None:
    with ground.sources.begin() as connection:
        table = audit_payload.c
        one, two = connection.execute(select(table.entry_id, table.sealed).limit(2)).all()
        for key, sealed in ((one.entry_id, two.sealed), (two.entry_id, one.sealed)):
            change = update(audit_payload).where(table.entry_id == key)
            connection.execute(change.values(sealed=sealed))


def _payload_edited(ground: Ground) -> None:
    """The owner of the keys, too, cannot put another text in the place of what was committed to."""
    with ground.sources.begin() as connection:
        table = audit_payload.c
        row = connection.execute(select(table.entry_id, table.name, table.subject).limit(1)).one()
        place = f"{row.entry_id}\x00{row.name}".encode()
        sealed = ground.vault.seal(row.subject, b"another opinion", place)
        change = update(audit_payload).where(table.entry_id == row.entry_id)
        connection.execute(change.values(sealed=sealed))


def _payload_destroyed(ground: Ground) -> None:
    ground.vault.destroy(SUBJECTS[0])


def _spelled(old: bytes, new: bytes) -> Callable[[Ground], None]:
    """Return the attack that spells the newest entry in another way and signs every head anew."""

    def make(ground: Ground) -> None:
        rows = rows_of(ground)
        body, count = re.subn(old, new, rows[-1][4], count=1)
        assert count == 1, (old, rows[-1][4])
        rows[-1][4] = body
        rewrite(ground, rows, chains=False)
        resign(ground)

    return make


def _head_of_the_test_system(ground: Ground) -> None:
    size = ground.sizes[-1]
    with reading(ground.log) as connection:
        root = LogReader(connection).state().frontier().root()
    text = Checkpoint("test.invalid/log", size, root).text()
    put_note(ground, size, sign_note(text, [ground.key]))


def _cosignature_stripped(ground: Ground) -> None:
    with ground.log.begin() as connection:
        connection.execute(audit_cosignature.delete())


def _dropped_before_sequencing(ground: Ground) -> None:
    live_on(ground, SUBJECTS, number=100, dropped=1)
    seal(ground, ground.sizes[-1] + 2)


def _size_with_a_zero(ground: Ground) -> None:
    size = ground.sizes[-1]
    with reading(ground.log) as connection:
        head = LogReader(connection).last_checkpoint()
    assert head is not None
    text = text_of(head.note).replace(f"\n{size}\n", f"\n0{size}\n")
    put_note(ground, size, sign_note(text, [ground.key]))


def _witness_line_as_the_logs(ground: Ground) -> None:
    falsify(ground, ground.before_pin)
    resign(ground)
    with reading(ground.log) as connection:
        notes = [(head.size, head.note) for head in LogReader(connection).checkpoints()]
    for size, note in notes:
        line = signature_line(ground.key.verifier, stolen_cosignature(ground, text_of(note)))
        put_note(ground, size, f"{text_of(note)}\n{line}\n")


def _behind_the_writers_back(ground: Ground) -> None:
    with ground.log.begin() as connection:
        newest = connection.scalar(select(func.max(audit_entry.c.seq)))
        assert newest is not None
        row = connection.execute(select(audit_entry).where(audit_entry.c.seq == newest)).one()
        added = {"seq": newest + 1, "entry_id": "0" * 36, "stream_seq": row.stream_seq + 1}
        connection.execute(insert(audit_entry), {**row._mapping, **added})


_ACT = rb'"act":"'

ATTACKS: tuple[Attack, ...] = (
    Attack("1", "改条目内容", ALL, _body),
    Attack("2", "改条目内容及其叶", ALL, _body_and_leaf),
    Attack("3", "改内容并重算全部哈希（无密钥）", ALL, _everything_without_a_key),
    Attack("4", "删一行", ALL, _row_deleted),
    Attack("5", "删一行、重新编号并重算", ALL, _row_deleted_and_renumbered),
    Attack("6", "中间插一行并重算", ALL, _row_inserted),
    Attack("7", "两行对调并重算", ALL, _rows_swapped),
    Attack("8a", "截到一批的中间", ALL, _cut_inside_a_batch),
    Attack("8b", "截到较早的检查点（恢复旧备份）", WITNESS_ONLY, _cut_at_an_older_head),
    Attack("8c", "截到审计员另存的检查点以前", KEPT, _cut_below_the_pin),
    Attack("9", "旧备份上用真密钥续写（分叉）", KEPT, _fork),
    Attack("11", "持密钥者改史，全部重算重签", KEPT, _history_signed_anew),
    Attack("11b", "同上，并持见证人密钥", KEPT, _history_signed_and_cosigned_anew),
    Attack(
        "11c", "同上，只改另存检查点以后的", WITNESS_ONLY,
        _history_after_the_pin_signed_and_cosigned_anew,
    ),
    Attack("12", "同名的另一把密钥", ALL, _own_key),
    Attack("13", "时钟倒拨，签名无误", ALL, _clock_set_back),
    Attack("16", "同一事件记两次", ALL, _same_event_twice),
    Attack("17", "两份载荷对调", ALL, _payloads_swapped),
    Attack("17b", "载荷换成另一文本", ALL, _payload_edited),
    Attack("18a", "重复的键", ALL, _spelled(_ACT, rb'"act":"x","act":"')),
    Attack("18b", "多一个空格", ALL, _spelled(_ACT, rb'"act": "')),
    Attack("18c", "1 写成 1.0", ALL, _spelled(rb'"v":1', rb'"v":1.0')),
    Attack("18d", "未规范的字符（NFD）", ALL, _spelled(_ACT, _ACT + "e\u0301".encode())),
    Attack("18e", "双向控制符与零宽空格", ALL, _spelled(_ACT, _ACT + "\u202e\u200b".encode())),
    Attack("18f", "字母写成转义", ALL, _spelled(rb'"act":"g', rb'"act":"\\u0067')),
    Attack("18g", "未知字段", ALL, _spelled(rb"}$", rb',"z":1}')),
    Attack("20", "测试系统的检查点，同一密钥", ALL, _head_of_the_test_system),
    Attack("21", "去掉见证人的联署", KEPT, _cosignature_stripped),
    Attack("22", "编号前丢弃一条", ALL, _dropped_before_sequencing),
    Attack("23", "树的大小多写一个零", ALL, _size_with_a_zero),
    Attack("24", "见证人的签名冒充日志的", ALL, _witness_line_as_the_logs),
    Attack("25", "毁去载荷而无清除条目", ALL, _payload_destroyed),
    Attack("26", "绕过写入者追加一行", ALL, _behind_the_writers_back),
)  # fmt: skip
