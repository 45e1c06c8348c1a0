/* Says that a form is on its way where the answer takes long, sends it once however often one
   presses, and sends it at all only where the line is there: what a browser shows in place of a page
   whose form it could not send has nothing of what was typed. Without this file the browser shows
   it, and an order that comes twice is one order. */
(() => {
  "use strict";
  const SOON = 700; // ms: a quicker answer needs no word
  const LONG = 10000; // ms: after so long one may stop and send again
  const box = document.getElementById("sending");
  if (!box) return;
  const [text, stop] = [box.querySelector("span"), box.querySelector("button")];
  let since = 0, timer = 0, knocking = null, goes = false, gone = false;

  const over = () => {
    clearTimeout(timer);
    knocking = null;
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
  const cut = () => {
    over();
    box.hidden = false;
    text.textContent = box.dataset.cut;
  };
  // An image: the one thing that every page may ask for (its policy lets not every page fetch).
  const knock = () =>
    new Promise((done) => {
      const one = new Image();
      one.onload = () => done(true);
      one.onerror = () => done(false);
      one.src = `${box.dataset.knock}&at=${Date.now()}`;
    });
  const send = async (form, button) => {
    const mine = (knocking = knock());
    const there = await mine;
    if (knocking !== mine) return; // stopped meanwhile
    knocking = null;
    if (!there) return cut();
    goes = true;
    gone = false;
    form.requestSubmit(button?.form === form && !button.disabled ? button : undefined);
    goes = false;
    if (!gone) over(); // held: files are still coming (upload.js), or a field is not as it should be
  };
  // A button alone has nothing to lose; a part of a page that fetches itself says so itself.
  const bare = (form) =>
    !!form.closest("[hx-boost=true]") ||
    ![...form.elements].some((one) => one.name && one.name !== "csrf" && one.tagName !== "BUTTON");
  // First of all: what else hears of it (draft.js, upload.js) hears of it when it goes.
  window.addEventListener("submit", (event) => {
    const form = event.target;
    // What answers with a file leaves the page as it is: nothing says when it has come.
    if (goes || form.method !== "post" || "file" in form.dataset || bare(form)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (since) {
      if (box.hidden) tell();
      return;
    }
    over();
    since = performance.now();
    timer = setTimeout(tell, SOON);
    send(form, event.submitter);
  }, true);
  window.addEventListener("submit", (event) => {
    gone = !event.defaultPrevented;
  });
  stop.addEventListener("click", () => {
    window.stop();
    over();
  });
  addEventListener("keydown", (event) => event.key === "Escape" && since && over()); // the browser stops then
  addEventListener("pageshow", over);
})();
