"""What strangers send: forged posts, names that are code, files that are not what they say."""

from __future__ import annotations

import io
import re
import zipfile

import pytest

from forms.materials import FileRefused, media_type, safe_name
from forms.posting import SMALL_BODY
from tests.forms.conftest import Browsers
from tests.forms.town import ADDRESS, Town


def zipped(*names: str) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as package:
        for name in names:
            package.writestr(name, "x")
    return whole.getvalue()


def test_a_name_that_is_code_is_shown_as_text(browser: Browsers, town: Town) -> None:
    name = "<script>alert(1)</script>\"'><img src=x>"
    filed = town.file(name, project_name="{{ 7*7 }}<svg onload=alert(1)>")
    html = browser("chen").get(f"/cases/{filed.case_no}").text
    assert "<script>" not in html
    assert "<svg onload" not in html
    assert "{{ 7*7 }}" in html
    listed = browser("chen").get("/cases").text
    assert "<img src=x>" not in listed


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.test"},
        {"origin": "null"},
    ],
)
def test_a_post_from_another_site_is_refused_even_with_the_token(
    browser: Browsers, headers: dict[str, str]
) -> None:
    page = browser("chen")
    token = page.token("/")
    answer = page.post("/sign-out", data={"csrf": token}, headers=headers)
    assert answer.status_code == 403
    assert page.get("/", follow_redirects=False).status_code == 200


@pytest.mark.parametrize("token", ["", "0" * 64, "é"])
def test_a_post_without_the_right_token_is_refused(browser: Browsers, token: str) -> None:
    page = browser("chen")
    assert page.post("/sign-out", data={"csrf": token}).status_code == 403


def test_anothers_token_is_refused(browser: Browsers) -> None:
    token = browser("zhou").token("/")
    assert browser("chen").post("/sign-out", data={"csrf": token}).status_code == 403


def test_a_form_of_another_kind_is_refused(browser: Browsers) -> None:
    page = browser("chen")
    answer = page.post("/sign-out", json={"csrf": page.token("/")})
    assert answer.status_code == 415


def test_a_huge_form_is_cut_off(browser: Browsers) -> None:
    page = browser("chen")
    form = {"csrf": page.token("/"), "x": "y" * (SMALL_BODY + 1)}
    assert page.post("/password", data=form).status_code == 413
    many = {"csrf": page.token("/"), **{f"f{n}": "" for n in range(700)}}
    assert page.post("/password", data=many).status_code == 400


def test_an_unknown_host_is_refused(browser: Browsers) -> None:
    assert browser().get("/sign-in", headers={"host": "evil.test"}).status_code == 400


def test_every_answer_carries_the_protective_headers(browser: Browsers, town: Town) -> None:
    page = browser("chen")
    for path in ("/", "/sign-in", "/nothing", "/static/page.css", "/api/v1/openapi.json"):
        headers = page.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy, path
        # A page may load files of ours, and never runs what stands in it.
        assert set(re.findall(r"script-src ([^;]+)", policy)) <= {"'self'"}, path
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert "strict-transport-security" in headers
    assert page.get("/").headers["cache-control"] == "no-store"


def test_no_page_has_script_or_style_of_its_own(browser: Browsers, town: Town) -> None:
    case_no = town.file().case_no
    page = browser("chen")
    for path in ("/", "/new", "/new/construction-permit", f"/cases/{case_no}"):
        html = page.get(path).text
        scripts = re.findall(r"<script(.*?)>(.*?)</script>", html, flags=re.S)
        assert len(scripts) == html.count("<script")
        for tag, inside in scripts:
            assert re.fullmatch(r' src="/static/[\w.-]+\?v=[0-9a-f]{12}" defer', tag), tag
            assert not inside
        assert not re.search(r"<[^>]*\son[a-z]+=", html), "a handler inside the page"
        assert "style=" not in html
        assert "<style" not in html
        assert "javascript:" not in html
        assert "http://" not in html.replace(ADDRESS, "")


@pytest.mark.parametrize(
    "path",
    ["/cases/..%2f..%2fetc%2fpasswd", "/static/%2e%2e/app.py", "/static/..%2fapp.py"],
)
def test_a_path_that_climbs_finds_nothing(browser: Browsers, path: str) -> None:
    assert browser("chen").get(path).status_code == 404


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\x\\图纸.pdf", "图纸.pdf"),
        ("a\x00b\r\n.pdf", "ab.pdf"),
        ("evil\u202efdp.exe", "evilfdp.exe"),
        ("..", "file"),
        ('a"<b>|?.pdf', "a__b___.pdf"),
    ],
)
def test_a_file_name_is_made_harmless(given: str, kept: str) -> None:
    assert safe_name(given) == kept


def test_a_long_name_keeps_its_ending_and_fits_a_file_system() -> None:
    kept = safe_name("图" * 500 + ".pdf")
    assert kept.endswith(".pdf")
    assert len(kept.encode()) <= 400
    assert len(kept) <= 120


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"%PDF-1.4", "application/pdf"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (zipped("OFD.xml"), "application/ofd"),
    ],
)
def test_a_file_is_known_by_its_first_bytes(content: bytes, kind: str) -> None:
    assert media_type(content) == kind


def test_a_word_file_is_taken_and_one_with_macros_is_not() -> None:
    parts = ("[Content_Types].xml", "word/document.xml")
    assert media_type(zipped(*parts)).endswith("wordprocessingml.document")
    with pytest.raises(FileRefused, match="宏"):
        media_type(zipped(*parts, "word/vbaProject.bin"))


@pytest.mark.parametrize(
    "content", [b"", b"MZ\x90", b"<html>", b"PK\x03\x04broken", zipped("evil.exe"), b"GIF89a"]
)
def test_any_other_file_is_refused(content: bytes) -> None:
    with pytest.raises(FileRefused):
        media_type(content)


def test_a_refused_file_is_told_beside_its_row(browser: Browsers) -> None:
    page = browser("chen")
    form = {"csrf": page.token("/new/construction-permit"), "do": "file"}
    files = {"file.drawings": ("图.pdf", b"MZ not a pdf")}
    answer = page.post("/new/construction-permit", data=form, files=files)
    assert answer.status_code == 422
    assert 'href="#f-file-drawings"' in answer.text


def test_a_guess_at_codes_is_slowed_down(browser: Browsers) -> None:
    page = browser()
    answers = [page.get("/verify/AAAABBBBCCCC").status_code for _ in range(40)]
    assert 429 in answers
