"""Where a scanner is set, a file is held until it found nothing; nobody gets a held file."""

from __future__ import annotations

import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from sqlalchemy import select, text, update

from cases.desk import Desk
from cases.messages import Actor
from cases.web_tables import upload
from tests.forms.conftest import Browser
from tests.forms.entering import sign_in_fully
from tests.forms.test_window import PATH, PDF, filled
from tests.forms.town import ADDRESS, Town
from yichuang.scanning import (
    UNREADABLE,
    Clamd,
    Program,
    Quarantine,
    ScannerAway,
    scanner_of,
)
from yichuang.web_ports import WebUploads

EICAR = b"%PDF-1.7 EICAR-STANDARD-ANTIVIRUS-TEST-FILE"


class ByWord:
    """Finds the test signature; does not answer about a file that says so."""

    def finding(self, content: bytes) -> str:
        if b"SILENCE" in content:
            raise ScannerAway("no answer")
        return "Eicar-Test-Signature" if b"EICAR" in content else ""


@pytest.fixture
def town(tmp_path: Path) -> Town:
    town = Town(tmp_path)
    uploads = town.ports.uploads
    assert isinstance(uploads, WebUploads)
    town.ports = replace(town.ports, uploads=replace(uploads, arrived=lambda: None))
    return town


@pytest.fixture
def quarantine(town: Town) -> Quarantine:
    uploads = town.ports.uploads
    assert isinstance(uploads, WebUploads)
    return Quarantine(
        town.web, Desk(town.web), uploads.vault, uploads.pseudonym_of, ByWord(), uploads.now
    )


def actor(town: Town, login: str = "chen") -> Actor:
    return next(a for a in town.accounts.listing() if a.login == login).actor()


def kept(town: Town, content: bytes) -> str:
    return town.ports.uploads.keep(actor(town), "图.pdf", "application/pdf", content).id


def entries(town: Town) -> list[tuple[str, str | None]]:
    with town.web.connect() as connection:
        rows = connection.execute(text("SELECT body FROM audit_outbox")).scalars().all()
    found = [orjson.loads(bytes(row)) for row in rows]
    return [(e["res"], e.get("why")) for e in found if e["act"] == "upload_scanned"]


def test_a_file_is_held_until_the_scanner_found_nothing(town: Town, quarantine: Quarantine) -> None:
    file = kept(town, PDF)
    assert town.ports.uploads.held(file, "") == "waiting"
    assert town.ports.uploads.read(file, "") is None
    assert quarantine.look() == 1
    assert town.ports.uploads.held(file, "") == ""
    opened = town.ports.uploads.read(file, "")
    assert opened is not None and opened.content == PDF
    assert entries(town) == [("ok", None)]


def test_a_file_in_which_something_was_found_stays_held_and_is_told(
    town: Town, quarantine: Quarantine
) -> None:
    file = kept(town, EICAR)
    quarantine.look()
    assert town.ports.uploads.held(file, "") == "infected"
    assert town.ports.uploads.read(file, "") is None
    assert entries(town) == [("deny", "malware")]
    assert quarantine.look() == 0, "it is not looked at again"


def test_without_an_answer_a_file_stays_held_and_holds_up_no_other(
    town: Town, quarantine: Quarantine
) -> None:
    silent, good = kept(town, b"%PDF-1.7 SILENCE"), kept(town, PDF)
    with pytest.raises(ScannerAway):
        quarantine.look()
    assert town.ports.uploads.held(silent, "") == "waiting"
    assert town.ports.uploads.held(good, "") == ""
    assert entries(town) == [("ok", None)]


def test_a_file_whose_key_is_gone_stays_held(town: Town, quarantine: Quarantine) -> None:
    file = kept(town, PDF)
    with town.web.begin() as connection:
        connection.execute(update(upload).values(sealed=b"\x00" * 64))
    quarantine.look()
    assert Desk(town.web).find_upload(file).finding == UNREADABLE  # type: ignore[union-attr]
    assert entries(town) == [("deny", "unreadable")]


def test_what_cannot_be_written_down_sets_nothing_free(town: Town, quarantine: Quarantine) -> None:
    file = kept(town, PDF)
    with town.web.begin() as connection:
        connection.execute(text("ALTER TABLE audit_outbox RENAME TO audit_outbox_away"))
    with pytest.raises(Exception, match="audit_outbox"):
        quarantine.look()
    assert town.ports.uploads.held(file, "") == "waiting"


def signed_in(town: Town) -> Browser:
    page = Browser(town.app(), base_url=ADDRESS, headers={"origin": ADDRESS})
    page.town = town
    sign_in_fully(page, town, "chen")
    return page


def test_a_case_is_filed_with_a_held_file_and_nobody_opens_it_before(
    town: Town, quarantine: Quarantine
) -> None:
    page = signed_in(town)
    answer = page.post(
        PATH, data=filled(page), files={"file.drawings": ("图.pdf", PDF)}, follow_redirects=False
    )
    assert answer.status_code == 303, answer.text
    case_path = answer.headers["location"].split("?")[0]
    with town.web.connect() as connection:
        file = connection.execute(select(upload.c.id)).scalar_one()
    held = page.get(f"{case_path}/materials/{file}")
    assert held.status_code == 423
    assert "正在检查" in held.text
    assert PDF not in held.content
    quarantine.look()
    assert page.get(f"{case_path}/materials/{file}").content == PDF


def test_a_malicious_file_is_told_where_the_form_comes_back(
    town: Town, quarantine: Quarantine
) -> None:
    page = signed_in(town)
    form = filled(page) | {"applicant.name": ""}
    kept_form = page.post(PATH, data=form, files={"file.drawings": ("图.pdf", EICAR)})
    assert kept_form.status_code == 422
    quarantine.look()
    with town.web.connect() as connection:
        file = connection.execute(select(upload.c.id)).scalar_one()
    again = page.post(PATH, data=filled(page) | {"upload.drawings": file})
    assert again.status_code == 422
    assert "经检查含恶意内容，已隔离" in again.text


def test_without_a_scanner_nothing_is_held(town: Town) -> None:
    uploads = town.ports.uploads
    assert isinstance(uploads, WebUploads)
    free = replace(uploads, arrived=None)
    file = free.keep(actor(town), "图.pdf", "application/pdf", PDF).id
    assert free.read(file, "") is not None


# --- scanners ------------------------------------------------------------------------------------

SCRIPT = """
import sys
seen = sys.stdin.buffer.read()
if b"EICAR" in seen:
    print("stream: Eicar-Test-Signature FOUND")
    sys.exit(1)
sys.exit(2 if b"SILENCE" in seen else 0)
"""


@pytest.fixture
def program(tmp_path: Path) -> Program:
    path = tmp_path / "scan.py"
    path.write_text(SCRIPT)
    found = scanner_of(f"command:{sys.executable} {path}")
    assert isinstance(found, Program)
    return found


def test_a_program_says_clean_found_or_nothing(program: Program) -> None:
    assert program.finding(PDF) == ""
    assert "Eicar-Test-Signature" in program.finding(EICAR)
    with pytest.raises(ScannerAway, match="ended with 2"):
        program.finding(b"SILENCE")


def test_a_program_that_is_not_there_or_hangs_is_no_answer(tmp_path: Path) -> None:
    with pytest.raises(ScannerAway):
        Program([str(tmp_path / "nowhere")]).finding(b"")
    with pytest.raises(ScannerAway):
        Program([sys.executable, "-c", "import time; time.sleep(60)"], 0.2).finding(b"")


def _clamd(server: socket.socket, answer: Callable[[bytes], bytes]) -> None:
    while True:
        try:
            door, _ = server.accept()
        except OSError:
            return
        with door, door.makefile("rb") as stream:
            assert stream.read(10) == b"zINSTREAM\0"
            content = b""
            while size := struct.unpack("!I", stream.read(4))[0]:
                content += stream.read(size)
            door.sendall(answer(content))


@pytest.fixture
def clamd(tmp_path: Path) -> Iterator[Clamd]:
    """A socket that speaks clamd's INSTREAM as its manual has it."""

    def answer(content: bytes) -> bytes:
        if b"EICAR" in content:
            return b"stream: Eicar-Test-Signature FOUND\0"
        if len(content) > 200_000:
            return b"INSTREAM size limit exceeded. ERROR\0"
        return b"stream: OK\0"

    path = str(tmp_path / "clamd.ctl")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        thread = threading.Thread(target=_clamd, args=(server, answer), daemon=True)
        thread.start()
        found = scanner_of(f"clamd:{path}")
        assert isinstance(found, Clamd)
        yield found
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def test_a_clamd_says_clean_found_or_too_large(clamd: Clamd) -> None:
    assert clamd.finding(PDF) == ""
    assert clamd.finding(b"") == ""
    assert clamd.finding(EICAR + bytes(150_000)) == "Eicar-Test-Signature"
    with pytest.raises(ScannerAway, match="size limit"):
        clamd.finding(bytes(200_001))


def test_a_clamd_that_is_away_is_no_answer(tmp_path: Path) -> None:
    with pytest.raises(ScannerAway):
        Clamd(str(tmp_path / "nobody.ctl")).finding(PDF)


def test_a_setting_names_a_scanner_or_is_refused() -> None:
    assert scanner_of("") is None
    assert scanner_of("clamd://127.0.0.1:3310") == Clamd(("127.0.0.1", 3310))
    assert scanner_of("command:clamdscan --no-summary -") == Program(
        ["clamdscan", "--no-summary", "-"]
    )
    for wrong in ("clamd", "clamd:", "clamd:relative", "command:", "http://x"):
        with pytest.raises(ValueError, match="command"):
            scanner_of(wrong)
