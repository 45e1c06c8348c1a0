/* Keys of all pages of the offices. A key presses the link or button that bears it: nothing can be
   done by a key that cannot be done without. They rest while a field has the focus, while a word is
   being composed (IME), and with Ctrl, Alt or Meta. Who has switched them off (WCAG 2.1.4) is not
   sent this file. */
(() => {
  "use strict";
  const by = (id) => document.getElementById(id);
  const PREFIX_MS = 1500; // after G, so long the second key is waited for
  const GOES = { I: "/", T: "/team", A: "/cases?state=open" };

  const rows = () => {
    const incidents = [...document.querySelectorAll("tr.incident")];
    if (incidents.length) return incidents;
    return [...document.querySelectorAll("table.lines tbody tr")].filter((row) => link(row));
  };
  const link = (row) => row.querySelector("a.open") || row.querySelector("a[href]");
  const chosen = () => document.querySelector("tr.chosen");
  const mark = (row) => {
    chosen()?.classList.remove("chosen");
    row.classList.add("chosen");
  };
  const choose = (row) => {
    if (!row) return;
    mark(row);
    link(row).focus();
    row.scrollIntoView({ block: "nearest" });
  };
  const move = (step) => {
    const all = rows();
    const at = all.indexOf(chosen());
    choose(all[at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + step))]);
  };
  document.addEventListener("focusin", (event) => {
    const row = event.target.closest && event.target.closest("tr");
    if (row && row !== chosen() && rows().includes(row)) mark(row);
  });

  const letter = (event) => {
    // The place of the key, so that a Chinese input method that is on does not swallow it.
    if (/^Key[A-Z]$/.test(event.code)) return event.code.slice(3);
    if (/^(Digit|Numpad)[1-9]$/.test(event.code) && !event.shiftKey) return event.code.slice(-1);
    return event.key;
  };
  const typing = (target) =>
    target.isContentEditable ||
    /^(TEXTAREA|SELECT)$/.test(target.tagName) ||
    (target.tagName === "INPUT" && !/^(radio|checkbox|submit|button)$/.test(target.type));

  // A form opens where its first answer goes; one that came back opens at what is wrong.
  const form = document.querySelector("form.act");
  if (form) {
    const wrong = document.querySelector(".errors");
    const first =
      form.querySelector("input[type=radio]:checked") ||
      form.querySelector("input:not([type=hidden]), select, textarea") ||
      form.querySelector("button");
    if (!wrong) first?.focus({ preventScroll: true });
  }

  const bearer = (key) => {
    const incidents = document.querySelector("tr.incident") ? chosen() || rows()[0] : document;
    return (
      incidents.querySelector(`[data-key="${key}"]`) ||
      document.querySelector(`:not(tr) > [data-key="${key}"]:not(td *)`)
    );
  };
  const search = () => by("filters")?.querySelector("select") || by("q-text") || by("find");

  let since = -Infinity; // when G was pressed
  const second = (key) => {
    const went = performance.now() - since < PREFIX_MS;
    since = -Infinity;
    const there = went && GOES[key] && document.querySelector(`nav.side a[href="${GOES[key]}"]`);
    if (there) there.click();
    return Boolean(there);
  };

  const pressed = (event, key) => {
    if (second(key)) return true;
    if (key === "J") move(1);
    else if (key === "K") move(-1);
    else if (event.key === "?") {
      const help = by("help");
      if (help) help.open = !help.open;
      else document.querySelector('[data-key="?"]')?.click();
    } else if (event.key === "/") search()?.focus();
    else if (/^[1-9]$/.test(key)) {
      const one = document.querySelectorAll("form.act fieldset:first-of-type input[type=radio]")[key - 1];
      if (!one) return false;
      one.checked = true;
      one.focus();
    } else if (/^[A-Z]$/.test(key)) {
      const target = bearer(key);
      const tick = key === "X" && chosen()?.querySelector("input[type=checkbox]");
      if (target) target.click();
      else if (tick) tick.click();
      else if (key === "G") since = performance.now();
      else return false;
    } else return false;
    return true;
  };

  document.addEventListener("keydown", (event) => {
    if (event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
    if (typing(event.target)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    if (pressed(event, letter(event))) event.preventDefault();
  });
})();
