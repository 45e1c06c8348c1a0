"""The witness's door over HTTP: statuses and types, keep-alive, and those who mean it harm."""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from audit.notes import NoteInvalid
from audit.witness import Witness, origin_hash
from audit.witness_ask import WitnessAway, WitnessRefuses, ask_witness, read_lines, remembered
from audit.witness_door import WitnessDoor
from audit.witness_wire import MAX_BODY
from tests.audit.witnesses import ORIGIN, Tree, fresh_witness, key
from yichuang.commands.tls import issue

TREE = Tree(60)


@pytest.fixture
def witness(tmp_path: Path) -> Witness:
    return fresh_witness(tmp_path / "w")


def opened(witness: Witness, **limits: Any) -> Iterator[tuple[str, int]]:
    door = WitnessDoor(("127.0.0.1", 0), witness, **limits)
    thread = threading.Thread(target=lambda: door.serve_forever(0.05))
    thread.start()
    yield "127.0.0.1", door.server_address[1]
    door.shutdown()
    thread.join()
    door.server_close()


@pytest.fixture
def door(witness: Witness) -> Iterator[tuple[str, int]]:
    yield from opened(witness)


@pytest.fixture
def hasty(witness: Witness) -> Iterator[tuple[str, int]]:
    """A door that waits a third of a second for bytes, a second in all, and has two places."""
    yield from opened(witness, read_seconds=0.3, connection_seconds=1.0, connections=2)


Answer = tuple[int, str, str]


def ask(door: tuple[str, int], method: str, path: str, body: bytes | None = None) -> Answer:
    connection = http.client.HTTPConnection(*door, timeout=5)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.headers["Content-Type"], answer.read().decode()
    finally:
        connection.close()


def add(door: tuple[str, int], body: bytes) -> Answer:
    return ask(door, "POST", "/add-checkpoint", body)


def test_each_status_of_the_specification_is_answered(door: tuple[str, int]) -> None:
    status, kind, body = add(door, TREE.question(0, 5))
    assert (status, kind) == (200, "text/plain; charset=utf-8")
    assert body.startswith("— audit-office.example/w1 ") and body.endswith("\n")
    assert add(door, b"old 6\n\n" + TREE.note(5).encode())[0] == 400
    assert add(door, TREE.question(5, 6, key(2)))[0] == 403
    assert add(door, TREE.question(0, 6, key(2, "other.example")))[0] == 404
    assert add(door, TREE.question(3, 9)) == (409, "text/x.tlog.size", "5\n")
    assert add(door, Tree(9, shared=2).question(5, 9))[0] == 422


def test_the_newest_head_is_served_to_monitors(door: tuple[str, int]) -> None:
    path = f"/{origin_hash(ORIGIN)}/checkpoint"
    assert ask(door, "GET", path)[0] == 404
    line = add(door, TREE.question(0, 5))[2]
    assert ask(door, "GET", path)[::2] == (200, TREE.note(5) + line)
    for wrong in (f"/{origin_hash('x')}/checkpoint", f"{path}/", "/checkpoint", "/../w/lock"):
        assert ask(door, "GET", wrong)[0] == 404


def test_one_connection_serves_many_questions(door: tuple[str, int]) -> None:
    connection = http.client.HTTPConnection(*door, timeout=5)
    connection.connect()
    first = connection.sock
    for old, size in ((0, 5), (4, 6), (5, 7)):
        connection.request("POST", "/add-checkpoint", TREE.question(old, size))
        connection.getresponse().read()
        assert connection.sock is first
    connection.close()


def test_other_methods_and_places_are_refused(door: tuple[str, int]) -> None:
    assert ask(door, "POST", "/", b"")[0] == 404
    assert ask(door, "POST", "/add-checkpoint/", TREE.question(0, 5))[0] == 404
    assert ask(door, "PUT", "/add-checkpoint", b"")[0] == 405
    assert ask(door, "GET", "/add-checkpoint")[0] == 404


def raw(door: tuple[str, int], sent: bytes) -> bytes:
    """Send octets and return all that comes before the connection ends."""
    with socket.create_connection(door, timeout=5) as talk:
        talk.sendall(sent)
        talk.shutdown(socket.SHUT_WR)
        found = b""
        while piece := talk.recv(4_096):
            found += piece
        return found


@pytest.mark.parametrize(
    ("status", "sent"),
    [
        (411, b"POST /add-checkpoint HTTP/1.1\r\n\r\n"),
        (411, b"POST /add-checkpoint HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        (411, b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: -1\r\n\r\n"),
        (413, b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 65537\r\n\r\n"),
        (413, b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: " + b"9" * 5_000 + b"\r\n\r\n"),
        (400, b"\x00\xff nonsense\r\n\r\n"),
        (414, b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n"),
        (431, b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n"),
    ],
)
def test_what_is_no_proper_request_is_refused_and_the_door_stays_open(
    door: tuple[str, int], status: int, sent: bytes
) -> None:
    answer = raw(door, sent)
    assert f" {status} ".encode() in answer.split(b"\r\n")[0]
    assert add(door, TREE.question(0, 5))[0] == 200


def test_a_question_that_breaks_off_is_not_answered(door: tuple[str, int]) -> None:
    said = b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 4000\r\n\r\nold 0\n"
    assert raw(door, said) == b""
    assert add(door, TREE.question(0, 5))[0] == 200


def test_a_question_of_the_largest_size_is_read(door: tuple[str, int]) -> None:
    assert add(door, b"a" * MAX_BODY)[0] == 400
    assert add(door, b"a" * (MAX_BODY + 1))[0] == 413


def test_who_dawdles_or_fills_the_places_is_cut_off(hasty: tuple[str, int]) -> None:
    silent = [socket.create_connection(hasty, timeout=5) for _ in range(2)]
    dripping = socket.create_connection(hasty, timeout=5)
    assert dripping.recv(10) == b""  # there are two places, and both are taken
    for talk in silent:
        assert talk.recv(10) == b""  # cut off after the third of a second
        talk.close()
    dripping.close()
    steady = socket.create_connection(hasty, timeout=5)
    began = time.monotonic()
    with pytest.raises(OSError):  # steady and slow: cut off when its time is over
        while time.monotonic() - began < 4:
            steady.sendall(b"G")
            time.sleep(0.1)
    steady.close()
    assert add(hasty, TREE.question(0, 5))[0] == 200


# ── asking ──


def url(door: tuple[str, int]) -> str:
    return f"http://{door[0]}:{door[1]}"


def wanted(door: tuple[str, int], witness: Witness, size: int, old: int, tree: Tree = TREE) -> Any:
    return ask_witness(
        url(door),
        witness.verifier,
        size=size,
        note=tree.note(size),
        prove=lambda from_: tree.proof(from_, size),
        old=old,
    )


def test_a_log_that_is_wrong_about_the_witness_asks_again_from_where_it_stands(
    door: tuple[str, int], witness: Witness
) -> None:
    wanted(door, witness, 20, 0)
    assert wanted(door, witness, 30, 7).line.startswith("— audit-office.example/w1 ")
    assert witness.logs()[0].size == 30
    found = remembered(url(door), ORIGIN)
    assert found is not None and found.startswith(TREE.note(30))
    assert remembered(url(door), "other.example") is None


def test_a_witness_that_remembers_more_or_another_history_refuses(
    door: tuple[str, int], witness: Witness
) -> None:
    wanted(door, witness, 20, 0)
    with pytest.raises(WitnessRefuses, match="has cosigned 20"):
        wanted(door, witness, 15, 0)
    with pytest.raises(WitnessRefuses) as refused:
        wanted(door, witness, 30, 20, Tree(30, shared=3))
    assert refused.value.status == 422


def test_an_answer_counts_under_the_witness_s_own_key_alone(
    door: tuple[str, int], witness: Witness, tmp_path: Path
) -> None:
    other = fresh_witness(tmp_path / "other")
    with pytest.raises(WitnessAway, match="no line of"):
        wanted(door, other, 20, 0)
    line = other.cosign(TREE.question(0, 20))
    good = witness.cosign(TREE.question(20, 20))
    answer = f"{line}\nnonsense\n{good}\n"
    assert read_lines(TREE.note(20), answer, witness.verifier).line == good
    with pytest.raises(NoteInvalid):
        read_lines(TREE.note(19), answer, witness.verifier)


@pytest.mark.parametrize("address", ["ftp://x", "http://", "http://[::1", "http://h:port", ""])
def test_an_address_that_is_none_is_a_witness_that_is_away(witness: Witness, address: str) -> None:
    with pytest.raises(WitnessAway):
        remembered(address, ORIGIN)


def answering(text: bytes) -> Callable[[], tuple[str, int]]:
    """Return what opens a door that says the same to everybody, and ends the connection."""
    listener = socket.create_server(("127.0.0.1", 0))

    def speak() -> None:
        for _ in range(2):
            talk, _ = listener.accept()
            talk.recv(65_536)
            talk.sendall(text)
            talk.close()

    threading.Thread(target=speak, daemon=True).start()
    return lambda: ("127.0.0.1", listener.getsockname()[1])


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"nonsense",
        b"HTTP/1.1 500 x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n\xff\xff\xff",
        b"HTTP/1.1 409 x\r\nContent-Length: 5\r\n\r\n-100\n",
        b"HTTP/1.1 409 x\r\nContent-Length: 2\r\n\r\n\xc2\xb2",
        b"HTTP/1.1 302 x\r\nLocation: http://127.0.0.1/\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_an_answer_that_is_no_sense_is_a_witness_that_is_away(
    witness: Witness, text: bytes
) -> None:
    with pytest.raises(WitnessAway):
        wanted(answering(text)(), witness, 20, 0)


def test_a_door_with_a_certificate_is_met_over_tls_alone(witness: Witness, tmp_path: Path) -> None:
    issue(tmp_path / "city", ["127.0.0.1"])
    issue(tmp_path / "stranger", ["127.0.0.1"])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    folder = tmp_path / "city"
    context.load_cert_chain(folder / "127.0.0.1.pem", folder / "127.0.0.1.key")

    def ask(port: int, ca: Path, scheme: str = "https") -> str | None:
        return remembered(f"{scheme}://127.0.0.1:{port}", ORIGIN, timeout=5, ca=ca)

    for _, port in opened(witness, tls=context, read_seconds=1.0):
        with socket.create_connection(("127.0.0.1", port)):  # who greets nobody holds nobody up
            assert ask(port, folder / "ca.pem") is None
        with pytest.raises(WitnessAway, match="CERTIFICATE_VERIFY_FAILED"):
            ask(port, tmp_path / "stranger" / "ca.pem")
        with pytest.raises(WitnessAway):
            ask(port, folder / "ca.pem", "http")
