"""Three kinds of hands that do the same task: a mouse, a keyboard alone, and a browser without
JavaScript.

A task says what a person does (`follow`, `fill`, `choose`, `tick`, `press`, `upload`, `unfold`)
and what they `see`; it names things as they are read on the page. Nothing is found by an id or a
class, and no address is typed, so that what a task reaches, a person reaches.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import ClassVar, Final, Literal

from playwright.sync_api import ElementHandle, FilePayload, Locator, Page, expect

MOST_TABS: Final = 400
"""So many stops a page may have before we say that the keyboard does not get there."""

BOXES: Final = "p, tr, li, dd, details, form, fieldset, section, article, .card"
"""What a thing stands beside: a group or region of that name, else the smallest of these that says
the words."""

Control = Literal["link", "button", "group"]

IS_THERE: Final = "e => e === document.activeElement"

STAYS_THERE: Final = """e => e === document.activeElement && new Promise(
  done => requestAnimationFrame(() => requestAnimationFrame(
    () => done(e === document.activeElement))))"""
"""The focus is there, and still is two frames later."""

IS_BEFORE: Final = """e => {
  const at = document.activeElement;
  return !!(at.compareDocumentPosition(e) & Node.DOCUMENT_POSITION_PRECEDING);
}"""

IS_SEEN: Final = """e => {
  const style = getComputedStyle(e), box = e.getBoundingClientRect();
  const ring = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
  const at = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  const label = e.closest('label');
  const open = at && (e.contains(at) || at.contains(e) || (label && label.contains(at)));
  if (!e.matches(':focus-visible')) return 'not :focus-visible';
  if (!ring && style.boxShadow === 'none') return 'no ring';
  return open ? '' : 'hidden by ' + (at ? at.outerHTML.slice(0, 120) : 'the edge of the window');
}"""
"""WCAG 2.2 success criteria 2.4.7 and 2.4.11: what is wrong with how the focus shows; empty: fine.
"""


class Unreachable(AssertionError):
    """The keyboard does not get to a thing, or one does not see that it is there."""


class Hands:
    """A person before one page. This kind clicks."""

    way: ClassVar[str] = "mouse"
    scripts: ClassVar[bool] = True

    def __init__(self, page: Page) -> None:
        self.page = page

    # --- what a person does -----------------------------------------------------------------

    def begin(self, address: str) -> None:
        """Come to the house: the only address that is typed."""
        self.page.goto(address)

    def follow(self, name: str, beside: str = "") -> None:
        """Follow a link, by its words, to the page that it leads to."""
        self._go(self._named("link", name, beside))

    def press(self, name: str, beside: str = "", *, stays: bool = False) -> None:
        """Press a button. It sends something, unless it `stays` on the page."""
        button = self._named("button", name, beside)
        if stays:
            self._use(button)
        else:
            self._go(button)

    def search(self, text: str) -> None:
        """Ask for something in the bar at the top."""
        bar = self.page.get_by_role("search")
        self._write(bar.get_by_role("searchbox"), text)
        self._go(bar.get_by_role("button"))

    def fill(self, label: str, text: str, beside: str = "") -> None:
        """Write into a field, over what it held."""
        field = self._labelled(label, beside)
        if (field.get_attribute("type") or "") in ("date", "datetime-local"):
            self._date(field, text)
        else:
            self._write(field, text)

    def choose(self, label: str, option: str, beside: str = "") -> None:
        """Choose an option of a list by its words, by how they begin, by what stands in them."""
        field = self._labelled(label, beside)
        options = [" ".join(one.split()) for one in field.locator("option").all_inner_texts()]
        whole = [n for n, one in enumerate(options) if one == option]
        begun = [n for n, one in enumerate(options) if one.startswith(option)]
        within = [n for n, one in enumerate(options) if option in one]
        found = whole or begun or within
        assert found, f"{label}: no {option!r} among {options}"
        self._pick(field, found[0])

    def tick(self, label: str, of: str = "", beside: str = "") -> None:
        """Tick a box, or choose one of several buttons; `of` names the question they answer."""
        scope = self._named("group", of, beside) if of else self._beside(beside)
        found = _either(lambda name, exact: scope.get_by_label(name, exact=exact), label, "input")
        self._mark(found)

    def upload(self, label: str, file: FilePayload, beside: str = "") -> None:
        """Choose a file of one's own."""
        field = self._labelled(label, beside)
        with self.page.expect_file_chooser() as chooser:
            self._use(field)
        chooser.value.set_files(file)

    def unfold(self, words: str, beside: str = "") -> None:
        """Open what is folded away under these words; does nothing where it is open."""
        summary = self._beside(beside).locator("summary").filter(has_text=words).first
        if summary.evaluate("e => e.parentElement.open"):
            return
        self._use(summary)
        expect(summary.locator("..")).to_have_js_property("open", True)

    def download(self, name: str, beside: str = "") -> bytes:
        """Follow a link, or press a button, that hands out a file; return what is in it."""
        begins = re.compile(rf"^\s*{re.escape(name)}")
        offered = self.page.get_by_role("link", name=begins)
        scope = self._beside(beside, offered.or_(self.page.get_by_role("button", name=begins)))
        found = _either(
            lambda words, exact: scope.get_by_role("link", name=words, exact=exact).or_(
                scope.get_by_role("button", name=words, exact=exact)
            ),
            name,
        )
        with self.page.expect_download() as download:
            self._use(found)
        return download.value.path().read_bytes()

    # --- what a person sees -----------------------------------------------------------------

    def see(self, words: str | re.Pattern[str], beside: str = "") -> None:
        """Wait until it stands on the page."""
        box = self._beside(beside) if beside else self.page.locator("main")
        expect(box).to_contain_text(words)

    def see_not(self, words: str, beside: str = "") -> None:
        box = self._beside(beside) if beside else self.page.locator("main")
        expect(box).not_to_contain_text(words)

    def read(self, pattern: str) -> str:
        """Return the first group of what a pattern finds in the page's text."""
        found = re.search(pattern, self.page.locator("main").inner_text())
        assert found, f"{pattern} is not on {self.page.url}"
        return found[1]

    def can(self, control: Literal["link", "button"], name: str, beside: str = "") -> bool:
        """Whether the page offers it now."""
        scope = self._beside(beside)
        return bool(scope.get_by_role(control, name=re.compile(rf"^\s*{re.escape(name)}")).count())

    def offers(self, label: str) -> bool:
        """Whether the page has such a field now."""
        field = self.page.locator("main").get_by_label(re.compile(rf"^\s*{re.escape(label)}"))
        return bool(field.count())

    def value(self, label: str) -> str:
        """Return what a field holds."""
        return self._labelled(label, "").input_value()

    def heading(self) -> str:
        return self.page.get_by_role("heading", level=1).first.inner_text()

    # --- how: what another kind of hands does otherwise ---------------------------------------

    def _come_to(self, target: Locator) -> None:
        """Come so near that one movement uses it."""

    def _use(self, target: Locator) -> None:
        target.click()

    def _write(self, field: Locator, text: str) -> None:
        field.click()
        field.fill(text)

    def _date(self, field: Locator, text: str) -> None:
        field.click()
        field.fill(text)

    def _pick(self, field: Locator, at: int) -> None:
        field.select_option(index=at)

    def _mark(self, box: Locator) -> None:
        box.check()

    # --- finding ------------------------------------------------------------------------------

    def _go(self, target: Locator) -> None:
        # What leads there (the link over the list of lists) goes to another place of this page.
        self._come_to(target)
        with self.page.expect_navigation(wait_until="domcontentloaded") as leaving:
            self._use(target)
        answer = leaving.value
        asks = self.page.locator(".errors").count() or self.can("button", "验证并继续")
        if answer is not None and answer.status >= 400 and not asks:
            said = self.page.locator("main").inner_text()
            raise AssertionError(f"{answer.status} {self.page.url}: {said[:1000]}")

    def _beside(self, words: str, holding: Locator | None = None) -> Locator:
        """Return the smallest box that says the words and holds such a thing, or the whole."""
        if not words:
            return self.page.locator("body")
        named = self.page.get_by_role("group", name=words, exact=True)
        named = named.or_(self.page.get_by_role("region", name=words, exact=True))
        found = self.page.locator(BOXES).filter(has_text=words).filter(visible=True)
        if holding is not None:
            found = found.filter(has=holding)
        named.or_(found).first.wait_for()
        # Of boxes that hold each other the inner one comes later.
        return named.first if named.count() else found.last

    def _named(self, control: Control, name: str, beside: str) -> Locator:
        begins = re.compile(rf"^\s*{re.escape(name)}")
        scope = self._beside(beside, self.page.get_by_role(control, name=begins))
        return _either(
            lambda words, exact: scope.get_by_role(control, name=words, exact=exact), name
        )

    def _labelled(self, label: str, beside: str) -> Locator:
        scope = (
            self._beside(beside, self.page.get_by_label(label))
            if beside
            else self.page.locator("main")
        )
        return _either(
            lambda words, exact: scope.get_by_label(words, exact=exact),
            label,
            "input, select, textarea",
        )


Finder = Callable[[str | re.Pattern[str], bool], Locator]

MARKS: Final = r"\s*(必填|选填|必备|非必备)?\s*$"
"""What stands behind a label that is no part of its words."""


def _to_twelve(clock: Sequence[str]) -> Sequence[str]:
    """Return hours, minutes and seconds of a day of twice twelve hours."""
    if not clock:
        return clock
    hour = int(clock[0])
    return (f"{hour % 12 or 12:02d}", *clock[1:], "PM" if hour >= 12 else "AM")


def _either(find: Finder, name: str, kind: str = "") -> Locator:
    """Return what has exactly this name, else what has a name that begins so; the first seen."""

    def seen(found: Locator) -> Locator:
        found = found.and_(found.page.locator(kind)) if kind else found
        return found.filter(visible=True)

    exact = seen(find(name, True)).or_(
        seen(find(re.compile(rf"^\s*{re.escape(name)}{MARKS}"), False))
    )
    loose = seen(find(re.compile(rf"^\s*{re.escape(name)}"), False))
    within = seen(find(name, False))
    exact.or_(within).first.wait_for()
    for found in (exact, loose, within):
        if found.count():
            return found.first
    raise AssertionError(name)


class Keyboard(Hands):
    """Tab, Shift+Tab, Enter, Space and arrows; nothing else. The focus is always to be seen."""

    way = "keyboard"

    def _come_to(self, target: Locator) -> None:
        self._reach(target)

    def _use(self, target: Locator) -> None:
        self._reach(target)
        self.page.keyboard.press("Enter")

    def _write(self, field: Locator, text: str) -> None:
        self._reach(field)
        self.page.keyboard.press("Control+A")
        if text:
            self.page.keyboard.insert_text(text)
        else:
            self.page.keyboard.press("Delete")
        assert field.input_value() == text, field.input_value()

    def _date(self, field: Locator, text: str) -> None:
        """Type figure by figure, the year first or last and the hours to 24 or to 12 as the browser
        has it."""
        self._reach(field)
        year, month, day, *clock = re.findall(r"\d+", text)
        # A browser offers no seconds in a field that held none.
        wanted = f"{year}-{month}-{day}" + (f"T{':'.join(clock[:2])}" if clock else "")
        for order in ((year, month, day), (month, day, year)):
            for hours in (clock, _to_twelve(clock)):
                for part in order:
                    self.page.keyboard.type(part)
                    if part == year:
                        self.page.keyboard.press("ArrowRight")
                for part in hours:
                    self.page.keyboard.type(part)
                if field.input_value().startswith(wanted):
                    return
                for _ in range(8):
                    self.page.keyboard.press("ArrowLeft")
        raise Unreachable(f"no date by keys: {field.input_value()}")

    def _pick(self, field: Locator, at: int) -> None:
        self._reach(field)
        for _ in range(MOST_TABS):
            now = int(field.evaluate("e => e.selectedIndex"))
            if now == at:
                return
            self.page.keyboard.press("ArrowDown" if now < at else "ArrowUp")
        raise Unreachable(f"option {at}")

    def _mark(self, box: Locator) -> None:
        if box.is_checked():
            return
        if box.get_attribute("type") == "radio":
            self._reach_group(box)
        else:
            self._reach(box)
        if not box.is_checked():
            self.page.keyboard.press("Space")
        assert box.is_checked()

    def _reach(self, target: Locator) -> None:
        """Come to a thing by Tab or Shift+Tab. Raises `Unreachable`."""
        # Nobody presses a key before they see the page; what takes the focus when it has come has
        # taken it by then.
        self.page.wait_for_load_state("load")
        handle = target.element_handle()
        for _ in range(MOST_TABS):
            if not handle.evaluate("e => e.isConnected"):
                handle = (
                    target.element_handle()
                )  # a list that keeps itself up has put another there
            if handle.evaluate(STAYS_THERE):
                self._is_seen(handle)
                return
            self._step(handle)
        raise Unreachable(f"{target} on {self.page.url}")

    def _reach_group(self, radio: Locator) -> None:
        """Come to the group of a radio button by Tab, then to it by arrows."""
        handle = radio.element_handle()
        for _ in range(MOST_TABS):
            if handle.evaluate(IS_THERE):
                self._is_seen(handle)
                return
            if handle.evaluate(
                "e => document.activeElement.type === 'radio' "
                "&& document.activeElement.name === e.name "
                "&& document.activeElement.form === e.form"
            ):
                self.page.keyboard.press("ArrowDown")
            else:
                self._step(handle)
        raise Unreachable(f"{radio} on {self.page.url}")

    def _step(self, towards: ElementHandle) -> None:
        """One stop nearer; over the list of lists by the link that is there for it."""
        if towards.evaluate(
            "e => document.activeElement.matches('a.skip') && !!e.closest('#main')"
        ):
            self.page.keyboard.press("Enter")
            return
        back = towards.evaluate(IS_BEFORE)
        self.page.keyboard.press("Shift+Tab" if back else "Tab")

    def _is_seen(self, handle: ElementHandle) -> None:
        wrong = handle.evaluate(IS_SEEN)
        if wrong:
            said = handle.evaluate("e => e.outerHTML.slice(0, 160)")
            raise Unreachable(f"focus on {said} ({self.page.url}): {wrong}")


class NoScripts(Hands):
    """A browser in which no script runs."""

    way = "without scripts"
    scripts = False


KINDS: Final[tuple[type[Hands], ...]] = (Hands, Keyboard, NoScripts)
