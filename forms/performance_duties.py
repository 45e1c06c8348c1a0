"""The table in which 财政支出责任 is typed, line by line, and what an order makes of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from cases.projects.performing_state import Performance
from forms.fields import Posted
from forms.payments import fen_of
from forms.performance_fields import SPARE_ROWS, PerformanceScene
from forms.performance_words import DUTIES
from forms.words import N_

COLUMNS: Final = ("kind", "since", "until", "yearly", "indexed")
YES: Final = "yes"


@dataclass(frozen=True)
class DutyRow:
    """One line, as it was typed."""

    n: int
    kind: str = ""
    since: str = ""
    until: str = ""
    yearly: str = ""
    indexed: str = ""

    @property
    def empty(self) -> bool:
        return not (self.since or self.until or self.yearly)


def duty_rows(state: Performance | None, posted: Posted | None) -> tuple[DutyRow, ...]:
    """Return the rows: those that were typed, else those that stand; some empty ones after them."""
    rows: list[DutyRow] = []
    if posted is not None:
        rows = [one for one in _typed(posted) if not one.empty]
    elif state is not None and state.fiscal is not None:
        rows = [
            DutyRow(
                0, one.kind, str(one.since), str(one.until),
                f"{one.yearly_fen // 100}.{one.yearly_fen % 100:02d}", YES if one.indexed else "",
            )
            for one in state.fiscal.lines
        ]  # fmt: skip
    rows += [DutyRow(0)] * SPARE_ROWS
    return tuple(replace(one, n=n) for n, one in enumerate(rows))


def _typed(posted: Posted) -> Iterator[DutyRow]:
    columns = [list(posted.get(f"d.{name}", ())) for name in COLUMNS]
    for n, cells in enumerate(zip(*columns, strict=False)):
        yield DutyRow(n, *(one.strip() for one in cells))


def lines_of(
    s: PerformanceScene, rows: Sequence[DutyRow], wrong: dict[str, str]
) -> list[dict[str, Any]]:
    """Return the rows as the order has them; what cannot be read stands in `wrong`."""
    found = []
    for row in rows:
        if row.empty:
            continue
        fen = fen_of(row.yearly)
        years = [int(one) if one.isdecimal() and len(one) == 4 else 0
                 for one in (row.since, row.until)]  # fmt: skip
        if fen is None or not all(years) or row.kind not in DUTIES:
            said = s.say(N_("第 {n} 行：年度应是四位数字，金额应是至多两位小数的数"))
            wrong.setdefault("lines", said.format(n=row.n + 1))
        found.append({
            "kind": row.kind, "since": years[0], "until": years[1], "yearly_fen": fen or 0,
            "indexed": row.indexed == YES,
        })  # fmt: skip
    if not found:
        wrong.setdefault("lines", s.say(N_("请至少填写一行")))
    return found
