/* Keys of the incidents' pages. A key presses the link or button that bears it: nothing can be done
   by a key that cannot be done without. They rest while a field has the focus, while a word is
   being composed (IME), and with Ctrl, Alt or Meta; they can be switched off (WCAG 2.1.4). */
(() => {
  "use strict";
  const by = (id) => document.getElementById(id);
  const KEPT = "yichuang.keys";
  const on = () => localStorage.getItem(KEPT) !== "off";
  const toggle = by("keys");
  const root = document.querySelector("[data-keys-on]");
  if (!root) return;
  const named = () => {
    if (toggle) toggle.textContent = on() ? root.dataset.keysOn : root.dataset.keysOff;
  };
  if (toggle) {
    toggle.hidden = false;
    toggle.addEventListener("click", () => {
      localStorage.setItem(KEPT, on() ? "off" : "on");
      named();
    });
    named();
  }

  const rows = () => [...document.querySelectorAll("tr.incident")];
  const chosen = () => document.querySelector("tr.incident.chosen");
  const choose = (row) => {
    if (!row) return;
    chosen()?.classList.remove("chosen");
    row.classList.add("chosen");
    row.querySelector("a.open").focus();
    row.scrollIntoView({ block: "nearest" });
  };
  const move = (step) => {
    const all = rows();
    const at = all.indexOf(chosen());
    choose(all[at < 0 ? (step > 0 ? 0 : all.length - 1) : Math.min(all.length - 1, Math.max(0, at + step))]);
  };
  document.addEventListener("focusin", (event) => {
    const row = event.target.closest && event.target.closest("tr.incident");
    if (row && row !== chosen()) {
      chosen()?.classList.remove("chosen");
      row.classList.add("chosen");
    }
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

  document.addEventListener("keydown", (event) => {
    if (!on() || event.isComposing || event.ctrlKey || event.altKey || event.metaKey) return;
    if (typing(event.target)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const key = letter(event);
    if (key === "J") move(1);
    else if (key === "K") move(-1);
    else if (event.key === "?") {
      const help = by("help");
      if (help) help.open = !help.open;
    } else if (event.key === "/") by("filters")?.querySelector("select")?.focus();
    else if (/^[1-9]$/.test(key)) {
      const one = document.querySelectorAll("form.act fieldset:first-of-type input[type=radio]")[key - 1];
      if (!one) return;
      one.checked = true;
      one.focus();
    } else if (/^[A-Z]$/.test(key)) {
      const within = rows().length ? chosen() || rows()[0] : document;
      const target =
        within.querySelector(`[data-key="${key}"]`) || document.querySelector(`:not(tr) > [data-key="${key}"]:not(td *)`);
      if (!target) return;
      target.click();
    } else return;
    event.preventDefault();
  });
})();
