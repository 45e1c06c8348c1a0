"""Policies of trust: the strict parser, quorums, and heads that are old or cosigned by too few."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, update

from audit.check import verify_stores
from audit.logstore import LogReader
from audit.merkle import EMPTY_ROOT
from audit.notes import (
    COSIGNATURE,
    Checkpoint,
    NoteInvalid,
    NoteKey,
    NoteVerifier,
    cosigned_text,
    open_note,
    sign_note,
    signature_line,
)
from audit.proofs import prove, verify_proof
from audit.report import CLEAN, INCOMPLETE, TAMPERED, VerifyReport
from audit.tables import audit_cosignature
from audit.trust import HeadStale, PolicyInvalid, TrustPolicy

ORIGIN = "city.example/audit/2026H2"
AT = 1_795_000_000
NOW = datetime.fromtimestamp(AT, UTC)


def private(number: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(number.to_bytes(32))


LOG = NoteKey(ORIGIN, private(1))
HEAD = Checkpoint(ORIGIN, 5, bytes(range(32)))


def witness(number: int) -> NoteVerifier:
    public = private(100 + number).public_key().public_bytes_raw()
    return NoteVerifier(f"witness.example/w{number}", public, COSIGNATURE)


def cosignature(number: int, text: str, seconds: int = AT) -> str:
    """Return the line of the numbered witness, without LF."""
    signature = private(100 + number).sign(cosigned_text(text.encode(), seconds))
    return signature_line(witness(number), seconds.to_bytes(8) + signature)


def note_of(cosigned: Mapping[int, int], head: Checkpoint = HEAD) -> str:
    """Return the log's note with the lines of these witnesses, number → seconds."""
    lines = [f"{cosignature(n, head.text(), at)}\n" for n, at in cosigned.items()]
    return sign_note(head.text(), [LOG]) + "".join(lines)


def policy_of(*rules: str, witnesses: int = 3) -> TrustPolicy:
    lines = [f"log {LOG.verifier.vkey}"]
    lines += [f"witness w{n} {witness(n).vkey}" for n in range(witnesses)]
    return TrustPolicy.parse("".join(f"{line}\n" for line in (*lines, *rules)))


def test_the_published_cosigned_message_is_what_a_witness_signs(vectors: Path) -> None:
    spec = json.loads((vectors / "c2sp" / "spec_examples.json").read_text())
    signed = cosigned_text(spec["checkpoint_text"].encode(), 1_679_315_147)
    assert signed.decode() == spec["cosigned_message"]


def test_a_cosignature_is_read_with_its_time() -> None:
    opened = open_note(note_of({0: AT, 1: AT - 60}), [witness(0), witness(1)])
    assert opened.times == {witness(0): NOW, witness(1): NOW - timedelta(minutes=1)}


def test_of_two_lines_of_one_witness_the_newer_counts() -> None:
    lines = f"{cosignature(0, HEAD.text(), AT - 60)}\n{cosignature(0, HEAD.text(), AT)}\n"
    note = sign_note(HEAD.text(), [LOG]) + lines
    assert open_note(note, [witness(0)]).times[witness(0)] == NOW


@pytest.mark.parametrize("seconds", [0, 253_402_300_800, 2**63, 2**64 - 1])
def test_a_cosignature_of_no_calendar_time_is_refused(seconds: int) -> None:
    with pytest.raises(NoteInvalid, match="does not fit"):
        open_note(note_of({0: seconds}), [LOG.verifier, witness(0)])


def test_a_cosignature_whose_time_was_changed_is_refused() -> None:
    signature = private(100).sign(cosigned_text(HEAD.text().encode(), AT))
    line = signature_line(witness(0), (AT + 1).to_bytes(8) + signature)
    with pytest.raises(NoteInvalid, match="does not fit"):
        policy_of("quorum none").open(f"{sign_note(HEAD.text(), [LOG])}{line}\n")


def test_a_witness_and_a_log_of_one_key_are_told_apart_by_kind() -> None:
    as_log = NoteKey(witness(0).name, private(100))
    assert as_log.verifier.key_id != witness(0).key_id
    assert NoteVerifier.parse(witness(0).vkey) == witness(0)
    with pytest.raises(NoteInvalid, match="no trusted key"):
        open_note(sign_note(HEAD.text(), [as_log]), [witness(0)])


@pytest.mark.parametrize(
    ("rules", "cosigned", "met"),
    [
        (("quorum none",), (), True),
        (("quorum w0",), (), False),
        (("quorum w0",), (0,), True),
        (("quorum w0",), (1, 2), False),
        (("group g any w0 w1", "quorum g"), (1,), True),
        (("group g any w0 w1", "quorum g"), (2,), False),
        (("group g all w0 w1", "quorum g"), (0,), False),
        (("group g all w0 w1", "quorum g"), (0, 1), True),
        (("group g 2 w0 w1 w2", "quorum g"), (2,), False),
        (("group g 2 w0 w1 w2", "quorum g"), (0, 2), True),
        (("group a any w0 w1", "group b all a w2", "quorum b"), (0, 1), False),
        (("group a any w0 w1", "group b all a w2", "quorum b"), (1, 2), True),
    ],
)
def test_a_quorum_is_met_by_as_many_as_it_asks(
    rules: tuple[str, ...], cosigned: tuple[int, ...], met: bool
) -> None:
    head = policy_of(*rules).open(note_of(dict.fromkeys(cosigned, AT)))
    assert head.quorum_met is met
    assert {name for name, _ in head.cosigned} == {f"w{n}" for n in cosigned}
    assert head.witnessed is (met and rules != ("quorum none",))
    assert head.as_json()["witnessed"] is head.witnessed


def test_a_quorum_is_as_old_as_the_last_cosignature_it_needs() -> None:
    two_of_three = policy_of("group g 2 w0 w1 w2", "quorum g")
    head = two_of_three.open(note_of({0: AT, 1: AT - 600, 2: AT - 4_000}))
    assert head.quorum_at == NOW - timedelta(seconds=600)


def test_a_head_is_fresh_up_to_the_maximum_age() -> None:
    policy = policy_of("quorum w0")
    policy.open(note_of({0: AT - 3_600})).require_fresh(NOW)
    with pytest.raises(HeadStale, match="last cosigned"):
        policy.open(note_of({0: AT - 3_601})).require_fresh(NOW)
    policy.open(note_of({0: AT + 300})).require_fresh(NOW)
    with pytest.raises(HeadStale, match="future"):
        policy.open(note_of({0: AT + 301})).require_fresh(NOW)
    with pytest.raises(HeadStale, match="no quorum"):
        policy.open(note_of({1: AT})).require_fresh(NOW)
    with pytest.raises(HeadStale, match="no quorum"):
        policy_of("quorum none").open(note_of({})).require_fresh(NOW)


@pytest.mark.parametrize(("index", "held"), [(0, True), (4, True), (5, False), (-1, False)])
def test_a_head_has_only_the_entries_below_its_size(index: int, held: bool) -> None:
    head = policy_of("quorum none").open(note_of({}))
    if held:
        head.require_leaf(index)
    else:
        with pytest.raises(HeadStale, match="no entry"):
            head.require_leaf(index)


def test_a_head_that_only_witnesses_signed_is_refused() -> None:
    alone = f"{HEAD.text()}\n{cosignature(0, HEAD.text())}\n"
    with pytest.raises(NoteInvalid, match="no trusted key of"):
        policy_of("quorum w0").open(alone)


def test_a_head_of_another_log_is_refused_though_a_trusted_key_signed() -> None:
    text = Checkpoint("other.example/log", 5, bytes(32)).text()
    with pytest.raises(NoteInvalid, match="no log of this policy"):
        policy_of("quorum none").open(sign_note(text, [LOG]))


L, W0, W1 = LOG.verifier.vkey, witness(0).vkey, witness(1).vkey
SAME_KEY = NoteVerifier("other.example/log", LOG.verifier.public).vkey
LOG_AS_WITNESS = NoteVerifier("w.example", LOG.verifier.public, COSIGNATURE).vkey


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("no quorum", f"log {L}\n"),
        ("a second quorum", "quorum none\nquorum none\n"),
        ("not end with LF", f"log {L}\nquorum none"),
        ("no kind of line", "logs x\nquorum none\n"),
        ("control", f"log {L}\r\nquorum none\n"),
        ("control", "quorum none\x00\n"),
        ("control", "# \x7f\nquorum none\n"),
        ("expected", "log\nquorum none\n"),
        ("expected", f"log {L} https://a b\nquorum none\n"),
        ("expected", "witness w0\nquorum none\n"),
        ("a name and a key", "witness\nquorum none\n"),
        ("does not sign a log", f"log {W0}\nquorum none\n"),
        ("for cosignatures", f"witness w0 {L}\nquorum none\n"),
        ("stands here already", f"log {L}\nlog {L}\nquorum none\n"),
        ("stands here already", f"log {L}\nlog {SAME_KEY}\nquorum none\n"),
        ("stands here already", f"log {L}\nwitness w {LOG_AS_WITNESS}\nquorum none\n"),
        ("stands here already", f"witness a {W0}\nwitness b {W0}\nquorum none\n"),
        ("is taken", f"witness a {W0}\nwitness a {W1}\nquorum none\n"),
        ("is taken", f"witness none {W0}\nquorum none\n"),
        ("is taken", f"witness a {W0}\ngroup a any a\nquorum none\n"),
        ("a number and members", "group g any\nquorum none\n"),
        ("not defined above", "group g any a\nquorum none\n"),
        ("not defined above", "group g any none\nquorum none\n"),
        ("not defined above", "group g any g\nquorum none\n"),
        ("of 1 members", f"witness a {W0}\ngroup g 2 a\nquorum g\n"),
        ("of 1 members", f"witness a {W0}\ngroup g 0 a\nquorum g\n"),
        ("of 1 members", f"witness a {W0}\ngroup g 01 a\nquorum g\n"),
        ("of 1 members", f"witness a {W0}\ngroup g １ a\nquorum g\n"),
        ("of 1 members", f"witness a {W0}\ngroup g ALL a\nquorum g\n"),
        ("in a group already", f"witness a {W0}\ngroup g all a a\nquorum g\n"),
        ("in a group already", f"witness a {W0}\ngroup g any a\ngroup h any a\nquorum h\n"),
        ("defined above", f"quorum a\nwitness a {W0}\n"),
        ("defined above", "quorum\n"),
        ("has id", f"log {L.replace('+', '+0', 1)}\nquorum none\n"),
        ("is taken", f"witness K {W0}\nwitness K {W1}\nquorum K\n"),
        ("defined above", f"witness K {W0}\nquorum \u212a\n"),
        ("longer than", "#" * 300_000 + "\nquorum none\n"),
    ],
)
def test_a_policy_that_is_not_as_specified_is_refused(said: str, text: str) -> None:
    with pytest.raises(PolicyInvalid, match=said):
        TrustPolicy.parse(text)


def test_comments_blank_lines_tabs_and_addresses_are_read_over() -> None:
    log = f"\tlog\t{L}  https://city.example/log \n"
    text = f"# 见证\n\n \t\n{log}witness w {W0} http://w/\nquorum w\n"
    policy = TrustPolicy.parse(text)
    assert policy.logs[0].url == "https://city.example/log"
    found = policy.witness("w")
    assert found is not None and (found.verifier, found.url) == (witness(0), "http://w/")


def test_a_closed_shard_stands_in_a_comment_of_ours() -> None:
    policy = TrustPolicy.parse(f"log {L}\n#yichuang log {SAME_KEY}\nquorum none\n")
    assert policy.origins == (ORIGIN, "other.example/log")
    with pytest.raises(PolicyInvalid, match="already"):
        TrustPolicy.parse(f"log {L}\n#yichuang log {L}\nquorum none\n")


def test_names_that_are_no_utf_8_are_told_apart_octet_by_octet() -> None:
    text = f"witness \udcff {W0}\nwitness \udcfe {W1}\nquorum \udcff\n"
    policy = TrustPolicy.parse(text.encode(errors="surrogateescape"))
    assert [one.name for one in policy.witnesses] == ["\udcff", "\udcfe"]


WORDS = st.sampled_from(
    [
        *("log", "witness", "group", "quorum", "none", "any", "all", "1", "2", "a", "b"),
        *("#", "\t", "\n", " ", "\x00", "\udcff", "#yichuang", L, W0, W1, SAME_KEY),
    ]
)


@given(st.lists(WORDS, max_size=40))
def test_whatever_stands_in_a_policy_it_is_read_or_refused_by_name(words: list[str]) -> None:
    try:
        policy = TrustPolicy.parse(" ".join(words) + "\n")
    except PolicyInvalid:
        return
    assert policy.quorum == "none" or policy.quorum in words


@given(st.binary(max_size=200))
def test_whatever_octets_are_a_policy_they_are_read_or_refused_by_name(octets: bytes) -> None:
    try:
        TrustPolicy.parse(octets)
    except PolicyInvalid:
        return


@given(st.text(max_size=200))
def test_whatever_text_is_a_note_it_is_refused_by_name(text: str) -> None:
    with pytest.raises(NoteInvalid):
        policy_of("quorum none").open(text)


# ── a whole log under a policy ──


@pytest.fixture
def sealed(house: Any, draft: Callable[..., Any]) -> Any:
    """A log with heads of 3 and 5 entries, of which witness 0 has cosigned the first."""
    for count, size in ((3, 3), (2, 5)):
        house.record(*(draft(size - count + n) for n in range(count)))
        house.sequencer.drain()
        house.sequencer.seal()
    cosign(house, 3, NOW)
    return house


def cosign(house: Any, size: int, at: datetime) -> None:
    with house.log.begin() as connection:
        note = LogReader(connection).cosigned_note(size)
        line = cosignature(0, note.rpartition("\n\n")[0] + "\n", int(at.timestamp()))
        row = {"size": size, "name": witness(0).name, "line": line, "at": at}
        connection.execute(audit_cosignature.insert().values(row))


def verify(house: Any, **more: Any) -> VerifyReport:
    rules = f"log {house.signer.verifier.vkey}\nwitness w0 {witness(0).vkey}\nquorum w0\n"
    return verify_stores(house.log, TrustPolicy.parse(rules), producers=house.sources, **more)


def test_a_log_is_clean_once_the_quorum_has_cosigned_its_newest_head(sealed: Any) -> None:
    found = verify(sealed)
    assert found.incomplete == ["2 entries are not under a cosigned head"]
    assert (found.exit_code, found.witnessed, found.sealed) == (INCOMPLETE, 3, 5)
    cosign(sealed, 5, datetime.now(UTC))
    found = verify(sealed)
    assert (found.exit_code, found.witnessed) == (CLEAN, 5)
    assert found.cosigned["w0"][0] == 5


def test_a_quorum_may_lag_as_long_as_it_is_let(sealed: Any) -> None:
    with sealed.log.begin() as connection:
        connection.execute(delete(audit_cosignature))
    assert "no head is cosigned" in verify(sealed, lag=timedelta(hours=1)).incomplete[0]
    cosign(sealed, 3, datetime.now(UTC) - timedelta(minutes=59))
    assert verify(sealed, lag=timedelta(hours=1)).exit_code == CLEAN
    stale = verify(sealed, lag=timedelta(minutes=58))
    assert stale.exit_code == INCOMPLETE and "last cosigned" in stale.incomplete[0]


def test_a_cosignature_of_another_head_is_named(sealed: Any) -> None:
    with sealed.log.begin() as connection:
        connection.execute(update(audit_cosignature).values(size=5))
    assert verify(sealed).counts == {"cosignature": 1}
    with sealed.log.begin() as connection:
        connection.execute(update(audit_cosignature).values(size=4))
    assert verify(sealed).counts == {"cosignature": 1}


def test_a_witness_that_remembers_more_than_the_log_holds_accuses_it(
    sealed: Any, tmp_path: Path
) -> None:
    private_key = load_pem_private_key((tmp_path / "signer.pem").read_bytes(), None)
    assert isinstance(private_key, Ed25519PrivateKey)

    def remembered(size: int, root: bytes) -> str:
        text = Checkpoint(ORIGIN, size, root).text()
        return sign_note(text, [NoteKey(ORIGIN, private_key)]) + f"{cosignature(0, text)}\n"

    lag = timedelta(days=36_500)
    with sealed.log.connect() as connection:
        held = LogReader(connection).cosigned_note(3)
    assert verify(sealed, lag=lag, witnessed=[held]).exit_code == CLEAN
    more = verify(sealed, lag=lag, witnessed=[remembered(6, bytes(32))])
    assert (more.exit_code, more.counts) == (TAMPERED, {"witness": 1})
    fork = verify(sealed, lag=lag, witnessed=[remembered(4, EMPTY_ROOT)])
    assert (fork.exit_code, fork.counts) == (TAMPERED, {"witness": 1})
    alone = verify(sealed, lag=lag, witnessed=[sealed.head()])
    assert alone.counts == {"witness": 1}  # a head that no witness cosigned shows nothing


def test_what_is_proved_is_proved_under_the_head_that_most_witnesses_vouch_for(
    sealed: Any, draft: Callable[..., Any]
) -> None:
    with sealed.log.connect() as connection:
        reader = LogReader(connection)
        sizes = [head.size if head else None for head in map(reader.vouched_checkpoint, range(7))]
        assert sizes == [3, 3, 3, 3, 5, 5, None]
        assert prove(connection, draft(2).id).text.endswith(reader.cosigned_note(3))
        assert prove(connection, draft(3).id).text.endswith(reader.cosigned_note(5))
        found = prove(connection, draft(0).id)
        verify_proof(found.text, found.entry.body, sealed.signer.verifier)
    cosign(sealed, 5, NOW)
    with sealed.log.connect() as connection:
        newest = LogReader(connection).vouched_checkpoint(1)
        assert newest is not None and newest.size == 5
