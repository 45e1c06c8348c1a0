/* The wall: pictures from the server as they come, a clock, and how old what is shown is.
   What it puts on the page is the server's own HTML, escaped there. */
(() => {
  "use strict";
  const wall = document.getElementById("wall");
  if (!wall) return;
  const by = (id) => document.getElementById(id);
  const words = wall.dataset;
  const RELOAD = 600000; // a new release's page and script are fetched without a hand on the wall

  let ahead = Date.parse(words.now) - Date.now();
  let read = Date.parse(by("at").dateTime);
  let over = false;
  const began = performance.now();
  const now = () => Date.now() + ahead;
  const clock = new Intl.DateTimeFormat("sv-SE", {
    timeZone: words.zone, dateStyle: "short", timeStyle: "medium",
  });
  const two = (n) => String(n).padStart(2, "0");
  const span = (ms) => {
    const all = Math.floor(Math.abs(ms) / 1000);
    const hours = Math.floor(all / 3600);
    const minutes = Math.floor(all / 60) % 60;
    return hours ? `${hours}:${two(minutes)}:${two(all % 60)}` : `${two(minutes)}:${two(all % 60)}`;
  };

  const tick = () => {
    const at = now();
    const age = Math.max(0, Math.round((at - read) / 1000));
    const old = over || age > Number(words.oldSeconds);
    by("clock").textContent = clock.format(at);
    by("age").textContent = words.ago.replace("{n}", age);
    const said = over ? words.over : words.old.replace("{n}", age);
    by("old").hidden = !old;
    // Said once: a screen reader need not hear the seconds pass.
    if (old && (!by("old").textContent || over)) by("old").textContent = said;
    if (!old) by("old").textContent = "";
    document.body.classList.toggle("is-old", old);
    if (old) return;
    for (const one of wall.querySelectorAll("[data-since]")) {
      const since = Date.parse(one.dataset.since);
      one.querySelector("time").textContent = span(at - since);
      one.classList.toggle("over", at > Date.parse(one.dataset.until));
    }
    for (const one of wall.querySelectorAll("[data-due]")) {
      const left = Date.parse(one.dataset.due) - at;
      one.querySelector("time").textContent = `${left < 0 ? words.past : words.left} ${span(left)}`;
      one.classList.toggle("over", left < 0);
    }
  };

  listening(words.stream, {
    wall: (event) => {
      const said = JSON.parse(event.data);
      read = Date.parse(said.at);
      ahead = read - Date.now();
      over = false;
      by("at").dateTime = said.at;
      by("at").textContent = clock.format(read);
      wall.innerHTML = said.html;
      tick();
      if (performance.now() - began > RELOAD) location.reload();
    },
  }, (name) => {
    over = name === "over";
    tick();
  });
  setInterval(tick, 1000);
  tick();
})();
