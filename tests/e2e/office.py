"""The people of one city at their desks, with hands of one kind; their city is shared.

A person signs in once, by pages, whatever hands come first; the other hands bring the same session.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, expect

from tests.chaos.city import City
from tests.e2e.hands import Hands
from yichuang import demo_codes
from yichuang.embedded import identity
from yichuang.settings import Settings

PATIENCE = 45_000
"""Milliseconds: eight processes and a browser share a small machine."""

PORTAL = "portal"
"""A department's system that orders over the bus."""

expect.set_options(timeout=PATIENCE)


@dataclass
class Keys:
    """What lets people in: passwords once printed, sessions once opened. Shared by all hands."""

    city: City
    told: str
    """What `init` printed: the three administrators' codes among it."""
    passwords: dict[str, str] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    """Who has not been here yet → the code with which they come in for the first time."""
    sessions: dict[str, Any] = field(default_factory=dict)
    """Who → the cookies of their session, as Playwright keeps them."""

    def __post_init__(self) -> None:
        printed = self.city.command("demo", "--people-only")
        assert printed.returncode == 0, printed.stderr
        self.passwords = dict(re.findall(r"^  (\w+) +(\S+) ", printed.stdout, re.M))
        self.codes = dict(
            re.findall(r"管理员 (\w+) 的一次性登记码（只显示这一次）：(\S+)", self.told)
        )

    def code(self, login: str) -> str:
        """Return what the person's app shows; waits where what it shows was used already."""
        until = time.monotonic() + 90
        while time.monotonic() < until:
            code, _ = demo_codes.current(self.city.settings, login)
            if code:
                return code
            time.sleep(1)
        raise AssertionError(login)


@contextmanager
def furnished(folder: Path) -> Iterator[Keys]:
    """The keys of a running city: the demo's people and provider for citizens, and no case."""
    # A folder of its own: a city that starts ends whatever runs with the mark of its folder.
    bare = Settings(_env_file=None, data=folder.with_name("identity"), web_port=0)
    with identity.beside(bare) as settings:
        named = {name: getattr(settings, name) for name in ("oidc_issuer", "oidc_client_secret")}
        named["nats_integrators"] = {PORTAL: ("*",)}
        with City(folder, named) as city:
            told = city.initialise()
            city.start(seconds=300)
            yield Keys(city, told)


@dataclass
class Office:
    """Where a task is done: desks by login, citizens by name, all with the same kind of hands."""

    keys: Keys
    chromium: Browser
    kind: type[Hands]
    desks: dict[str, Hands] = field(default_factory=dict)

    @property
    def way(self) -> str:
        return self.kind.way

    @property
    def city(self) -> City:
        return self.keys.city

    def named(self, title: str) -> str:
        """Return a title that only these hands give, so that lists show whose it is."""
        words = {"mouse": "鼠标", "keyboard": "键盘", "without scripts": "无脚本"}
        return f"{title}（{words[self.way]}）"

    def desk(self, login: str) -> Hands:
        """Return the person's page, signed in, at home."""
        if login not in self.desks:
            self.desks[login] = self._sat_down(login, self.sign_in)
        self.desks[login].begin("/")
        if self.desks[login].offers("口令"):  # nobody sat there for longer than a session waits
            self.sign_in(self.desks[login], login)
            self.keys.sessions[login] = self.desks[login].page.context.storage_state()
        return self.desks[login]

    def citizen(self, name: str) -> Hands:
        """Return the page of a citizen of the demo's provider, signed in, at the list of theirs."""
        key = f"citizen:{name}"
        if key not in self.desks:
            self.desks[key] = self._sat_down(key, lambda hands, _: sign_in_citizen(hands, name))
        hands = self.desks[key]
        hands.begin("/mine")
        if hands.can("link", "去统一身份认证登录"):
            sign_in_citizen(hands, name)
            self.keys.sessions[key] = hands.page.context.storage_state()
        return hands

    def stranger(self) -> Hands:
        """Return the page of somebody who is not signed in."""
        if "" not in self.desks:
            self.desks[""] = self.kind(self._context(None).new_page())
        self.desks[""].begin("/sign-in")
        return self.desks[""]

    def sign_in(self, hands: Hands, login: str) -> None:
        """Sign in by the two steps; enrol before, who was never here."""
        hands.begin("/sign-in")
        if login in self.keys.codes:
            self.enrol(hands, login, self.keys.codes.pop(login))
            return
        self.say_who(hands, login, self.keys.passwords[login])
        hands.fill("动态码", self.keys.code(login))
        hands.press("登录", beside="动态码")

    def enrol(self, hands: Hands, login: str, code: str) -> None:
        """Come in for the first time: a password of one's own, an app, codes for its loss."""
        password = f"First-{secrets.token_hex(8)}"
        hands.follow("首次登记")
        hands.fill("登录名", login)
        hands.fill("一次性注册码", code)
        hands.fill("新口令", password)
        hands.fill("再输一次", password)
        hands.press("设定口令并登录")
        hands.unfold("不能扫描：手工输入密钥")
        secret = hands.read(r"手工输入密钥\s+([A-Z2-7 ]{16,})").replace(" ", "")
        demo_codes.keep(self.city.settings, login, secret)
        hands.fill("应用里显示的六位动态码", self.keys.code(login))
        hands.press("登记", beside="身份验证应用")
        hands.press("生成恢复码")
        hands.press("我已打印或抄下，启用")
        self.keys.passwords[login] = password

    def say_who(self, hands: Hands, login: str, password: str) -> None:
        """The first step of signing in."""
        hands.fill("登录名", login)
        hands.fill("口令", password)
        hands.press("登录", beside="首次登记")

    def proved(self, hands: Hands, login: str) -> None:
        """Prove once more who one is, where an act asks for it."""
        if hands.can("button", "验证并继续"):
            hands.fill("动态码", self.keys.code(login))
            hands.press("验证并继续")

    def close(self) -> None:
        for one in self.desks.values():
            one.page.context.close()

    def _sat_down(self, key: str, enter: Callable[[Hands, str], None]) -> Hands:
        context = self._context(self.keys.sessions.get(key))
        hands = self.kind(context.new_page())
        if key not in self.keys.sessions:
            enter(hands, key)
            self.keys.sessions[key] = context.storage_state()
        return hands

    def _context(self, state: Any) -> BrowserContext:
        context = self.chromium.new_context(
            base_url=self.city.settings.address,
            viewport={"width": 1366, "height": 768},
            locale="zh-CN",
            timezone_id="Asia/Shanghai",
            java_script_enabled=self.kind.scripts,
            storage_state=state,
        )
        context.set_default_timeout(PATIENCE)
        return context


def sign_in_citizen(hands: Hands, name: str) -> None:
    """Sign in at the demo's provider, which asks for no password; its page is not ours."""
    hands.begin("/mine")
    hands.follow("去统一身份认证登录")
    hands.page.locator('input[name="sub"]').fill(name)
    hands.page.locator("button, input[type=submit]").first.click()
    hands.page.wait_for_url(re.compile("/mine"))


@dataclass(frozen=True)
class Task:
    """Something that people of these roles do to its end."""

    name: str
    roles: Sequence[str]
    do: Callable[[Office], None]


TASKS: dict[str, Task] = {}
"""Every task, by its name; `tests.e2e.tasks` fills it."""


def task(*roles: str) -> Callable[[Callable[[Office], None]], Callable[[Office], None]]:
    """Note a function as a task of these roles. Its name says what is done, in the past."""

    def noted(do: Callable[[Office], None]) -> Callable[[Office], None]:
        assert do.__name__ not in TASKS, do.__name__
        TASKS[do.__name__] = Task(do.__name__, roles, do)
        return do

    return noted
