/* What htmx (another's, see pyproject.toml) is not told by attributes of the list. Without either file
   every link and form of the list is one of the browser's own. */
(() => {
  "use strict";
  const by = (id) => document.getElementById(id);

  // Searching may lead to a case: then the whole page changes, and the browser does it itself.
  document.addEventListener("htmx:beforeRequest", (event) => {
    const form = event.target;
    const text = form.matches("form.filters") && by("q-text");
    if (!text || !text.value.trim() || text.value === text.defaultValue) return;
    event.preventDefault();
    form.submit();
  });

  let unfolded = false; // what the reader has opened on the left stays open

  // An answer without what was asked for: the session is over, or nothing may be seen any more.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { xhr, target } = event.detail;
    if (xhr.status < 400 && xhr.responseText.includes(`id="${target.id}"`)) {
      // Numbers that change under the reader's finger would take the focus away.
      if (target.id === "side" && target.contains(document.activeElement)) event.detail.shouldSwap = false;
      if (target.id === "side") unfolded = target.querySelector("details")?.open;
      return;
    }
    event.detail.shouldSwap = false;
    if (xhr.status < 500) location.reload();
  });

  // What is shown is what was so at `read`; a slow or a lost network is said where one looks.
  const SLOW = 700; // ms: a quicker answer needs no word
  const away = by("away");
  const clock = new Intl.DateTimeFormat("sv-SE", { timeZone: away.dataset.zone, timeStyle: "medium" });
  let read = Date.now(), slow = 0, quotes = false;
  const say = (text) => {
    if (away.textContent !== text) away.textContent = text;
    away.hidden = !text;
  };
  const asks = (event) => !event.detail.elt.matches("[hx-trigger]"); // not the numbers that keep up
  document.addEventListener("htmx:beforeSend", (event) => {
    if (!asks(event)) return;
    clearTimeout(slow);
    slow = setTimeout(() => say(away.dataset.waits), SLOW);
    quotes = false;
    by("list").setAttribute("aria-busy", "true");
  });
  document.addEventListener("htmx:afterRequest", (event) => {
    if (asks(event)) {
      clearTimeout(slow);
      by("list").removeAttribute("aria-busy");
    }
    if (!event.detail.successful) return;
    // Numbers that came do not say that the list has come, nor take away what is to be quoted.
    if (!asks(event) && (quotes || by("list").hasAttribute("aria-busy"))) return;
    read = Date.now();
    say("");
  });
  for (const name of ["sendError", "timeout", "responseError"])
    document.addEventListener(`htmx:${name}`, (event) => {
      const { xhr } = event.detail;
      if (xhr.status && xhr.status < 500) return;
      // The server's own fault has a number to quote; what has none is a line or a server away.
      const fault = xhr.status && xhr.getResponseHeader("x-fault");
      quotes ||= Boolean(fault) && asks(event);
      const said = fault ? away.dataset.broken.replace("__number__", fault) : xhr.status ? away.dataset.busy : away.dataset.away;
      say(said.replace("__at__", clock.format(read)));
    });

  const number = () => by("side")?.querySelector("a[aria-current] .count")?.textContent;
  let before = number();
  document.addEventListener("htmx:afterSettle", (event) => {
    if (event.detail.target.id === "side") {
      if (unfolded) by("side").querySelector("details")?.setAttribute("open", "");
      // The list itself stays as it is until its reader asks: rows do not move under a hand.
      if (number() !== before) by("changed")?.removeAttribute("hidden");
      return;
    }
    before = number();
    if (document.activeElement === document.body) by("list")?.querySelector("h1")?.focus({ preventScroll: true });
  });
})();
