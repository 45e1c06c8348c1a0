"""A form that carries what somebody typed is sent only where the line is there: its page says so,
and keeps it, in place of the browser's own page that has nothing of it."""

from __future__ import annotations

import re
from pathlib import Path

from forms import finality
from forms.rendering import HERE, SENDING

TEMPLATES = HERE / "templates"
FORM = re.compile(r'<form\b[^>]*method="post"[^>]*>.*?</form>', re.DOTALL)
MACRO = re.compile(r"{% macro (\w+)\(.*?{% endmacro %}", re.DOTALL)
IMPORT = re.compile(r"{% import '(macros/\w+\.html)' as (\w+)")
CHOSEN = "hidden|checkbox|radio|file|submit"
TYPED = re.compile(
    rf'<textarea|<input(?! hidden)(?![^>]*type="(?:{CHOSEN})")'
    r"|{% for \w+, \w+ in [\w.]*(?:hidden|kept\.fields) %}"
)

ELSE = {
    "base.html": "looks something up",
    "enrol.html": "a code and a password, which are typed anew",
    "list.html": "looks something up; its filter's name is a word",
    "password.html": "passwords, which are typed anew",
    "preferences.html": "choices alone",
    "second.html": "a code, which is typed anew",
    "set_up.html": "a code, which is typed anew",
    "sign_in.html": "a name and a password, which are typed anew",
    "status.html": "looks something up",
}
"""Template whose forms need no word of their own → why."""


def text_of(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def typing_macros() -> set[tuple[str, str]]:
    """Return file and name of each macro that draws a box into which one types."""
    every = {
        (f"macros/{file.name}", made[1]): made[0]
        for file in (TEMPLATES / "macros").glob("*.html")
        for made in MACRO.finditer(text_of(file))
    }
    found = {key for key, body in every.items() if TYPED.search(body)}
    while True:
        more = {
            (file, name)
            for (file, name), body in every.items()
            if any(file == at and re.search(rf"[{{ (]{one}\(", body) for at, one in found)
        }
        if more <= found:
            return found
        found |= more


def carries(template: str, form: str, typing: set[tuple[str, str]]) -> bool:
    """Return whether a form holds what was typed, by itself or by a macro."""
    text = text_of(TEMPLATES / template)
    names = {alias: file for file, alias in IMPORT.findall(text)}
    called = re.findall(r"(\w+)\.(\w+)\(", form)
    own = [(template, name) for name in re.findall(r"{{ (\w+)\(", form)]
    drawn = {(names.get(alias, ""), name) for alias, name in called} | set(own)
    return bool(TYPED.search(form) or drawn & typing)


def carrying() -> set[str]:
    """Return every page whose forms carry what was typed."""
    typing, found = typing_macros(), set[str]()
    texts = {str(file.relative_to(TEMPLATES)): text_of(file) for file in TEMPLATES.rglob("*.html")}
    for file, text in texts.items():
        if not file.startswith("macros/"):
            if any(carries(file, one, typing) for one in FORM.findall(text)):
                found.add(file)
            continue
        for made in MACRO.finditer(text):  # a whole form in a part of pages
            if any(carries(file, one, typing) for one in FORM.findall(made[0])):
                for page, says in texts.items():
                    known = dict(IMPORT.findall(says))
                    if file in known and f"{known[file]}.{made[1]}(" in says:
                        found.add(page)
    return found


def test_every_form_with_something_typed_is_held_back_where_the_line_is_cut() -> None:
    assert {"act.html", "designer.html"} & carrying() == {"act.html"}
    assert sorted(carrying() - SENDING) == sorted(ELSE)
    assert not sorted(SENDING - carrying())


def test_a_page_that_holds_its_form_back_has_the_words_for_it() -> None:
    base = text_of(TEMPLATES / "base.html")
    for part in ("asset('sending.js')", "boxes.sending()"):
        before = base[: base.index(part)]
        assert before.count("{% block") == before.count("{% endblock"), part
    assert {
        one for one in SENDING if "extends 'base.html'" not in text_of(TEMPLATES / one)
    } == set()


def test_a_form_that_is_answered_with_a_file_is_not_waited_for() -> None:
    files = [path for path, why in finality.NO_ACT.items() if why == "hands out a file"]
    ends = {path.rsplit("}", 1)[-1] for path in files}
    every = [one for file in TEMPLATES.rglob("*.html") for one in FORM.findall(text_of(file))]
    handed = [one for one in every if re.search(rf'action="[^"]*(?:{"|".join(ends)})"', one)]
    assert len(handed) >= len(files)
    assert not [one[:90] for one in handed if " data-file>" not in one]
