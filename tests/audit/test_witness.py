"""The witness: what it cosigns, what it refuses with which status, and that it forgets nothing."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from gmalg import SM2 as PureSM2
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.merkle import EMPTY_ROOT, SHA256
from audit.notes import SM2, Checkpoint, NoteKey, NoteVerifier, open_note, sign_note
from audit.sm2 import DISTINGUISHED_ID
from audit.sm3 import SM3
from audit.trust import TrustPolicy
from audit.witness import (
    LogUnknown,
    Refused,
    Witness,
    WitnessFounded,
    WitnessNotFounded,
    found_witness,
    origin_hash,
)
from audit.witness_orders import main
from audit.witness_wire import spell_question
from tests.audit.conftest import REPOSITORY
from tests.audit.witnesses import NAME, ORIGIN, Tree, fresh_witness, key

TREE = Tree(300)


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return fresh_witness(tmp_path / "w")


def refusal(witness: Witness, body: bytes) -> Refused:
    with pytest.raises(Refused) as refused:
        witness.cosign(body)
    return refused.value


def test_a_head_that_extends_the_last_is_cosigned_with_the_time(witness: Witness) -> None:
    before = int(time.time())
    for old, size in ((0, 5), (5, 5), (5, 256), (256, 300)):
        line = witness.cosign(TREE.question(old, size))
        opened = open_note(f"{TREE.note(size)}{line}\n", [key().verifier, witness.verifier])
        assert opened.signed_by == (key().verifier, witness.verifier)
        assert opened.times[witness.verifier].timestamp() >= before
    assert witness.logs()[0].size == 300


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, b"old 1\n"),
        (400, b"old 01\n\n" + TREE.note(5).encode()),
        (400, b"old -1\n\n" + TREE.note(5).encode()),
        (400, b"ald 0\n\n" + TREE.note(5).encode()),
        (400, b"old 0\r\n\r\n" + TREE.note(5).encode()),
        (400, b"old 0\n\n" + TREE.note(5).encode()[:-200]),
        (400, b"old 0\n\n\xff" + TREE.note(5).encode()),
        (400, b"old 0\nAA\n\n" + TREE.note(5).encode()),
        (400, b"old 0\n\n" + TREE.note(5).replace("\n5\n", "\n05\n").encode()),
        (400, spell_question(4, [bytes(32)] * 64, TREE.note(5))),
        (400, TREE.question(6, 5)),
        (404, Tree(5).question(0, 5, key(1, "other.example/log"))),
        (403, TREE.question(0, 5, key(2))),
        (403, TREE.question(0, 5).replace(b"AA", b"AB").replace(b"\n5\n", b"\n4\n")),
        (409, TREE.question(3, 5)),
        (409, TREE.question(0, 3)),
        (422, spell_question(4, [], TREE.note(5))),
        (422, spell_question(4, [bytes(32)] * 3, TREE.note(5))),
        (422, spell_question(4, [*TREE.proof(4, 5), bytes(32)], TREE.note(5))),
        (422, spell_question(4, [b"short"], TREE.note(5))),
        (422, spell_question(4, [], Tree(4, shared=3).note(4))),
        (422, Tree(9, shared=2).question(4, 9)),
    ],
)
def test_what_is_no_extension_is_refused_with_the_status_of_the_specification(
    witness: Witness, status: int, body: bytes
) -> None:
    witness.cosign(TREE.question(0, 4))
    refused = refusal(witness, body)
    assert refused.status == status
    assert refused.size == (4 if status == 409 else None)
    assert witness.logs()[0].size == 4


def test_from_size_0_no_proof_is_taken_and_an_empty_log_has_the_empty_root(
    witness: Witness,
) -> None:
    assert refusal(witness, spell_question(0, [bytes(32)], TREE.note(5))).status == 422
    empty = sign_note(Checkpoint(ORIGIN, 0, bytes(32)).text(), [key()])
    assert refusal(witness, spell_question(0, [], empty)).status == 422
    empty = sign_note(Checkpoint(ORIGIN, 0, EMPTY_ROOT).text(), [key()])
    witness.cosign(spell_question(0, [], empty))
    witness.cosign(TREE.question(0, 5))


def test_a_split_view_is_refused_and_kept_as_evidence(witness: Witness) -> None:
    witness.cosign(TREE.question(0, 8))
    fork = Tree(12, shared=6)
    assert refusal(witness, fork.question(8, 12)).status == 422
    assert refusal(witness, fork.question(8, 12)).status == 422
    assert [path.read_bytes() for path in witness.evidence()] == [fork.question(8, 12)]
    witness.cosign(TREE.question(8, 12))


def test_what_no_trusted_key_signed_is_no_evidence(witness: Witness) -> None:
    witness.cosign(TREE.question(0, 8))
    assert refusal(witness, Tree(12, shared=6).question(8, 12, key(2))).status == 403
    assert witness.evidence() == []


def test_two_cities_are_remembered_apart(witness: Witness) -> None:
    other = key(7, "other.example/log")
    witness.watch(other.verifier)
    witness.cosign(TREE.question(0, 40))
    twin = Tree(40, shared=0)
    witness.cosign(twin.question(0, 3, other))
    witness.cosign(TREE.question(40, 41))
    witness.cosign(twin.question(3, 20, other))
    assert {log.origin: log.size for log in witness.logs()} == {ORIGIN: 41, other.name: 20}


def test_a_further_key_of_a_log_keeps_its_memory(witness: Witness) -> None:
    witness.cosign(TREE.question(0, 8))
    fresh = key(2)
    assert refusal(witness, TREE.question(8, 9, fresh)).status == 403
    witness.watch(fresh.verifier)
    witness.cosign(TREE.question(8, 9, fresh))
    witness.cosign(TREE.question(9, 10))
    assert refusal(witness, Tree(12, shared=1).question(10, 12, fresh)).status == 422


class PureKey:
    """An SM2 key that another implementation computes with."""

    def __init__(self, name: str) -> None:
        secret, point = PureSM2(uid=DISTINGUISHED_ID).generate_keypair()
        self._pure = PureSM2(secret, DISTINGUISHED_ID, point)
        self.verifier = NoteVerifier(name, point, SM2)

    def sign(self, text: bytes) -> bytes:
        r, s = self._pure.sign(text)
        return encode_dss_signature(int.from_bytes(r), int.from_bytes(s))


def test_a_log_under_an_sm2_key_is_watched_as_a_tree_of_sm3(witness: Witness) -> None:
    second = PureKey(f"{ORIGIN}/sm3")
    witness.watch(second.verifier)
    tree = Tree(12, tree=SM3)
    witness.cosign(tree.question(0, 5, second))
    witness.cosign(tree.question(5, 12, second))
    wrong = Tree(13, tree=SHA256).question(12, 13, second)
    assert refusal(witness, wrong).status == 422
    with pytest.raises(ValueError, match="another kind of tree"):
        witness.watch(key(4, second.verifier.name).verifier)


def test_a_clock_that_went_back_cosigns_nothing(tmp_path: Path) -> None:
    fresh_witness(tmp_path)
    now = [1_795_000_000.0]
    witness = Witness(tmp_path, clock=lambda: now[0])
    witness.cosign(TREE.question(0, 4))
    now[0] -= 1
    assert refusal(witness, TREE.question(4, 5)).status == 503
    assert witness.logs()[0].size == 4
    now[0] += 1
    witness.cosign(TREE.question(4, 5))


def test_the_newest_head_is_shown_as_it_was_cosigned(witness: Witness) -> None:
    hashed = origin_hash(ORIGIN)
    for unknown in (hashed, "0" * 64, "../witness", hashed.upper()):
        with pytest.raises(LogUnknown):
            witness.checkpoint(unknown)
    stray = sign_note(TREE.head(9).text(), [key(), key(3, "stray.example")])
    line = witness.cosign(spell_question(0, [], stray))
    assert witness.checkpoint(hashed) == f"{TREE.note(9)}{line}\n"  # the stray line is not kept
    rules = f"log {key().verifier.vkey}\nwitness w {witness.verifier.vkey}\nquorum w\n"
    assert TrustPolicy.parse(rules).open(witness.checkpoint(hashed)).quorum_met


def test_a_witness_is_founded_once_and_never_by_a_mistyped_path(tmp_path: Path) -> None:
    with pytest.raises(WitnessNotFounded):
        Witness(tmp_path / "nowhere")
    witness = fresh_witness(tmp_path)
    with pytest.raises(WitnessFounded):
        found_witness(tmp_path, NAME)
    witness.cosign(TREE.question(0, 4))
    memory = tmp_path / "logs" / f"{origin_hash(ORIGIN)}.json"
    memory.unlink()  # a memory that is gone is an unknown log, not one of size 0
    assert refusal(witness, TREE.question(0, 5)).status == 404


@pytest.mark.parametrize("change", ["size", "spelling", "cut", "another"])
def test_a_memory_that_is_not_as_written_is_not_used(witness: Witness, change: str) -> None:
    witness.cosign(TREE.question(0, 4))
    folder = witness._folder / "logs"
    memory = folder / f"{origin_hash(ORIGIN)}.json"
    text = memory.read_text()
    if change == "another":
        witness.watch(key(7, "other.example/log").verifier)
        text = (folder / f"{origin_hash('other.example/log')}.json").read_text()
    changed = {
        "size": text.replace('"size": 4', '"size": "4"'),
        "spelling": text.replace('"size": 4', '"size":4'),
        "cut": text[:-3],
        "another": text,
    }
    memory.write_text(changed[change])
    with pytest.raises(WitnessNotFounded):
        witness.cosign(TREE.question(4, 5))


def test_a_key_under_a_passphrase_opens_with_it_alone(tmp_path: Path) -> None:
    found_witness(tmp_path, NAME, passphrase=b"secret")
    assert Witness(tmp_path, passphrase=b"secret").verifier.name == NAME
    for wrong in (None, b"other"):
        with pytest.raises(WitnessNotFounded):
            Witness(tmp_path, passphrase=wrong)


# ── crashes ──


class Killed(BaseException):
    """The process ends here."""


STEPS = ("written", "replaced", "remembered", "signed")


@pytest.mark.parametrize("at", STEPS)
def test_whatever_step_it_is_killed_at_it_vouches_for_one_history(tmp_path: Path, at: str) -> None:
    fresh_witness(tmp_path).cosign(TREE.question(0, 4))

    def die(step: str) -> None:
        if step == at:
            raise Killed

    with pytest.raises(Killed):
        Witness(tmp_path, observe=die).cosign(TREE.question(4, 9))
    after = Witness(tmp_path)
    fork = Tree(9, shared=5)
    if at == "written":  # the memory was not in place, so no signature was made of it
        assert after.logs()[0].size == 4
        after.cosign(TREE.question(4, 9))
    else:
        assert after.logs()[0].size == 9
        assert refusal(after, fork.question(4, 9)).status == 409
        after.cosign(TREE.question(9, 9))  # the answer was lost: it may be asked for again
    assert refusal(after, spell_question(9, [], fork.note(9))).status == 422


def test_a_memory_that_cannot_be_written_signs_nothing(tmp_path: Path) -> None:
    witness = fresh_witness(tmp_path)

    def full(step: str) -> None:
        if step == "written":
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        Witness(tmp_path, observe=full).cosign(TREE.question(0, 4))
    assert witness.logs()[0].size == 0


_ASKS = """
import sys
from pathlib import Path
from audit.witness import Refused, Witness
from tests.audit.witnesses import Tree
tree = Tree(300, shared=int(sys.argv[2]), word=sys.argv[3])
witness = Witness(Path(sys.argv[1]))
for size in range(1, 300):
    try:
        old = witness.logs()[0].size
        if size > old:
            line = witness.cosign(tree.question(old, size))
            print(size, tree.head(size).root.hex(), line, flush=True)
    except Refused:
        pass
"""


@pytest.mark.long
def test_through_kills_two_cities_in_one_name_never_both_get_a_line(tmp_path: Path) -> None:
    """Two branches race for the witness, which is killed at random; the lines fit one history."""
    random.seed(7)
    fresh_witness(tmp_path / "w")
    said: dict[int, set[str]] = {}
    for turn in range(20):
        word = f"branch {turn % 2}"
        asked = subprocess.Popen(
            [sys.executable, "-c", _ASKS, str(tmp_path / "w"), "0", word],
            stdout=subprocess.PIPE, text=True, cwd=REPOSITORY,
        )  # fmt: skip
        assert asked.stdout is not None
        first = asked.stdout.readline() if turn < 2 else ""
        time.sleep(random.uniform(0.2, 0.5))
        asked.send_signal(signal.SIGKILL)
        for line in [first, *asked.stdout]:
            if line.count(" ") >= 2 and line.endswith("\n"):
                size, root, _ = line.split(" ", 2)
                said.setdefault(int(size), set()).add(root)
        asked.wait()
    assert said and all(len(roots) == 1 for roots in said.values())
    assert Witness(tmp_path / "w").logs()[0].size >= max(said)


def test_threads_that_ask_at_once_get_lines_of_one_history(witness: Witness) -> None:
    branches = [TREE, Tree(300, shared=0)]
    lines: list[tuple[int, int]] = []

    def ask(number: int) -> None:
        for size in range(1, 12):
            try:
                witness.cosign(branches[number % 2].question(witness.logs()[0].size, size))
            except Refused:
                continue
            lines.append((number % 2, size))

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({branch for branch, _ in lines}) == 1


# ── published exchanges ──


def _published(vectors: Path) -> Iterator[tuple[NoteVerifier, str, list[Any]]]:
    logs = json.loads((vectors / "FiloSottile_torchwood" / "add_checkpoint.json").read_text())
    lite, sumdb = logs["logs"]["litewitness"], logs["logs"]["sumdb"]
    origin = lite["cases"][0]["body"].split("\n")[2]
    yield (
        NoteVerifier(origin, bytes.fromhex(lite["log_ed25519_key_hex"])),
        origin,
        lite["cases"],
    )
    yield NoteVerifier.parse(sumdb["vkey"]), "go.sum database tree", sumdb["cases"]


def test_the_published_exchanges_end_as_published(vectors: Path, tmp_path: Path) -> None:
    count = 0
    for number, (log, origin, cases) in enumerate(_published(vectors)):
        found_witness(tmp_path / f"{number}", "example.com/witness")
        witness = Witness(tmp_path / f"{number}")
        witness.watch(log, origin)
        for case in cases:
            count += 1
            expected = case["status"]
            if "unknown log" in str(case["asserts"]):
                assert expected == 403
                expected = 404  # so says the specification since; litewitness answers 403
            body = case["body"].encode()
            if expected == 200:
                assert witness.cosign(body).startswith("— example.com/witness ")
                continue
            refused = refusal(witness, body)
            assert refused.status == expected
            wanted = case["asserts"][0]
            said = f"{refused.size}\\n" if refused.size is not None else refused.reason
            assert said in wanted or wanted.split('"')[1] in said
    assert count == 10


# ── whatever is asked ──


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=400))
def test_whatever_octets_are_asked_the_answer_is_a_refusal(
    fuzzed: Callable[[], Witness], octets: bytes
) -> None:
    for body in (octets, b"old 0\n\n" + octets, TREE.question(0, 5) + octets):
        try:
            fuzzed().cosign(body)
        except Refused as refused:
            assert refused.status in (400, 403, 404, 409, 422)
        else:
            assert body.startswith(TREE.question(0, 5)[:-80])


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Witness]:
    witness = fresh_witness(tmp_path_factory.mktemp("fuzzed"))
    return lambda: witness


# ── the office's own program ──


def test_the_witness_needs_of_this_project_the_folder_audit_alone(tmp_path: Path) -> None:
    probe = (
        "import sys, audit.witness_orders\n"
        "ours = {m.split('.')[0] for m in sys.modules if '.' in m or m in ('sqlalchemy',)}\n"
        "bad = ours & {'sqlalchemy', 'sqlmodel', 'pydantic', 'temporalio', 'yichuang', 'cases',\n"
        "              'forms', 'policies', 'rules', 'activities', 'workflows', 'orjson'}\n"
        "bad |= {'audit.logstore', 'audit.tables', 'audit.reading'} & set(sys.modules)\n"
        "sys.exit(repr(bad) if bad else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", probe], cwd=REPOSITORY, capture_output=True)
    assert done.returncode == 0, done.stderr


def test_an_air_gapped_office_cosigns_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = ["--folder", str(tmp_path / "office")]
    assert main(["init", "--name", NAME, "--json", *folder]) == 0
    vkey = json.loads(capsys.readouterr().out)["vkey"]
    assert main(["watch", key().verifier.vkey, *folder]) == 0
    asked, said = tmp_path / "asked.txt", tmp_path / "said.txt"
    asked.write_bytes(TREE.question(0, 7))
    assert main(["cosign", str(asked), "--out", str(said), *folder]) == 0
    line = said.read_text()
    assert open_note(TREE.note(7) + line, [NoteVerifier.parse(vkey)])
    asked.write_bytes(Tree(9, shared=2).question(7, 9))
    assert main(["cosign", str(asked), *folder]) == 1
    assert "422" in capsys.readouterr().err
    assert main(["cosign", str(tmp_path / "none.txt"), *folder]) == 2
    assert main(["status", "--json", *folder]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["logs"][0]["size"] == 7 and len(found["evidence"]) == 1
    assert main(["status", "--head", ORIGIN, *folder]) == 0
    assert capsys.readouterr().out == TREE.note(7) + line
    assert main(["init", "--name", NAME, *folder]) == 2
    assert main(["serve", "--listen", "nowhere", *folder]) == 2
    assert os.stat(tmp_path / "office" / "witness.key").st_mode & 0o077 == 0


@pytest.mark.parametrize("size", [1, 255, 256, 257, 300])
def test_a_published_log_is_followed_from_its_tiles(tmp_path: Path, size: int) -> None:
    folder = ["--folder", str(tmp_path / "office")]
    assert main(["init", "--name", NAME, *folder]) == 0
    assert main(["watch", key().verifier.vkey, *folder]) == 0
    published = tmp_path / "published"
    for grown in (size, 300):
        _publish(TREE, grown, published)
        assert main(["pull", str(published), *folder]) == 0
    _publish(Tree(310, shared=9), 310, published)
    assert main(["pull", str(published), *folder]) == (1)
    assert Witness(tmp_path / "office").logs()[0].size == 300


def test_a_log_published_on_the_web_is_followed_and_what_is_missing_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = ["--folder", str(tmp_path / "office")]
    assert main(["init", "--name", NAME, *folder]) == 0
    assert main(["watch", key().verifier.vkey, *folder]) == 0
    published = tmp_path / "published"
    _publish(TREE, 257, published)
    handler = partial(SimpleHTTPRequestHandler, directory=str(published))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        thread = threading.Thread(target=lambda: web.serve_forever(0.05))
        thread.start()
        url = f"http://127.0.0.1:{web.server_address[1]}"
        assert main(["pull", url, *folder]) == 0
        _publish(TREE, 300, published)
        (published / "tile" / "0" / "001.p" / "44").unlink()
        assert main(["pull", f"{url}/", *folder]) == 2
        assert "404" in capsys.readouterr().err
        web.shutdown()
        thread.join()
    for nowhere in (url, "http://[", "https://", str(tmp_path / "none")):
        assert main(["pull", nowhere, *folder]) == 2
    assert Witness(tmp_path / "office").logs()[0].size == 257


def _publish(tree: Tree, size: int, folder: Path) -> None:
    """Write checkpoint and hash tiles of the first `size` leaves as tlog-tiles says."""
    from audit.tilepaths import tiles_of

    for tile in tiles_of(size):
        if tile.level is not None:
            first = tile.index * 256
            hashes = [tree.node(8 * tile.level, n) for n in range(first, first + tile.width)]
            path = folder / str(tile)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"".join(hashes))
    (folder / "checkpoint").write_text(tree.note(size), encoding="utf-8")


def test_a_witness_under_the_logs_own_key_is_not_watched(witness: Witness) -> None:
    with pytest.raises(ValueError, match="does not sign a log"):
        witness.watch(witness.verifier)


def test_a_key_is_not_read_under_another_name(tmp_path: Path) -> None:
    fresh_witness(tmp_path)
    other = NoteKey("x", Ed25519PrivateKey.generate())
    swapped = NoteVerifier(NAME, other.verifier.public, b"\x04").vkey
    (tmp_path / "witness.vkey").write_text(swapped)
    with pytest.raises(WitnessNotFounded, match="not that of the private"):
        Witness(tmp_path)
