import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.merkle import Frontier, leaf_hash
from audit.notes import (
    Checkpoint,
    NoteInvalid,
    NoteKey,
    NoteVerifier,
    open_checkpoint,
    open_note,
    parse_checkpoint,
    sign_note,
)

KEY = NoteKey("city.example/audit/2026H2", Ed25519PrivateKey.from_private_bytes(bytes(32)))
HEAD = Checkpoint(KEY.name, 1_200, bytes(range(32)))
TESSERA = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"


def test_a_signed_head_is_read_back() -> None:
    note = sign_note(HEAD.text(), [KEY])
    assert open_checkpoint(note, KEY.verifier) == HEAD
    assert NoteVerifier.parse(KEY.verifier.vkey) == KEY.verifier


def test_the_published_note_and_texts_are_read(vectors: Path) -> None:
    spec = json.loads((vectors / "c2sp" / "spec_examples.json").read_text())
    example = spec["note_example"]
    opened = open_note(example["note"], [NoteVerifier.parse(example["vkey"])])
    assert opened.text == "This is an example message.\n"
    head = parse_checkpoint(spec["checkpoint_text"])
    assert (head.origin, head.size) == ("example.com/behind-the-sofa", 20_852_163)
    assert head.text() == spec["checkpoint_text"]


def test_every_head_of_the_published_log_is_read_and_its_root_recomputed(vectors: Path) -> None:
    folder = vectors / "transparency-dev_tessera" / "testdata" / "log"
    verifier = NoteVerifier.parse(TESSERA)
    heads = [open_checkpoint(p.read_text(), verifier) for p in folder.glob("checkpoint*")]
    assert len(heads) == 17
    hashes = (folder / "tile" / "0" / "000.p" / "15").read_bytes()
    for head in heads:
        frontier = Frontier()
        frontier.extend(hashes[i : i + 32] for i in range(0, head.size * 32, 32))
        assert frontier.root() == head.root
    bundle = (folder / "tile" / "entries" / "000.p" / "15").read_bytes()
    first = bundle[2 : 2 + int.from_bytes(bundle[:2])]
    assert leaf_hash(first) == hashes[:32]


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("a leading zero", f"{HEAD.origin}\n01200\n{base64.b64encode(HEAD.root).decode()}\n"),
        ("a sign", f"{HEAD.origin}\n+1200\n{base64.b64encode(HEAD.root).decode()}\n"),
        ("other digits", f"{HEAD.origin}\n１２００\n{base64.b64encode(HEAD.root).decode()}\n"),
        ("a short root", f"{HEAD.origin}\n1200\n{base64.b64encode(bytes(31)).decode()}\n"),
        ("loose base64", f"{HEAD.origin}\n1200\n{base64.b64encode(HEAD.root).decode()[:-2]}9=\n"),
        ("no root", f"{HEAD.origin}\n1200\n"),
        ("no origin", f"\n1200\n{base64.b64encode(HEAD.root).decode()}\n"),
        ("no last line feed", HEAD.text()[:-1]),
        ("a carriage return", HEAD.text().replace("\n", "\r\n")),
    ],
)
def test_other_spellings_of_a_head_are_refused(what: str, text: str) -> None:
    with pytest.raises(NoteInvalid):
        parse_checkpoint(text)


def test_a_head_signed_by_another_key_under_the_same_name_is_refused() -> None:
    other = NoteKey(KEY.name, Ed25519PrivateKey.from_private_bytes(b"\x01" * 32))
    with pytest.raises(NoteInvalid, match="no trusted key"):
        open_checkpoint(sign_note(HEAD.text(), [other]), KEY.verifier)
    both = sign_note(HEAD.text(), [other, KEY])
    assert open_checkpoint(both, KEY.verifier) == HEAD


def test_a_head_of_another_log_under_the_same_key_is_refused() -> None:
    text = Checkpoint("test.example/audit", 5, bytes(32)).text()
    with pytest.raises(NoteInvalid, match="not of"):
        open_checkpoint(sign_note(text, [KEY]), KEY.verifier)


def test_an_altered_text_is_refused() -> None:
    note = sign_note(HEAD.text(), [KEY]).replace("1200", "1201")
    with pytest.raises(NoteInvalid, match="does not fit"):
        open_checkpoint(note, KEY.verifier)


def test_a_witness_line_is_not_taken_for_the_logs_own() -> None:
    # Same name and key with the cosignature type 0x04 in the key id: an unknown key to us.
    raw = base64.b64decode(sign_note(HEAD.text(), [KEY]).rsplit(" ", 1)[1])
    line = base64.b64encode(b"\x00\x00\x00\x04" + raw[4:]).decode()
    with pytest.raises(NoteInvalid, match="no trusted key"):
        open_checkpoint(f"{HEAD.text()}\n— {KEY.name} {line}\n", KEY.verifier)


def test_a_vkey_whose_id_is_not_its_keys_is_refused() -> None:
    name, key_id, key = KEY.verifier.vkey.split("+", 2)
    with pytest.raises(NoteInvalid, match="has id"):
        NoteVerifier.parse(f"{name}+{int(key_id, 16) ^ 1:08x}+{key}")
