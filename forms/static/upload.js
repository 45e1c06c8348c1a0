/* Sends each chosen file piece by piece as soon as it is chosen: progress is seen, it can be called
   off, and after a broken connection it goes on where it stopped. Without this file the chosen files
   travel with the form. */
(() => {
  "use strict";
  const PIECE = 512 * 1024; // bytes; the server takes no more at once
  const FIRST = 128 * 1024;
  const LEAST = 16 * 1024; // on a line that breaks every minute something must come through whole
  const QUICK = 1000; // ms: a piece that takes less is followed by a larger one
  const LONG = 8000; // ms: one that takes more by a smaller one, so that one sees it move
  const TRIES = 8; // in a row without success, then a button goes on
  const MB = 1024 * 1024;
  const running = new Set();

  const element = (tag, name, text = "") => {
    const made = document.createElement(tag);
    made.className = name;
    made.textContent = text;
    return made;
  };

  class Sending {
    constructor(input, table, file) {
      Object.assign(this, { input, table, file, said: table.dataset, came: 0, id: "", tries: 0, over: false, piece: FIRST });
      this.form = input.form;
      this.code = input.name.slice("file.".length);
      this.box = element("div", "sending small");
      this.bar = element("progress", "");
      this.bar.max = file.size || 1;
      this.bar.value = 0;
      this.bar.setAttribute("aria-label", file.name);
      this.text = element("span", "number");
      this.fault = element("p", "fault");
      this.fault.setAttribute("role", "status");
      this.on = element("button", "plain", this.said.on);
      this.on.type = "button";
      this.on.hidden = true;
      this.on.addEventListener("click", () => this.resume());
      this.stop = element("button", "plain", this.said.cancel);
      this.stop.type = "button";
      this.stop.addEventListener("click", () => this.cancel());
      this.box.append(element("span", "", `${file.name} `), this.bar, " ", this.text, " ", this.stop, " ", this.on, this.fault);
      input.after(this.box);
    }

    show() {
      this.bar.value = this.came;
      const part = this.file.size ? Math.floor((100 * this.came) / this.file.size) : 100;
      this.text.textContent = this.said.sent
        .replace("__part__", `${part}%`)
        .replace("__came__", (this.came / MB).toFixed(1))
        .replace("__size__", (this.file.size / MB).toFixed(1));
    }

    async post(texts, piece) {
      const body = new FormData();
      body.append("csrf", this.form.elements.namedItem("csrf").value);
      for (const [name, value] of Object.entries(texts)) body.append(name, value);
      if (piece) body.append("piece", piece, "piece");
      this.abort = new AbortController();
      return fetch(this.said.uploads, {
        method: "POST", body, redirect: "manual", signal: this.abort.signal, headers: { accept: "application/json" },
      });
    }

    async run() {
      running.add(this);
      this.show();
      while (!this.over) {
        let answer;
        const began = performance.now();
        try {
          answer = this.id
            ? await this.post({ file: this.id, start: this.came }, this.file.slice(this.came, this.came + this.piece))
            : await this.post({ name: this.file.name, size: this.file.size });
        } catch {
          if (this.over) return;
          this.piece = Math.max(LEAST, this.piece / 2);
          if (!(await this.rested())) return;
          continue;
        }
        if (this.over) return;
        if (answer.type === "opaqueredirect") return this.pause(this.said.ended);
        const found = await answer.json().catch(() => null);
        if (answer.status === 410 && this.id) {
          // Its pieces were forgotten: from the beginning.
          this.id = "";
          this.came = 0;
          continue;
        }
        if (!found || answer.status >= 500 || answer.status === 429) {
          if (answer.status === 403 || answer.status === 404) return this.leave();
          if (found?.refused) this.fault.textContent = found.refused;
          if (!(await this.rested(!!found?.refused))) return;
          continue;
        }
        if (found.refused) return this.refuse(found.refused);
        this.tries = 0;
        const took = performance.now() - began;
        if (this.id && took < QUICK) this.piece = Math.min(PIECE, this.piece * 2);
        if (this.id && took > LONG) this.piece = Math.max(LEAST, this.piece / 2);
        this.fault.textContent = "";
        this.id = found.file || this.id;
        this.came = found.came;
        this.show();
        if (found.upload) return this.here(found);
      }
    }

    /* Waits longer after each failure; false: too many, a button goes on. */
    async rested(told = false) {
      this.tries += 1;
      if (!told) this.fault.textContent = this.said.away;
      if (this.tries > TRIES) {
        this.pause(this.fault.textContent);
        return false;
      }
      await new Promise((go) => {
        const timer = setTimeout(go, Math.min(30000, 500 * 2 ** this.tries));
        addEventListener("online", () => (clearTimeout(timer), go()), { once: true });
      });
      return !this.over;
    }

    pause(text) {
      running.delete(this);
      this.fault.textContent = text;
      this.on.hidden = false;
    }

    resume() {
      this.on.hidden = true;
      this.fault.textContent = "";
      this.tries = 0;
      this.run();
    }

    end() {
      this.over = true;
      running.delete(this);
      this.abort?.abort();
    }

    cancel() {
      this.end();
      if (this.id) this.post({ do: "give_up", file: this.id }).catch(() => {});
      this.input.value = "";
      this.box.replaceChildren(element("span", "soft", this.said.cancelled));
      this.input.focus();
      go();
    }

    refuse(text) {
      this.end();
      this.input.value = "";
      this.fault.textContent = `${this.file.name}：${text}`;
      this.box.replaceChildren(this.fault);
      waiting = null;
    }

    /* This page may not send pieces: the file travels with the form. */
    leave() {
      this.end();
      this.box.remove();
      go();
    }

    here(found) {
      this.end();
      this.input.value = "";
      const cell = this.input.parentElement;
      cell.querySelector("[data-here]")?.remove();
      cell.querySelector(":scope > .fault")?.remove();
      const line = element("div", "small", `✓ ${this.said.here}：${found.name}`);
      line.dataset.here = "";
      line.setAttribute("role", "status");
      const kept = element("input", "");
      Object.assign(kept, { type: "hidden", name: `upload.${this.code}`, value: found.upload });
      line.append(kept);
      this.box.remove();
      this.input.before(line);
      kept.dispatchEvent(new Event("change", { bubbles: true })); // the draft is to be kept
      go();
    }
  }

  // A form that is sent while files are coming waits for them.
  let waiting = null;
  const go = () => {
    if (!waiting || running.size) return;
    const { form, button } = waiting;
    waiting = null;
    form.requestSubmit(button || undefined);
  };
  document.addEventListener("submit", (event) => {
    const mine = [...running].filter((one) => one.form === event.target);
    if (!mine.length) return;
    event.preventDefault();
    event.stopPropagation();
    waiting = { form: event.target, button: event.submitter };
    mine[0].fault.textContent = mine[0].said.waits;
    mine[0].box.scrollIntoView({ block: "center" });
  }, true);

  for (const table of document.querySelectorAll("table[data-uploads]"))
    table.addEventListener("change", (event) => {
      const input = event.target;
      if (input.type !== "file" || !input.files.length) return;
      for (const one of running) if (one.input === input) one.end();
      input.parentElement.querySelector(".sending")?.remove();
      const file = input.files[0];
      const sending = new Sending(input, table, file);
      if (file.size > Number(table.dataset.limit)) sending.refuse(table.dataset.tooLarge);
      else sending.run();
    });
})();
