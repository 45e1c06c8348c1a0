"""Pages in English have no Chinese but what is quoted: names, numbers of papers, what people typed,
the words of law, and what stands marked as Chinese (`lang="zh-CN"`).

Every page that somebody's links lead to is asked for without a browser. What catalogues, plan and
policy say stands in `forms/locale/en/catalogue.po`; each text has its English there.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from html import unescape
from html.parser import HTMLParser
from pprint import pformat
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from babel.messages.pofile import read_po

from activities.wordings import WORDS
from cases.metrics import METRICS
from catalogue.kpis import load_kpis
from catalogue.load import HERE, Catalogue, load_catalogue
from catalogue.programme import load_programme
from forms.words import LOCALE, translations
from policies.exclusions import exclusions
from policies.explaining import LABEL, SEPARATION
from policies.invariants import FAMILIES
from policies.policy import load_policy
from policies.refusing import SENTENCES
from policies.scopes import RELATIONS, SCOPES
from policies.vocabulary import ACT_TITLES, OBJECT_TITLES, ROLES
from rules.load import load_packs
from tests.forms.conftest import Browser as Client
from tests.forms.crawling import LINK, PAGES, kind_of
from tests.forms.test_every_page import PEOPLE, furnished
from tests.forms.town import ADDRESS, Town
from yichuang.web_ports import NOT_FOR_ANOTHER, RESTRICTED

HAN = re.compile("[㐀-鿿]")
LAW = re.compile(
    r"《[^》]+》(（[^）]*）)?[第一二三四五六七八九十百零〇0-9（）条款项目之、-]*"
    r"(附录|附件|标准|原则|应答|反馈时限|公众参与|实施阶段|[^\s；;，。.·]{0,12})?|GB/T \d+-\d+ 表"
)
"""An article as a document cites it."""
PAPER = re.compile(r"云\w{0,3}〔\d{4}〕\d+号")
"""A number that stands on a paper or an incident's file."""
TOLD = ("title", "aria-label", "alt", "placeholder")
VOID = frozenset("br img input meta link hr source path rect line circle use col".split())


class Chinese(HTMLParser):
    """Collects what a reader meets in Chinese outside parts that say they are."""

    def __init__(self) -> None:
        super().__init__()
        self.inside: list[tuple[str, bool]] = []
        self.found: list[str] = []

    def _quoted(self, own: str | None = None) -> bool:
        if own is not None:
            return own.startswith("zh")
        return bool(self.inside) and self.inside[-1][1]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        quoted = self._quoted(said.get("lang"))
        texts = (said.get(name) or "" for name in TOLD)
        self.found += [one for one in texts if HAN.search(one) and not quoted]
        if tag not in VOID:
            self.inside.append((tag, quoted))

    def handle_endtag(self, tag: str) -> None:
        while self.inside and self.inside.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        typed = bool(self.inside) and self.inside[-1][0] in ("script", "style", "textarea")
        if HAN.search(data) and not typed and not self._quoted():
            self.found.append(" ".join(data.split()))


def chinese(page: str) -> list[str]:
    reader = Chinese()
    reader.feed(page)
    return reader.found


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from _strings(key)
            yield from _strings(part)
    elif isinstance(value, list):
        for part in value:
            yield from _strings(part)


def typed(town: Town) -> tuple[str, ...]:
    """What people typed into the town: their names, titles, places, a matter under design."""
    names = {one.name for one in town.ports.accounts.listing()}
    for file in sorted((HERE / "matters").glob("food-*.yaml")):  # the draft on the designer's desk
        names |= set(_strings(yaml.safe_load(file.read_text("utf-8"))))
    names |= {name for kind in WORDS.values() for name in kind.names} | {"名称"}
    names |= {
        "王*明", "云溪小学教学楼", "云川市云溪区学府路8号", "滨江路改造", "管线不明",
        "数据中心一期", "云川专项基金", "云川建设有限公司", "青石街道", "北坡", "临时放假", "手机",
        "进度款",
    }  # fmt: skip
    return tuple(sorted(filter(HAN.search, names), key=len, reverse=True))


INCIDENT = re.compile(r"\w+（\w+街道第\d+网格）|\w+街道第\d+网格东侧")
"""Title and place of the town's incidents, as a duty officer types them."""


def left(text: str, names: tuple[str, ...]) -> str:
    """What is neither law nor a name nor typed; empty: nothing."""
    for pattern in (LAW, PAPER, INCIDENT):
        text = pattern.sub("", text)
    for name in names:
        text = text.replace(name, "")
    return "".join(HAN.findall(text))


@pytest.mark.long
@pytest.mark.timeout(600)
def test_no_page_shows_chinese_to_who_reads_english(town: Town) -> None:
    case_no = furnished(town)
    names, found = typed(town), dict[str, set[str]]()
    for login in ("", *PEOPLE):
        client = Client(town.app(), base_url=ADDRESS, headers={"origin": ADDRESS})
        client.town = town
        if login:
            client.sign_in(login)
        client.get("/language/en?next=/sign-in")
        begins = ["/" if login else "/status"]
        begins += [f"/cases/{case_no}?tab=documents"] if login == "chen" else []
        waiting, asked, mine = deque(begins), set(begins), Counter[str]()
        while waiting:
            address = waiting.popleft()
            kind = kind_of(address)
            if kind not in PAGES or (mine[kind] and address not in begins):
                continue
            mine[kind] += 1
            page = client.get(address).text
            said = {one for one in chinese(page) if left(one, names)}
            if said:
                found.setdefault(kind, set()).update(said)
            for link in map(unescape, LINK.findall(page)):
                at = urlsplit(link)
                new = not at.scheme and not at.netloc and at.path and link not in asked
                if new and not at.path.startswith("/language"):
                    asked.add(link)
                    waiting.append(link)
    assert not found, pformat(found, width=150)


def test_a_refusal_is_said_in_the_language_of_who_is_refused(town: Town) -> None:
    for login, path, told in (
        ("chen", "/designer/words", "You have no role that may “Propose a version”"),
        ("sysadmin", "/payments", "A system administrator does not touch payments"),
        ("zhou", "/new", ""),
    ):
        client = Client(town.app(), base_url=ADDRESS, headers={"origin": ADDRESS})
        client.town = town
        client.sign_in(login)
        assert "不能继续" in client.get(path).text or path == "/new"
        client.get("/language/en?next=/sign-in")
        page = client.get(path).text
        assert told in unescape(page)
        assert not {one for one in chinese(page) if left(one, typed(town))}, path


def test_the_english_of_a_template_has_the_same_places() -> None:
    say = translations("en").gettext
    place = re.compile(r"{\w+}")
    assert [one for one in SENTENCES if {*place.findall(one)} != {*place.findall(say(one))}] == []


# --- the texts of catalogues, plan and policy ----------------------------------------------------


def _schema_texts(part: Any) -> Iterator[str]:
    if isinstance(part, Mapping):
        if isinstance(part.get("description"), str):
            yield part["description"]
        named = part.get("x-en-enum", {})
        yield from (str(one) for one in part.get("enum", ()) if one not in named)
        for inner in part.values():
            yield from _schema_texts(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _schema_texts(inner)


def _of_matters(found: Catalogue) -> Iterator[str]:
    for one in found.matters:
        yield from (one.name, one.result, one.window)
        yield from _schema_texts(one.form)
        yield from (fee.item for fee in one.fees if not fee.item_en)
        for paper in one.materials:
            yield paper.issuer
            if not paper.name_en:
                yield paper.name


def _of_projects() -> Iterator[str]:
    for file in sorted((HERE / "projects").glob("*.yaml")):
        for step in yaml.safe_load(file.read_text("utf-8")).get("steps", ()):
            yield from (step["zh"], *step.get("needs", ()))


def _of_plan() -> Iterator[str]:
    yield from (one.evidence for one in load_programme().milestones)
    for one in load_kpis().kpis:
        yield from (one.horizon, one.numerator, one.denominator, one.source_text)


def _of_policy() -> Iterator[str]:
    yield from (*ACT_TITLES.values(), *OBJECT_TITLES.values(), LABEL, SEPARATION)
    yield from (one.title for one in ROLES.values())
    yield from (one.sentence for one in RELATIONS.values())
    yield from (one.sentence for one in SCOPES.values())
    yield from (one.title for one in FAMILIES)
    yield from (one.why for one in exclusions())
    yield from SENTENCES
    yield from (NOT_FOR_ANOTHER, RESTRICTED)
    yield from (row.note for row in load_policy().rows if row.effect == "deny")


def _of_rules() -> Iterator[str]:
    for pack in load_packs().values():
        whole = pack.definition
        yield from (one.note for one in whole.rules)
        yield from (one.note for one in whole.scales)
        yield from (one.note for one in whole.tables)


def texts() -> set[str]:
    """Every text that a page shows and no page writes."""
    found = load_catalogue()
    every = [
        *_of_matters(found), *_of_projects(), *_of_plan(), *_of_policy(),
        *_of_rules(),
        *(one.source for one in METRICS),
        *(one.note for one in found.responsibility.lines),
        *(one.name for one in found.city.compartments),
        *(name for one in found.calendars.values() for name in one.names.values()),
    ]  # fmt: skip
    return {one for one in every if HAN.search(one)}


def test_every_text_of_catalogues_plan_and_policy_has_its_english() -> None:
    say = translations("en").gettext
    assert not sorted(one for one in texts() if HAN.search(say(one)))


def _kept(name: str) -> dict[str, str]:
    with (LOCALE / "en" / name).open("rb") as source:
        return {str(one.id): str(one.string) for one in read_po(source) if one.id}


def test_a_text_has_its_english_in_one_place() -> None:
    pages, catalogue = _kept("messages.po"), _kept("catalogue.po")
    assert not set(pages) & set(catalogue)
    assert not [one for one, said in catalogue.items() if not said or HAN.search(said)]


def test_a_matter_and_a_compartment_are_called_what_their_catalogue_calls_them() -> None:
    say, found = translations("en").gettext, load_catalogue()
    told = {one.name: say(one.name) for one in found.matters if one.name in _kept("catalogue.po")}
    assert len(told) > 5
    assert told == {one.name: one.name_en for one in found.matters if one.name in told}
    assert {one.name: say(one.name) for one in found.city.compartments} == {
        one.name: one.name_en for one in found.city.compartments
    }
