/* The incidents' board: ticking seconds, live changes, keys. Without it the page refreshes itself.
   What it puts on the page is the server's own HTML, escaped there. */
(() => {
  "use strict";
  const board = document.getElementById("board");
  if (!board) return;
  const by = (id) => document.getElementById(id);
  const words = board.dataset;

  /* --- the server's clock ---------------------------------------------------------------- */
  let ahead = Date.parse(words.now) - Date.now();
  const now = () => Date.now() + ahead;
  const two = (n) => String(n).padStart(2, "0");
  const span = (ms) => {
    const all = Math.floor(Math.abs(ms) / 1000);
    const hours = Math.floor(all / 3600);
    const minutes = Math.floor(all / 60) % 60;
    return hours ? `${hours}:${two(minutes)}:${two(all % 60)}` : `${two(minutes)}:${two(all % 60)}`;
  };
  const tick = () => {
    const at = now();
    for (const one of board.querySelectorAll("[data-since]")) {
      const since = Date.parse(one.dataset.since);
      const until = Date.parse(one.dataset.until);
      one.querySelector("time").textContent = span(at - since);
      one.classList.toggle("over", at > until);
      one.classList.toggle("near", at <= until && at - since > (until - since) / 2);
    }
    for (const one of board.querySelectorAll("[data-due]")) {
      const left = Date.parse(one.dataset.due) - at;
      one.querySelector("time").textContent = `${left < 0 ? words.past : words.left} ${span(left)}`;
      one.classList.toggle("over", left < 0);
      one.classList.toggle("near", left >= 0 && left < 120000);
    }
  };

  /* --- live changes ---------------------------------------------------------------------- */
  const made = (html) => {
    const box = document.createElement("template");
    box.innerHTML = html.trim();
    return box.content.firstElementChild;
  };
  const SVG = "http://www.w3.org/2000/svg";
  const spot = (id, label, drawn) => {
    const box = document.createElementNS(SVG, "a");
    box.id = `s-${id}`;
    box.setAttribute("href", `/incidents/${id}`);
    box.setAttribute("class", "spot");
    box.setAttribute("tabindex", "-1");
    box.innerHTML = drawn;
    const title = document.createElementNS(SVG, "title");
    title.textContent = label;
    box.append(title);
    return box;
  };
  const held = () => {
    const row = document.activeElement && document.activeElement.closest("tr.incident");
    return row ? [row.id, document.activeElement.getAttribute("href") || ""] : null;
  };
  const patch = (said) => {
    ahead = Date.parse(said.now) - Date.now();
    const lines = by("lines");
    const focus = held();
    const shown = new Map([...lines.children].map((row) => [row.dataset.id, row]));
    for (const [id, html] of Object.entries(said.lines)) {
      const fresh = made(html);
      if (shown.has(id)) {
        if (shown.get(id).classList.contains("chosen")) fresh.classList.add("chosen");
        shown.get(id).replaceWith(fresh);
      } else fresh.classList.add("fresh");
      shown.set(id, fresh);
    }
    said.order.forEach((id, place) => {
      const row = shown.get(id);
      if (row && lines.children[place] !== row) lines.insertBefore(row, lines.children[place] || null);
    });
    const wanted = new Set(said.order);
    for (const row of [...lines.children]) if (!wanted.has(row.dataset.id)) row.remove();
    by("none").hidden = lines.children.length > 0;
    by("total").textContent = said.total;
    by("pages").hidden = !said.total;
    document.querySelectorAll(".figures b").forEach((one, place) => {
      one.textContent = said.figures[place];
    });
    const spots = by("spots");
    if (said.whole) {
      for (const one of [...spots.children]) if (!(one.id.slice(2) in said.spots)) one.remove();
    }
    for (const id of said.gone) by(`s-${id}`)?.remove();
    for (const [id, [label, drawn]] of Object.entries(said.spots)) {
      const old = by(`s-${id}`);
      if (old) old.replaceWith(spot(id, label, drawn));
      else spots.append(spot(id, label, drawn));
    }
    for (const [cell, count] of Object.entries(said.counts)) {
      const one = by(`n-${cell}`);
      if (one) one.textContent = count;
    }
    tell(said.changes);
    tick();
    if (focus && !document.activeElement.closest("tr.incident")) {
      const row = by(focus[0]);
      const same = row && [...row.querySelectorAll("a")].find((a) => a.getAttribute("href") === focus[1]);
      (same || (row && row.querySelector("a.open")))?.focus({ preventScroll: true });
    }
  };
  const clock = new Intl.DateTimeFormat("sv-SE", { timeZone: words.zone, timeStyle: "medium" });
  const tell = (changes) => {
    const news = by("news");
    for (const [seq, number, what] of changes) {
      if (news.querySelector(`[data-seq="${seq}"]`)) continue; // told before the line was lost
      const line = document.createElement("li");
      line.dataset.seq = seq;
      line.textContent = `${clock.format(now())} ${number} ${what}`;
      news.prepend(line);
    }
    while (news.children.length > 12) news.lastElementChild.remove();
    if (news.children.length) by("no-news").hidden = true;
  };
  /* What is under a finger stays there until it is let go: a link that is put anew between press and
     release is not followed. */
  const waiting = [];
  let pressed = false;
  const released = () =>
    setTimeout(() => {
      pressed = false;
      for (const said of waiting.splice(0)) patch(said);
    });
  addEventListener("pointerdown", () => (pressed = true));
  for (const end of ["pointerup", "pointercancel", "blur"]) addEventListener(end, released);
  const live = by("live");
  const state = (name, text) => {
    live.textContent = text;
    live.className = `tag ${name}`;
  };
  listening(words.stream, {
    board: (event) => {
      const said = JSON.parse(event.data);
      if (pressed) waiting.push(said);
      else patch(said);
      state("online", words.online);
    },
    away: () => state("offline", words.offline),
  }, (name) => {
    if (name === "open") state("online", words.online);
    else state("offline", name === "over" ? words.over : words.offline);
  });
  setInterval(tick, 1000);
  tick();
})();
