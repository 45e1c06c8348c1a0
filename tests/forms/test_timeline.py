"""The timeline of a case: what each step changed, under filters, in pages, with its receipt."""

from __future__ import annotations

import base64
import json
import re

from cases.messages import OF_LAW
from cases.passages import DECISIONS
from forms.timeline import STEPS_A_PAGE, _pages
from forms.words import VERBS
from tests.forms.conftest import Browsers
from tests.forms.test_case import accepted, decided_upon
from tests.forms.town import Town


def steps(html: str) -> list[int]:
    return [int(one) for one in re.findall(r'<li id="step-(\d+)"', html)]


def test_what_decides_is_a_verb_that_there_is() -> None:
    assert set(VERBS) > DECISIONS
    assert not DECISIONS & OF_LAW


def test_each_filter_shows_as_many_steps_as_it_says(browser: Browsers, town: Town) -> None:
    case_no, _ = decided_upon(town)
    page = browser("wu")
    html = page.get(f"/cases/{case_no}?tab=timeline").text
    counts = re.findall(r'href="([^"]*tab=timeline[^"]*)"[^>]*>[^<(]+\((\d+)\)</a>', html)
    filters = [(url.replace("&amp;", "&"), int(n)) for url, n in counts if "show=" in url]
    assert len(filters) == 4
    for url, count in filters:
        shown = page.get(url).text
        assert len(steps(shown)) == count, url
        assert ("没有这一类的记录" in shown) == (count == 0)
    case_id = town.queries.find_case(case_no)
    assert case_id is not None
    assert len(steps(html)) == len(list(town.queries.steps(case_id)))


def test_a_step_says_from_where_to_where_and_by_which_article(
    browser: Browsers, town: Town
) -> None:
    case_no, case_id = accepted(town)
    task = {"task": "review-planning"}
    assert town.order("qian", "claim", task, case_id).status == "done"
    html = browser("wu").get(f"/cases/{case_no}?tab=timeline").text
    assert '<span class="was">新办件</span> → <span>审查</span>' in html
    assert '<span class="was">无</span> → <span>钱' in html
    assert '<details class="law"><summary lang="zh-CN">《中华人民共和国行政许可法》' in html
    words = re.search(r'<div class="law-words" lang="zh-CN">\s*<p><strong>(.+?)</strong></p>'
                      r"\s*<blockquote>(.+?)</blockquote>", html, flags=re.S)  # fmt: skip
    assert words is not None and len(words[2]) > len(words[1]) > 5


def test_a_long_timeline_is_in_pages_and_a_link_to_a_step_finds_its_page(
    browser: Browsers, town: Town
) -> None:
    case_no, case_id = accepted(town)
    for n in range(STEPS_A_PAGE + 3):
        done = town.order("zhou", "copy_to", {"to": ["d:planning"], "text": str(n)}, case_id)
        assert done.status == "done", done
    page = browser("wu")
    first = steps(page.get(f"/cases/{case_no}?tab=timeline").text)
    assert len(first) == STEPS_A_PAGE and first[-1] > 2
    found = page.get(f"/cases/{case_no}?tab=timeline&step=2").text
    assert 2 in steps(found) and 'aria-current="page">2</strong>' in found
    for odd in ("page=999", "page=0", "page=x", "step=99999", "step=-1", f"page={'9' * 40}"):
        assert page.get(f"/cases/{case_no}?tab=timeline&{odd}").status_code == 200, odd


def test_numbers_of_pages_leave_out_what_is_far() -> None:
    assert _pages(1, 1) == (1,)
    assert _pages(5, 10) == (1, 0, 3, 4, 5, 6, 7, 0, 10)


def test_a_step_is_handed_out_as_a_receipt_of_its_own_and_no_other(
    browser: Browsers, town: Town
) -> None:
    case_no, case_id = accepted(town)
    clerk = browser("chen")
    path = f"/cases/{case_no}/steps/2/receipt"
    html = clerk.get(f"/cases/{case_no}?tab=timeline").text
    assert "等待编入日志" in html and path not in html  # the log has not numbered it yet
    form = {"csrf": clerk.token(f"/cases/{case_no}?tab=documents")}
    file = clerk.post(path, data=form)
    assert file.status_code == 200
    (step,) = [one for one in town.queries.steps(case_id) if one.seq == 2]
    (entry,) = file.json()["entries"]
    body = json.loads(base64.b64decode(entry["body"]))
    assert (body["act"], body["obj"]["id"], body["obj"]["step"]) == ("accept", case_id, "2")
    assert body["id"] == step.entry_id
    assert clerk.post(f"/cases/{case_no}/steps/99/receipt", data=form).status_code == 404
    assert clerk.post(f"/cases/{case_no}/steps/x/receipt", data=form).status_code == 404
    stranger = browser("jiang")
    assert stranger.post(path, data={"csrf": stranger.token("/")}).status_code in (403, 404)
