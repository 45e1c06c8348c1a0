/* Forms made from a matter's schema: a field that depends on others is shown when they say so, and
   rows of a group come and go at once. Without this file every field is shown with its condition in
   words, and the buttons of a group post the form; the server judges in either case. */
(() => {
  "use strict";

  // --- fields that depend on others ---

  const valueOf = (form, name) => {
    const all = [...form.elements].filter((one) => one.name === name && !one.disabled);
    if (!all.length) return undefined;
    if (all[0].type === "checkbox" && all.length === 1 && all[0].value === "true") return all[0].checked;
    if (/^(checkbox|radio)$/.test(all[0].type)) {
      const chosen = all.filter((one) => one.checked).map((one) => one.value);
      if (all[0].type === "radio") return chosen[0];
      return chosen.length ? chosen : undefined;
    }
    const text = all[0].value.trim();
    return text === "" ? undefined : text;
  };
  const limits = {
    minimum: (value, limit) => value >= limit,
    exclusiveMinimum: (value, limit) => value > limit,
    maximum: (value, limit) => value <= limit,
    exclusiveMaximum: (value, limit) => value < limit,
  };
  const same = (value, wanted) =>
    typeof wanted === "number" ? value !== undefined && Number(value) === wanted : value === wanted;
  const tested = (form, test) => {
    const value = valueOf(form, test.name);
    // A group that repeats is given when a row of it is.
    const given = value !== undefined || rowsTyped(form, test.name);
    if (!given) return false;
    if (test.op === "given") return true;
    if (test.op === "in") return test.values.some((one) => same(value, one));
    if (test.op === "has") {
      const chosen = Array.isArray(value) ? value : String(value).split(/\r?\n/).map((one) => one.trim());
      return test.values.some((one) => chosen.includes(one));
    }
    return !Number.isFinite(Number(value)) || limits[test.op](Number(value), test.values[0]);
  };
  const rowsTyped = (form, name) => {
    const group = form.querySelector(`[data-rows="${CSS.escape(name)}"]`);
    return !!group && !group.disabled && [...group.querySelectorAll("input:not([type=hidden]), select, textarea")]
      .some((one) => (one.type === "checkbox" || one.type === "radio" ? one.checked : one.value.trim() !== ""));
  };
  const holds = (form, when) => when.tests.every((one) => tested(form, one)) !== when.turned;

  const dependent = [...document.querySelectorAll("[data-asked]")].map((field) => ({
    field,
    asked: JSON.parse(field.dataset.asked),
    must: field.querySelector("[data-must]"),
  }));
  const judge = () => {
    // One may depend on another that has just been hidden: until nothing changes.
    for (let changed = true, left = dependent.length + 1; changed && left; left -= 1) {
      changed = false;
      for (const one of dependent) {
        const form = one.field.closest("form");
        const may = one.asked.only.every((when) => holds(form, when));
        const must = may && one.asked.must.some((when) => holds(form, when));
        if (one.field.hidden === may) {
          one.field.hidden = !may;
          changed = true;
        }
        // What is hidden is not sent; what was typed there stays and comes back with it.
        for (const input of one.field.querySelectorAll("input, select, textarea, button"))
          if (!input.closest("template")) input.disabled = !may;
        if (one.must) one.must.textContent = must ? one.must.dataset.must : one.must.dataset.may;
        if (one.must) one.must.className = must ? "must" : "may";
        for (const input of one.field.querySelectorAll("input:not([type=hidden]), select, textarea")) {
          if (input.closest("[data-row]") || /^(radio|checkbox)$/.test(input.type)) continue;
          if (must) input.setAttribute("aria-required", "true");
          else input.removeAttribute("aria-required");
        }
      }
    }
  };

  // --- rows of a group ---

  const said = document.createElement("p");
  said.className = "hidden-visually";
  said.setAttribute("role", "status");
  document.body.append(said);

  const renamed = (row, from, to) => {
    const put = (element, name) => {
      const value = element.getAttribute(name);
      if (value) element.setAttribute(name, value.replaceAll(from, to));
    };
    for (const one of row.querySelectorAll("*"))
      for (const name of ["name", "id", "for", "aria-describedby"]) put(one, name);
  };
  const rowsOf = (group) => [...group.children].filter((one) => one.matches("[data-row]"));
  const numbered = (group) => {
    const named = (text, n) => text.replace("__n__", n);
    rowsOf(group).forEach((row, n) => {
      row.querySelector("legend").textContent = named(group.dataset.rowName, n + 1);
      row.querySelector("[data-remove]").textContent = named(group.dataset.removeName, n + 1);
    });
    group.querySelector("[data-add]").hidden = rowsOf(group).length >= Number(group.dataset.most);
  };
  const fresh = (group) => {
    // A number that no row has: rows keep theirs, the server numbers them anew.
    const taken = rowsOf(group).map((row) => Number(row.querySelector("input[type=hidden]").value));
    const number = String(Math.max(-1, ...taken) + 1);
    const template = group.querySelector("template");
    const row = template.content.firstElementChild.cloneNode(true);
    renamed(row, "__n__", number);
    row.querySelector("input[type=hidden]").value = number;
    template.before(row);
    return row;
  };
  const tell = (group, text, n) => (said.textContent = text.replace("__n__", n));

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-add], [data-remove]");
    const group = button?.closest("[data-rows]");
    if (!group) return;
    event.preventDefault();
    if (button.matches("[data-add]")) {
      const row = fresh(group);
      numbered(group);
      tell(group, group.dataset.added, rowsOf(group).length);
      row.querySelector("input:not([type=hidden]), select, textarea")?.focus();
    } else {
      const row = button.closest("[data-row]");
      const at = rowsOf(group).indexOf(row);
      row.remove();
      if (!rowsOf(group).length) fresh(group);
      numbered(group);
      tell(group, group.dataset.removed, at + 1);
      const next = rowsOf(group)[Math.min(at, rowsOf(group).length - 1)];
      next.querySelector("input:not([type=hidden]), select, textarea")?.focus();
    }
    group.dispatchEvent(new Event("change", { bubbles: true }));
  });

  for (const group of document.querySelectorAll("[data-rows]")) numbered(group);
  if (dependent.length) {
    document.addEventListener("input", judge);
    document.addEventListener("change", judge);
    addEventListener("pageshow", judge); // the browser may put back what was typed
    judge();
  }
})();
