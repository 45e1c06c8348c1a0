"""The page of versions offers each person what they may do, and no more."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from cases.releases import SEED_AUTHOR, SEED_SIGNER
from forms.release_ports import Release
from rules.load import PACKS
from tests.forms.conftest import Browsers
from tests.forms.town import Town

PROPOSED = datetime(2026, 11, 1, tzinfo=UTC)
SIGN, WITHDRAW = "/releases/one/sign", "/releases/one/withdraw"


@pytest.fixture
def proposed(town: Town) -> Release:
    """A matter's version that the editor has proposed."""
    author = town.actor("editor").id
    one = Release("one", "matter", "x", "2026.2", "0" * 64, "proposed", author, PROPOSED, None)
    town.releases.releases[:] = [one]
    return one


@pytest.mark.usefixtures("proposed")
@pytest.mark.parametrize(
    ("login", "sign", "withdraw", "kinds"),
    [
        ("editor", False, True, {"matter", "rules", "calendar"}),
        ("signer", True, False, set()),
        ("secadmin", False, False, {"policy"}),
    ],
)
def test_the_page_offers_what_one_may(
    browser: Browsers, login: str, sign: bool, withdraw: bool, kinds: set[str]
) -> None:
    page = browser(login).get("/releases").text
    # A matter is signed on the page that shows what it changes.
    assert SIGN not in page
    assert ("看改动并签署" in page, WITHDRAW in page) == (sign, withdraw)
    offered = {
        kind
        for kind in ("matter", "rules", "calendar", "policy")
        if f'<option value="{kind}"' in page
    }
    assert offered == kinds


def test_the_list_says_who_and_what_in_words_and_what_waits_first(
    town: Town, browser: Browsers
) -> None:
    author, signer = town.actor("editor"), town.actor("signer")
    matter = town.matters.matters[0]
    rows = [
        Release("new", "rules", "routing", "2026.2", "0" * 64, "active", SEED_AUTHOR, PROPOSED,
                PROPOSED, signed_by=SEED_SIGNER),
        Release("one", "matter", matter.code, "2026.9", "0" * 64, "proposed", author.id, PROPOSED,
                None),
        Release("old", "calendar", "cn", "1", "0" * 64, "active", author.id, PROPOSED, PROPOSED,
                signed_by=signer.id),
    ]  # fmt: skip
    town.releases.releases[:] = rows
    page = browser("secadmin").get("/releases").text
    assert matter.name in page and "编制人" in page and "随系统安装" in page
    assert author.id not in page and "seed:" not in page
    assert page.index("待签署</") < page.index("routing")


@pytest.mark.usefixtures("proposed")
def test_an_editor_takes_the_own_proposal_back(town: Town, browser: Browsers) -> None:
    editor = browser("editor")
    answer = editor.post(WITHDRAW, data={"csrf": editor.token("/releases")}, follow_redirects=False)
    assert answer.status_code == 303
    assert town.releases.releases[0].state == "rejected"


@pytest.mark.usefixtures("proposed")
def test_an_editor_proposes_no_policy_and_a_guard_no_matter(browser: Browsers) -> None:
    for login, kind in (("editor", "policy"), ("secadmin", "matter")):
        visitor = browser(login)
        form = {"csrf": visitor.token("/releases"), "kind": kind, "text": "标识: x"}
        assert visitor.post("/releases", data=form).status_code == 403


ASK, REVOKE = "/releases/one/ask-revocation", "/releases/one/revoke"


def counting(town: Town, name: str, asked_by: str = "") -> None:
    """Put a version of rules that two people have signed into the list."""
    author = town.actor("editor").id
    one = Release("one", "rules", name, "2026.2", "0" * 64, "active", author, PROPOSED, PROPOSED)
    town.releases.releases[:] = [replace(one, signed_by="u:s", revoke_asked_by=asked_by)]


def test_rules_that_give_cards_can_be_revoked_by_two_and_no_other_rules(
    town: Town, browser: Browsers
) -> None:
    editor = browser("editor")
    counting(town, "routing")
    assert ASK not in editor.get("/releases").text
    counting(town, "supervision")
    assert ASK in editor.get("/releases").text
    assert ASK not in browser("signer").get("/releases").text
    counting(town, "supervision", asked_by=town.actor("editor").id)
    assert REVOKE in browser("signer").get("/releases").text
    assert not {ASK, REVOKE} & set(editor.get("/releases").text.split('"'))


def test_a_revocation_without_reasons_is_not_asked_for(town: Town, browser: Browsers) -> None:
    counting(town, "supervision")
    editor = browser("editor")
    token = editor.token("/releases")
    assert editor.post(ASK, data={"csrf": token, "reason": " "}).status_code == 422


def test_table_files_go_with_the_proposal_and_a_spare_one_is_named(
    town: Town, browser: Browsers
) -> None:
    editor = browser("editor")
    text = (PACKS / "accidents.yaml").read_text("utf-8") + "\n# 标识\n"
    csv = (PACKS / "accident_grade.csv").read_bytes()
    form = {"kind": "rules", "text": text, "csrf": editor.token("/releases")}
    sent = [("tables", ("accident_grade.csv", csv, "text/csv"))]
    spare = [*sent, ("tables", ("spare.csv", csv, "text/csv"))]
    refused = editor.post("/releases", data=form, files=spare, follow_redirects=False)
    assert refused.status_code == 422 and "spare.csv" in refused.text
    town.releases.texts.clear()
    done = editor.post("/releases", data=form, files=sent, follow_redirects=False)
    # The comment is gone with the rewriting, so the test's own register asks for its word.
    assert done.status_code in (303, 422)
    (kept,) = town.releases.texts
    assert "accident_grade.csv" not in kept and "rows:" in kept
