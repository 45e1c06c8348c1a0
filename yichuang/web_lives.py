"""How long accounts are good, for the pages, and the job that ends what is due."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from uuid import uuid4
from zoneinfo import ZoneInfo

from cases.account_life import AccountLife
from cases.accounts import AccountRefused, Accounts
from cases.database import open_engine
from cases.grant_changes import GrantChanges, Rights
from forms.account_ports import Reviewed, Soon
from forms.entrance_ports import SignInRefused, Visitor
from yichuang import joining
from yichuang.settings import Settings
from yichuang.web_accounts import recorder

REMOVAL = "季度复核：不再需要"

_log = logging.getLogger("yichuang.accounts")


@dataclass(frozen=True)
class WebLives:
    """`forms.account_ports.Lives` over the web store."""

    life: AccountLife
    accounts: Accounts
    changes: GrantChanges
    now: Callable[[], datetime]

    def soon(self) -> Sequence[Soon]:
        now = self.now()
        return [
            Soon(one.account.id, one.account.login, one.account.name, one.why, one.at,
                 one.at <= now)
            for one in self.life.soon(now)
        ]  # fmt: skip

    def set_term(self, by: Visitor, account: str, last: date | None) -> str:
        zone = ZoneInfo(self.life.zone)
        until = None
        if last is not None:
            until = datetime.combine(last + timedelta(days=1), time(), zone).astimezone(UTC)

        def change() -> str:
            self.life.set_term(account, until, by.actor.id, self.now())
            return ""

        return self._done(change, by, "account_term", account)[1]

    def wake(self, by: Visitor, account: str) -> str | SignInRefused:
        def change() -> str:
            return self.life.wake(self.accounts, account, by.actor.id, self.now())

        code, refused = self._done(change, by, "account_wake", account)
        return SignInRefused(refused) if refused else code

    def quarter(self) -> str:
        return self.life.quarter(self.now())

    def listing(self) -> Sequence[Reviewed]:
        now = self.now()
        soon = {one.account.id: one.why for one in self.life.soon(now)}
        found = {one.account: one for one in self.life.reviews(self.life.quarter(now))}
        names = self.accounts.names([one.reviewed_by for one in found.values()])
        since = self.changes.since()
        listed = []
        for one in self.accounts.listing():
            if one.disabled_at is not None or one.kind == "citizen":
                continue
            review = found.get(one.id)
            grants = tuple((g, since.get((one.id, g), one.created_at)) for g in one.grants)
            listed.append(
                Reviewed(
                    account=one.id,
                    login=one.login,
                    name=one.name,
                    department=one.department,
                    kind="service" if one.kind == "service" else "human",
                    grants=grants,
                    clearance=one.clearance,
                    compartments=one.compartments,
                    last_sign_in=one.last_sign_in_at,
                    valid_until=one.valid_until,
                    why=soon.get(one.id, ""),
                    result=review.result if review else "",
                    reviewed_by=names.get(review.reviewed_by, "") if review else "",
                    reviewed_at=review.reviewed_at if review else None,
                )
            )
        return listed

    def review(self, by: Visitor, account: str, result: Literal["kept", "removal"]) -> str:
        def change() -> str:
            now, reviewer = self.now(), by.actor.id
            known = self.life.reviews(self.life.quarter(now))
            if any(one.account == account for one in known):
                raise AccountRefused("reviewed", "本季度已经复核过这个账号")
            if result == "removal":
                self.changes.propose(account, Rights(()), REMOVAL, reviewer, now)
            self.life.review(account, result, reviewer, now)
            return ""

        return self._done(change, by, "account_review", account)[1]

    def _done(
        self, change: Callable[[], str], by: Visitor, act: str, account: str
    ) -> tuple[str, str]:
        """Return what came of it and an empty string, or an empty one and why not."""
        try:
            if by.actor.on_behalf:
                raise AccountRefused("as_deputy", "代理人不得管理账号，请以本人身份办理")
            return change(), ""
        except AccountRefused as refused:
            known = account if self.accounts.find(account) else ""
            self.accounts.note_refusal(act, known, by.actor.id, self.now(), refused.code)
            return "", refused.reason


def life_of(settings: Settings) -> AccountLife:
    """Return the terms of accounts over the web store, for the job."""
    engine = open_engine(settings.store_url("web"))
    keys = open_engine(settings.store_url("keys"), read_only=True)
    sealer = joining.sealer_of(settings, joining.vault_of(settings, keys))
    return AccountLife(engine, recorder(sealer.who, lambda: str(uuid4())), settings.zone)
