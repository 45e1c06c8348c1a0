"""What a worker refuses is said in English on English pages: each of its Chinese sentences has its
English in a catalogue of `forms/locale/en`, with the same places.

A refusal passes the bus and the store as Chinese text; `forms.refusal_words` finds the sentence, or
the template of a sentence that was filled. The sentences are collected here out of the source: what
is given to a refusal where it is raised, as a text, a text with places or a choice of such, and
what a variable of that function holds that is given to one.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from babel.messages.pofile import read_po

from forms.refusal_words import fixed_of, templates
from forms.words import LOCALE, translations

ROOT = Path(__file__).parents[2]
ROOMS = ("cases", "activities", "workflows", "yichuang")
HAN = re.compile("[㐀-鿿]")
PLACE = re.compile(r"{\w+}")

REFUSALS = frozenset(
    {
        "AccessDenied", "AccountRefused", "Barred", "FactRefused", "Fault", "IdentityRefused",
        "NoDay", "NoMonth", "NoSuchLetter", "Refused", "ReleaseRefused", "RotaRefused",
        "RuleForbids", "SignInRefused", "WindowRefused",
        "_no",  # cases.attached_rows: one of the files of an order
    }
)  # fmt: skip
"""What is raised, returned or yielded with the sentence that a person is shown."""

OF_MACHINES: Mapping[str, str] = {
    "yichuang/commands/": "said at the terminal of who keeps the system, in Chinese",
    "yichuang/reading_store.py": "answers a device's message",
    "yichuang/readings.py": "answers a device's message",
    "yichuang/telemetry.py": "answers a device's message",
    "yichuang/signals/": "answers another system's message",
    "yichuang/audit_orders/": "said at the terminal of who keeps the log",
}
"""Where refusals meet no page, by file or folder, and why."""

SENTENCES_OF = frozenset(
    {
        ("cases/accounts.py", "short_sentence"),
        ("cases/grant_changes.py", "settled_sentence"),
        ("cases/attempts.py", "_locked_sentence"),
        ("yichuang/filled_in.py", "_forbidden"),
    }
)
"""Functions that make a sentence for a refusal elsewhere: each text in them is one or fills one."""

TABLES = frozenset({("cases/attempts.py", "WORDS"), ("yichuang/filled_in.py", "_SAY")})
"""Module constants whose texts are refusals."""


NOT_SAID = frozenset({"个人信息保护法第四十七条"})
"""Given beside a sentence: an article, which is cited."""


def of_f_string(made: ast.JoinedStr) -> str:
    """Return the template of an f-string: its places are p0, p1 … in order."""
    said, places = "", 0
    for part in made.values:
        if isinstance(part, ast.Constant):
            said += str(part.value)
        else:
            said += f"{{p{places}}}"
            places += 1
    return said


def texts_in(value: ast.AST | None) -> Iterator[str]:
    """Yield each text that an expression may be."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield value.value
    elif isinstance(value, ast.JoinedStr):
        yield of_f_string(value)
    elif isinstance(value, ast.IfExp):
        yield from texts_in(value.body)
        yield from texts_in(value.orelse)
    elif isinstance(value, ast.Call) and called(value) == "get":
        yield from texts_in(value.args[-1])
    elif isinstance(value, ast.BoolOp):
        for one in value.values:
            yield from texts_in(one)


def every_text(inside: ast.AST) -> Iterator[str]:
    """Yield every text below, but what stands within an f-string and what explains a function."""
    if isinstance(inside, ast.Constant | ast.JoinedStr):
        yield from texts_in(inside)
        if isinstance(inside, ast.JoinedStr):
            for part in inside.values:
                if isinstance(part, ast.FormattedValue):
                    yield from every_text(part.value)
        return
    for child in ast.iter_child_nodes(inside):
        explains = isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)
        if not explains:
            yield from every_text(child)


def called(call: ast.Call) -> str:
    said = call.func
    return said.attr if isinstance(said, ast.Attribute) else getattr(said, "id", "")


def _held_by(tree: ast.AST) -> dict[str, list[ast.expr]]:
    """Return what each name is given, within this function or at the top of this module."""
    held: dict[str, list[ast.expr]] = {}
    for one in ast.walk(tree):
        targets = (
            one.targets
            if isinstance(one, ast.Assign)
            else [one.target]
            if isinstance(one, ast.AnnAssign | ast.NamedExpr)
            else []
        )
        for name in targets:
            if isinstance(name, ast.Name) and isinstance(
                one, ast.Assign | ast.AnnAssign | ast.NamedExpr
            ):
                held.setdefault(name.id, []).extend([one.value] if one.value else [])
    return held


def refusals_in(path: str, text: str) -> Iterator[str]:
    """Yield every Chinese sentence that a module gives to a refusal."""
    tree = ast.parse(text)
    top = _held_by(ast.Module([one for one in tree.body if not _is_scope(one)], []))
    for one in ast.walk(tree):
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef):
            if (path, one.name) in SENTENCES_OF:
                yield from every_text(ast.Module(one.body, []))
            yield from _raised_in(one, top | _held_by(one))
    for name, values in top.items():
        if (path, name) in TABLES:
            for value in values:
                yield from every_text(value)


def _raised_in(function: ast.AST, held: Mapping[str, Sequence[ast.expr]]) -> Iterator[str]:
    """Yield what a function gives to refusals, by itself or by its variables."""
    for call in ast.walk(function):
        if isinstance(call, ast.Call) and called(call) in REFUSALS:
            for given in (*call.args, *(word.value for word in call.keywords)):
                yield from texts_in(given)
                for name in _names_in(given):
                    for value in held.get(name, ()):
                        yield from texts_in(value)


def _names_in(given: ast.expr) -> Iterator[str]:
    """Yield the variables that are given, or fill a place of what is."""
    parts = given.values if isinstance(given, ast.JoinedStr) else [given]
    for part in parts:
        one = part.value if isinstance(part, ast.FormattedValue) else part
        if isinstance(one, ast.Name):
            yield one.id


def _is_scope(one: ast.stmt) -> bool:
    return isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)


@lru_cache(maxsize=1)
def refusals() -> dict[str, str]:
    """Return sentence → the module that first gives it."""
    found: dict[str, str] = {}
    for room in ROOMS:
        for file in sorted((ROOT / room).rglob("*.py")):
            path = file.relative_to(ROOT).as_posix()
            if not path.startswith(tuple(OF_MACHINES)):
                for text in refusals_in(path, file.read_text("utf-8")):
                    if HAN.search(text) and text not in NOT_SAID:
                        found.setdefault(text, path)
    return found


def kept(name: str) -> dict[str, str]:
    with (LOCALE / "en" / name).open("rb") as source:
        return {str(one.id): str(one.string) for one in read_po(source) if one.id}


def lacking(found: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the sentences without English, or whose English has other places."""
    say = translations("en").gettext
    return [
        (where, text)
        for text, where in found.items()
        if HAN.search(PLACE.sub("", say(text)))
        or sorted(PLACE.findall(text)) != sorted(PLACE.findall(say(text)))
    ]


def test_every_refusal_has_its_english_with_the_same_places() -> None:
    found = refusals()
    assert len(found) > 500
    assert lacking(found) == []


def test_a_refusal_without_english_is_found() -> None:
    """The walk sees a text, one with places, each side of a choice and one held by a variable."""
    source = """
def f(day, late):
    said = f"{day} 这样不行"
    raise RuleForbids("a", said) if late else RuleForbids("b", "不行" if day else "也不行")
"""
    texts = {one for one in refusals_in("cases/new.py", source) if HAN.search(one)}
    assert texts == {"{p0} 这样不行", "不行", "也不行"}
    assert len(lacking(dict.fromkeys(texts, "cases/new.py"))) == 3


def test_no_english_is_left_over_or_kept_twice() -> None:
    ours = kept("refusals.po")
    assert sorted(set(ours) - set(refusals())) == []
    assert not set(ours) & (set(kept("messages.po")) | set(kept("catalogue.po")))
    assert not [one for one, said in ours.items() if not said or HAN.search(said)]


def test_no_two_templates_have_the_same_fixed_text() -> None:
    fixed = [fixed_of(one) for one in templates("en")]
    assert sorted(one for one in set(fixed) if fixed.count(one) > 1) == []
    assert all(HAN.search(one) for one in fixed)
