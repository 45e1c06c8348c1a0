"""No secret and no person's number stands in the program's own log, and no line can be forged."""

import io
import logging
import sys

import pytest
from pydantic import SecretStr

from yichuang.log_lines import BLOT, Line, blotted, secrets_of
from yichuang.settings import Settings

SEED = "SUA" + "B2CDEFGHIJKLMNOPQRSTUVWXYZ234567" + "ABCDEFGHIJKLMNOPQRSTUVW"


@pytest.mark.parametrize(
    ("written", "secret"),
    [
        ("-----BEGIN PRIVATE KEY-----\nMC4CAQAw\n-----END PRIVATE KEY-----", "MC4CAQAw"),
        ("-----BEGIN EC PRIVATE KEY-----\nMC4CAQAw cut off", "MC4CAQAw"),
        (f"user seed {SEED} refused", SEED),
        ("otpauth://totp/x?secret=JBSWY3DPEHPK3PXP", "JBSWY3DPEHPK3PXP"),
        ("postgresql+psycopg://web:hunter22@db/web", "hunter22"),
        ("Authorization: Bearer abcdef.123456", "abcdef.123456"),
        ("cookie __Host-yichuang=3q2-7w_x; path=/", "3q2-7w_x"),
        ("{'password': 'Yunchuan-2026'}", "Yunchuan-2026"),
        ("password=Yunchuan-2026&csrf=0123456789ab", "0123456789ab"),
        ("totp: 123456", "123456"),
        ("口令：无，口令=云川二〇二六", "云川二〇二六"),
        ("applicant 11010519491231002X", "11010519491231002X"),
        ("tel 13900000001.", "13900000001"),
    ],
)
def test_a_secret_is_blotted_out(written: str, secret: str) -> None:
    assert secret not in blotted(written)
    assert BLOT in blotted(written)


@pytest.mark.parametrize(
    "written",
    [
        "request GET /cases/ck-2026-000123 failed, reference 1f2e3d4c",
        "2026-11-26 13:45:12,004 INFO yichuang.relay 139 events in 13900 ms",
        "entry 4a0a4ab5-4c43-4ca7-a5cd-6e3a04b4b7d0 at 1764163200000",
        "postgresql+psycopg://web@db/web",
        "sha256 11010519491231002fabcdef",
        "the token is missing",
    ],
)
def test_what_an_operator_needs_stays_readable(written: str) -> None:
    assert blotted(written) == written


def test_a_secret_that_an_operator_set_is_blotted_out_wherever_it_stands() -> None:
    settings = Settings(_env_file=None, web_url=SecretStr("sqlite:///hidden-name"))
    assert secrets_of(settings) == ("sqlite:///hidden-name",)
    assert blotted("cannot open sqlite:///hidden-name", secrets_of(settings)) == (
        f"cannot open {BLOT}"
    )


def line_of(message: str, *values: object, error: BaseException | None = None) -> str:
    caught = io.StringIO()
    handler = logging.StreamHandler(caught)
    handler.setFormatter(Line(["a-configured-secret"]))
    record = logging.LogRecord("x", logging.ERROR, "x.py", 1, message, values, None)
    if error is not None:
        record.exc_info = (type(error), error, error.__traceback__)
    handler.handle(record)
    return caught.getvalue()


def test_what_somebody_typed_cannot_begin_a_line() -> None:
    forged = "x\n2026-11-26 00:00:00,000 INFO yichuang.web all is well\r\u2028more\x1b[2J"
    told = line_of("refused %s", forged)
    assert len(told.splitlines()) == 1
    assert "\x1b" not in told
    assert "\\n2026-11-26" in told


def test_a_secret_in_a_traceback_is_blotted_out_and_its_lines_are_indented() -> None:
    try:
        raise ValueError("a-configured-secret and\npassword=hunter22")
    except ValueError as error:
        told = line_of("failed", error=error)
    assert "a-configured-secret" not in told
    assert "hunter22" not in told
    first, *rest = told.splitlines()
    assert first.endswith("failed")
    assert all(line.startswith("  | ") for line in rest)
    assert "ValueError" in told


def test_a_role_writes_its_lines_by_this_form(capsys: pytest.CaptureFixture[str]) -> None:
    from yichuang.log_lines import set_up_lines

    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        set_up_lines("INFO", ["a-configured-secret"])
        logging.getLogger("yichuang.x").info("key a-configured-secret, token=%s", "abc123")
        told = capsys.readouterr().err
    finally:
        for handler in root.handlers[:]:
            root.removeHandler(handler)
        for handler in before[0]:
            root.addHandler(handler)
        root.setLevel(before[1])
    assert sys.stderr is not None
    assert f"key {BLOT}, token={BLOT}" in told
