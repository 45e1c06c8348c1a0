"""通知用语: the city's own words for notices of incidents, projects, duty and cases, as YAML.

A kind that the text does not word keeps the shipped sentence. Which names a text may use, and how
it is filled, `activities.notice_wording` says.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from catalogue.marks import Fault, Marked, marked_text

NAME = "notices"
"""What the register calls the words: there is one text in the city."""
FILE = "notices.yaml"
"""How findings call a proposed text."""


class NoticeWord(BaseModel):
    """The words of one kind of notice."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="forbid")

    kind: str = Field(alias="通知", pattern=r"^[a-z_]{1,32}$")
    title: str = Field(alias="标题", min_length=1, max_length=30)
    body: str = Field(default="", alias="正文", max_length=500)
    """On the page, by e-mail and instant message; empty: the shipped sentence."""
    sms: str = Field(default="", alias="短信", max_length=200)
    """By text message; empty: as `body`."""
    subject: str = Field(default="", alias="邮件主题", max_length=100)
    """At the head of an e-mail; empty: the notice as it is said on the page."""
    mail: str = Field(default="", alias="邮件正文", max_length=2000)
    """By e-mail, as many lines as it takes; empty: as `body`. The link always follows it."""


class NoticeWords(BaseModel):
    """One version of the words."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="forbid")

    name: str = Field(alias="标识", pattern=f"^{NAME}$")
    version: str = Field(alias="版本", pattern=r"^[0-9]{4}\.[0-9]{1,4}$")
    words: tuple[NoticeWord, ...] = Field(alias="通知用语")

    def of(self, kind: str) -> NoticeWord | None:
        return next((one for one in self.words if one.kind == kind), None)


NO_WORDS = NoticeWords(name=NAME, version="2026.0", words=())
"""Before the first version: every notice is said as shipped."""


def read_notice_words(text: str) -> tuple[NoticeWords | None, Marked | None, list[Fault]]:
    """Return the words of a text with the lines of its parts; without words, what is wrong."""
    marked, faults = marked_text(text, FILE)
    if marked is None or faults:
        return None, marked, faults
    try:
        return NoticeWords.model_validate(marked.value), marked, []
    except ValidationError as wrong:
        return None, marked, [
            marked.fault(tuple(error["loc"]), _said(error["type"], error["loc"]), "请改正")
            for error in wrong.errors()
        ]  # fmt: skip


def _said(kind: str, loc: tuple[str | int, ...]) -> str:
    element = next((str(part) for part in reversed(loc) if isinstance(part, str)), "文件")
    match kind:
        case "missing":
            return f"缺少「{element}」"
        case "extra_forbidden":
            return f"没有「{element}」这个要素"
        case "string_too_long":
            return f"「{element}」太长"
        case "string_too_short":
            return f"「{element}」不能为空"
        case _:
            return f"「{element}」的写法不对"


__all__ = ["FILE", "NAME", "NO_WORDS", "NoticeWord", "NoticeWords", "read_notice_words"]
