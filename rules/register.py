"""Every rule rests on an article of the law register that is in force as long as the rule is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache

from catalogue.law import Article
from catalogue.load import HERE
from catalogue.reading import read_sources
from rules.model import Definition, Rule, ScaleSpec
from rules.shapes import Loc, Problem
from rules.tables.spec import TableSpec


@lru_cache(maxsize=1)
def register() -> Mapping[str, Article]:
    """Return the articles of the register that ships with the code, by id."""
    return {article.id: article for article, _, _ in read_sources(HERE).law}


def basis_faults(pack: Definition, law: Mapping[str, Article]) -> list[Problem]:
    """Return where a rule, scale or table rests on nothing, or claims to be checked when its
    article is not."""
    return [problem for claim in _claims(pack) for problem in _faults(law, *claim)]


def unnoted(pack: Definition) -> Iterator[Problem]:
    """Yield what says that it was not checked without saying on what it rests instead.

    Asked of texts that are proposed or shipped; a version that was signed before counts on.
    """
    parts: tuple[tuple[str, Sequence[Rule | ScaleSpec | TableSpec]], ...] = (
        ("rules", pack.rules),
        ("scales", pack.scales),
        ("tables", pack.tables),
    )
    for key, some in parts:
        for n, one in enumerate(some):
            if not one.verified and not one.note.strip():
                yield Problem(
                    (key, n, "verified"),
                    f"{one.id} 写明未核对（verified: false），没有说明",
                    "写 note: 据什么写的（转载、凭记忆、本系统的设计），由谁核对",
                )


_Claim = tuple[Loc, str, date, date | None, bool]
"""Where, on what article, from when, until when, and whether it says it was checked."""


def _claims(pack: Definition) -> Iterator[_Claim]:
    for n, rule in enumerate(pack.rules):
        yield ("rules", n), rule.basis, rule.in_force_from, rule.in_force_until, rule.verified
    for n, scale in enumerate(pack.scales):
        yield ("scales", n), scale.basis, scale.in_force_from, scale.in_force_until, scale.verified
    for n, table in enumerate(pack.tables):
        for basis in dict.fromkeys([table.basis, *(row.basis for row in table.rows if row.basis)]):
            yield ("tables", n), basis, table.in_force_from, table.in_force_until, table.verified


def _faults(
    law: Mapping[str, Article],
    loc: Loc,
    basis: str,
    first: date,
    until: date | None,
    is_verified: bool,
) -> Iterator[Problem]:
    article = law.get(basis)
    if article is None:
        yield Problem(
            (*loc, "basis"),
            f"依据 {basis!r} 不在法规库中",
            "改正编号, 或先在 catalogue/law.yaml 中登记这一条",
        )
        return
    if not article.covers(first, until):
        yield Problem(
            (*loc, "basis"),
            f"依据 {basis} 的有效期是 {article.in_force_from} 至 {article.in_force_until or '今'},"
            f" 盖不住 {first} 至 {until or '今'}",
            "改生效日期, 或引用当时有效的条款",
        )
    if is_verified and not article.verified:
        yield Problem(
            (*loc, "basis"), f"依据 {basis} 尚未与公布文本核对", "写 verified: false, 或先核对条款"
        )
