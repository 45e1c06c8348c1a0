"""Sign-in and sessions for the pages, each attempt an entry of stream `sys:auth`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from cases.accounts import Place
from cases.sign_in import Refused, Session, SignIn
from cases.sign_in import SignedIn as Opened
from forms.ports import SignedIn, SignInRefused, Visitor, Where


@dataclass(frozen=True)
class WebSignIn:
    """`forms.ports.Entrance` over the web store."""

    entrance: SignIn
    departments: Callable[[], Mapping[str, str]]
    now: Callable[[], datetime]

    def sign_in(self, login: str, password: str, where: Where) -> SignedIn | SignInRefused:
        return self._opened(self.entrance.sign_in(login, password, self.now(), _place(where)))

    def enrol(self, login: str, code: str, password: str, where: Where) -> SignedIn | SignInRefused:
        return self._opened(self.entrance.enrol(login, code, password, self.now(), _place(where)))

    def visitor(self, secret: str) -> Visitor | None:
        held = self.entrance.visitor(secret, self.now())
        return None if held is None else self._visitor(held)

    def sign_out(self, secret: str, where: Where) -> None:
        self.entrance.sign_out(secret, self.now(), _place(where))

    def change_password(
        self, secret: str, old: str, new: str, where: Where
    ) -> SignInRefused | None:
        held = self.entrance.visitor(secret, self.now())
        if held is None:
            return SignInRefused("登录已超时，请重新登录")
        refused = self.entrance.change_password(held, old, new, self.now(), _place(where))
        return None if refused is None else SignInRefused(refused.reason, refused.locked_until)

    def _opened(self, answer: Opened | Refused) -> SignedIn | SignInRefused:
        if isinstance(answer, Refused):
            return SignInRefused(answer.reason, answer.locked_until)
        return SignedIn(answer.secret, self._visitor(answer.session))

    def _visitor(self, held: Session) -> Visitor:
        account = held.account
        return Visitor(
            actor=account.actor(),
            login=account.login,
            name=account.name,
            department_name=self.departments().get(account.department, account.department),
            session=held.id,
            must_change=held.must_change,
        )


def _place(where: Where) -> Place:
    return Place(where.ip, where.agent)
