"""What tests of the designer's desk need: a proposed version in the register, a desk as posted."""

from __future__ import annotations

from datetime import UTC, datetime
from html.parser import HTMLParser

from cases import releases
from cases.releases import Check, Proposal
from catalogue.load import canonical
from forms.release_ports import Release
from tests.forms.town import Town

CODE = "food-operation"


def registered(town: Town, version: str = "2026.7", by: str = "editor") -> str:
    """Put a proposed version of a matter into the register and the list; return its id."""
    matter = town.matters.matter(CODE, "2026.1")
    matter = matter.model_copy(update={"version": version, "phone": "0990-1234567"})
    proposal = Proposal(
        "matter", CODE, version, canonical(matter).decode(), (Check("事项目录核对", True),)
    )
    author, at = town.actor(by).id, datetime.now(UTC)
    with town.cases.begin() as connection:
        kept = releases.propose(connection, proposal, author, at)
    row = Release(kept.id, "matter", CODE, version, kept.digest, "proposed", author, at, None)
    town.releases.releases.append(row)
    return kept.id


class Desk(HTMLParser):
    """The boxes of a page as a browser would post them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.boxes: list[tuple[str, str]] = []
        self._select = self._area = ""
        self._text: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        name = said.get("name", "")
        if tag == "select":
            self._select = name
        elif tag == "option" and self._select and "selected" in said:
            self.boxes.append((self._select, said["value"]))
        elif tag == "textarea":
            self._area, self._text = name, []
        elif tag == "input" and name and name != "text":
            ticked = said.get("type") not in ("checkbox", "radio") or "checked" in said
            if ticked:
                self.boxes.append((name, said.get("value", "")))

    def handle_data(self, data: str) -> None:
        if self._area:
            self._text.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self._select = ""
        elif tag == "textarea":
            self.boxes.append((self._area, "".join(self._text).removeprefix("\n")))
            self._area = ""

    def posted(self, **changes: str) -> dict[str, list[str]]:
        """Return every box, some with another text (`__` stands for a dot)."""
        found: dict[str, list[str]] = {}
        for name, value in self.boxes:
            found.setdefault(name, []).append(value)
        return found | {name.replace("__", "."): [text] for name, text in changes.items()}
