"""The fields of each order to a project's performance, and the body that they make.

The two orders that are tables (the tree, the scores) have rows of their own beside the fields.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

from cases.attached import MOST_ATTACHED
from cases.projects import performing_messages as m
from cases.projects.performance import Indicator, hundredths
from cases.projects.performing_state import Performance
from cases.projects.state import ProjectState
from forms.attaching import Taken
from forms.fields import Field, Kind, Option, Posted
from forms.payments import fen_of
from forms.performance_offers import years_to_evaluate
from forms.performance_words import BRANCHES
from forms.visit import Visit
from forms.words import N_

SPARE_ROWS: Final = 4
"""Empty lines that a table of indicators has for more."""
FIRST_ROWS: Final = 9
WITH_FILES: Final = frozenset({m.OBJECT_TO, m.RECTIFIED, m.MID_TERM, m.FISCAL})
"""Orders that may bring files of the whole; scores bring one each."""

_FEN, _HUNDREDTHS, _WHOLE, _GROWTH, _FLAG = "fen", "hundredths", "whole", "growth", "flag"
TYPED: Final[Mapping[str, str]] = {
    "since_year": _WHOLE, "until_year": _WHOLE, "year": _WHOLE, "task": _WHOLE,
    "availability_fen": _FEN, "operation_fen": _FEN,
    "linked_bp": _HUNDREDTHS, "operation_linked_bp": _HUNDREDTHS, "adds_project": _FLAG,
    "base_year": _WHOLE, "budget_fen": _FEN, "budget_growth_bp": _GROWTH,
    "price_growth_bp": _GROWTH,
}  # fmt: skip
"""Field → how it is typed; others are texts."""
TERMS: Final = ("availability_fen", "operation_fen", "linked_bp", "operation_linked_bp")

ASSUMED: Final = ("base_year", "budget_fen", "budget_growth_bp", "price_growth_bp", "source")


@dataclass(frozen=True)
class PerformanceScene:
    """What the fields of an order depend on."""

    visit: Visit
    project: ProjectState
    state: Performance | None
    today: date
    chosen: str = ""
    """Year or task that the address names."""

    def say(self, text: str) -> str:
        return self.visit.say(text)

    @property
    def known(self) -> Performance:
        """What stands; only the first plan has nothing."""
        assert self.state is not None
        return self.state


def hundredths_of(text: str) -> int | None:
    """Return a number with at most two decimals as hundredths; None: it is no such number."""
    match = re.fullmatch(r"(\d{1,3})(?:\.(\d{1,2}))?", text.strip(), re.ASCII)
    return int(match[1]) * 100 + int((match[2] or "").ljust(2, "0")) if match else None


def growth_of(text: str) -> int | None:
    """Return a percentage that may fall, as basis points; None: it is no such number."""
    found = hundredths_of(text.removeprefix("-"))
    return -found if found is not None and text.startswith("-") else found


def _whole(text: str) -> int | None:
    return int(text) if re.fullmatch(r"\d{1,5}", text, re.ASCII) else None


READ: Final[Mapping[str, tuple[Callable[[str], int | None], str]]] = {
    _FEN: (fen_of, N_("金额应是至多两位小数的数")),
    _HUNDREDTHS: (hundredths_of, N_("应是至多两位小数的数")),
    _WHOLE: (_whole, N_("应填整数")),
    _GROWTH: (growth_of, N_("应是至多两位小数的数")),
}
"""How a text is read, and what is said where it cannot be."""


# --- fields --------------------------------------------------------------------------------------


def _field(
    s: PerformanceScene, name: str, label: str, kind: Kind = "text", required: bool = True,
    value: str = "", hint: str = "", unit: str = "", options: Sequence[Option] = (),
) -> Field:  # fmt: skip
    return Field(
        name, s.say(label), kind, required, s.say(hint) if hint else "", tuple(options),
        (value,) if value else (), unit=s.say(unit) if unit else "", wide=kind == "textarea",
        max_length=1000 if kind == "textarea" else None,
    )  # fmt: skip


def _money(s: PerformanceScene, name: str, label: str, fen: int) -> Field:
    value = f"{fen // 100}.{fen % 100:02d}"
    return _field(s, name, label, "number", value=value, unit=N_("元"))


def _plan(s: PerformanceScene) -> Sequence[Field]:
    plan = None if s.state is None else s.state.plan
    terms = None if plan is None else plan.terms
    departments = s.visit.ports.catalogue.departments(s.visit.language)
    operators = [Option(code, name) for code, name in departments.items()
                 if s.project.operator in ("", code) and code != s.project.department]  # fmt: skip
    english = s.visit.language == "en"
    tables = [
        Option(key, one.title.en if english else one.title.zh)
        for key, one in s.visit.ports.performances.tables().items()
    ]
    until = s.project.ends_on or s.project.starts_on.replace(day=1)
    return (
        _field(s, "operator", N_("运营方"), "select", options=operators,
               value=plan.operator if plan else s.project.operator),
        _field(s, "since_year", N_("自哪一年"), "number",
               value=str(plan.since_year if plan else s.project.starts_on.year)),
        _field(s, "until_year", N_("至哪一年"), "number",
               value=str(plan.until_year if plan else until.year)),
        replace(
            _money(s, "availability_fen", N_("每年可用性付费"),
                   terms.availability_fen if terms else 0),
            hint=s.say(N_("特许经营不得补贴建设，填 0"))
            if s.project.regime == "concession" else "",
        ),
        _field(s, "linked_bp", N_("其中与绩效挂钩"), "number", unit="%",
               value=hundredths(terms.linked_bp) if terms else "30",
               hint=N_("存量项目不低于 30%")),
        _money(s, "operation_fen", N_("每年运营付费"), terms.operation_fen if terms else 0),
        _field(s, "operation_linked_bp", N_("其中与绩效挂钩"), "number", unit="%",
               value=hundredths(terms.operation_linked_bp) if terms else "100"),
        _field(s, "table", N_("系数表"), "select", options=tables,
               value=plan.table if plan else (tables[0].value if tables else "")),
        *((_field(s, "reason", N_("调整理由"), "textarea"),) if plan else ()),
    )  # fmt: skip


def _year(s: PerformanceScene, years: Sequence[int]) -> Field:
    value = s.chosen if s.chosen in {str(one) for one in years} else ""
    value = value or (str(years[0]) if years else "")
    options = [Option(str(one), str(one)) for one in years]
    return _field(s, "year", N_("年度"), "select", value=value, options=options)


def _of_stages(s: PerformanceScene, *stages: str) -> list[int]:
    found = {one.year for one in s.known.evaluations if one.stage in stages}
    return sorted(found, reverse=True)


def _evaluate(s: PerformanceScene) -> Sequence[Field]:
    return (_year(s, years_to_evaluate(s.known, s.today)),)


def _object(s: PerformanceScene) -> Sequence[Field]:
    return (_year(s, _of_stages(s, "given")), _field(s, "ground", N_("异议的理由"), "textarea"))


def _accept(s: PerformanceScene) -> Sequence[Field]:
    return (_year(s, _of_stages(s, "given")),)


def _confirm(s: PerformanceScene) -> Sequence[Field]:
    rulings = [Option("confirm", s.say(N_("确认"))), Option("again", s.say(N_("退回重评")))]
    return (
        _year(s, _of_stages(s, "given", "objected", "accepted")),
        _field(s, "ruling", N_("决定"), "radios", value="confirm", options=rulings),
        _field(s, "answer", N_("答复"), "textarea", False,
               hint=N_("有异议的须答复；退回的须写明理由")),
    )  # fmt: skip


def _rectify(s: PerformanceScene) -> Sequence[Field]:
    codes = [Option(one.code, f"{one.code} {one.title}") for one in s.known.tree.scored]
    return (
        _year(s, _of_stages(s, "given", "objected", "accepted", "confirmed")),
        _field(s, "code", N_("指标"), "select", options=codes),
        _field(s, "what", N_("整改什么"), "textarea"),
        _field(s, "due_on", N_("完成期限"), "date"),
    )


def _rectified(s: PerformanceScene) -> Sequence[Field]:
    tasks = [Option(str(one.id), f"{one.code} {one.what[:40]}") for one in s.known.tasks
             if one.done_at is None]  # fmt: skip
    value = s.chosen or (tasks[0].value if tasks else "")
    return (
        _field(s, "task", N_("整改任务"), "select", value=value, options=tasks),
        _field(s, "evidence", N_("怎样完成、有何佐证"), "textarea"),
    )


def _mid_term(s: PerformanceScene) -> Sequence[Field]:
    return (
        _field(s, "on", N_("评估日期"), "date", value=s.today.isoformat()),
        _field(s, "findings", N_("评估结论"), "textarea"),
    )


def _fiscal(s: PerformanceScene) -> Sequence[Field]:
    known = None if s.known.fiscal is None else s.known.fiscal
    on = known.assumptions if known else None
    yes_no = [Option("no", s.say(N_("否"))), Option("yes", s.say(N_("是")))]
    rising = [_decimal(on.budget_growth_bp if on else 0), _decimal(on.price_growth_bp if on else 0)]
    return (
        _field(s, "base_year", N_("基年"), "number",
               value=str(on.base_year if on else s.today.year - 1)),
        _money(s, "budget_fen", N_("基年一般公共预算支出"), on.budget_fen if on else 0),
        _field(s, "budget_growth_bp", N_("预算支出每年增长"), "number", unit="%", value=rising[0]),
        _field(s, "price_growth_bp", N_("物价每年增长"), "number", unit="%", value=rising[1]),
        _field(s, "source", N_("数字的来源"), value=on.source if on else "",
               hint=N_("如年度决算报告的文号")),
        _field(s, "adds_project", N_("这是拟新增的项目"), "radios", value="no", options=yes_no,
               hint=N_("拟新增的，合计超过红线即不得登记")),
        *((_field(s, "reason", N_("重新登记的理由"), "textarea"),) if known else ()),
    )  # fmt: skip


def _decimal(points: int) -> str:
    return f"-{hundredths(-points)}" if points < 0 else hundredths(points)


FIELDS: Final[Mapping[str, Callable[[PerformanceScene], Sequence[Field]]]] = {
    m.PLAN: _plan,
    m.EVALUATE: _evaluate,
    m.OBJECT_TO: _object,
    m.ACCEPT: _accept,
    m.CONFIRM: _confirm,
    m.RECTIFY: _rectify,
    m.RECTIFIED: _rectified,
    m.MID_TERM: _mid_term,
    m.FISCAL: _fiscal,
}


# --- the tree as rows ----------------------------------------------------------------------------


@dataclass(frozen=True)
class IndicatorRow:
    """One line of the table of indicators, as it was typed."""

    n: int
    code: str = ""
    branch: str = ""
    title: str = ""
    weight: str = ""
    standard: str = ""

    @property
    def empty(self) -> bool:
        return not (self.code or self.title or self.weight or self.standard)


def indicator_rows(state: Performance | None, posted: Posted | None) -> tuple[IndicatorRow, ...]:
    """Return the rows: those that were typed, else those that stand; some empty ones after them."""
    rows: list[IndicatorRow] = []
    if posted is not None:
        rows = [one for one in _typed_rows(posted) if not one.empty]
    elif state is not None:
        rows = [
            IndicatorRow(0, one.code, one.branch, one.title, hundredths(one.weight_bp),
                         one.standard)
            for one in state.tree.indicators
        ]  # fmt: skip
    many = max(FIRST_ROWS, len(rows) + SPARE_ROWS)
    rows += [IndicatorRow(0)] * (many - len(rows))
    return tuple(
        IndicatorRow(n, one.code, one.branch, one.title, one.weight, one.standard)
        for n, one in enumerate(rows)
    )


def _typed_rows(posted: Posted) -> Iterator[IndicatorRow]:
    columns = [list(posted.get(f"i.{name}", ())) for name in
               ("code", "branch", "title", "weight", "standard")]  # fmt: skip
    for n, cells in enumerate(zip(*columns, strict=False)):
        yield IndicatorRow(n, *(one.strip() for one in cells))


def indicators_of(
    s: PerformanceScene, rows: Sequence[IndicatorRow], wrong: dict[str, str]
) -> list[dict[str, Any]]:
    """Return the rows as the order has them; what cannot be read stands in `wrong`."""
    found = []
    for row in rows:
        if row.empty:
            continue
        weight = hundredths_of(row.weight)
        if weight is None or not row.code or not row.title or row.branch not in BRANCHES:
            said = s.say(N_("指标 {code}：编号、类别、名称须填写，权重应是至多两位小数的数"))
            wrong.setdefault("indicators", said.format(code=row.code or f"#{row.n + 1}"))
        found.append({
            "code": row.code, "branch": row.branch, "title": row.title,
            "weight_bp": weight or 0, "standard": row.standard,
        })  # fmt: skip
    if not found:
        wrong.setdefault("indicators", s.say(N_("请至少填写一项指标")))
    return found


# --- the scores as rows --------------------------------------------------------------------------


@dataclass(frozen=True)
class ScoreRow:
    """One line of the table of scores, as it was typed."""

    one: Indicator
    branch: str
    weight: str
    points: str
    evidence: str
    taken: Taken
    """The file that shows it."""
    error: str = ""


def score_rows(s: PerformanceScene, taken: Mapping[str, Taken]) -> tuple[ScoreRow, ...]:
    """Return a row for each line of the tree that is scored."""
    return tuple(
        ScoreRow(
            one, s.say(BRANCHES[one.branch]), hundredths(one.weight_bp),
            s.visit.text(f"s.{one.code}.points"), s.visit.text(f"s.{one.code}.evidence"),
            taken.get(one.code, Taken()), taken.get(one.code, Taken()).error,
        )
        for one in s.known.tree.scored
    )  # fmt: skip


def scores_of(
    s: PerformanceScene, rows: Sequence[ScoreRow], wrong: dict[str, str]
) -> tuple[list[dict[str, Any]], list[dict[str, object]]]:
    """Return the scores and their files as the order has them; what is wrong stands in `wrong`."""
    scores: list[dict[str, Any]] = []
    files: list[dict[str, object]] = []
    for row in rows:
        points = hundredths_of(row.points)
        if points is None or points > 10_000:
            said = s.say(N_("{code} 的得分应是零至一百的数，至多两位小数"))
            wrong.setdefault("scores", said.format(code=row.one.code))
        if row.error:
            wrong.setdefault("scores", f"{row.one.code} {row.error}")
        named = row.taken.files[-1:]
        files += Taken(named).body()
        scores.append({
            "code": row.one.code, "points": points or 0, "evidence": row.evidence,
            "digest": named[0].sha256 if named else None,
        })  # fmt: skip
    if len(files) > MOST_ATTACHED:
        wrong.setdefault("scores", s.say(N_("一次最多附 {n} 个文件")).format(n=MOST_ATTACHED))
    return scores, files


# --- the body ------------------------------------------------------------------------------------


def body_of(
    s: PerformanceScene, verb: str, fields: Sequence[Field], wrong: dict[str, str]
) -> dict[str, Any]:
    """Return the body of an order as its fields make it; what cannot be read stands in `wrong`."""
    body: dict[str, Any] = {}
    for one in fields:
        text, typed = s.visit.text(one.name), TYPED.get(one.name)
        if not text:
            if one.required:
                wrong[one.name] = s.say(N_("这一项必须填写"))
            continue
        if typed is None or typed == _FLAG:
            body[one.name] = text if typed is None else text == "yes"
            continue
        read, sentence = READ[typed]
        value = read(text)
        if value is None:
            wrong[one.name] = s.say(sentence)
        else:
            body[one.name] = value
    if verb == m.PLAN:
        body["terms"] = {name: body.pop(name) for name in TERMS if name in body}
        body |= {"regime": s.project.regime, "department": s.project.department}
    if verb == m.FISCAL:
        body["assumptions"] = {name: body.pop(name) for name in ASSUMED if name in body}
    return body
