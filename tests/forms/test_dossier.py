"""The page of a dossier: what would differ, by department, and who may sign it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cases.dossier import (
    Change,
    Dossier,
    DossierCheck,
    DossierSpan,
    MutantFound,
    Section,
    Side,
    Watermark,
)
from cases.dossier_rows import KeptDossier
from forms.dossier_ports import ShownDossier
from forms.release_ports import Release
from tests.forms.conftest import Browsers
from tests.forms.town import Town

AT = datetime(2026, 11, 1, tzinfo=UTC)
PAGE = "/releases/one/dossier"
ENDORSE, SIGN, AGAIN = (f"/releases/one/{act}" for act in ("endorse", "sign", "simulate"))


def changes(count: int) -> tuple[Change, ...]:
    return tuple(
        Change(
            kind="level" if n % 2 else "dropped",
            department="scjg" if n % 2 else "zjj",
            case_id=f"c{n}",
            case_no=f"2026-{n:04d}",
            about="promised",
            rule="JC-TS-75",
            at=AT,
            before="yellow 2026-03-16T16:00:00+00:00",
            after="warning 2026-03-16T16:00:00+00:00" if n % 2 else "",
        )
        for n in range(count)
    )


def shown(passed: bool = True, count: int = 60) -> ShownDossier:
    whole = Dossier(
        kind="rules",
        name="supervision",
        release="one",
        proposed=Side(version="2026.2", digest="0" * 64),
        current=Side(version="2026.1", digest="1" * 64),
        span=DossierSpan(months=6, since=AT - timedelta(days=180), until=AT),
        watermark=Watermark(steps=321, recorded_at=AT),
        checks=(DossierCheck(name="现行版本重放无差异", passed=passed, findings=("某处",)),),
        rulings=Section(compared=True, looked_at=9),
        cards=Section(compared=True, looked_at=70, counts={"已发": 5}, changes=changes(count)),
        payments=Section(reason="系统中还没有付费"),
        changed_rules=("JC-TS-75",),
        mutants=(
            MutantFound(rule="JC-TS-75", kind="threshold", what="75 改为 76", noticed_by=(1,)),
            MutantFound(rule="JC-TS-75", kind="dates", what="生效日期推后一天"),
        ),
    )
    row = KeptDossier("d1", "one", "0" * 64, "1" * 64, 6, AT, AT, whole.digest, passed, whole.words)
    return ShownDossier(row, whole)


@pytest.fixture
def proposed(town: Town) -> Release:
    author = town.actor("editor").id
    one = Release("one", "rules", "supervision", "2026.2", "0" * 64, "proposed", author, AT, None)
    one = replace(one, needs_dossier=True)
    town.releases.releases[:] = [one]
    town.releases.dossiers = {"one": shown()}
    return one


@pytest.mark.usefixtures("proposed")
def test_the_list_of_versions_leads_to_the_dossier_and_offers_no_blind_signature(
    browser: Browsers,
) -> None:
    page = browser("signer").get("/releases").text
    assert PAGE in page and SIGN not in page


@pytest.mark.usefixtures("proposed")
@pytest.mark.parametrize(
    ("login", "endorse", "again"), [("editor", True, True), ("signer", False, True)]
)
def test_the_proposer_signs_first(
    browser: Browsers, login: str, endorse: bool, again: bool
) -> None:
    page = browser(login).get(PAGE).text
    assert (ENDORSE in page, SIGN in page, AGAIN in page) == (endorse, False, again)


def test_then_another_signs_the_same_digest(
    town: Town, browser: Browsers, proposed: Release
) -> None:
    digest = shown().row.digest
    town.releases.releases[:] = [
        replace(proposed, endorsed_by=proposed.proposed_by, dossier=digest)
    ]
    assert ENDORSE not in browser("editor").get(PAGE).text
    assert SIGN not in browser("editor").get(PAGE).text
    signer = browser("signer")
    assert SIGN in signer.get(PAGE).text and digest in signer.get(PAGE).text
    form = {"dossier": digest, "csrf": signer.token(PAGE)}
    asked = signer.post(SIGN, data=form, follow_redirects=False)
    assert asked.status_code == 200 and f'name="dossier" value="{digest}"' in asked.text
    sure = form | {"step": "confirmed"}
    assert signer.post(SIGN, data=sure, follow_redirects=False).status_code == 303
    assert town.releases.signed_on == digest


def test_the_signer_chooses_from_when_it_counts(
    town: Town, browser: Browsers, proposed: Release
) -> None:
    town.releases.releases[:] = [
        replace(proposed, endorsed_by=proposed.proposed_by, dossier=shown().row.digest)
    ]
    signer = browser("signer")
    form = {"dossier": shown().row.digest, "csrf": signer.token(PAGE)}
    for typed in ("明天", "9999-12-31T23:59-10:00", "0001-01-01T00:00+14:00"):
        wrong = signer.post(SIGN, data=form | {"since": typed}, follow_redirects=False)
        assert wrong.status_code == 422 and "版本没有签署" in wrong.text
    assert town.releases.releases[0].state == "proposed"
    form["since"] = "2031-05-01T08:30"
    asked = signer.post(SIGN, data=form, follow_redirects=False)
    assert "自 2031-05-01 08:30 起生效" in asked.text
    assert 'name="since" value="2031-05-01T08:30"' in asked.text
    signed = signer.post(SIGN, data=form | {"step": "confirmed"}, follow_redirects=False)
    assert signed.status_code == 303
    assert town.releases.signed_since == datetime(2031, 5, 1, 0, 30, tzinfo=UTC)
    listed = signer.get("/releases").text
    assert "2031-05-01 08:30" in listed and "尚未生效" in listed


def test_a_failed_or_missing_dossier_offers_no_signature(
    town: Town, browser: Browsers, proposed: Release
) -> None:
    town.releases.dossiers = {"one": shown(passed=False)}
    page = browser("editor").get(PAGE).text
    assert ENDORSE not in page and "某处" in page
    town.releases.dossiers = {}
    page = browser("editor").get(PAGE).text
    assert ENDORSE not in page and AGAIN in page


@pytest.mark.usefixtures("proposed")
def test_counts_by_department_lead_to_the_lists(browser: Browsers) -> None:
    editor = browser("editor")
    page = editor.get(PAGE).text
    assert f"{PAGE}?section=cards&amp;department=zjj#changes" in page
    assert "系统中还没有付费" in page and "生效日期推后一天" in page
    assert "2026-0001" not in page
    listed = editor.get(f"{PAGE}?section=cards&department=zjj").text
    assert listed.count("2026-00") == 30 and "黄牌" in listed
    whole = editor.get(f"{PAGE}?section=cards").text
    assert "section=cards&amp;page=2#changes" in whole
    assert editor.get(f"{PAGE}?section=cards&page=2").text.count("JC-TS-75</span>") == 10
    assert editor.get(f"{PAGE}?section=nothing").status_code == 200


@pytest.mark.usefixtures("proposed")
def test_who_may_not_see_cases_sees_counts_and_no_case(browser: Browsers) -> None:
    page = browser("secadmin").get(f"{PAGE}?section=cards")
    assert page.status_code == 403 or "2026-0001" not in page.text


@pytest.mark.usefixtures("proposed")
@pytest.mark.parametrize(("months", "status"), [("12", 303), ("0", 422), ("61", 422), ("x", 422)])
def test_the_dossier_is_made_anew_over_so_many_months(
    town: Town, browser: Browsers, months: str, status: int
) -> None:
    editor = browser("editor")
    form = {"months": months, "csrf": editor.token(PAGE)}
    answer = editor.post(AGAIN, data=form, follow_redirects=False)
    assert answer.status_code == status
    if status == 303:
        assert town.releases.simulated[1:] == ("one", 12)


@pytest.mark.usefixtures("proposed")
def test_an_unknown_version_has_no_dossier(browser: Browsers) -> None:
    assert browser("editor").get("/releases/two/dossier").status_code == 404


def test_payments_are_listed_in_words_with_sums_and_lead_to_their_page(
    town: Town, browser: Browsers, proposed: Release
) -> None:
    said = '{"outcome":{"refused":%s},"payment":"%s","rules":["FUND-PROJECT"]}'
    one = Change(
        kind="now_stopped",
        department="zjj",
        case_id="p1",
        case_no="FK20261120AB",
        about="fund",
        rule="FUND-PROJECT",
        at=AT,
        before=said % ("[]", "may_pay"),
        after=said % ('["beyond_allotment"]', "stopped"),
        amount_fen=6000000,
    )
    section = Section(compared=True, looked_at=4, changes=(one,))
    whole = shown(count=0).whole.model_copy(update={"name": "fund", "payments": section})
    row = replace(shown().row, digest=whole.digest)
    town.releases.releases[:] = [replace(proposed, name="fund")]
    town.releases.dossiers = {"one": ShownDossier(row, whole)}
    page = browser("editor")
    told = page.get(f"{PAGE}?section=payments").text
    for part in ("改为停付", "60,000.00 元", 'href="/payments/p1"', "可以支付",
                 "不得支付的理由：超出本项目指标"):  # fmt: skip
        assert part in told, part
    assert "beyond_allotment" not in told
    page.get("/language/en")
    english = page.get(f"{PAGE}?section=payments").text
    assert "The version in force, replayed, does not differ" in english
    assert "Why it may not be paid：beyond the allotment of the project" in english
