/* One incident's page: ticking limits, and the page anew when something was settled. */
(() => {
  "use strict";
  const here = document.getElementById("incident");
  if (!here) return;
  let ahead = Date.parse(here.dataset.now) - Date.now();
  const two = (n) => String(n).padStart(2, "0");
  const span = (ms) => {
    const all = Math.floor(Math.abs(ms) / 1000);
    const hours = Math.floor(all / 3600);
    const minutes = Math.floor(all / 60) % 60;
    return hours ? `${hours}:${two(minutes)}:${two(all % 60)}` : `${two(minutes)}:${two(all % 60)}`;
  };
  const tick = () => {
    const at = Date.now() + ahead;
    for (const one of document.querySelectorAll("[data-since]")) {
      const since = Date.parse(one.dataset.since);
      const until = Date.parse(one.dataset.until);
      one.querySelector("time").textContent = span(at - since);
      one.classList.toggle("over", at > until);
      one.classList.toggle("near", at <= until && at - since > (until - since) / 2);
    }
    for (const one of document.querySelectorAll("[data-due]")) {
      const left = Date.parse(one.dataset.due) - at;
      one.querySelector("time").textContent = `${left < 0 ? "−" : ""}${span(left)}`;
      one.classList.toggle("over", left < 0);
    }
  };

  /* What is shown is what was so at `shown`; a reading that fails is tried until it does not. */
  const said = document.getElementById("lost");
  let shown = Date.now() + ahead, lost = "", reading = false, wanted = false;
  const clock = new Intl.DateTimeFormat("sv-SE", { timeZone: here.dataset.zone, timeStyle: "medium" });
  const say = () => {
    const text = lost ? said.dataset[lost].replace("__at__", clock.format(shown)) : "";
    if (said.textContent !== text) said.textContent = text;
    said.hidden = !text;
  };
  /* The page of cases and the whole timeline stay; what was just done is told once. */
  const asked = new URLSearchParams(location.search);
  asked.delete("done");
  const turned = asked.size ? `?${asked}` : "";
  const anew = async () => {
    if (reading) {
      wanted = true;
      return;
    }
    reading = true;
    wanted = false;
    try {
      const answer = await fetch(location.pathname + turned, { headers: { accept: "text/html" }, redirect: "manual" });
      if (answer.type === "opaqueredirect") {
        lost = "over";
        return;
      }
      if (!answer.ok) throw new Error(String(answer.status));
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("incident");
      const old = document.getElementById("incident");
      if (fresh && old) {
        ahead = Date.parse(fresh.dataset.now) - Date.now();
        shown = Date.parse(fresh.dataset.now);
        const id = old.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
        old.replaceWith(document.adoptNode(fresh));
        if (id) [...fresh.querySelectorAll("a")].find((one) => one.getAttribute("href") === id)?.focus({ preventScroll: true });
        lost = "";
        tick();
      }
    } catch {
      lost = "away";
      setTimeout(anew, 3000);
    } finally {
      reading = false;
      say();
      if (wanted) anew();
    }
  };
  listening(here.dataset.stream, { changed: anew }, (name) => {
    if (name === "open") {
      // What was missed while the line was lost is read with the whole page.
      if (lost) anew();
      return;
    }
    lost = name === "over" ? "over" : "away";
    say();
  });
  setInterval(tick, 1000);
  tick();
})();
