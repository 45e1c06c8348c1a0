/* One line to the server's events. It says when it is lost, tries again for as long as the page is
   open, notices a line that has gone silent, and goes on after the last event that came.

   listening(address, {event: hear}, state): state is told "open", "lost", or "over" when the server
   leads to where one signs in. The server says something every ten seconds ("beat" where nothing is). */
(() => {
  "use strict";
  const SILENT = 30000; // ms without a word: the line is dead, whatever the browser thinks
  const AGAIN = 5000; // ms

  globalThis.listening = (address, heard, state) => {
    let source = null, timer = 0, last = "", left = false, now = "";
    const tell = (name) => {
      if (left || now === name) return;
      now = name;
      state(name);
    };
    const in_ = (ms, what) => {
      clearTimeout(timer);
      timer = setTimeout(what, ms);
    };
    const alive = (event) => {
      if (event?.lastEventId) last = event.lastEventId;
      tell("open");
      in_(SILENT, anew);
    };
    const anew = () => {
      source?.close();
      tell("lost");
      open();
    };
    // An answer that is no stream ends the line for good: the way to sign in, or a door that is shut
    // for a moment.
    const asked = async () => {
      const abort = new AbortController();
      try {
        const answer = await fetch(address, { redirect: "manual", signal: abort.signal });
        if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) return tell("over");
      } catch {
        /* not there */
      } finally {
        abort.abort();
      }
      if (left) return;
      tell("lost");
      in_(AGAIN, open);
    };
    const open = () => {
      if (left) return;
      const where = new URL(address, location.href);
      if (last) where.searchParams.set("after", last);
      source = new EventSource(where);
      source.addEventListener("open", alive);
      source.addEventListener("beat", alive);
      for (const [name, hear] of Object.entries(heard))
        source.addEventListener(name, (event) => {
          alive(event);
          hear(event);
        });
      source.addEventListener("error", (event) => {
        if (event.target !== source) return;
        if (source.readyState === EventSource.CLOSED) {
          clearTimeout(timer);
          asked();
        } else tell("lost");
      });
      in_(SILENT, anew);
    };
    addEventListener("online", () => now === "lost" && anew());
    addEventListener("pagehide", () => {
      left = true;
      clearTimeout(timer);
      source?.close();
    });
    addEventListener("pageshow", (event) => {
      if (!event.persisted) return;
      left = false;
      anew();
    });
    open();
  };
})();
