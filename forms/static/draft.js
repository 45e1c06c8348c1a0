/* Keeps the draft of a form by itself while one types. Without this file there is the button. */
(() => {
  "use strict";
  const QUIET = 3000; // ms without typing
  const LONGEST = 20000; // ms of typing without a rest
  const AGAIN = 10000; // ms until a failed try is made anew

  for (const form of document.querySelectorAll("form[data-kept]")) {
    const said = form.dataset;
    const state = form.querySelector("[data-kept-state]");
    const fault = form.querySelector("[data-kept-fault]");
    const seen = form.elements.namedItem("seen");
    // Which open page this is, and how often it has sent itself: a saving whose answer is lost is
    // known again, and is nobody else's.
    const mark = document.createElement("input");
    const self = [...crypto.getRandomValues(new Uint8Array(16))].map((one) => one.toString(16).padStart(2, "0")).join("")
      .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
    let times = 0;
    const marked = () => (mark.value = `${self}.${(times += 1)}`);
    Object.assign(mark, { type: "hidden", name: "page" });
    form.append(mark);
    let changed = 0, kept = 0, since = 0, timer = 0, running = null, over = false;

    const body = () => {
      const texts = new URLSearchParams();
      for (const [name, value] of new FormData(form))
        if (typeof value === "string") texts.append(name, value);
      // What form.js hides is not sent with the form, but what was typed there is not lost.
      for (const one of form.querySelectorAll("[data-asked][hidden] [name]"))
        if (one.tagName !== "BUTTON" && (!/^(checkbox|radio)$/.test(one.type) || one.checked) && one.value)
          texts.append(one.name, one.value);
      texts.delete("seen");
      texts.delete("page");
      return texts.toString();
    };
    // What is kept already is not kept again: a version that says nothing new is no version.
    let same = body();
    const tell = (text) => {
      if (fault.textContent !== text) fault.textContent = text;
    };
    const stop = (text) => {
      over = true;
      clearTimeout(timer);
      state.textContent = "";
      tell(text);
    };
    const save = async (last) => {
      clearTimeout(timer);
      if (over || kept === changed || (running && !last)) return;
      const now = changed;
      const texts = body();
      if (texts === same) {
        kept = now;
        since = 0;
        return;
      }
      // A page that goes takes with it what is on its way; the mark tells that both are of one page.
      running?.abort();
      const mine = (running = new AbortController());
      if (!last) state.textContent = said.keptWaits;
      try {
        const answer = await fetch(form.action, {
          method: "POST", redirect: "manual", keepalive: !!last, signal: mine.signal,
          body: new URLSearchParams(`${texts}&seen=${seen.value}&page=${marked()}&do=autosave`),
          headers: { accept: "application/json" },
        });
        if (answer.type === "opaqueredirect" || answer.status === 403) return stop(said.keptEnded);
        const found = await answer.json().catch(() => ({}));
        if (answer.ok && found.seen) {
          seen.value = found.seen;
          kept = now;
          same = texts;
          since = 0;
          state.textContent = said.keptSaid.replace("__at__", found.at);
          tell("");
        } else if (found.clash || found.gone || found.refused) {
          return stop(found.clash || found.gone || found.refused);
        } else {
          throw new Error(String(answer.status));
        }
      } catch (error) {
        if (over || running !== mine) return;
        state.textContent = "";
        tell(said.keptAway);
        timer = setTimeout(save, AGAIN);
        return;
      } finally {
        if (running === mine) running = null;
      }
      if (changed !== kept) wait();
    };
    const wait = () => {
      clearTimeout(timer);
      since ||= Date.now();
      timer = setTimeout(save, Math.max(0, Math.min(QUIET, since + LONGEST - Date.now())));
    };
    const typed = (event) => {
      if (over || event.target.type === "file") return;
      changed += 1;
      wait();
    };
    form.addEventListener("input", typed);
    form.addEventListener("change", typed);
    form.addEventListener("submit", () => {
      marked();
      // Handed in: a saving that is still on its way must not begin the draft anew.
      over = true;
      clearTimeout(timer);
      running?.abort();
    });
    addEventListener("pageshow", (event) => {
      if (event.persisted) over = false;
    });
    document.addEventListener("visibilitychange", () => {
      if (document.visibilityState === "hidden") save(true);
    });
  }
})();
