"""What ASVS 5.0.0 asks, level 1 and 2, that no other test of the house shows; and its table."""

from __future__ import annotations

import contextlib
import random
import re
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import uvicorn
from sqlalchemy import text

from catalogue.clauses import load_tables
from forms.app import FILES_AT_ONCE
from forms.cookies import SESSION_COOKIE
from forms.materials import ENDINGS, MOST_PARTS, MOST_UNPACKED
from forms.ports import Options
from forms.throttles import Throttle
from policies.factors import FactorArts
from policies.identity import MAX_LENGTH, MIN_CLASSES, MIN_LENGTH, Credentials, PasswordRules
from tests.forms.conftest import Browsers
from tests.forms.conftest import browser as browser
from tests.forms.conftest import town as town
from tests.forms.town import ADDRESS, HOST, PASSWORD, Town
from yichuang.settings import Settings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/asvs.md").read_text("utf-8")
SIGNED_IN = ("/", "/team", "/cases", "/new", "/new/construction-permit", "/notices", "/password")

EACH = {"V3": 19, "V4": 10, "V5": 9, "V6": 35, "V7": 18, "V8": 7}
"""Requirements of level 1 and 2 in each chapter of ASVS 5.0.0, counted in its published CSV."""


def test_every_requirement_of_the_chapters_stands_in_the_table() -> None:
    table = next(one for one in load_tables() if one.code == "asvs")
    assert Counter(one.id.split(".")[0] for one in table.clauses) == EACH
    assert all(re.fullmatch(r"V\d\.\d+\.\d+", one.id) for one in table.clauses)
    assert all(one.wording.startswith("Verify that") for one in table.clauses)


# --- browser and messages ------------------------------------------------------------------------


def test_the_session_token_stands_in_no_page(browser: Browsers) -> None:
    page = browser("chen")
    token = page.cookies[SESSION_COOKIE]
    for path in SIGNED_IN:
        answer = page.get(path)
        assert token not in answer.text
        assert token not in str(answer.url)


@pytest.mark.parametrize("path", [*SIGNED_IN, "/sign-in", "/enrol", "/status", "/granted"])
def test_no_page_embeds_a_plug_in(browser: Browsers, path: str) -> None:
    html = browser("chen").get(path).text
    assert not re.search(r"<(object|embed|applet|iframe|frame)\b", html)


def test_no_address_redirects_from_http_to_https(browser: Browsers) -> None:
    page = browser()
    page.base_url = ADDRESS.replace("https://", "http://")
    for path in ("/sign-in", "/api/v1/cases/x", "/healthz"):
        answer = page.get(path, follow_redirects=False)
        assert answer.status_code not in (301, 302, 307, 308), path


@contextlib.contextmanager
def served(town: Town) -> Iterator[int]:
    """The application behind the server that ships, at a port of this machine."""
    config = uvicorn.Config(town.app(hosts=("127.0.0.1",)), log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        server.should_exit = True
        thread.join(10)


HIDDEN = "GET /hidden-request HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n"


@pytest.mark.parametrize(
    "lengths",
    [
        f"content-length: {len(HIDDEN) + 5}\r\ntransfer-encoding: chunked",
        f"content-length: 4\r\ncontent-length: {len(HIDDEN)}",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity",
        "content-length: +5",
        "transfer-encoding : chunked",
    ],
)
def test_a_second_request_cannot_be_smuggled_in_the_body_of_the_first(
    town: Town, lengths: str
) -> None:
    """At most one answer for what one reader of the lengths takes for one request."""
    asked = f"POST /sign-in HTTP/1.1\r\nhost: 127.0.0.1\r\n{lengths}\r\n\r\n0\r\n\r\n{HIDDEN}"
    with served(town) as port, socket.create_connection(("127.0.0.1", port), 5) as door:
        door.sendall(asked.encode())
        door.settimeout(1)
        heard = b""
        with contextlib.suppress(TimeoutError):
            while more := door.recv(65536):
                heard += more
    first = heard.split(b"\r\n", 1)[0]
    if heard.count(b"HTTP/1.1 ") > 1:
        # RFC 9112 §6.3: chunked counts and the length is ignored, so the rest is no secret.
        assert "chunked" in lengths and "content-length" in lengths
    else:
        assert first.startswith(b"HTTP/1.1 4"), heard[:200]


# --- passwords -----------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/sign-in", "/enrol", "/password"])
def test_password_fields_are_masked_and_may_be_pasted_into(browser: Browsers, path: str) -> None:
    html = browser("chen" if path == "/password" else "").get(path).text
    fields = re.findall(r'<input[^>]*autocomplete="(?:new|current)-password"[^>]*>', html)
    assert fields
    for field in fields:
        assert 'type="password"' in field
        assert "onpaste" not in field and "readonly" not in field
        assert 'value="' not in field


@pytest.mark.parametrize("near", [PASSWORD.lower(), f" {PASSWORD}", f"{PASSWORD} ", PASSWORD[:-1]])
def test_a_password_is_checked_exactly_as_typed(near: str) -> None:
    credentials = Credentials(passes=1, memory_kib=8, lanes=1)
    stored = credentials.hash(PASSWORD)
    assert credentials.matches(stored, PASSWORD)
    assert not credentials.matches(stored, near)


@pytest.mark.parametrize("length", [64, MAX_LENGTH])
def test_a_password_of_64_characters_and_more_is_taken(length: int) -> None:
    password = ("Aa1-bcdefghijklmnopqrstuvwxyz" * 5)[:length]
    assert PasswordRules().fault(password, "zhao") == ""
    credentials = Credentials(passes=1, memory_kib=8, lanes=1)
    stored = credentials.hash(password)
    assert credentials.matches(stored, password)
    assert not credentials.matches(stored, password[:-1] + "!")


def test_a_password_may_not_hold_the_login() -> None:
    assert "登录名" in PasswordRules().fault("Zhao-2026-hall-x", "zhao")
    assert PasswordRules().fault("Yunchuan-2026-hall", "zhao") == ""


@pytest.mark.parametrize("path", ["/sign-in", "/enrol", "/password"])
def test_no_page_asks_a_secret_question(browser: Browsers, path: str) -> None:
    html = browser("chen" if path == "/password" else "").get(path).text
    assert not re.search(r"安全问题|密保|口令提示|password hint|secret question", html, re.I)


# --- sessions ------------------------------------------------------------------------------------


def test_each_sign_in_gets_a_token_of_its_own_of_128_bits_and_more(browser: Browsers) -> None:
    tokens = [browser(login).cookies[SESSION_COOKIE] for login in ("chen", "chen", "zhou")]
    assert len(set(tokens)) == 3
    # base64url carries six bits a sign.
    assert all(len(token) * 6 >= 128 for token in tokens)
    assert all(re.fullmatch(r"[\w-]+", token) for token in tokens)


def test_signing_in_again_ends_the_session_that_was_there(browser: Browsers) -> None:
    page = browser("chen")
    before = page.cookies[SESSION_COOKIE]
    page.post("/sign-out", data={"csrf": page.token("/")})
    page.sign_in("chen")
    assert page.cookies[SESSION_COOKIE] != before
    old = browser()
    old.cookies.set(SESSION_COOKIE, before, domain=HOST)
    assert old.get("/", follow_redirects=False).status_code == 303


@pytest.mark.parametrize("path", SIGNED_IN)
def test_every_page_of_a_session_offers_to_sign_out(browser: Browsers, path: str) -> None:
    assert 'action="/sign-out"' in browser("chen").get(path).text


def test_looking_at_a_page_opens_no_session(browser: Browsers, town: Town) -> None:
    def sessions() -> int:
        with town.web.connect() as connection:
            return int(connection.execute(text("SELECT count(*) FROM session")).scalar_one())

    before = sessions()
    page = browser()
    for path in ("/", "/sign-in", "/enrol", "/status", "/granted", "/verify"):
        page.get(path)
    assert sessions() == before
    assert SESSION_COOKIE not in page.cookies


# --- what is written down ------------------------------------------------------------------------


def test_the_page_names_every_kind_of_file_and_its_limits() -> None:
    for endings in ENDINGS.values():
        for ending in endings:
            assert f"`{ending}`" in PAGE
    assert f"({Settings.model_fields['upload_limit_mb'].default} MB)" in PAGE
    assert f"{MOST_UNPACKED // 1024 // 1024} MB unpacked and {MOST_PARTS} parts" in PAGE
    assert FILES_AT_ONCE == 10 and "one post ten such files" in PAGE


def test_the_page_names_every_limit_with_its_setting() -> None:
    fields = Settings.model_fields
    for name in ("pages", "searches", "exports", "orders"):
        often = fields[f"{name}_per_minute"].default
        assert f"| {often} a minute | `YICHUANG_{name.upper()}_PER_MINUTE` |" in PAGE
    options = Options("城", ADDRESS, (HOST,))
    assert f"sign-ins of one address, both steps | {options.sign_ins_per_minute} a minute" in PAGE
    assert f"of one address | {options.questions_per_minute} a minute" in PAGE
    assert f"wrong bearer tokens of one address | {options.wrong_tokens_per_minute} a" in PAGE
    attempts, lock = fields["sign_in_attempts"].default, fields["sign_in_lock_minutes"].default
    assert f"| {attempts}, for {lock} minutes |" in PAGE
    assert f"at most {Throttle.KEYS:,} keys" in PAGE
    assert "`YICHUANG_SESSION_IDLE_MINUTES`" in PAGE and "`YICHUANG_SESSION_HOURS`" in PAGE


def test_the_page_names_every_way_in() -> None:
    for way in ("`/sign-in`", "`/enrol`", "bearer token", "nkey", "`/status`"):
        assert re.search(rf"^\| [\w ]*{re.escape(way)}", PAGE, re.M), way
    assert f"{MIN_LENGTH} to {MAX_LENGTH} characters" in PAGE
    assert MIN_CLASSES == 3 and "three classes" in PAGE
    assert Credentials(passes=1, memory_kib=8, lanes=1).code_life == timedelta(days=3)


def test_the_page_says_how_many_sessions_one_may_have(town: Town, browser: Browsers) -> None:
    assert "any number\nof sessions" in PAGE
    pages = [browser("chen") for _ in range(5)]
    assert all(page.get("/", follow_redirects=False).status_code == 200 for page in pages)


def test_the_page_says_which_fields_are_masked() -> None:
    for word in ("Names", "identity\nnumbers", "telephone numbers", "addresses", "`read_personal`"):
        assert word in PAGE


def test_recovery_codes_and_seeds_come_from_the_systems_own_randomness() -> None:
    """`secrets` and `random.SystemRandom` ask the operating system; a seeded generator cannot."""
    arts = FactorArts(city="云川市", origin=ADDRESS)
    random.seed(1)
    first = (*arts.new_codes(), arts.new_totp())
    random.seed(1)
    second = (*arts.new_codes(), arts.new_totp())
    assert len({*first, *second}) == len(first) + len(second)
    assert len(first[-1]) * 5 >= 160, "a seed in base 32"
    assert all(len(str(code).replace("-", "")) * 5 >= 80 for code in first[:-1])
