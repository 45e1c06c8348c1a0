import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit.merkle import EMPTY_ROOT, Frontier, consistency_proof, leaf_hash, root_at
from audit.notes import NoteVerifier, open_checkpoint
from audit.signer import (
    Signer,
    SignerFounded,
    SignerNotFounded,
    SignerRefused,
    SignerUnavailable,
    init_signer,
)
from audit.signer_door import SignerClient, serve

pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
ORIGIN = "city.example/audit/2026H2"
REPOSITORY = Path(__file__).resolve().parents[2]
LEAVES = [leaf_hash(bytes([n])) for n in range(20)]


def _node(height: int, index: int) -> bytes:
    frontier = Frontier()
    frontier.extend(LEAVES[index << height : (index + 1) << height])
    return frontier.root()


def _root(size: int) -> bytes:
    return root_at(size, _node)


def _proof(old: int, new: int) -> list[bytes]:
    return consistency_proof(old, new, _node)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """The paths of key and memory of a founded signer."""
    paths = tmp_path / "signer.pem", tmp_path / "signer.json"
    init_signer(*paths, ORIGIN)
    return paths


def test_a_head_that_extends_the_last_is_signed_and_remembered(files: tuple[Path, Path]) -> None:
    signer = Signer(*files)
    for old, new in ((0, 3), (3, 3), (3, 11), (11, 20)):
        note = signer.sign(ORIGIN, new, _root(new), _proof(old, new))
        assert open_checkpoint(note, signer.verifier).size == new
    signer.close()
    reopened = Signer(*files)
    assert (reopened.last().size, reopened.last().root) == (20, _root(20))


@pytest.mark.parametrize(
    ("what", "size", "root", "proof"),
    [
        ("a shorter log", 5, _root(5), []),
        ("another root of the same size", 8, bytes(32), []),
        ("a fork", 12, leaf_hash(b"fork"), _proof(8, 12)),
        ("no proof", 12, _root(12), []),
        ("a proof of something else", 12, _root(12), _proof(7, 12)),
        ("an empty log", 0, EMPTY_ROOT, []),
        ("a negative size", -1, EMPTY_ROOT, []),
    ],
)
def test_a_head_that_does_not_extend_the_last_is_refused(
    files: tuple[Path, Path], what: str, size: int, root: bytes, proof: list[bytes]
) -> None:
    signer = Signer(*files)
    signer.sign(ORIGIN, 8, _root(8), [])
    with pytest.raises(SignerRefused):
        signer.sign(ORIGIN, size, root, proof)
    assert signer.last().size == 8


def test_a_head_of_another_log_is_refused(files: tuple[Path, Path]) -> None:
    with pytest.raises(SignerRefused, match="serves"):
        Signer(*files).sign("test.example/audit", 3, _root(3), [])


def test_founding_twice_and_serving_the_unfounded_are_refused(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    key = files[0].read_bytes()
    with pytest.raises(SignerFounded):
        init_signer(*files, ORIGIN)
    with pytest.raises(SignerFounded):
        init_signer(tmp_path / "other.pem", files[1], ORIGIN)
    assert files[0].read_bytes() == key
    with pytest.raises(SignerNotFounded):
        Signer(files[0], tmp_path / "signr.json")
    with pytest.raises(SignerNotFounded):
        Signer(tmp_path / "signr.pem", files[1])
    assert not (tmp_path / "signr.pem").exists()
    assert files[0].stat().st_mode & 0o777 == 0o600


def test_a_damaged_memory_is_not_served(files: tuple[Path, Path]) -> None:
    files[1].write_bytes(files[1].read_bytes().replace(b'"size": 0', b'"size":0'))
    with pytest.raises(SignerNotFounded):
        Signer(*files)


def test_two_processes_cannot_hold_one_signer(files: tuple[Path, Path]) -> None:
    first = Signer(*files)
    with pytest.raises(SignerUnavailable, match="another"):
        Signer(*files)
    first.close()
    Signer(*files).close()


def test_a_key_under_a_passphrase_opens_with_it_alone(tmp_path: Path) -> None:
    paths = tmp_path / "k.pem", tmp_path / "s.json"
    verifier = init_signer(*paths, ORIGIN, passphrase=b"long enough")
    assert Signer(*paths, passphrase=b"long enough").verifier == verifier
    with pytest.raises(SignerNotFounded):
        Signer(*paths, passphrase=b"another")


SERVE = """
    import sys
    from pathlib import Path
    from audit.signer import Signer
    from audit.signer_door import serve
    address, key, state, secret = sys.argv[1:]
    serve(address, [Signer(Path(key), Path(state))], secret=secret.encode() or None,
          ready=lambda bound: print(bound, flush=True))
"""


class _Process:
    def __init__(self, address: str, files: tuple[Path, Path], secret: str = "") -> None:
        command = [sys.executable, "-c", textwrap.dedent(SERVE), address, *map(str, files), secret]
        self._process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.address = self._process.stdout.readline().strip()

    def kill(self) -> None:
        os.kill(self._process.pid, signal.SIGKILL)
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


@pytest.fixture(params=["unix", "tcp"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A door of each kind."""
    yield (
        f"unix:{tmp_path / 'run' / 'signer.sock'}" if request.param == "unix" else "tcp:127.0.0.1:0"
    )


def test_a_killed_signer_remembers_what_it_signed(files: tuple[Path, Path], address: str) -> None:
    process = _Process(address, files)
    client = SignerClient(process.address)
    note = client.sign(ORIGIN, 8, _root(8), [])
    assert open_checkpoint(note, NoteVerifier.parse(client.vkey())).size == 8
    process.kill()
    with pytest.raises(SignerUnavailable):
        client.last()
    process = _Process(address, files)
    client = SignerClient(process.address)
    with pytest.raises(SignerRefused, match="does not extend"):
        client.sign(ORIGIN, 9, leaf_hash(b"fork"), _proof(8, 9))
    assert (client.last().size, client.last().root) == (8, _root(8))
    process.kill()


def test_a_question_without_the_secret_is_refused(files: tuple[Path, Path]) -> None:
    process = _Process("tcp:127.0.0.1:0", files, "shared")
    assert SignerClient(process.address, secret=b"shared").last().size == 0
    for secret in (None, b"other"):
        with pytest.raises(SignerRefused, match="secret"):
            SignerClient(process.address, secret=secret).sign(ORIGIN, 3, _root(3), [])
    process.kill()


def test_a_door_to_the_world_needs_a_secret(files: tuple[Path, Path]) -> None:
    with pytest.raises(ValueError, match="secret"):
        serve("tcp:0.0.0.0:0", [Signer(*files)])


def test_a_unix_door_is_open_to_its_owner_only(files: tuple[Path, Path], tmp_path: Path) -> None:
    process = _Process(f"unix:{tmp_path / 's.sock'}", files)
    assert (tmp_path / "s.sock").stat().st_mode & 0o777 == 0o600
    process.kill()


def test_many_askers_stand_in_line(files: tuple[Path, Path], tmp_path: Path) -> None:
    process = _Process(f"unix:{tmp_path / 's.sock'}", files)
    client = SignerClient(process.address)
    client.sign(ORIGIN, 8, _root(8), [])
    notes: list[str] = []
    askers = [
        threading.Thread(target=lambda: notes.append(client.sign(ORIGIN, 8, _root(8), [])))
        for _ in range(8)
    ]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join(timeout=20)
    assert len(notes) == 8 and len(set(notes)) == 1
    process.kill()


def test_a_kill_at_any_moment_leaves_a_memory_that_opens(files: tuple[Path, Path]) -> None:
    for round_, wait in enumerate((0.0, 0.002, 0.005, 0.009)):
        process = _Process("tcp:127.0.0.1:0", files)
        client = SignerClient(process.address)
        stopped = threading.Event()

        def ask(client: SignerClient = client, stopped: threading.Event = stopped) -> None:
            while not stopped.is_set():
                try:
                    last = client.last().size
                    if last < len(LEAVES):
                        client.sign(ORIGIN, last + 1, _root(last + 1), _proof(last, last + 1))
                except SignerUnavailable:
                    return

        asker = threading.Thread(target=ask)
        asker.start()
        time.sleep(wait)
        process.kill()
        stopped.set()
        asker.join(timeout=20)
        signer = Signer(*files)
        assert signer.last().root == _root(signer.last().size), round_
        signer.close()
