"""`demo code LOGIN`: what a demo person's app shows, and no other's."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cases.accounts import Accounts, Place
from cases.database import open_engine
from cases.factors import Proof
from cases.sign_in import HalfWay, SignedIn, SignIn
from policies.identity import Credentials
from tests.cases.entering import way_in
from yichuang import demo_codes
from yichuang.settings import Settings
from yichuang.stores import migrate

PASSWORD = "Correct-Horse-9"
AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
HERE = Place()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path)


@pytest.fixture
def door(settings: Settings) -> SignIn:
    engine = open_engine(settings.store_url("web"))
    migrate(engine, "web")
    made = way_in(engine, Credentials(passes=1, memory_kib=8, lanes=1), lambda *_: None)
    accounts = Accounts(engine, made.secrets, made.record)
    _, code = accounts.create_account("wang", "王芳", "food", at=AT, by="system")
    half = made.enrol("wang", code, PASSWORD, AT, HERE)
    assert isinstance(half, HalfWay)
    secret = made.factors.offer_app(half.account, half.owner, AT).secret
    demo_codes.keep(settings, "wang", secret)
    shown = demo_codes.code_at(secret, AT)
    assert isinstance(made.set_up(half.secret, "totp", shown, "", AT, HERE), SignedIn)
    return made


def _sign_in(door: SignIn, code: str, at: datetime) -> object:
    half = door.sign_in("wang", PASSWORD, at, HERE)
    assert isinstance(half, HalfWay)
    return door.prove(half.secret, Proof("totp", code), at, HERE)


def test_the_code_signs_in_and_the_next_one_is_another(settings: Settings, door: SignIn) -> None:
    later = AT + timedelta(minutes=2)
    first, seconds = demo_codes.current(settings, "wang", later)
    assert seconds == 60
    assert isinstance(_sign_in(door, first, later), SignedIn)
    second, seconds = demo_codes.current(settings, "wang", later)
    assert second != first and seconds == 90
    assert isinstance(_sign_in(door, second, later), SignedIn)
    assert demo_codes.current(settings, "wang", later) == ("", 0)


def test_outside_a_demo_city_there_is_no_code(settings: Settings) -> None:
    with pytest.raises(demo_codes.NoDemo, match="不是演示城市"):
        demo_codes.current(settings, "wang", AT)


def test_nobody_but_the_demos_people_has_a_code(settings: Settings, door: SignIn) -> None:
    with pytest.raises(demo_codes.NoDemo, match="没有登录名"):
        demo_codes.current(settings, "sysadmin", AT)


def test_only_the_operator_reads_the_file(settings: Settings, door: SignIn) -> None:
    mode = (Path(settings.data) / demo_codes.FILE).stat().st_mode
    assert stat.S_IMODE(mode) == 0o600
