"""The expressions of FEEL that models around decision tables use, read into plain functions.

Numbers are decimals of 34 digits (DMN's own), `and` and `or` know a third value, and what FEEL
calls an error is `None`. Names may have blanks and signs in them (`Years of Service`), so an
expression is read with the names that are known where it stands; the longest one wins. There are no
loops and no `some`/`every`. A text, its nesting, the steps of reading and of asking, and the size
of every value are bounded: a model comes from a stranger.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any

from rules.tables.cells import unquoted
from rules.tables.feel_do import (
    called,
    constant,
    context_value,
    filtered,
    joined_by,
    meets,
    member_of,
    negative,
)
from rules.tables.feel_functions import BUILT_IN
from rules.tables.feel_values import (
    MAX_DEPTH,
    MAX_TEXT,
    Budget,
    Expr,
    FeelRefused,
    Names,
    Scope,
    all_of,
    any_of,
    bounded,
    compared,
    is_between,
    temporal,
)

_NUMBER = re.compile(r"\d+(?:\.(?!\.)\d+)?|\.\d+")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_WORD = re.compile(r"[^\W\d]\w*")
_SIGNS = ("**", "<=", ">=", "!=", "..", "<", ">", "=", "+", "-", "*", "/", "(", ")", "[", "]", "{",
          "}", ",", ":", ".", "@", "?")  # fmt: skip
KEYWORDS = frozenset({"if", "then", "else", "true", "false", "null", "and", "or", "between", "in",
                      "for", "some", "every", "function", "return", "satisfies"})  # fmt: skip


def read_expression(text: str, names: Names) -> Expr:
    """Return an expression. Raises `FeelRefused`."""
    reader = _Reader(text, names)
    found = reader.expression()
    reader.end()
    return found


def read_tests(text: str, names: Names) -> Callable[[Scope, Any], bool]:
    """Return the unary tests of an input entry: asked with a scope and the input's value."""
    if text.strip() in ("-", ""):
        return lambda scope, value: True
    reader = _Reader(text, names.and_(("?",)))
    found = reader.tests()
    reader.end()
    return found


Test = Callable[[Scope, Any], bool | None]


class _Reader:
    """Reads one text from left to right."""

    def __init__(self, text: str, names: Names) -> None:
        if len(text) > MAX_TEXT:
            raise FeelRefused(f"表达式 {len(text)} 个字符, 最多 {MAX_TEXT}")
        self._text, self._names = text, names
        self._at = self._depth = 0
        self._budget = Budget()

    # --- characters ---

    def _blanks(self) -> None:
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1

    def _sign(self) -> str:
        """Return the sign that comes next, without taking it."""
        self._blanks()
        rest = self._text[self._at : self._at + 2]
        return next((sign for sign in _SIGNS if rest.startswith(sign)), "")

    def _take(self, *signs: str) -> str:
        """Take one of the signs if it comes next."""
        found = self._sign()
        if found and found in signs:
            self._at += len(found)
            return found
        return ""

    def _need(self, sign: str) -> None:
        if not self._take(sign):
            raise self._refuse(f"此处应为 {sign!r}")

    def _refuse(self, why: str) -> FeelRefused:
        return FeelRefused(f"{why}: {self._text[self._at : self._at + 30]!r}")

    def _word(self, *words: str) -> str:
        """Take one of the keywords if it comes next as a whole word."""
        self._blanks()
        found = _WORD.match(self._text, self._at)
        if found and found[0] in words:
            self._at = found.end()
            return found[0]
        return ""

    def end(self) -> None:
        self._blanks()
        if self._at < len(self._text):
            raise self._refuse("读不懂")

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise FeelRefused(f"嵌套超过 {MAX_DEPTH} 层")

    # --- expressions, the loosest first ---

    def expression(self) -> Expr:
        self._deeper()
        if self._word("if"):
            found = self._if()
        elif self._word("for", "some", "every"):
            raise FeelRefused("for、some、every 不支持")
        else:
            found = self._or()
        self._depth -= 1
        return found

    def _if(self) -> Expr:
        condition = self.expression()
        if not self._word("then"):
            raise self._refuse("此处应为 then")
        yes = self.expression()
        if not self._word("else"):
            raise self._refuse("此处应为 else")
        no = self.expression()
        return lambda scope: yes(scope) if condition(scope) is True else no(scope)

    def _or(self) -> Expr:
        parts = [self._and()]
        while self._word("or"):
            parts.append(self._and())
        return parts[0] if len(parts) == 1 else lambda scope: any_of(p(scope) for p in parts)

    def _and(self) -> Expr:
        parts = [self._comparison()]
        while self._word("and"):
            parts.append(self._comparison())
        return parts[0] if len(parts) == 1 else lambda scope: all_of(p(scope) for p in parts)

    def _comparison(self) -> Expr:
        left = self._sum()
        sign = self._take("<=", ">=", "!=", "<", ">", "=")
        if sign:
            right = self._sum()
            return lambda scope: compared(sign, left(scope), right(scope))
        if self._word("between"):
            low = self._sum()
            if not self._word("and"):
                raise self._refuse("此处应为 and")
            high = self._sum()
            return lambda scope: is_between(left(scope), low(scope), high(scope))
        if self._word("in"):
            test = self._in()
            return lambda scope: test(scope, left(scope))
        return left

    def _in(self) -> Test:
        if self._sign() == "(":
            at = self._at
            try:
                return self._test()  # a range such as (1..5]
            except FeelRefused:
                self._at = at
            self._need("(")
            found = self._test_list()
            self._need(")")
            return found
        return self._test()

    def _sum(self) -> Expr:
        return self._chain(("+", "-"), self._product)

    def _product(self) -> Expr:
        return self._chain(("*", "/"), self._power)

    def _power(self) -> Expr:
        return self._chain(("**",), self._signed)

    def _chain(self, signs: Sequence[str], part: Callable[[], Expr]) -> Expr:
        first = part()
        rest: list[tuple[str, Expr]] = []
        while sign := self._take(*signs):
            rest.append((sign, part()))
        return joined_by(first, rest) if rest else first

    def _signed(self) -> Expr:
        if self._take("-"):
            self._deeper()
            inner = self._signed()
            self._depth -= 1
            return lambda scope: negative(inner(scope))
        return self._reached()

    def _reached(self) -> Expr:
        """Read what stands before `.member`, `[filter]` and `(arguments)`, with these."""
        found = self._primary()
        depth = self._depth
        while sign := self._take(".", "[", "("):
            self._deeper()
            match sign:
                case ".":
                    found = member_of(found, self._name(self._names.members) or self._plain_word())
                case "[":
                    found = self._filter(found)
                case _:
                    found = self._call(found)
        self._depth = depth
        return found

    def _filter(self, of: Expr) -> Expr:
        outer = self._names
        self._names = outer.and_(outer.members | {"item"})
        condition = self.expression()
        self._names = outer
        self._need("]")
        return lambda scope: filtered(scope, of(scope), condition)

    def _call(self, of: Expr) -> Expr:
        named: dict[str, Expr] = {}
        placed: list[Expr] = []
        if not self._take(")"):
            while True:
                at = self._at
                name = self._parameter()
                if name:
                    named[name] = self.expression()
                else:
                    self._at = at
                    placed.append(self.expression())
                if not self._take(","):
                    break
            self._need(")")
        return lambda scope: called(scope, of(scope), placed, named)

    def _parameter(self) -> str:
        found = re.compile(r"\s*([^\W\d][\w ]*?)\s*:").match(self._text, self._at)
        if found is None:
            return ""
        self._at = found.end()
        return " ".join(found[1].split())

    # --- what stands alone ---

    def _primary(self) -> Expr:
        # A text that can be read in two ways is tried twice; nested ones would double it for ever.
        self._budget.spend()
        self._blanks()
        if found := _NUMBER.match(self._text, self._at):
            self._at = found.end()
            return constant(Decimal(found[0]))
        if self._sign() == "" and (found := _STRING.match(self._text, self._at)):
            self._at = found.end()
            return constant(unquoted(found[0]))
        if self._take("@"):
            self._blanks()
            if not (found := _STRING.match(self._text, self._at)):
                raise self._refuse("@ 之后应为文本")
            self._at = found.end()
            return constant(temporal(unquoted(found[0])))
        if self._take("("):
            inner = self.expression()
            self._need(")")
            return inner
        if self._take("["):
            return self._list()
        if self._take("{"):
            return self._context()
        return self._named()

    def _list(self) -> Expr:
        items: list[Expr] = []
        if not self._take("]"):
            items.append(self.expression())
            while self._take(","):
                items.append(self.expression())
            self._need("]")
        return lambda scope: bounded([item(scope) for item in items])

    def _context(self) -> Expr:
        outer = self._names
        entries: list[tuple[str, Expr]] = []
        if not self._take("}"):
            while True:
                self._blanks()
                quoted = _STRING.match(self._text, self._at)
                if quoted:
                    self._at = quoted.end()
                    name = unquoted(quoted[0])
                    self._need(":")
                else:
                    name = self._parameter()
                if not name:
                    raise self._refuse("此处应为名字与冒号")
                entries.append((name, self.expression()))
                self._names = self._names.and_((name,))
                if not self._take(","):
                    break
            self._need("}")
        self._names = outer
        return lambda scope: context_value(scope, entries)

    def _named(self) -> Expr:
        constants = {"true": True, "false": False, "null": None}
        known = self._name(self._names.known | BUILT_IN.keys() | {"not"})
        if known is None and (word := self._word(*constants)):
            return constant(constants[word])
        if known is None:
            raise self._refuse("不认识的名字或写法")
        if known in self._names.known:
            return lambda scope: scope.values.get(known)
        return constant(BUILT_IN[known])

    def _name(self, among: Iterable[str]) -> str | None:
        """Take the longest of the names that stands here."""
        self._blanks()
        best, end = None, self._at
        for name in among:
            stop = _stands(self._text, self._at, name)
            if stop > end and name not in KEYWORDS:
                best, end = name, stop
        self._at = end
        return best

    def _plain_word(self) -> str:
        self._blanks()
        found = _WORD.match(self._text, self._at)
        if found is None:
            raise self._refuse("此处应为名字")
        self._at = found.end()
        return found[0]

    # --- unary tests ---

    def tests(self) -> Callable[[Scope, Any], bool]:
        at = self._at
        if self._word("not") and self._take("("):
            inner = self._test_list()
            if self._take(")") and not self._text[self._at :].strip():
                return lambda scope, value: inner(scope, value) is False
            self._at = at
        self._at = at
        found = self._test_list()
        return lambda scope, value: found(scope, value) is True

    def _test_list(self) -> Test:
        parts = [self._test()]
        while self._take(","):
            parts.append(self._test())
        return lambda scope, value: any_of(part(scope, value) for part in parts)

    def _test(self) -> Test:
        sign = self._take("<=", ">=", "<", ">", "!=", "=")
        if sign:
            bound = self._sum()
            return lambda scope, value: compared(sign, value, bound(scope))
        at = self._at
        if opening := self._take("[", "(", "]"):
            found = self._interval(opening)
            if found is not None:
                return found
            self._at = at
        whole = self.expression()
        return lambda scope, value: meets(scope, value, whole)

    def _interval(self, opening: str) -> Test | None:
        """Return an interval, or None where it turns out to be a list or a parenthesis."""
        depth = self._depth
        try:
            low = self._sum()
            if not self._take(".."):
                return None
            high = self._sum()
        except FeelRefused:
            return None
        finally:
            self._depth = depth
        closing = self._take("]", ")", "[")
        if not closing:
            return None
        above = ">=" if opening == "[" else ">"
        below = "<=" if closing == "]" else "<"
        return lambda scope, value: all_of(
            (compared(above, value, low(scope)), compared(below, value, high(scope)))
        )


def _stands(text: str, at: int, name: str) -> int:
    """Return where a name that stands in a text ends; -1 when it does not stand there."""
    for part in name.split(" "):
        if at and text[at - 1 : at].isspace():
            while at < len(text) and text[at].isspace():
                at += 1
        if not text.startswith(part, at):
            return -1
        at += len(part)
        end = at
        while at < len(text) and text[at].isspace():
            at += 1
    if text[end : end + 1] and re.match(r"\w", text[end]) and re.match(r"\w", name[-1]):
        return -1
    return end
