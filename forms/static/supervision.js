/* The supervisors' board: what runs, as the server sends it, and how old what is shown is.
   What it puts on the page is the server's own HTML, escaped there. */
(() => {
  "use strict";
  const box = document.getElementById("running");
  if (!box) return;
  const by = (id) => document.getElementById(id);
  const words = box.dataset;

  let ahead = Date.parse(words.now) - Date.now();
  let read = Date.parse(by("at").dateTime);
  let over = false;
  let lost = false;
  const clock = new Intl.DateTimeFormat("sv-SE", {
    timeZone: words.zone, dateStyle: "short", timeStyle: "medium",
  });

  const tick = () => {
    const age = Math.max(0, Math.round((Date.now() + ahead - read) / 1000));
    const old = over || age > Number(words.oldSeconds);
    by("age").textContent = words.ago.replace("{n}", age);
    const state = old || lost ? words.offline : words.online;
    // Told when it changes, not every second.
    if (by("live").textContent !== state) by("live").textContent = state;
    by("live").className = `tag no-print ${old || lost ? "offline" : "online"}`;
    const banner = by("old");
    banner.hidden = !old;
    // Said once: a screen reader need not hear the seconds pass.
    if (old && (!banner.textContent || over)) banner.textContent = over ? words.over : words.old.replace("{n}", age);
    if (!old) banner.textContent = "";
  };

  const put = (html) => {
    const held = box.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    box.innerHTML = html;
    if (held === null) return;
    // Who stands on a link goes on standing on it, if it is still there.
    const same = [...box.querySelectorAll("a")].find((one) => one.getAttribute("href") === held);
    (same || box).focus({ preventScroll: true });
  };

  by("live").hidden = false;
  by("again").hidden = true;
  const running = (event) => {
    const said = JSON.parse(event.data);
    read = Date.parse(said.at);
    ahead = read - Date.now();
    over = lost = false;
    by("at").dateTime = said.at;
    by("at").textContent = clock.format(read);
    if (said.html !== undefined && said.html.trim() !== box.innerHTML.trim()) put(said.html);
    tick();
  };
  const away = () => {
    lost = true; // the store is away, the line is not
    tick();
  };
  listening(words.stream, { running, away }, (name) => {
    over = name === "over";
    lost = name !== "open";
    tick();
  });
  setInterval(tick, 1000);
  tick();
})();
