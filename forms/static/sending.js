/* Says that a form is on its way where the answer takes long, and sends it once however often one
   presses. Without this file the browser shows it, and an order that comes twice is one order. */
(() => {
  "use strict";
  const SOON = 700; // ms: a quicker answer needs no word
  const LONG = 10000; // ms: after so long one may stop and send again
  const box = document.getElementById("sending");
  if (!box) return;
  const [text, stop] = [box.querySelector("span"), box.querySelector("button")];
  let since = 0, timer = 0;

  const over = () => {
    clearTimeout(timer);
    since = 0;
    box.hidden = true;
    stop.hidden = true;
    text.textContent = "";
  };
  const tell = () => {
    const waited = Math.round((performance.now() - since) / 1000);
    const long = waited * 1000 >= LONG;
    box.hidden = false;
    stop.hidden = !long;
    text.textContent = long ? box.dataset.long.replace("__n__", waited) : box.dataset.soon;
    timer = setTimeout(tell, long ? LONG : Math.max(0, LONG - (performance.now() - since)));
  };
  document.addEventListener("submit", (event) => {
    const form = event.target;
    // What answers with a file leaves the page as it is: nothing says when it has come.
    if (event.defaultPrevented || form.method !== "post" || "file" in form.dataset) return;
    if (since) {
      event.preventDefault();
      if (box.hidden) tell();
      return;
    }
    since = performance.now();
    timer = setTimeout(tell, SOON);
  });
  stop.addEventListener("click", () => {
    window.stop();
    over();
  });
  addEventListener("keydown", (event) => event.key === "Escape" && over()); // the browser stops then
  addEventListener("pageshow", over);
})();
