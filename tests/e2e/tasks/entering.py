"""Coming in and going out."""

from __future__ import annotations

from tests.e2e.office import Office, task

WHO = {"mouse": "zhiban2", "keyboard": "hecha2", "without scripts": "pingjia2"}
"""Whose hands: each signs in by itself, with the code of an app of their own."""


@task("duty_officer", "evaluator", "performance_evaluator")
def somebody_mistyped_signed_in_looked_at_their_sessions_and_signed_out(office: Office) -> None:
    login, hands = WHO[office.way], office.stranger()
    office.say_who(hands, login, "not-my-password")
    hands.see("有问题需要更正")
    office.say_who(hands, login, office.keys.passwords[login])
    hands.fill("动态码", office.keys.code(login))
    hands.press("登录", beside="动态码")
    hands.follow("我的安全")
    hands.see("登录中的会话")
    hands.press("退出")
    hands.see("登录名")
