"""Which acts of one case, or of one payment, the same person may not do: the law's own pairs.

A matter's own separations stand in its plan; these hold in every case, whatever its matter says.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import MappingProxyType
from typing import Final

from cases.state import CaseState, Plan
from catalogue.matters import Separation

HOST_HEARING: Final = "host_hearing"
"""Act under which the presider of a hearing stands among the hands of a case."""

RECUSED: Final = "recused"
"""Act under which who has been recused stands among the hands of a case."""

INSPECTORS_AT_LEAST: Final = 2
"""行政许可法第三十四条第三款: 应当指派两名以上工作人员进行核查."""

OF_LAW: Final = tuple(
    Separation.model_validate({"不得同人": acts, "依据": "XKF-48-3"})
    for acts in ((HOST_HEARING, "opine"), (HOST_HEARING, "inspect"))
)
"""行政许可法第四十八条第一款第（三）项: 指定审查工作人员以外的人员为听证主持人."""

FIRST_OF_LAW: Final = 1000
"""Rule number of the first of `OF_LAW` among the rows; a plan's own are counted from 0."""

BEYOND_CASES: Final = MappingProxyType(
    {
        "payment": ("payment_request", "payment_review", "payment_pay"),
        "incident": ("dispatch", "evaluate"),
    }
)
"""Object type → acts of one object that are three (two) people's: 申请 ≠ 审核 ≠ 支付; 派发 ≠ 评价.
The house's rule (不相容职务分离). Reviewing and paying, and incidents, have no workflow yet; the
rows of payments hold it already (`cases.apart_tables.payment_hand`)."""


def groups(plan: Plan) -> Iterator[tuple[int, Separation]]:
    """Yield each separation that holds in a case, with its number among the rows."""
    yield from enumerate(plan.separations)
    yield from enumerate(OF_LAW, FIRST_OF_LAW)


def hosts(state: CaseState) -> tuple[str, ...]:
    """Return the user ids of all who were named to preside a hearing of the case."""
    named = [one.host for one in state.procedures]
    if state.hearing is not None:
        named.append(state.hearing.host)
    return tuple(dict.fromkeys(filter(None, named)))
