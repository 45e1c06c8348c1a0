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
  const source = new EventSource(here.dataset.stream);
  source.addEventListener("changed", async () => {
    const answer = await fetch(location.pathname, { headers: { accept: "text/html" } });
    if (!answer.ok || answer.redirected) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const main = fresh.getElementById("incident");
    const old = document.getElementById("incident");
    if (!main || !old) return;
    ahead = Date.parse(main.dataset.now) - Date.now();
    old.replaceWith(document.adoptNode(main));
    tick();
  });
  addEventListener("pagehide", () => source.close());
  setInterval(tick, 1000);
  tick();
})();
