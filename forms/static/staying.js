/* Says some minutes before that the session will end for want of use, and lets it go on by a press
   (WCAG 2.2.1). Typing, pressing and scrolling are use as well: whoever is at work on a long form has
   the session moved, at most once a minute, though no page is asked for. Tabs know of each other.
   Without this file the session ends when the sign-in page said; what is posted then is kept. */
(() => {
  "use strict";
  const box = document.getElementById("staying");
  if (!box) return;
  const [text, on, again] = [box.querySelector("span"), box.querySelector("button"), box.querySelector("a")];
  // The server notes use at most once a minute: so much earlier the session may be over.
  const IDLE = Math.max(Number(box.dataset.minutes) * 60000 - 60000, 30000);
  const BEFORE = Math.min(120000, IDLE / 2);
  const EACH = 60000; // ms between two words of use
  const KEY = "yichuang-used";
  const title = document.title;
  let used = Date.now(), tried = 0, told = "";

  const share = () => {
    try { localStorage.setItem(KEY, String(used)); } catch { /* kept to this tab */ }
  };
  const heard = () => {
    try { used = Math.max(used, Math.min(Date.now(), Number(localStorage.getItem(KEY)) || 0)); } catch { /* as before */ }
  };
  const say = (word, state) => {
    if (told !== word) text.textContent = told = word;
    box.hidden = !word;
    box.dataset.state = state;
    on.hidden = state !== "soon";
    again.hidden = state !== "over";
    document.title = word ? `${box.dataset.title} · ${title}` : title;
  };
  const look = () => {
    heard();
    used = Math.min(used, Date.now()); // a clock that was put back
    const left = used + IDLE - Date.now();
    if (left > BEFORE) return say("", "");
    if (left <= 0) return say(box.dataset.over, "over");
    say(box.dataset.soon.replace("__n__", Math.max(1, Math.ceil(left / 60000))), "soon");
  };
  // An image, which every page's policy lets it ask for.
  const use = () => {
    tried = Date.now();
    const one = new Image(), at = tried;
    one.onload = () => {
      used = at;
      share();
      look();
    };
    one.onerror = look; // cut off, or over: asked again at the next use
    one.src = `${box.dataset.use}?at=${at}`;
  };
  const isUsed = () => {
    heard();
    const now = Date.now();
    if (now - used >= EACH && now - tried >= EACH / 4) use();
  };
  share();
  for (const one of ["keydown", "pointerdown", "input", "wheel", "touchmove"])
    addEventListener(one, isUsed, { passive: true, capture: true });
  on.addEventListener("click", () => {
    if (Date.now() - tried > 1000) use(); // the pointer that came down has asked already
    document.getElementById("main")?.focus({ preventScroll: true });
  });
  addEventListener("storage", (event) => event.key === KEY && look());
  addEventListener("visibilitychange", look);
  setInterval(look, Math.min(5000, IDLE / 8));
})();
