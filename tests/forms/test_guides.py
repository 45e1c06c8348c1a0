"""办事指南: what an applicant has to know is there for everybody, out of the matter itself."""

from __future__ import annotations

from starlette.testclient import TestClient

from forms.suggest import MATTER
from tests.forms.town import ADDRESS, Town


def public_page(town: Town, path: str, status: int = 200) -> str:
    answer = TestClient(town.app(), base_url=ADDRESS).get(path)
    assert answer.status_code == status
    return str(answer.text)


def test_whoever_has_no_session_finds_every_matter_that_may_be_applied_for(town: Town) -> None:
    text = public_page(town, "/guides")
    matters = {one.code: one for one in town.ports.catalogue.matters()}
    assert {one.process for one in matters.values()} == {"approval", "open"}
    for code, matter in matters.items():
        assert (f'href="/guides/{code}"' in text) == (matter.process == "approval")
    assert 'href="/guides"' in public_page(town, "/status")


def test_the_list_is_searched_by_name_and_code(town: Town) -> None:
    text = public_page(town, "/guides?text=施工")
    assert "/guides/construction-permit" in text and "/guides/food-operation" not in text
    none = public_page(town, "/guides?text=没有这样的事项")
    assert "没有符合条件的事项" in none and "清除筛选" in none


def test_a_guide_tells_what_the_act_wants_told(town: Town) -> None:
    text = public_page(town, "/guides/construction-permit")
    (matter,) = [one for one in town.ports.catalogue.matters() if one.code == "construction-permit"]
    for material in matter.materials:
        assert material.name in text and material.issuer in text
    for step in matter.steps:
        assert step.name in text
    for told in (
        "22 个工作日", "45 个工作日", "自受理之日起", "听证", "不收费", matter.window, matter.phone,
        "建筑法", "第三十条", "建筑高度（米）", "住宅", "必须，可以书面承诺后补", "有则提交",
    ):  # fmt: skip
        assert told in text, told


def test_the_suggestion_leads_to_its_form_and_others_to_the_window(town: Town) -> None:
    assert 'href="/suggest">在线提交' in public_page(town, f"/guides/{MATTER}")
    assert "在线提交" not in public_page(town, "/guides/construction-permit")


def test_what_nobody_may_apply_for_has_no_guide(town: Town) -> None:
    for code in ("wabo-receipt", "no-such-matter", "..%2Fetc"):
        assert "没有这个页面" in public_page(town, f"/guides/{code}", 404)
