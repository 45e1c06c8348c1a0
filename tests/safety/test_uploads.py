"""What is handed in: judged by its bytes, its name and its parts, before anything is kept."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Mapping

import pytest

from forms.case import download
from forms.materials import ENDINGS, MOST_PARTS, FileRefused, ending_fits, media_type
from forms.reader_ports import File
from tests.forms.conftest import Browsers
from tests.forms.conftest import browser as browser
from tests.forms.conftest import town as town
from tests.forms.test_window import PATH, PDF, filled

DOCX = {"[Content_Types].xml": b"<Types/>", "word/document.xml": b"<w/>"}


def package(parts: Mapping[str, bytes]) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in parts.items():
            made.writestr(name, content)
    return whole.getvalue()


def test_a_document_whose_list_of_types_names_macros_is_refused() -> None:
    types = b'<Override ContentType="application/vnd.ms-word.document.macroEnabled.main+xml"/>'
    assert media_type(package(DOCX)).endswith("document")
    with pytest.raises(FileRefused, match="宏"):
        media_type(package(DOCX | {"[Content_Types].xml": types}))


@pytest.mark.parametrize("name", ["word/vbaData.xml", "word/activeX/activeX1.bin", "x/run.EXE"])
def test_a_document_that_carries_what_runs_is_refused(name: str) -> None:
    with pytest.raises(FileRefused, match="宏"):
        media_type(package(DOCX | {name: b"x"}))


@pytest.mark.parametrize("name", ["../evil", "/etc/passwd", "a/../../b", "..\\evil", "C:evil"])
def test_a_package_whose_parts_climb_is_refused(name: str) -> None:
    with pytest.raises(FileRefused):
        media_type(package(DOCX | {name: b"x"}))


def test_a_package_of_too_many_parts_is_refused_and_one_at_the_limit_is_not() -> None:
    full = {f"p{n}": b"" for n in range(MOST_PARTS - len(DOCX))}
    assert media_type(package(DOCX | full))
    with pytest.raises(FileRefused, match="过大"):
        media_type(package(DOCX | full | {"one-more": b""}))


def test_an_archive_bomb_is_refused_without_being_unpacked() -> None:
    bomb = package(DOCX | {"word/media/zeros": bytes(201 * 1024 * 1024)})
    assert len(bomb) < 1024 * 1024
    with pytest.raises(FileRefused, match="过大"):
        media_type(bomb)


@pytest.mark.parametrize("what", [b"/JavaScript (x)", b"/JS(x)", b"/Launch<<"])
def test_a_pdf_that_acts_when_opened_is_refused(what: bytes) -> None:
    with pytest.raises(FileRefused, match="脚本"):
        media_type(b"%PDF-1.7\n1 0 obj<</S " + what + b">>endobj")
    assert media_type(b"%PDF-1.7\n1 0 obj<</Title (/JavaScripture)>>endobj") == "application/pdf"


@pytest.mark.parametrize("kind", ENDINGS)
def test_a_name_ends_as_its_content_asks(kind: str) -> None:
    for ending in ENDINGS[kind]:
        assert ending_fits("图纸" + ending.upper(), kind)
    for wrong in ("图纸", "图纸.exe", "图纸.pdf.html", "图纸.svg"):
        assert not ending_fits(wrong, kind)


def test_a_pdf_under_another_ending_is_told_beside_its_row(browser: Browsers) -> None:
    page = browser("chen")
    form = {"csrf": page.token("/new/construction-permit"), "do": "file"}
    files = {"file.drawings": ("图.html", b"%PDF-1.7 plan")}
    answer = page.post("/new/construction-permit", data=form, files=files)
    assert answer.status_code == 422
    assert "文件名的后缀与内容不符，应为 .pdf" in answer.text


def test_a_file_above_the_limit_is_told_beside_its_row(browser: Browsers) -> None:
    page = browser("chen")
    form = {"csrf": page.token("/new/construction-permit"), "do": "file"}
    files = {"file.drawings": ("图.pdf", b"%PDF-1.7 " + bytes(20 * 1024 * 1024))}
    answer = page.post("/new/construction-permit", data=form, files=files)
    assert answer.status_code == 422
    assert "文件超过 20 MB" in answer.text


def test_an_opened_material_is_a_file_to_save_and_runs_nowhere(browser: Browsers) -> None:
    page = browser("chen")
    answer = page.post(
        PATH, data=filled(page), files={"file.drawings": ("图.pdf", PDF)}, follow_redirects=False
    )
    assert answer.status_code == 303, answer.text
    case_path = answer.headers["location"].split("?")[0]
    listed = page.get(f"{case_path}?tab=overview").text + page.get(case_path).text
    found = re.search(r"/materials/([0-9a-f]+)", listed)
    assert found
    opened = page.get(f"{case_path}{found[0]}")
    assert opened.content == PDF
    assert opened.headers["content-disposition"] == "attachment; filename*=UTF-8''%E5%9B%BE.pdf"
    assert opened.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert opened.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", ['a"; filename="b.html', "a\r\nset-cookie: x=1", "a;b=c"])
def test_a_name_cannot_break_out_of_its_header(name: str) -> None:
    headers = download(File(name, "application/pdf", b"")).headers
    value = headers["content-disposition"]
    assert value.startswith("attachment; filename*=UTF-8''")
    assert not set(value.removeprefix("attachment; filename*=UTF-8''")) & set('"\r\n; =')
    assert "set-cookie" not in headers
