"""Sign-in, sessions and second factors for the pages, each attempt an entry of `sys:auth`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cases.accounts import Account, Place
from cases.factors import AppOffer, FactorKind, KeptFactor, Proof
from cases.sessions import Ended, OpenSession
from cases.sign_in import HalfWay, Refused, Session, SignIn, owner_of
from cases.sign_in import SignedIn as Opened
from forms.entrance_ports import HalfIn, SignedIn, SignInRefused, Visitor, Where

OVER = SignInRefused("登录已超时，请重新登录", over=True)


@dataclass(frozen=True)
class WebSignIn:
    """`forms.entrance_ports.Entrance` over the web store."""

    entrance: SignIn
    departments: Callable[[], Mapping[str, str]]
    now: Callable[[], datetime]

    # --- the two steps -----------------------------------------------------------------

    def sign_in(self, login: str, password: str, where: Where) -> HalfIn | SignInRefused:
        return self._half(self.entrance.sign_in(login, password, self.now(), _place(where)))

    def enrol(self, login: str, code: str, password: str, where: Where) -> HalfIn | SignInRefused:
        return self._half(self.entrance.enrol(login, code, password, self.now(), _place(where)))

    def half_way(self, secret: str) -> HalfIn | None:
        found = self.entrance.half_way(secret, self.now())
        return None if found is None else self._told(found)

    def prove(self, secret: str, proof: Proof, where: Where) -> SignedIn | SignInRefused:
        return self._opened(self.entrance.prove(secret, proof, self.now(), _place(where)))

    def set_up(
        self, secret: str, kind: FactorKind, shown: str, name: str, where: Where
    ) -> SignedIn | SignInRefused:
        at, place = self.now(), _place(where)
        return self._opened(self.entrance.set_up(secret, kind, shown, name, at, place))

    # --- what a browser or an app needs ------------------------------------------------

    def asked(self, secret: str, *, half: bool) -> str:
        who = self._owner(secret, half)
        return "" if who is None else self.entrance.factors.ask(who[0].id, who[1], self.now())

    def app_offer(self, secret: str, *, half: bool) -> AppOffer | None:
        who = self._owner(secret, half)
        return None if who is None else self.entrance.factors.offer_app(*who, self.now())

    def passkey_offer(self, secret: str, *, half: bool) -> str:
        who = self._owner(secret, half)
        return "" if who is None else self.entrance.factors.offer_passkey(*who, self.now())

    def _owner(self, secret: str, half: bool) -> tuple[Account, str] | None:
        if half:
            found = self.entrance.half_way(secret, self.now())
            return None if found is None else (found.account, found.owner)
        held = self.entrance.visitor(secret, self.now())
        return None if held is None else (held.account, owner_of(held))

    # --- a session ---------------------------------------------------------------------

    def visitor(self, secret: str) -> Visitor | None:
        held = self.entrance.visitor(secret, self.now())
        return None if held is None else self._visitor(held)

    def still(self, secret: str) -> Visitor | None:
        held = self.entrance.sessions.still(secret, self.now())
        return None if held is None else self._visitor(held)

    def screen(self, session: str) -> Visitor | None:
        held = self.entrance.sessions.screen(session, self.now())
        return None if held is None else self._visitor(held)

    def opened_wall(self, session: str) -> None:
        self.entrance.sessions.opened_wall(session, self.now())

    def ended(self, secret: str) -> tuple[Ended, str]:
        return self.entrance.sessions.ended(secret, self.now())

    def sign_out(self, secret: str, where: Where) -> None:
        self.entrance.sign_out(secret, self.now(), _place(where))

    def prove_again(self, secret: str, proof: Proof, where: Where) -> SignedIn | SignInRefused:
        held = self.entrance.visitor(secret, self.now())
        if held is None:
            return OVER
        return self._opened(self.entrance.prove_again(held, proof, self.now(), _place(where)))

    def change_password(
        self, secret: str, old: str, new: str, where: Where
    ) -> SignInRefused | None:
        held = self.entrance.visitor(secret, self.now())
        if held is None:
            return OVER
        return _told(self.entrance.change_password(held, old, new, self.now(), _place(where)))

    # --- one's own factors, codes and sessions -----------------------------------------

    def factors(self, visitor: Visitor) -> Sequence[KeptFactor]:
        return self.entrance.factors.listing(visitor.actor.id)

    def codes_left(self, visitor: Visitor) -> int:
        return self.entrance.factors.codes_left(visitor.actor.id)

    def add_factor(
        self, secret: str, kind: FactorKind, shown: str, name: str, where: Where
    ) -> SignInRefused | None:
        held = self.entrance.visitor(secret, self.now())
        if held is None:
            return OVER
        at, place = self.now(), _place(where)
        return _told(self.entrance.add_factor(held, kind, shown, name, at, place))

    def remove_factor(self, secret: str, factor: str, where: Where) -> SignInRefused | None:
        held = self.entrance.visitor(secret, self.now())
        if held is None:
            return OVER
        return _told(self.entrance.remove_factor(held, factor, self.now(), _place(where)))

    def new_codes(self, secret: str, where: Where) -> tuple[str, ...]:
        held = self.entrance.visitor(secret, self.now())
        return () if held is None else self.entrance.new_codes(held, self.now(), _place(where))

    def keep_codes(self, secret: str, where: Where) -> bool:
        held = self.entrance.visitor(secret, self.now())
        return held is not None and self.entrance.keep_codes(held, self.now(), _place(where))

    def sessions(self, visitor: Visitor) -> Sequence[OpenSession]:
        return self.entrance.listing(visitor.actor.id, self.now())

    def end_session(self, secret: str, session: str, where: Where) -> bool:
        held = self.entrance.visitor(secret, self.now())
        if held is None:
            return False
        return self.entrance.sessions.end_one(held, session, self.now(), _place(where))

    def end_others(self, secret: str, where: Where) -> int:
        held = self.entrance.visitor(secret, self.now())
        if held is None:
            return 0
        return self.entrance.sessions.end_others(held, self.now(), _place(where))

    # --- within ------------------------------------------------------------------------

    def _half(self, answer: HalfWay | Refused) -> HalfIn | SignInRefused:
        if isinstance(answer, Refused):
            return SignInRefused(answer.reason, answer.locked_until)
        return self._told(answer)

    def _told(self, half: HalfWay) -> HalfIn:
        who = half.account
        kinds = frozenset(one.kind for one in self.entrance.factors.listing(who.id))
        return HalfIn(half.secret, who.login, who.name, who.id, kinds)

    def _opened(self, answer: Opened | Refused) -> SignedIn | SignInRefused:
        if isinstance(answer, Refused):
            over = answer.code == "half_over"
            return SignInRefused(answer.reason, answer.locked_until, over)
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
            proved_at=held.proved_at,
            must_keep_codes=held.must_keep_codes,
            form_key=held.csrf,
        )


def _told(refused: Refused | None) -> SignInRefused | None:
    return None if refused is None else SignInRefused(refused.reason, refused.locked_until)


def _place(where: Where) -> Place:
    return Place(where.ip, where.agent)
