"""Payment requests of the past by two versions of a pack: which differ, and by how much.

Each stored ruling is asked three times at its own instant: of the version that made it (must answer
the same), of the one in force, of the proposed one. The rulings of the request's other packs stand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from cases import payment_rows
from cases.dossier import (
    SAME_PAYMENTS,
    Change,
    ChangeKind,
    DossierCheck,
    DossierSpan,
    Section,
    said_twice,
)
from cases.payment_rows import PastPayment
from cases.payments import Verdict, verdict_of
from cases.projection import json_text
from cases.rulings import Ruling
from rules.evaluate import NoFixpoint, NoRuling, evaluate
from rules.model import AT
from rules.pack import ContextRefused, Pack
from rules.replay import instant_of, same_again
from yichuang.payment_rules import SUBJECTS, terms_of

NOT_OF_MONEY = "本规则包不裁定付费"

Tell = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Said:
    """What one version makes of one request, as far as this pack decides it."""

    verdict: Verdict | None
    """None: the version has no answer."""
    text: str

    @property
    def stops(self) -> bool:
        """Money that no rule can speak of does not go."""
        return self.verdict is None or self.verdict.outcome == "stopped"


@dataclass(frozen=True)
class PaymentReplay:
    """Over the requests in the cases store, which is only read."""

    engine: Engine
    pack: Callable[[str], Pack | None]
    """A version by its digest, in force still or not."""
    zone: str = "Asia/Shanghai"
    tell: Tell = lambda *_: None

    def __call__(
        self, current: Pack | None, proposed: Pack, span: DossierSpan
    ) -> tuple[Section, DossierCheck | None]:
        """Return the requests that would have been judged otherwise, and whether each stored
        ruling is made again as it was."""
        if proposed.definition.subject not in SUBJECTS:
            return Section(reason=NOT_OF_MONEY), None
        looked_at = 0
        counts = {
            "改为停付": 0, "改为停付金额（分）": 0, "改为可付": 0, "改为可付金额（分）": 0,
            "届满日或利息不同": 0, "不同金额合计（分）": 0,
        }  # fmt: skip
        changes: list[Change] = []
        other: list[tuple[str, str]] = []
        for page in payment_rows.past(self.engine, proposed.id, span):
            for one in page:
                looked_at += 1
                made_by = self.pack(one.ruling.digest)
                what = "没有找到作出裁定的版本"
                if made_by is not None:
                    what = same_again(made_by, one.ruling)
                if what:
                    other.append((one.number, what))
                before, after = self._said(current, one), self._said(proposed, one)
                if before.text != after.text:
                    change = _change(one, before, after)
                    _count(counts, change)
                    changes.append(change)
            self.tell("payments", looked_at)
        check = DossierCheck(name=SAME_PAYMENTS, passed=not other, findings=said_twice(other))
        found = Section(compared=True, looked_at=looked_at, counts=counts, changes=tuple(changes))
        return found, check

    def _said(self, pack: Pack | None, one: PastPayment) -> Said:
        terms = None if pack is None else terms_of(pack)
        if pack is None or terms is None:
            return Said(None, "")
        given = {name: value for name, value in one.ruling.context.items() if name != AT}
        try:
            ruling = evaluate(pack, pack.select(given), instant_of(one.ruling))
        except (ContextRefused, NoRuling, NoFixpoint) as no:
            return Said(None, f"无答案：{no}")
        asked_on = one.asked_at.astimezone(ZoneInfo(self.zone)).date()
        verdict = verdict_of(one.body, asked_on, [(terms, ruling)])
        return Said(verdict, _text(verdict, ruling))


def _text(verdict: Verdict, ruling: Ruling) -> str:
    said: dict[str, object] = {
        "outcome": dict(ruling.outcome),
        "rules": [one.rule for one in ruling.fired],
        "payment": verdict.outcome,
    }
    if verdict.due_on is not None:
        said |= {"due_on": verdict.due_on.isoformat(), "interest_fen": verdict.interest_fen}
    return json_text(said)


def _change(one: PastPayment, before: Said, after: Said) -> Change:
    return Change(
        kind=_kind(before, after),
        department=one.department,
        case_id=one.id,
        case_no=one.number,
        about=one.ruling.pack,
        rule="、".join(sorted(_rules(before) ^ _rules(after))),
        at=instant_of(one.ruling),
        before=before.text,
        after=after.text,
        amount_fen=one.amount_fen,
    )


def _rules(said: Said) -> set[str]:
    return set() if said.verdict is None else {stop.rule for stop in said.verdict.stops}


def _kind(before: Said, after: Said) -> ChangeKind:
    if before.stops != after.stops:
        return "now_stopped" if after.stops else "no_longer_stopped"
    old = before.verdict.due_on if before.verdict else None
    new = after.verdict.due_on if after.verdict else None
    if old is not None and new is not None and old != new:
        return "later" if new > old else "earlier"
    return "ruling"


def _count(counts: dict[str, int], change: Change) -> None:
    counts["不同金额合计（分）"] += change.amount_fen
    if change.kind == "now_stopped":
        counts["改为停付"] += 1
        counts["改为停付金额（分）"] += change.amount_fen
    elif change.kind == "no_longer_stopped":
        counts["改为可付"] += 1
        counts["改为可付金额（分）"] += change.amount_fen
    else:
        counts["届满日或利息不同"] += 1
