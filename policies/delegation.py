"""What no delegation may be: the gate before it is proposed, and again before it is accepted.

Pure. What one person could do to one case through a delegation is judged where every act is, by
separations of duties over both persons (`policies.separation`).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from cases.deputies import LONGEST_DAYS
from cases.fund import OF_FUND, OF_PAYMENT
from cases.messages import Grant
from policies.vocabulary import ACTS, ADMINISTRATORS, READING, ROLES

PERSONAL: frozenset[str] = frozenset({*ADMINISTRATORS, "catalogue_editor", "catalogue_signer"})
"""Roles that nobody holds for another: administrators are apart even through a deputy
(GB/T 22239-2019 8.1.4.2 d), and versions are proposed and signed in person."""

IN_PERSON: frozenset[str] = frozenset(
    {
        *ACTS["account"],
        *ACTS["policy"],
        *(act for act in ACTS["release"] if act not in READING),
        "dead_letter_mend",
        "audit_verify",
        "erase_ask",
        "erase_approve",
        "payment_request",
        "plan_report",
        "performance_evaluate",
        "performance_mid_term",
        "performance_confirm",
        *OF_PAYMENT,
        *OF_FUND,
    }
)
"""Acts that nobody does in another's name, whatever role was delegated: what changes the house
itself, and money, whose doors keep one name only."""

LONGEST = timedelta(days=LONGEST_DAYS)


@dataclass(frozen=True, slots=True)
class Fault:
    """Why the delegation may not be, for people."""

    code: str
    reason: str
    basis: str = ""


def delegation_faults(
    delegator: str,
    deputy: str,
    delegated: Collection[Grant],
    held: Collection[Grant],
    deputy_holds: Collection[Grant],
    starts_at: datetime,
    ends_at: datetime,
    now: datetime,
) -> tuple[Fault, ...]:
    """Return what is wrong with a delegation, nothing when it may be.

    `held` is what the delegator's own account holds now: what they hold as somebody's deputy is
    not theirs to give, so that a delegation never goes on to a third person.
    """
    found = []
    if delegator == deputy:
        found.append(Fault("same_person", "代理人不能是本人"))
    if not delegated:
        found.append(Fault("nothing", "请至少选择一项要委托的角色"))
    if set(delegated) - set(held):
        found.append(Fault("not_held", "只能委托本人现在持有的角色；代理得来的不能再委托"))
    found += [
        Fault("personal_role", f"「{_title(role)}」须由本人履行，不能委托", _basis(role))
        for role in sorted({grant.role for grant in delegated} & PERSONAL)
    ]
    unfit = {one.role for one in delegated if "human" not in _kinds(one.role)}
    if unfit:
        found.append(Fault("not_of_people", f"「{'、'.join(sorted(unfit))}」不是人员的角色"))
    if {grant.role for grant in deputy_holds} & set(ADMINISTRATORS):
        found.append(
            Fault(
                "administrator",
                "系统、安全、审计管理员不得再以他人名义办理业务（三员分立）",
                "GB/T 22239-2019 8.1.4.2 d",
            )
        )
    return (*found, *_time_faults(starts_at, ends_at, now))


def _time_faults(starts_at: datetime, ends_at: datetime, now: datetime) -> tuple[Fault, ...]:
    if ends_at <= starts_at:
        return (Fault("no_time", "止日不得早于起日"),)
    if ends_at <= now:
        return (Fault("over", "代理期限已经过去"),)
    if ends_at - starts_at > LONGEST:
        return (Fault("too_long", f"代理期限最长 {LONGEST_DAYS} 天；更长的请由安全管理员授权"),)
    return ()


def _kinds(role: str) -> Collection[str]:
    return ROLES[role].kinds if role in ROLES else ()


def _title(role: str) -> str:
    return ROLES[role].title if role in ROLES else role


def _basis(role: str) -> str:
    return "GB/T 22239-2019 8.1.4.2 d" if role in ADMINISTRATORS else "GB/T 22239-2019 8.1.4.2 c"


__all__ = ["IN_PERSON", "PERSONAL", "Fault", "delegation_faults"]
